//! The hooks that `stop`, `resume`, `restart` and `wait` run on whole clusters, with the library that was kept at the
//! start, in a plugin's process as users have it. Time is real here: the process does not wait for a paused clock.

mod left_out;
mod printed;
mod trouble;

use std::ffi::OsString;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clusterdock::cli::lifecycle_args::{ChangeArgs, Restart, Resume, Stop, Wait};
use clusterdock::cli::output_args::DryRunArgs;
use clusterdock::cli::selection::SelectionArgs;
use clusterdock::cli::start_args::Verb;
use clusterdock::commands::given::Given;
use clusterdock::commands::{StartError, lifecycle, start};
use clusterdock::error::{Error, Kind, Result};
use clusterdock::report::Format;
use clusterdock_tests::fake::{ExecAnswer, FakeEngine, State};
use clusterdock_tests::{plugins, program};

use super::{CLUSTER, IMAGE, Stage, engine};

const NODES: [&str; 2] = ["node-1.cluster", "node-2.cluster"];

const RUNNING: [State; 2] = [State::Running, State::Running];
const STOPPED: [State; 2] = [State::Exited, State::Exited];

/// Longer than any hook of these tests takes that comes to an end.
const LONG: Duration = Duration::from_secs(120);
/// For what is to run out of time.
const SHORT: Duration = Duration::from_secs(3);

/// A cluster of the topology with all hooks on a fake engine.
struct Scene {
    fake: FakeEngine,
    stage: Stage,
    /// What the engine did, in order.
    log: Arc<Mutex<Vec<String>>>,
    limit: Duration,
}

impl Scene {
    /// A cluster that was started with these arguments.
    async fn started(arguments: &[&str]) -> Scene {
        let scene = Scene::new();
        scene.start(arguments).await.unwrap();
        scene.log.lock().unwrap().clear();
        scene
    }

    fn new() -> Scene {
        let fake = engine();
        let mut stage = Stage::new(&fake);
        stage.paths.executable = program::clusterdock().into();
        let log = Arc::new(Mutex::new(Vec::new()));
        let scene = Scene {
            fake,
            stage,
            log,
            limit: LONG,
        };
        scene.on_exec(|_| ExecAnswer::success());
        scene
    }

    fn within(self, limit: Duration) -> Scene {
        Scene { limit, ..self }
    }

    /// Notes commands, and answers them.
    fn on_exec(&self, answer: impl Fn(&str) -> ExecAnswer + Send + Sync + 'static) {
        let log = self.log.clone();
        self.fake.on_exec(move |exec| {
            let line = exec.line();
            let mut words = line.split_whitespace();
            // `sh -c true ready`, `sh -c echo on_stop >> /hooks.log`
            let what = words.nth(3).unwrap_or_default();
            log.lock()
                .unwrap()
                .push(format!("{what} {}", exec.container));
            answer(&line)
        });
    }

    /// Notes the next calls that stop or start a node.
    fn note_calls(&self) {
        for method in ["stop_container", "start_container"] {
            for node in NODES {
                let log = self.log.clone();
                self.fake.on_call((method, node), move |_| {
                    log.lock().unwrap().push(format!("{method} {node}"));
                });
            }
        }
    }

    /// The first words of what happened, each once in a row.
    fn story(&self) -> Vec<String> {
        let log = self.log.lock().unwrap();
        let first = |line: &String| line.split(' ').next().unwrap_or_default().to_string();
        let mut words: Vec<String> = log.iter().map(first).collect();
        words.dedup();
        words
    }

    fn ran(&self, hook: &str) -> usize {
        let log = self.log.lock().unwrap();
        log.iter().filter(|line| line.starts_with(hook)).count()
    }

    async fn start(&self, arguments: &[&str]) -> Result<()> {
        let library = plugins::library("topology_hooks");
        let mut argv: Vec<OsString> = ["clusterdock", "start", "-c", CLUSTER, "--timeout", "60"]
            .into_iter()
            .chain(["--update-etc-hosts", "never", "--retain"])
            .map(OsString::from)
            .collect();
        argv.push(library.clone().into());
        argv.extend(["--node-image", IMAGE].map(OsString::from));
        argv.extend(arguments.iter().map(OsString::from));
        let given = Given {
            verb: Verb::Start,
            topology: library,
            lab: None,
            argv: &argv,
        };
        let started = start::start(&self.stage.session(), &given).await;
        started.map_err(|error| match error {
            StartError::Failed(error) => error,
            StartError::CommandLine(error) => panic!("{error}"),
        })
    }

    async fn stop(&self) -> Result<()> {
        let stop = Stop {
            change: whole(),
            time: Duration::ZERO,
            timeout: self.limit,
        };
        lifecycle::stop(&self.stage.session(), &stop).await
    }

    async fn resume(&self) -> Result<()> {
        let resume = Resume {
            change: whole(),
            timeout: self.limit,
        };
        lifecycle::resume(&self.stage.session(), &resume).await
    }

    async fn restart(&self) -> Result<()> {
        let restart = Restart {
            change: whole(),
            time: Duration::ZERO,
            timeout: self.limit,
        };
        lifecycle::restart(&self.stage.session(), &restart).await
    }

    async fn wait(&self) -> Result<()> {
        let wait = Wait {
            selection: whole().selection,
            timeout: self.limit,
        };
        lifecycle::wait(&self.stage.session(), &wait).await
    }

    /// What was reported from here on.
    fn told_since(&self, before: usize) -> String {
        self.stage.story.text()[before..].to_string()
    }

    fn told(&self) -> String {
        self.stage.story.text()
    }

    /// The states of the nodes that there are.
    async fn states(&self) -> Vec<State> {
        let clusters = self.stage.clusters().await;
        let nodes = clusters.iter().flat_map(|cluster| &cluster.nodes);
        nodes.map(|node| node.container.state).collect()
    }

    /// The kept library of the cluster.
    fn library(&self) -> PathBuf {
        let folder = self.stage.paths.config.join("plugins");
        let entries = std::fs::read_dir(folder).unwrap();
        let mut paths = entries.map(|entry| entry.unwrap().path());
        paths
            .find(|path| path.extension().is_some_and(|one| one == "so"))
            .unwrap()
    }

    /// Ends the commands as soon as a hook has begun.
    fn interrupt_in(&self, hook: &'static str) {
        let cancellation = self.stage.cancellation.clone();
        self.on_exec(move |line| {
            if line.contains(&format!("echo {hook}")) {
                cancellation.cancel(Error::new(Kind::Interrupted, "interrupted"));
            }
            ExecAnswer::success()
        });
    }
}

fn whole() -> ChangeArgs {
    ChangeArgs {
        selection: SelectionArgs {
            names: vec![CLUSTER.into()],
            ..SelectionArgs::default()
        },
        dry_run: dry_run(false),
    }
}

fn dry_run(dry_run: bool) -> DryRunArgs {
    DryRunArgs {
        dry_run,
        format: Format::Json,
    }
}

#[tokio::test]
async fn hooks_are_run_at_their_places() {
    let scene = Scene::started(&[]).await;
    scene.note_calls();
    scene.stop().await.unwrap();
    assert_eq!(scene.story(), ["on_stop", "stop_container"]);
    assert_eq!(scene.states().await, STOPPED);

    scene.log.lock().unwrap().clear();
    scene.resume().await.unwrap();
    let resumed = ["start_container", "ready", "on_resume", "serves"];
    assert_eq!(scene.story()[0], resumed[0]);
    assert_eq!(scene.ran("on_resume"), 2, "on each node");
    let story = scene.story();
    let from = story.iter().rposition(|word| word == "ready").unwrap();
    assert_eq!(story[from..], resumed[1..]);
    assert_eq!(scene.states().await, RUNNING);

    scene.log.lock().unwrap().clear();
    scene.note_calls();
    scene.restart().await.unwrap();
    let story = scene.story();
    assert_eq!(story[..2], ["on_stop", "stop_container"]);
    let from = story.iter().rposition(|word| word == "ready").unwrap();
    assert_eq!(story[from..], resumed[1..]);

    scene.log.lock().unwrap().clear();
    scene.wait().await.unwrap();
    let story = scene.story();
    assert_eq!(story.last().unwrap(), "check");
    assert_eq!(scene.ran("check"), 2);
    for hook in ["on_stop", "on_resume", "check"] {
        let told = format!("{hook} hook");
        assert!(scene.told().contains(&told), "{}", scene.told());
    }
    assert!(!scene.told().contains("WARN"), "{}", scene.told());
}

#[tokio::test]
async fn single_nodes_are_changed_without_hooks() {
    let scene = Scene::started(&["--at-stop", "crashes", "--at-resume", "crashes"]).await;
    let one = |name: &str| {
        let mut change = whole();
        change.selection.names = vec![name.into()];
        change
    };
    let session = scene.stage.session();
    let stop = Stop {
        change: one(NODES[0]),
        time: Duration::ZERO,
        timeout: LONG,
    };
    lifecycle::stop(&session, &stop).await.unwrap();
    let resume = Resume {
        change: one(NODES[0]),
        timeout: LONG,
    };
    lifecycle::resume(&session, &resume).await.unwrap();
    assert_eq!((scene.ran("on_stop"), scene.ran("on_resume")), (0, 0));
}

#[tokio::test]
async fn a_check_is_repeated_until_it_passes() {
    let scene = Scene::started(&["--at-check", "asks"]).await;
    let asked = Mutex::new(0);
    scene.on_exec(move |line| {
        let mut asked = asked.lock().unwrap();
        *asked += u32::from(line.contains("/healthy"));
        if line.contains("/healthy") && *asked < 4 {
            ExecAnswer::failure(1)
        } else {
            ExecAnswer::success()
        }
    });
    scene.wait().await.unwrap();
    assert_eq!(scene.ran("check"), 8, "four times on two nodes");
    let told = scene.told();
    assert_eq!(told.matches("check hook").count(), 1, "{told}");
}

#[tokio::test]
async fn what_hooks_leave_is_kept_and_told() {
    let scene = Scene::started(&["--at-stop", "tells", "--at-resume", "tells"]).await;
    scene.stop().await.unwrap();
    scene.resume().await.unwrap();
    let told = scene.told();
    for hook in ["on_stop", "on_resume"] {
        assert!(told.contains(&format!("closing words of {hook}")), "{told}");
    }
    let record = scene.fake.read_file(NODES[0], "/.clusterdock/record.json");
    let record = String::from_utf8(record.unwrap()).unwrap();
    assert!(record.contains(r#""told-by":"on_resume""#), "{record}");
    assert!(record.contains(r#""runs":1"#), "{record}");
}

#[tokio::test]
async fn nodes_that_a_hook_stops_or_removes_are_not_missed() {
    let scene = Scene::started(&["--at-stop", "stops-one"]).await;
    scene.restart().await.unwrap();
    assert_eq!(scene.states().await, RUNNING);
    // A restart waits for the node that its hook has stopped.
    let log = scene.log.lock().unwrap().clone();
    let waited = |node: &str| log.contains(&format!("serves {node}"));
    assert!(NODES.iter().all(|node| waited(node)), "{log:?}");

    let scene = Scene::started(&["--at-resume", "stops-one"]).await;
    scene.stop().await.unwrap();
    scene.resume().await.unwrap();
    assert_eq!(scene.states().await, [State::Running, State::Exited]);

    let scene = Scene::started(&["--at-stop", "removes-one"]).await;
    scene.stop().await.unwrap();
    assert_eq!(scene.states().await, [State::Exited]);
}
