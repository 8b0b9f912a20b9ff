//! The commands that look at nodes and change them, on the fake engine: what they do to it, what becomes of it when any
//! one call goes wrong, and what they say.

mod logs;
mod looks;
mod mishaps;
mod readiness;

use clusterdock::cli::lifecycle::{Chosen, Plain, Restart, Resume, Stop as StopArgs, Wait};
use clusterdock::commands::lifecycle;
use clusterdock::engine::container::PublishedPort;
use clusterdock::engine::{ContainerSpec, Engine, NetworkSpec, State};
use clusterdock::error::{Error, Kind, Result};
use clusterdock::execution::Stop;
use clusterdock::image::registry::Registries;
use clusterdock::labels::{self, Run};
use clusterdock::report::{Clock, Progress, Report, Settings, Streams, Terminal};
use clusterdock::session::{Places, Session};
use clusterdock_plugin_api::{Probe, Protocol};
use clusterdock_tests::fake::{EngineGeneration, FakeEngine};
use std::io::{self, Write};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The engine's time when the cluster was made: nothing of it is told to who asks for events from now on.
const LONG_AGO: i64 = 1_000;
/// The engine's time from then on: everything is told, also what happened before somebody asked.
const LATER: i64 = u32::MAX as i64;

const MINUTE: Duration = Duration::from_secs(60);

/// An engine elsewhere, so that no port of this machine is held, with cluster `lab` of two nodes in this state.
fn lab(generation: EngineGeneration, state: State, probes: &[Probe]) -> FakeEngine {
    let fake = FakeEngine::at("tcp://engine.example:2375", generation);
    fake.set_clock(LONG_AGO);
    fake.seed().network(&network());
    for number in [1, 2] {
        fake.seed().container(&node(number, probes), state);
    }
    fake.set_clock(LATER);
    fake
}

fn run() -> Run {
    Run { id: "run".into(), cluster: "lab".into(), size: 2, ..Run::default() }
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
    let mut labels = run().labels();
    let facts = [
        (labels::CLUSTER, "lab".to_string()),
        (labels::NODE, hostname.clone()),
        (labels::GROUP, if number == 1 { "head".into() } else { "tail".into() }),
        (labels::SIZE, "2".into()),
        (labels::PROBES, serde_json::to_string(probes).unwrap()),
    ];
    labels.extend(facts.map(|(key, value)| (key.to_string(), value)));
    let port = PublishedPort {
        container_port: 80,
        protocol: Protocol::Tcp,
        host_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        host_port: 8080,
    };
    ContainerSpec {
        name: format!("{hostname}.lab"),
        hostname: format!("{hostname}.lab"),
        image: "debian:12".into(),
        labels,
        network: "lab".into(),
        address: Some(address(number)),
        aliases: vec![hostname],
        extra_hosts: [1, 2].map(|number| (format!("n{number}.lab n{number}"), address(number))).to_vec(),
        ports: if number == 1 { vec![port] } else { Vec::new() },
        ..ContainerSpec::default()
    }
}

/// What a command writes, and what it is given.
struct Desk {
    fake: FakeEngine,
    stop: Arc<Stop>,
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
        let settings = Settings { progress: Progress::Plain, verbose: true, ..Settings::default() };
        let report = Arc::new(Report::new(settings, streams, Clock::system()));
        Desk { fake: fake.clone(), stop: Arc::default(), report, stdout, stderr }
    }

    /// Runs a command.
    async fn run<T>(&self, command: impl AsyncFnOnce(&Session<'_>) -> Result<T>) -> Result<T> {
        let places = Places {
            config: "/nowhere".into(),
            hosts_file: "/nowhere".into(),
            docker_config: None,
            current: "/nowhere".into(),
            executable: "/nowhere".into(),
        };
        let session = Session {
            engine: &self.fake,
            report: &self.report,
            stop: &self.stop,
            verbose: true,
            places: &places,
            registries: Registries::new(None),
            clean_up: &Mutex::new(None),
        };
        command(&session).await
    }

    async fn resume(&self) -> Result<()> {
        let args = Resume { plain: plain(), timeout: MINUTE };
        self.run(async |session| lifecycle::resume(session, &args).await).await
    }

    async fn restart(&self) -> Result<()> {
        let args = Restart { plain: plain(), time: Duration::from_secs(10), timeout: MINUTE };
        self.run(async |session| lifecycle::restart(session, &args).await).await
    }

    async fn stop(&self) -> Result<()> {
        let args = StopArgs { plain: plain(), time: Duration::from_secs(10) };
        self.run(async |session| lifecycle::stop(session, &args).await).await
    }

    async fn wait(&self) -> Result<()> {
        let args = Wait { chosen: chosen(), timeout: MINUTE };
        self.run(async |session| lifecycle::wait(session, &args).await).await
    }
}

fn chosen() -> Chosen {
    Chosen { names: vec!["lab".into()], groups: Vec::new(), nodes: Vec::new() }
}

fn plain() -> Plain {
    Plain { chosen: chosen(), dry_run: false }
}

fn interrupted() -> Error {
    Error::new(Kind::Interrupted, "interrupted")
}

/// Expects that both nodes run with what they were given.
async fn assert_whole(fake: &FakeEngine) {
    for number in [1, 2] {
        let state = fake.container_state(&format!("n{number}.lab")).await.unwrap();
        assert_eq!(state.state, State::Running, "n{number}");
        let place = &state.networks["lab"];
        assert_eq!((place.address, place.fixed_address), (Some(address(number)), Some(address(number))), "n{number}");
        assert_eq!(state.raw["NetworkSettings"]["Networks"]["lab"]["Aliases"][0], format!("n{number}"));
        let ports: Vec<u16> = state.ports.iter().map(|port| port.host_port).collect();
        assert_eq!(ports, if number == 1 { vec![8080] } else { Vec::new() });
    }
}
