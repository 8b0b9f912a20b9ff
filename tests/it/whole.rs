//! The whole program against the fake engine: whichever call fails, and however a start ends, the engine is afterwards
//! as it was before, and the error says what happened.

mod blocked;
mod cp;
mod death;
mod disk;
mod domains;
mod engine_fields;
mod failure;
mod files;
mod hook;
mod image;
mod keys;
mod lab;
mod later_hooks;
mod leftover;
mod life;
mod originals;
mod printed_plan;
mod race;
mod record;
mod registry;
mod removal;
mod reuse;
mod rollback;
mod strangers;
mod taken;
mod volumes;
mod wrong_nodes;

use std::io::Write;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use clusterdock::cancellation::Cancellation;
use clusterdock::commands::{Console, dry_run};
use clusterdock::engine::{EngineError, Fault, GuardedEngine, Image};
use clusterdock::error::Result;
use clusterdock::event::Event;
use clusterdock::files::trust::Trust;
use clusterdock::image::Wanted;
use clusterdock::image::pull::Pull;
use clusterdock::image::registry::Registries;
use clusterdock::plan::start_plan::{Limits, TopologyFacts};
use clusterdock::plan::{self, wanted_ports};
use clusterdock::report::{Clock, Format, Report, Settings, Streams, Terminal};
use clusterdock::sink::Sink;
use clusterdock::start::order::{Asked, Asking, Order};
use clusterdock::start::session::{CompilerOutput, Paths, Session};
use clusterdock::start::start_execution::Started;
use clusterdock::start::transaction::{self, StartResult};
use clusterdock::topology::plugin::Hook;
use clusterdock_plugin_wire::{NodeSpec, Request};
use clusterdock_tests::fake::{ExecAnswer, FakeEngine};

use self::lab::{Lab, LabHook};

const IMAGE: &str = "clusterdock/topology_lab:1";

const NETWORK: &str = "cluster";

const CLUSTER: &str = "lab";

/// An engine that has the image and nothing else.
fn engine() -> FakeEngine {
    let fake = FakeEngine::new();
    fake.seed().image_as(
        IMAGE,
        Image {
            command: vec!["/bin/sleep".into()],
            ..Image::default()
        },
    );
    fake
}

/// An image with a volume.
const DATA: &str = "example/data:1";

/// The same with an image that has a volume, too.
fn engine_with_data() -> FakeEngine {
    let fake = engine();
    fake.seed().image_as(
        DATA,
        Image {
            volumes: vec!["/data".into()],
            ..Image::default()
        },
    );
    fake
}

/// The lines of a snapshot that are not about images.
fn without_images(snapshot: &str) -> Vec<&str> {
    let lines = snapshot.lines();
    lines.filter(|line| !line.starts_with("image")).collect()
}

/// The kernel's table of a node where sshd listens.
const LISTENING: &str =
    "  sl  local_address rem_address   st\n   0: 00000000:0016 00000000:0000 0A\n";

/// The same with an image that has sshd.
fn engine_with_sshd() -> FakeEngine {
    let fake = FakeEngine::new();
    fake.seed().image_as(
        IMAGE,
        Image {
            ports: vec!["22/tcp".into()],
            ..Image::default()
        },
    );
    fake.on_exec(|exec| {
        if exec.line().starts_with("cat /proc/net/tcp") {
            ExecAnswer::success().stdout(LISTENING)
        } else {
            ExecAnswer::success()
        }
    });
    fake
}

/// Something that starts and removes clusters on a fake engine as the program does.
struct Stage {
    fake: FakeEngine,
    cancellation: Arc<Cancellation>,
    story: Tape,
    report: Arc<Report>,
    sink: Arc<dyn Sink>,
    paths: Paths,
    trust: Trust,
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
    /// With its own config directory.
    fn new(fake: &FakeEngine) -> Stage {
        let config = tempfile::tempdir().unwrap();
        let path = config.path().to_path_buf();
        Stage {
            _config: Some(config),
            ..Stage::sharing(fake, &path)
        }
    }

    /// With a config directory that others have too, and so with locks in common.
    fn sharing(fake: &FakeEngine, config: &Path) -> Stage {
        std::fs::File::options()
            .create(true)
            .append(true)
            .open(config.join("hosts"))
            .unwrap();
        let story = Tape::default();
        let terminal = Terminal::none(|_| None);
        let streams = Streams {
            stdout: Box::new(story.clone()),
            stderr: Box::new(story.clone()),
            terminal,
        };
        let report = Arc::new(Report::new(Settings::default(), streams, Clock::system()));
        let paths = Paths {
            config: config.into(),
            hosts_file: config.join("hosts"),
            docker_config: Some(config.into()),
            current: config.into(),
            executable: "/clusterdock".into(),
        };
        let cancellation = Arc::new(Cancellation::new());
        let trust = Trust::new(false, |_| None);
        Stage {
            fake: fake.clone(),
            cancellation,
            story,
            sink: report.clone(),
            report,
            paths,
            trust,
            _config: None,
        }
    }

    fn session(&self) -> Console<'_> {
        let sink = self.sink.clone();
        let warn = Arc::new(move |message| sink.event(Event::Warning { message }));
        let session = Session {
            engine: GuardedEngine::new(&self.fake),
            sink: &self.sink,
            cancellation: &self.cancellation,
            verbose: false,
            compiler_output: CompilerOutput::Terminal,
            paths: &self.paths,
            trust: &self.trust,
            registries: Registries::new(self.paths.docker_config.as_deref(), warn),
            engine_info: Default::default(),
        };
        Console {
            session,
            report: &self.report,
        }
    }

    async fn start(&self, wish: Wish) -> Result<Started> {
        let started = self.start_or_print(wish, None).await?;
        Ok(started.expect("it was no dry run"))
    }

    /// Starts a cluster, or prints the plan in that format.
    async fn start_or_print(&self, wish: Wish, dry_run: Option<Format>) -> Result<Option<Started>> {
        let plugin = Lab { hook: wish.hook };
        let order = self.ordered(wish, &plugin, dry_run.is_some())?;
        match transaction::start(&self.session(), order).await? {
            StartResult::Started(started) => Ok(Some(*started)),
            StartResult::Planned(plan) => {
                let format = dry_run.expect("it is only planned for a dry run");
                dry_run::print(&self.report, &plan, format).map(|()| None)
            }
        }
    }

    fn ordered<'p>(&self, wish: Wish, plugin: &'p Lab, dry_run: bool) -> Result<Order<'p>> {
        let ports = wanted_ports::wanted(&wish.specs, &wish.domain, &[], false)?;
        let of_volumes = plan::volumes::images(&wish.specs)
            .into_iter()
            .map(|reference| Wanted::named(reference).unwrap());
        // A generated name that is taken is replaced, and the topology is asked again with the new one.
        let is_generated = wish.cluster.is_empty();
        let images: Vec<Wanted> = std::iter::once(wish.image).chain(of_volumes).collect();
        let again = Again {
            specs: wish.specs.clone(),
            images: images.clone(),
        };
        Ok(Order {
            asked_again: is_generated.then(|| Box::new(again) as Box<dyn Asking>),
            plugin,
            topology: TopologyFacts {
                name: "lab".into(),
                version: "1.0.0".into(),
                plugin_digest: "d".into(),
                path: "/topologies/lab".into(),
                ..TopologyFacts::default()
            },
            request: Request {
                cluster: if is_generated {
                    "lab".into()
                } else {
                    wish.cluster
                },
                network: wish.network,
                domain: wish.domain,
                image: IMAGE.into(),
                ..Request::default()
            },
            hook: wish.of,
            images,
            specs: wish.specs,
            pull: wish.pull,
            ports,
            bind: IpAddr::V4(Ipv4Addr::LOCALHOST),
            subnet: wish.subnet,
            options: Default::default(),
            limits: Limits::default(),
            timeout: Duration::from_secs(60),
            workers: 6,
            update_hosts: Default::default(),
            leave_out: Vec::new(),
            keep: wish.keep,
            dry_run,
        })
    }
}

/// Wants the same nodes whatever the cluster's name.
struct Again {
    specs: Vec<NodeSpec>,
    images: Vec<Wanted>,
}

#[async_trait]
impl Asking for Again {
    async fn ask(&self, request: &Request) -> Result<Asked> {
        assert_ne!(request.cluster, "lab", "that name is taken");
        Ok(Asked {
            ports: wanted_ports::wanted(&self.specs, NETWORK, &[], false)?,
            specs: self.specs.clone(),
            images: self.images.clone(),
            overrides: Vec::new(),
        })
    }
}

/// A cluster that is wanted.
#[derive(Clone)]
struct Wish {
    cluster: String,
    network: String,
    domain: String,
    specs: Vec<NodeSpec>,
    image: Wanted,
    pull: Pull,
    hook: LabHook,
    of: Hook,
    subnet: Option<ipnet::Ipv4Net>,
    keep: bool,
}

impl Wish {
    fn of(names: &[&str]) -> Wish {
        let specs = names
            .iter()
            .map(|name| NodeSpec::new(*name, "nodes"))
            .collect();
        Wish {
            cluster: CLUSTER.into(),
            network: NETWORK.into(),
            domain: NETWORK.into(),
            specs,
            image: Wanted::named(IMAGE).unwrap(),
            pull: Pull::Missing,
            hook: LabHook::DoesNothing,
            of: Hook::Start,
            subnet: None,
            keep: false,
        }
    }

    fn cluster(self, name: impl Into<String>) -> Wish {
        Wish {
            cluster: name.into(),
            ..self
        }
    }

    /// On another network than others, with another domain than its name.
    fn on(self, network: &str, domain: &str) -> Wish {
        Wish {
            network: network.into(),
            domain: domain.into(),
            ..self
        }
    }

    fn image(self, image: Wanted) -> Wish {
        Wish { image, ..self }
    }

    fn pull(self, pull: Pull) -> Wish {
        Wish { pull, ..self }
    }

    /// What a failed start created is kept.
    fn keep(self) -> Wish {
        Wish { keep: true, ..self }
    }

    fn hook(self, hook: LabHook) -> Wish {
        Wish { hook, ..self }
    }

    /// The cluster is used to build images.
    fn for_a_build(self) -> Wish {
        Wish {
            of: Hook::Build,
            ..self
        }
    }

    fn each(mut self, change: impl Fn(NodeSpec) -> NodeSpec) -> Wish {
        self.specs = self.specs.into_iter().map(change).collect();
        self
    }
}

/// The fault that an engine may show at any time.
fn trouble() -> EngineError {
    EngineError::new(Fault::Other, "the engine is in trouble")
}
