//! The whole program in this process, on an engine with cluster `ux` of two nodes.

use std::ffi::OsString;
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::process::ExitCode;
use std::sync::{Arc, Mutex};

use clusterdock::cluster::labels::{NodeLabels, Run};
use clusterdock::cluster::record;
use clusterdock::engine::container::PublishedPort;
use clusterdock::engine::{ContainerSpec, Image, NetworkSpec, State};
use clusterdock::program::{self, Surroundings};
use clusterdock::report::{Clock, Report, Streams, Terminal};
use clusterdock_plugin_wire::Protocol;
use clusterdock_tests::fake::{EngineGeneration, ExecAnswer, ExecCall, FakeEngine, Program};
use clusterdock_tests::{plugins, program as built};

use super::Row;

const IMAGE: &str = "debian:12";
const IMAGE_ID: &str = "sha256:0123";

/// Runs a line. Returns what is not as it should be.
pub(super) async fn check(row: &Row) -> Result<(), String> {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("file"), "content\n").unwrap();
    let library = plugins::library("topology_nodebase");
    let words = row.line.split(' ').map(|word| match word {
        "LIBRARY" => library.clone().into(),
        "FOLDER" => folder.path().into(),
        _ => word.into(),
    });
    let argv: Vec<OsString> = std::iter::once("clusterdock".into()).chain(words).collect();
    let (code, shown) = run(argv, ux(row.state)).await;
    let is_wrong = |what: &str| Err(format!("{what} ({code:?}):\n{shown}"));
    if code != ExitCode::from(row.code) {
        return is_wrong(&format!("does not exit with {}", row.code));
    }
    for text in row.shows {
        if !shown.contains(text) {
            return is_wrong(&format!("does not show `{text}`"));
        }
    }
    // A guess from similar letters, beside the right tip or in its place.
    if shown.contains("similar subcommand") {
        return is_wrong("guesses");
    }
    Ok(())
}

async fn run(argv: Vec<OsString>, fake: FakeEngine) -> (ExitCode, String) {
    let home = tempfile::tempdir().unwrap();
    let tape = Tape::default();
    let written = tape.clone();
    let report = move |global: &clusterdock::cli::Global| {
        let streams = Streams {
            stdout: Box::new(written.clone()),
            stderr: Box::new(written.clone()),
            terminal: Terminal::none(|_| None),
        };
        Report::new(global.report_settings(), streams, Clock::system())
    };
    let surroundings = Surroundings {
        report: Box::new(report),
        engine: Some(Arc::new(fake)),
        home: Some(home.path().into()),
        current: Path::new(clusterdock_tests::cargo::workspace()).into(),
        executable: built::clusterdock().into(),
        variable: |_| None,
    };
    let code = program::run(argv, surroundings).await;
    let shown = String::from_utf8_lossy(&tape.0.lock().unwrap()).into_owned();
    (code, shown)
}

/// Both streams.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// An engine elsewhere, so that no port of this machine is held. `n1` wrote a line an hour ago and one just now.
fn ux(state: State) -> FakeEngine {
    let fake = FakeEngine::at("tcp://engine.example:2375", EngineGeneration::V26);
    let now = jiff::Timestamp::now().as_second();
    fake.set_clock(now - 3600);
    fake.seed().network(&network()).image_as(
        IMAGE,
        Image {
            id: IMAGE_ID.into(),
            ..Image::default()
        },
    );
    fake.program("n1.ux", Program::runs().says("early"));
    for number in [1, 2] {
        fake.seed().container(&node(number), state);
        fake.write_file(&format!("n{number}.ux"), record::COMPLETE, "");
    }
    fake.write_file("n1.ux", "/etc/motd", "welcome\n");
    fake.set_clock(now);
    fake.say("n1.ux", "late");
    fake.on_exec(|call| ExecAnswer::success().stdout(echo(call)));
    fake
}

/// The node, and the command with its settings.
fn echo(call: &ExecCall) -> String {
    let spec = &call.spec;
    let settings: Vec<&str> = spec
        .user
        .iter()
        .filter(|user| *user != "0")
        .chain(&spec.working_directory)
        .chain(
            spec.environment
                .iter()
                .filter(|pair| !pair.starts_with("CLUSTERDOCK_EXEC=")),
        )
        .map(String::as_str)
        .collect();
    let settings = match &settings[..] {
        [] => String::new(),
        some => format!(" ({})", some.join(", ")),
    };
    format!("{}: {}{settings}\n", call.container, call.line())
}

fn labels() -> Run {
    Run {
        cluster: "ux".into(),
        size: 2,
        ..Run::default()
    }
}

fn network() -> NetworkSpec {
    NetworkSpec {
        name: "ux".into(),
        labels: labels().labels(),
        subnet: "10.128.16.0/24".parse().unwrap(),
        engine_range: "10.128.16.192/26".parse().unwrap(),
        gateway: Ipv4Addr::new(10, 128, 16, 1),
    }
}

/// `n1` in group `head`, which publishes a port, and `n2` in group `tail`.
fn node(number: u8) -> ContainerSpec {
    let hostname = format!("n{number}");
    let is_first = number == 1;
    let labels = NodeLabels {
        run: labels(),
        hostname: hostname.clone(),
        network: "ux".into(),
        topology: "nodebase".into(),
        topology_version: "1.0.0".into(),
        group: if is_first { "head" } else { "tail" }.into(),
        ..NodeLabels::default()
    };
    let port = PublishedPort {
        container_port: 80,
        protocol: Protocol::Tcp,
        host_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        host_port: 8080,
    };
    ContainerSpec {
        name: format!("{hostname}.ux"),
        hostname: format!("{hostname}.ux"),
        image: IMAGE.into(),
        labels: labels.write(IMAGE_ID),
        network: "ux".into(),
        address: Some(Ipv4Addr::new(10, 128, 16, 1 + number)),
        aliases: vec![hostname],
        ports: is_first.then_some(port).into_iter().collect(),
        ..ContainerSpec::default()
    }
}
