//! The ratio of clusterdock to the engine's own speed. In one run it alternates, for 2, 16 and 64 nodes, the
//! program with the floor: the same containers, made from the same create bodies through the client library alone,
//! six calls at a time (the best on every engine tried), the network included. Only the ratios mean anything.
//!
//! `cargo bench -p clusterdock-tests --bench floor -- [--nodes 2,16,64] [--rounds 5]`. Wants an engine, and builds the
//! program and the nodebase topology in release mode.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its table and stops where it fails"
)]

use std::collections::BTreeMap;
use std::future::Future;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bollard::Docker;
use bollard::models::{ContainerCreateBody, Ipam, IpamConfig, NetworkCreateRequest};
use bollard::query_parameters as query;
use clusterdock::cluster::labels::Run;
use clusterdock::cluster::observed::Observed;
use clusterdock::cluster::provenance::Provenance;
use clusterdock::engine::docker::create_body;
use clusterdock::plan::start_plan::{Limits, StartInputs, TopologyFacts};
use clusterdock::plan::{self, NetworkPlan, StartPlan};
use clusterdock::topology::plugin::Hook;
use clusterdock_plugin_wire::NodeSpec;
use clusterdock_tests::cargo;
use futures_util::{StreamExt, stream};

const AT_ONCE: usize = 6;
/// How long a node without probes has to run before its start has succeeded.
const HOLD: Duration = Duration::from_millis(200);
const CLUSTER: &str = "cd-bench";
const NETWORK: &str = "cd-bench-net";

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let program = Program::build();
    program
        .clusterdock(&["manage", "remove", "-n", CLUSTER])
        .status()
        .unwrap();
    let (nodes, rounds) = (
        option("--nodes").unwrap_or("2,16,64".into()),
        option("--rounds").unwrap_or("5".into()),
    );
    let rounds: usize = rounds.parse().unwrap();
    println!(
        "{:<34} {:>9} {:>9} {:>7} {:>9}   (medians of {rounds})",
        "", "program", "floor", "ratio", "extra"
    );
    for count in nodes.split(',').map(|count| count.parse().unwrap()) {
        runtime.block_on(compare(&program, count, rounds));
    }
    runtime.block_on(small_things(&program, rounds.max(9)));
}

/// Starts and removes a cluster and its floor in turn, and prints the medians.
async fn compare(program: &Program, count: usize, rounds: usize) {
    let docker = Docker::connect_with_unix_defaults().unwrap();
    let floor = Floor {
        docker: docker.clone(),
        plan: plan(count, program),
        image: program.image.clone(),
    };
    let names: Vec<String> = (1..=count).map(|number| format!("node-{number}")).collect();
    let mut times: BTreeMap<&str, (Vec<Duration>, Vec<Duration>)> = BTreeMap::new();
    let mut memory = 0;
    for round in 0..=rounds {
        let mut start = program.start(&names);
        let (up, peak) = timed_process(&mut start);
        let listed = timed(async { docker.list_containers(Some(all_ours())).await.unwrap() }).await;
        let (ps, _) = timed_process(&mut program.clusterdock(&["ps"]));
        let (down, _) = timed_process(&mut program.clusterdock(&["rm", CLUSTER]));
        let floor_up = timed(floor.up()).await;
        let floor_down = timed(floor.down()).await;
        memory = memory.max(peak);
        // The first round warms caches.
        if round > 0 {
            for (what, ours, least) in [
                ("up", up, floor_up),
                ("down", down, floor_down),
                ("ps", ps, listed),
            ] {
                let pair = times.entry(what).or_default();
                pair.0.push(ours);
                pair.1.push(least);
            }
        }
    }
    for what in ["up", "down", "ps"] {
        let (ours, least) = times.remove(what).unwrap();
        row(
            &format!("{count} nodes, {what}"),
            median(ours),
            median(least),
        );
    }
    println!(
        "{:<34} {:>6} MB",
        format!("{count} nodes, peak memory"),
        memory / 1024
    );
}

async fn small_things(program: &Program, rounds: usize) {
    let mut help = Vec::new();
    for _ in 0..rounds {
        help.push(
            timed_process(
                program
                    .clusterdock(&["start"])
                    .arg(&program.topology)
                    .arg("-h"),
            )
            .0,
        );
    }
    println!(
        "{:<34} {:>6.1} ms",
        "start TOPOLOGY -h",
        median(help).as_secs_f64() * 1e3
    );
}

fn row(what: &str, ours: Duration, least: Duration) {
    let (ours, least) = (ours.as_secs_f64() * 1e3, least.as_secs_f64() * 1e3);
    println!(
        "{what:<34} {ours:>6.0} ms {least:>6.0} ms {:>7.3} {:>6.0} ms",
        ours / least,
        ours - least
    );
}

/// The same containers without us.
struct Floor {
    docker: Docker,
    plan: StartPlan,
    image: String,
}

impl Floor {
    async fn up(&self) {
        let NetworkPlan::Create(spec) = &self.plan.network else {
            panic!("the network is there already")
        };
        let config = IpamConfig {
            subnet: Some(spec.subnet.to_string()),
            ip_range: Some(spec.engine_range.to_string()),
            gateway: Some(spec.gateway.to_string()),
            ..IpamConfig::default()
        };
        let request = NetworkCreateRequest {
            name: NETWORK.into(),
            driver: Some("bridge".into()),
            ipam: Some(Ipam {
                config: Some(vec![config]),
                ..Ipam::default()
            }),
            ..NetworkCreateRequest::default()
        };
        let network = tokio::sync::OnceCell::new();
        let nodes = stream::iter(&self.plan.nodes).map(|node| async {
            let mut body: ContainerCreateBody =
                serde_json::from_value(create_body(&node.container).unwrap()).unwrap();
            body.image = Some(self.image.clone());
            let options = query::CreateContainerOptions {
                name: Some(node.fqdn().into()),
                ..Default::default()
            };
            let created = self
                .docker
                .create_container(Some(options), body)
                .await
                .unwrap();
            network
                .get_or_init(|| async {
                    self.docker.create_network(request.clone()).await.unwrap()
                })
                .await;
            self.docker
                .start_container(&created.id, None::<query::StartContainerOptions>)
                .await
                .unwrap();
        });
        nodes.buffer_unordered(AT_ONCE).collect::<()>().await;
        // A start is over when its last node has been running for so long: nothing can be faster.
        tokio::time::sleep(HOLD).await;
    }

    async fn down(&self) {
        let nodes = stream::iter(&self.plan.nodes).map(|node| async {
            let options = query::RemoveContainerOptions {
                force: true,
                v: true,
                ..Default::default()
            };
            self.docker
                .remove_container(node.fqdn(), Some(options))
                .await
                .unwrap();
        });
        nodes.buffer_unordered(AT_ONCE).collect::<()>().await;
        self.docker.remove_network(NETWORK).await.unwrap();
        // The nodes' record, which the engine created with the first of them: the program would find its name in use.
        let none = None::<query::RemoveVolumeOptions>;
        self.docker
            .remove_volume(&format!("clusterdock-{CLUSTER}"), none)
            .await
            .unwrap();
    }
}

/// The plan that the program makes too.
fn plan(count: usize, program: &Program) -> StartPlan {
    let specs: Vec<NodeSpec> = (1..=count)
        .map(|number| NodeSpec::new(format!("node-{number}"), "nodes"))
        .collect();
    let run = Run {
        cluster: CLUSTER.into(),
        size: count,
        ..Run::default()
    };
    let inputs = StartInputs {
        run: &run,
        topology: &TopologyFacts {
            name: "nodebase".into(),
            version: "1.0.0".into(),
            plugin_digest: "0".repeat(64),
            ..TopologyFacts::default()
        },
        provenance: &Provenance::default(),
        network: NETWORK,
        domain: NETWORK,
        subnet: None,
        image: &program.image,
        specs: &specs,
        ports: &BTreeMap::new(),
        limits: Limits::default(),
        observed: &Observed::default(),
        routes: &[],
        images: &BTreeMap::new(),
        capabilities_missing: &program.capabilities_missing,
        cgroup_version: 0,
        logging_driver: "json-file",
        hook: Hook::Start,
    };
    plan::start_plan::plan(&inputs).unwrap()
}

/// The program as a user has it, in release mode, with its topology compiled and its image assembled.
struct Program {
    executable: PathBuf,
    topology: PathBuf,
    config: tempfile::TempDir,
    image: String,
    capabilities_missing: Vec<String>,
}

impl Program {
    fn build() -> Program {
        let files = cargo::build(
            cargo::workspace(),
            &["--release", "-p", "clusterdock", "--bins"],
        );
        let executable = files
            .into_iter()
            .find(|file| file.ends_with("clusterdock"))
            .unwrap();
        let topology = cargo::workspace().join("topologies/topology_nodebase");
        let config = tempfile::tempdir().unwrap();
        let mut program = Program {
            executable,
            topology,
            config,
            image: String::new(),
            capabilities_missing: Vec::new(),
        };
        // What the program's own containers are made with, so that the floor's are the same.
        assert!(
            program.start(&["probe".into()]).status().unwrap().success(),
            "the program starts no cluster"
        );
        let format = "{{.Config.Image}} {{join .HostConfig.CapDrop \",\"}}";
        let shown = Command::new("docker")
            .args(["inspect", "-f", format, &format!("probe.{NETWORK}")])
            .output()
            .unwrap();
        let shown = String::from_utf8(shown.stdout).unwrap();
        let (image, missing) = shown.trim_end_matches('\n').split_once(' ').unwrap();
        program.image = image.into();
        program.capabilities_missing = missing
            .split(',')
            .filter(|name| !name.is_empty())
            .map(Into::into)
            .collect();
        assert!(
            program
                .clusterdock(&["rm", CLUSTER])
                .status()
                .unwrap()
                .success()
        );
        program
    }

    fn clusterdock(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(&self.executable);
        command
            .arg("--clusterdock-config-directory")
            .arg(self.config.path())
            .args(arguments);
        command.stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn start(&self, names: &[String]) -> Command {
        let mut command = self.clusterdock(&["start", "-c", CLUSTER, "-n", NETWORK]);
        command.arg(&self.topology).arg("--nodes").args(names);
        command
    }
}

fn all_ours() -> query::ListContainersOptions {
    let filters = [(
        "label".to_string(),
        vec!["com.clusterdock.clusterdock".to_string()],
    )];
    query::ListContainersOptions {
        all: true,
        filters: Some(filters.into()),
        ..Default::default()
    }
}

async fn timed<T>(work: impl Future<Output = T>) -> Duration {
    let began = Instant::now();
    work.await;
    began.elapsed()
}

/// How long a process took, and the most memory it had, in KB.
fn timed_process(command: &mut Command) -> (Duration, u64) {
    let began = Instant::now();
    let mut child = command.spawn().unwrap();
    let status = Path::new("/proc")
        .join(child.id().to_string())
        .join("status");
    let peak = std::thread::spawn(move || {
        let mut peak = 0;
        // The high-water mark is the kernel's; it only has to be read before the process is gone.
        while let Some(now) = std::fs::read_to_string(&status)
            .ok()
            .and_then(|text| high_water(&text))
        {
            peak = now;
            std::thread::sleep(Duration::from_millis(20));
        }
        peak
    });
    assert!(child.wait().unwrap().success(), "{command:?} failed");
    (began.elapsed(), peak.join().unwrap())
}

fn high_water(status: &str) -> Option<u64> {
    status
        .lines()
        .find_map(|line| line.strip_prefix("VmHWM:"))?
        .trim()
        .trim_end_matches(" kB")
        .parse()
        .ok()
}

fn median(mut times: Vec<Duration>) -> Duration {
    times.sort();
    times[times.len() / 2]
}

fn option(name: &str) -> Option<String> {
    let mut arguments = std::env::args().skip_while(|argument| argument != name);
    arguments.nth(1)
}
