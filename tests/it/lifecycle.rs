//! The commands that show and change nodes, on the fake engine: their effect, the outcome when any
//! one call fails, and their output.

mod logs;
mod looks;
mod mishaps;
mod readiness;
mod several;
mod watching;

use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clusterdock::cancellation::Cancellation;
use clusterdock::cli::lifecycle_args::{ChangeArgs, Restart, Resume, Stop as StopArgs, Wait};
use clusterdock::cli::output_args::DryRunArgs;
use clusterdock::cli::selection::SelectionArgs;
use clusterdock::cluster::labels::{NodeLabels, Run};
use clusterdock::cluster::record;
use clusterdock::commands::{Console, lifecycle};
use clusterdock::engine::container::PublishedPort;
use clusterdock::engine::{
    ContainerSpec, GuardedEngine, Image, Inventory, Lifecycle, NetworkSpec, State,
};
use clusterdock::error::{Error, Kind, Result};
use clusterdock::files::trust::Trust;
use clusterdock::image::registry::Registries;
use clusterdock::report::{Clock, Progress, Report, Settings, Streams, Terminal};
use clusterdock::sink::Sink;
use clusterdock::start::session::{CompilerOutput, Paths, Session};
use clusterdock_plugin_wire::{Probe, Protocol};
use clusterdock_tests::fake::{EngineGeneration, FakeEngine};

/// The engine's time when the cluster was created: later subscribers do not see these events.
const LONG_AGO: i64 = 1_000;
/// The engine's time from then on: subscribers see all events, earlier ones included.
const LATER: i64 = u32::MAX as i64;

const IMAGE: &str = "debian:12";
const IMAGE_ID: &str = "sha256:0123";

const MINUTE: Duration = Duration::from_secs(60);

/// An engine elsewhere, so that no port of this machine is held, with cluster `lab` of two nodes in this state.
fn lab(generation: EngineGeneration, state: State, probes: &[Probe]) -> FakeEngine {
    let fake = FakeEngine::at("tcp://engine.example:2375", generation);
    fake.set_clock(LONG_AGO);
    place_network_and_image(&fake);
    for number in [1, 2] {
        fake.seed().container(&node(number, probes), state);
        fake.write_file(&format!("n{number}.lab"), record::COMPLETE, "");
    }
    fake.set_clock(LATER);
    fake
}

fn place_network_and_image(fake: &FakeEngine) {
    fake.seed().network(&network()).image_as(
        IMAGE,
        Image {
            id: IMAGE_ID.into(),
            ..Image::default()
        },
    );
}

fn run() -> Run {
    Run {
        cluster: "lab".into(),
        size: 2,
        ..Run::default()
    }
}

fn network() -> NetworkSpec {
    NetworkSpec {
        name: "lab".into(),
        labels: run().labels(),
        subnet: "10.128.16.0/24".parse().unwrap(),
        engine_range: "10.128.16.192/26".parse().unwrap(),
        gateway: Ipv4Addr::new(10, 128, 16, 1),
    }
}

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 128, 16, 1 + number)
}

/// `n1.lab` and `n2.lab`; the first publishes a port.
fn node(number: u8, probes: &[Probe]) -> ContainerSpec {
    let hostname = format!("n{number}");
    let labels = NodeLabels {
        run: run(),
        hostname: hostname.clone(),
        network: "lab".into(),
        group: if number == 1 {
            "head".into()
        } else {
            "tail".into()
        },
        probes: probes.to_vec(),
        ..NodeLabels::default()
    };
    let port = PublishedPort {
        container_port: 80,
        protocol: Protocol::Tcp,
        host_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        host_port: 8080,
    };
    ContainerSpec {
        name: format!("{hostname}.lab"),
        hostname: format!("{hostname}.lab"),
        image: IMAGE.into(),
        labels: labels.write(IMAGE_ID),
        network: "lab".into(),
        address: Some(address(number)),
        aliases: vec![hostname],
        extra_hosts: [1, 2]
            .map(|number| (format!("n{number}.lab n{number}"), address(number)))
            .to_vec(),
        ports: if number == 1 { vec![port] } else { Vec::new() },
        ..ContainerSpec::default()
    }
}

/// What a command writes, and what it is given.
struct Desk {
    fake: FakeEngine,
    cancellation: Arc<Cancellation>,
    report: Arc<Report>,
    stdout: Paper,
    stderr: Paper,
}

/// What was written.
#[derive(Clone, Default)]
struct Paper(Arc<Mutex<Vec<u8>>>);

impl Paper {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Paper {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Desk {
    fn at(fake: &FakeEngine) -> Desk {
        let (stdout, stderr) = (Paper::default(), Paper::default());
        let streams = Streams {
            stdout: Box::new(stdout.clone()),
            stderr: Box::new(stderr.clone()),
            terminal: Terminal::none(|_| None),
        };
        let settings = Settings {
            progress: Progress::Plain,
            verbose: true,
            ..Settings::default()
        };
        let report = Arc::new(Report::new(settings, streams, Clock::system()));
        Desk {
            fake: fake.clone(),
            cancellation: Arc::default(),
            report,
            stdout,
            stderr,
        }
    }

    /// Runs a command.
    async fn run<T>(&self, command: impl AsyncFnOnce(&Console<'_>) -> Result<T>) -> Result<T> {
        let paths = Paths {
            config: "/nowhere".into(),
            hosts_file: "/nowhere".into(),
            docker_config: None,
            current: "/nowhere".into(),
            executable: "/nowhere".into(),
        };
        let sink: Arc<dyn Sink> = self.report.clone();
        let session = Session {
            engine: GuardedEngine::new(&self.fake),
            sink: &sink,
            cancellation: &self.cancellation,
            verbose: true,
            compiler_output: CompilerOutput::Terminal,
            paths: &paths,
            trust: &Trust::new(false, |_| None),
            registries: Registries::new(None, Arc::new(|_| ())),
            engine_info: Default::default(),
        };
        let console = Console {
            session,
            report: &self.report,
        };
        command(&console).await
    }

    async fn resume(&self) -> Result<()> {
        let args = Resume {
            change: change(),
            timeout: MINUTE,
        };
        self.run(async |session| lifecycle::resume(session, &args).await)
            .await
    }

    async fn restart(&self) -> Result<()> {
        let args = Restart {
            change: change(),
            time: Duration::from_secs(10),
            timeout: MINUTE,
        };
        self.run(async |session| lifecycle::restart(session, &args).await)
            .await
    }

    async fn stop(&self) -> Result<()> {
        let args = StopArgs {
            change: change(),
            time: Duration::from_secs(10),
            timeout: MINUTE,
        };
        self.run(async |session| lifecycle::stop(session, &args).await)
            .await
    }

    async fn wait(&self) -> Result<()> {
        let args = Wait {
            selection: selection(),
            timeout: MINUTE,
        };
        self.run(async |session| lifecycle::wait(session, &args).await)
            .await
    }
}

fn selection() -> SelectionArgs {
    SelectionArgs {
        names: vec!["lab".into()],
        ..SelectionArgs::default()
    }
}

fn change() -> ChangeArgs {
    ChangeArgs {
        selection: selection(),
        dry_run: DryRunArgs::default(),
    }
}

fn interrupted() -> Error {
    Error::new(Kind::Interrupted, "interrupted")
}

/// Asserts that both nodes run with their addresses and ports.
async fn assert_whole(fake: &FakeEngine) {
    for number in [1, 2] {
        let state = fake
            .container_state(&format!("n{number}.lab"))
            .await
            .unwrap();
        assert_eq!(state.state, State::Running, "n{number}");
        let place = &state.networks["lab"];
        assert_eq!(
            (place.address, place.fixed_address),
            (Some(address(number)), Some(address(number))),
            "n{number}"
        );
        assert_eq!(
            state.raw["NetworkSettings"]["Networks"]["lab"]["Aliases"][0],
            format!("n{number}")
        );
        let ports: Vec<u16> = state.ports.iter().map(|port| port.host_port).collect();
        assert_eq!(ports, if number == 1 { vec![8080] } else { Vec::new() });
    }
}
