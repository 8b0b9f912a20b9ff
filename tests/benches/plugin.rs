//! What the plugin boundary costs: inspecting a library, starting its process, a call of a hook. Run with
//! `cargo bench -p clusterdock-tests --bench plugin`; medians of many rounds.

#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "a benchmark prints its numbers"
)]

use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use clusterdock::topology::cache;
use clusterdock::topology::held::Held;
use clusterdock::topology::inspection::inspect;
use clusterdock::topology::plugin::{Hook, HostCalls, Plugin};
use clusterdock::topology::plugin_process::{Launch, PluginProcess};
use clusterdock_plugin_wire::export::API_VERSION;
use clusterdock_plugin_wire::{ClusterFacts, HookCall, Request};
use clusterdock_tests::cargo;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let program = built(&["-p", "clusterdock", "--bins"], "clusterdock");
    let library = built(&["-p", "topology_nodebase"], "libtopology_nodebase.so");
    println!(
        "size of libtopology_nodebase.so: {} KB",
        library.metadata().unwrap().len() / 1000
    );
    let config = tempfile::tempdir().unwrap();

    let mut times = Vec::new();
    for _ in 0..100 {
        times.push(timed(|| drop(inspect(&library).unwrap())));
    }
    report("inspect", times);

    let inspected = inspect(&library).unwrap();
    let copy = cache::keep(config.path(), &inspected).unwrap();
    let mut times = Vec::new();
    for _ in 0..100 {
        times.push(timed(|| {
            drop(cache::keep(config.path(), &inspected).unwrap())
        }));
    }
    report("find the copy", times);

    let (mut spawned, mut declared, mut ended) = (Vec::new(), Vec::new(), Vec::new());
    for _ in 0..100 {
        let start = Instant::now();
        let plugin = spawn(&program, &copy).await;
        spawned.push(start.elapsed());
        plugin.declare().await.unwrap();
        declared.push(start.elapsed());
        let start = Instant::now();
        plugin.shut_down().await;
        ended.push(start.elapsed());
    }
    report("start a process and load", spawned);
    report("... and declare", declared);
    report("shut down", ended);
    calls(&program).await;
}

/// The fixture's hook makes one call after another; the time between two is that of a round trip.
async fn calls(program: &Path) {
    let library = built(&["-p", "topology_misbehave"], "libtopology_misbehave.so");
    let folder = tempfile::tempdir().unwrap();
    let link = folder.path().join("misbehave-call-often");
    std::os::unix::fs::symlink(program, &link).unwrap();
    let plugin = spawn(&link, &library).await;
    let host = Clock(Mutex::new(Vec::new()));
    plugin
        .hook(
            &HookCall::new(Hook::Start, ClusterFacts::default(), Request::default()),
            &host,
        )
        .await
        .unwrap();
    let moments = host.0.into_inner().unwrap();
    report(
        "a call of a hook",
        moments.windows(2).map(|pair| pair[1] - pair[0]).collect(),
    );
}

struct Clock(Mutex<Vec<Instant>>);

#[async_trait::async_trait]
impl HostCalls for Clock {
    async fn call(
        &self,
        _: &str,
        _: &str,
        _: Vec<u8>,
    ) -> clusterdock_plugin_wire::Result<(String, Vec<u8>)> {
        self.0.lock().unwrap().push(Instant::now());
        Ok(("null".into(), Vec::new()))
    }
}

async fn spawn(executable: &Path, library: &Path) -> PluginProcess {
    let (deadline, on_line) = (
        Duration::from_secs(10),
        Arc::new(|_, _: &str| Box::pin(std::future::ready(())) as _),
    );
    let library = &Held::new(&inspect(library).unwrap(), library).unwrap();
    let launch = Launch {
        executable,
        library,
        name: "topology_nodebase",
        api: API_VERSION,
        deadline,
        log_level: "off",
        on_line,
    };
    PluginProcess::spawn(launch).await.unwrap()
}

fn built(arguments: &[&str], name: &str) -> PathBuf {
    let files = cargo::build(cargo::workspace(), &[arguments, &["--release"]].concat());
    files.into_iter().find(|file| file.ends_with(name)).unwrap()
}

fn timed(work: impl FnOnce()) -> Duration {
    let start = Instant::now();
    work();
    start.elapsed()
}

fn report(what: &str, mut times: Vec<Duration>) {
    times.sort();
    println!(
        "{what}: {:?} (nine in ten under {:?})",
        times[times.len() / 2],
        times[times.len() * 9 / 10]
    );
}
