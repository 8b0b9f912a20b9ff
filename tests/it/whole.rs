//! The whole program against the fake engine: whatever call goes wrong, however a start ends, the engine is afterwards
//! what it was, and the error says what happened.

mod cp;
mod death;
mod failure;
mod hook;
mod image;
mod keys;
mod life;
mod race;
mod registry;
mod removal;
mod undo;
mod volumes;

use async_trait::async_trait;
use clusterdock::cli::start::Pull;
use clusterdock::engine::{EngineError, Fault, Image};
use clusterdock::error::{Error, Kind, Result};
use clusterdock::execution::Stop;
use clusterdock::execution::order::Order;
use clusterdock::execution::transaction::{self, Started};
use clusterdock::image::Wanted;
use clusterdock::image::registry::Registries;
use clusterdock::plan::port;
use clusterdock::plan::start::{Limits, TopologyFacts};
use clusterdock::report::{Clock, Report, Settings, Streams, Terminal};
use clusterdock::session::{Places, Session};
use clusterdock::topology::plugin::{Hook, HostCalls, Plugin};
use clusterdock_plugin_api::ops::{self, ClusterFacts, Operation};
use clusterdock_plugin_api::{Declaration, Exec, NodeSpec, Probe, Request};
use clusterdock_tests::cargo::workspace;
use clusterdock_tests::fake::{ExecAnswer, FakeEngine};
use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

const IMAGE: &str = "clusterdock/topology_lab:1";
const NETWORK: &str = "cluster";
const CLUSTER: &str = "lab";

/// An engine that has the image and nothing else.
fn engine() -> FakeEngine {
    let fake = FakeEngine::new();
    fake.seed().image_as(IMAGE, Image { command: vec!["/bin/sleep".into()], ..Image::default() });
    fake
}

/// The kernel's table of a node where sshd listens.
const LISTENING: &str = "  sl  local_address rem_address   st\n   0: 00000000:0016 00000000:0000 0A\n";

/// The same with an image that has sshd.
fn engine_with_sshd() -> FakeEngine {
    let fake = FakeEngine::new();
    fake.seed().image_as(IMAGE, Image { ports: vec!["22/tcp".into()], ..Image::default() });
    fake.on_exec(|exec| match exec.line().starts_with("cat /proc/net/tcp") {
        true => ExecAnswer::success().stdout(LISTENING),
        false => ExecAnswer::success(),
    });
    fake
}

/// Something that starts and removes clusters on a fake engine as the program does.
struct Stage {
    fake: FakeEngine,
    stop: Arc<Stop>,
    story: Tape,
    report: Arc<Report>,
    places: Places,
    clean_up: Mutex<Option<String>>,
    _config: Option<tempfile::TempDir>,
}

/// A stream that remembers what was written.
#[derive(Clone, Default)]
struct Tape(Arc<Mutex<Vec<u8>>>);

impl Tape {
    fn text(&self) -> String {
        String::from_utf8(self.0.lock().unwrap().clone()).unwrap()
    }
}

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Stage {
    /// With a config directory of its own.
    fn new(fake: &FakeEngine) -> Stage {
        let config = tempfile::tempdir().unwrap();
        let path = config.path().to_path_buf();
        Stage { _config: Some(config), ..Stage::sharing(fake, &path) }
    }

    /// With a config directory that others have too, and so with locks in common.
    fn sharing(fake: &FakeEngine, config: &Path) -> Stage {
        std::fs::File::options().create(true).append(true).open(config.join("hosts")).unwrap();
        let story = Tape::default();
        let terminal = Terminal::none(|_| None);
        let streams = Streams { stdout: Box::new(story.clone()), stderr: Box::new(story.clone()), terminal };
        let report = Arc::new(Report::new(Settings::default(), streams, Clock::system()));
        let places = Places {
            config: config.into(),
            hosts_file: config.join("hosts"),
            docker_config: Some(config.into()),
            current: config.into(),
            executable: "/clusterdock".into(),
        };
        let (stop, clean_up) = (Arc::new(Stop::new()), Mutex::default());
        Stage { fake: fake.clone(), stop, story, report, places, clean_up, _config: None }
    }

    fn session(&self) -> Session<'_> {
        Session {
            engine: &self.fake,
            report: &self.report,
            stop: &self.stop,
            verbose: false,
            places: &self.places,
            registries: Registries::new(self.places.docker_config.as_deref()),
            clean_up: &self.clean_up,
        }
    }

    async fn start(&self, wish: Wish) -> Result<Started> {
        let plugin = Lab { hook: wish.hook };
        let ports = port::wanted(&wish.specs, NETWORK, &[], false)?;
        let order = Order {
            plugin: &plugin,
            topology: TopologyFacts { name: "lab".into(), version: "1.0.0".into(), plugin_digest: "d".into() },
            request: Request {
                cluster: wish.cluster,
                network: NETWORK.into(),
                image: IMAGE.into(),
                ..Request::default()
            },
            hook: wish.of,
            images: vec![wish.image],
            specs: wish.specs,
            pull: wish.pull,
            ports,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            limits: Limits::default(),
            timeout: Duration::from_secs(60),
            workers: 6,
            update_hosts: Default::default(),
            leave_out: Vec::new(),
            keep: wish.keep,
            dry_run: false,
        };
        transaction::start(&self.session(), order).await.map(|started| started.expect("it was no dry run"))
    }
}

/// A cluster that is wanted.
#[derive(Clone)]
struct Wish {
    cluster: String,
    specs: Vec<NodeSpec>,
    image: Wanted,
    pull: Pull,
    hook: LabHook,
    of: Hook,
    keep: bool,
}

impl Wish {
    fn of(names: &[&str]) -> Wish {
        let specs = names.iter().map(|name| NodeSpec::new(*name, "nodes")).collect();
        Wish {
            cluster: CLUSTER.into(),
            specs,
            image: Wanted::named(IMAGE),
            pull: Pull::Missing,
            hook: LabHook::DoesNothing,
            of: Hook::Start,
            keep: false,
        }
    }

    fn cluster(self, name: impl Into<String>) -> Wish {
        Wish { cluster: name.into(), ..self }
    }

    fn image(self, image: Wanted) -> Wish {
        Wish { image, ..self }
    }

    fn pull(self, pull: Pull) -> Wish {
        Wish { pull, ..self }
    }

    /// What a failed start made stays.
    fn keep(self) -> Wish {
        Wish { keep: true, ..self }
    }

    fn hook(self, hook: LabHook) -> Wish {
        Wish { hook, ..self }
    }

    /// The cluster is one that images are made of.
    fn for_a_build(self) -> Wish {
        Wish { of: Hook::Build, ..self }
    }

    fn each(mut self, change: impl Fn(NodeSpec) -> NodeSpec) -> Wish {
        self.specs = self.specs.into_iter().map(change).collect();
        self
    }
}

/// What the hook of the topology does.
#[derive(Clone, Copy, PartialEq)]
enum LabHook {
    DoesNothing,
    DoesOneOfEverything,
    Publishes,
    Fails,
}

/// A topology with such a hook.
struct Lab {
    hook: LabHook,
}

#[async_trait]
impl Plugin for Lab {
    async fn declare(&self) -> Result<Declaration> {
        Ok(Declaration::new())
    }

    async fn nodes(&self, _: &Request) -> Result<Vec<NodeSpec>> {
        Ok(Vec::new())
    }

    async fn hook(&self, _: Hook, cluster: &ClusterFacts, _: &Request, host: &dyn HostCalls) -> Result<()> {
        let nodes: Vec<String> = cluster.nodes.iter().map(|node| node.fqdn.clone()).collect();
        let node = nodes[0].clone();
        if self.hook == LabHook::Fails {
            return Err(Error::new(Kind::Hook, "the hook failed"));
        }
        if self.hook == LabHook::Publishes {
            for (name, push) in [("lab/kept", false), ("lab/made", false), ("lab/made", true)] {
                let (node, repository, tag) = (node.clone(), name.into(), "1".into());
                call(host, &ops::Commit { node, repository, tag, push }).await?;
            }
        }
        if self.hook == LabHook::DoesOneOfEverything {
            call(
                host,
                &ops::PutFile { nodes: nodes.clone(), path: "/etc/lab".into(), mode: 0o644, owner: "0:0".into() },
            )
            .await?;
            call(host, &ops::ExecOn { nodes: nodes.clone(), exec: Exec::new("true") }).await?;
            call(host, &ops::GetFile { node: node.clone(), path: "/etc/lab".into() }).await?;
            let (local, to) = (workspace().join("LICENSE"), tempfile::tempdir().unwrap());
            let (path, owner) = ("/opt/new/lab".into(), "7:8".into());
            call(host, &ops::PutLocal { nodes: nodes.clone(), local, path, mode: None, owner }).await?;
            call(host, &ops::GetFolder { node: node.clone(), path: "/opt/new".into(), local: to.path().into() })
                .await?;
            call(host, &ops::Pause { time_ms: 1_000 }).await?;
            let probe = Probe::file("/etc/lab");
            call(host, &ops::WaitFor { nodes: nodes.clone(), probe, timeout_ms: 5_000 }).await?;
            call(host, &ops::StopNodes { nodes: vec![node], remove: false }).await?;
        }
        Ok(())
    }
}

async fn call<O: Operation>(host: &dyn HostCalls, operation: &O) -> Result<()> {
    let input = serde_json::to_string(operation).unwrap();
    let answer = host.call(O::NAME, &input, b"lab".to_vec()).await;
    // As the plugin's process does it: the code decides the kind.
    answer.map(drop).map_err(|error| {
        let kind = match error.code() {
            clusterdock_plugin_api::Code::Timeout => Kind::Timeout,
            clusterdock_plugin_api::Code::Cancelled => Kind::Interrupted,
            _ => Kind::Hook,
        };
        error.chain().iter().fold(Error::new(kind, "the hook failed"), Error::cause)
    })
}

/// The fault that an engine may show at any time.
fn trouble() -> EngineError {
    EngineError::new(Fault::Other, "the engine is in trouble")
}
