//! A scene for a test on a real engine: a cluster name and a network for the test, runs of the program that use
//! them, and a clean-up that removes everything with these names, whatever happened.

use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

use clusterdock_plugin_wire::NodeSpec;

use crate::plugins;
use crate::run::{Run, config_directory};

/// The topology that scenes start.
pub const NODEBASE: &str = "topologies/topology_nodebase";

/// Skips tests that need an engine.
const NO_DOCKER: &str = "CLUSTERDOCK_TEST_NO_DOCKER";

/// The part of an engine that belongs to one test.
pub struct Scene {
    /// The network's name, and the prefix of cluster names.
    pub name: String,
    /// The engine's address.
    engine: String,
    /// An additional variable that is needed to reach it.
    environment: Vec<(String, OsString)>,
    config: tempfile::TempDir,
}

impl Scene {
    /// A scene on the machine's engine; `None` if tests that need one are skipped.
    ///
    /// # Panics
    /// No engine answers.
    pub fn new(what: &str) -> Option<Scene> {
        if std::env::var_os(NO_DOCKER).is_some() {
            skipped(&format!("test `{what}`: {NO_DOCKER} is set"));
            return None;
        }
        let engine = std::env::var("DOCKER_HOST").unwrap_or("unix:///var/run/docker.sock".into());
        let scene = Scene::on(&engine, what);
        let answer = scene.docker(&["version", "--format", "{{.Server.Version}}"]);
        assert!(
            answer.status.success(),
            "no engine answers at {engine}; {NO_DOCKER}=1 leaves tests that need one out"
        );
        Some(scene)
    }

    /// A scene on this engine.
    pub fn on(engine: &str, what: &str) -> Scene {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cd-{what}-{:x}-{number:x}", std::process::id());
        let config = config_directory();
        Scene {
            name,
            engine: engine.into(),
            environment: Vec::new(),
            config,
        }
    }

    /// The same with a variable that is needed to reach the engine.
    #[must_use]
    pub fn with(mut self, name: &str, value: impl Into<OsString>) -> Scene {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// The engine's address.
    pub fn engine(&self) -> &str {
        &self.engine
    }

    /// `clusterdock ARGUMENTS` on this engine, with the scene's config directory.
    pub fn run<S: Into<OsString>>(&self, arguments: impl IntoIterator<Item = S>) -> Run {
        let run = Run::new(arguments)
            .env("DOCKER_HOST", &self.engine)
            .config(self.config.path());
        let run = self
            .environment
            .iter()
            .fold(run, |run, (name, value)| run.env(name, value));
        // A test that ends early would not remove its names from the machine's hosts file.
        run.env("CLUSTERDOCK_START_UPDATE_ETC_HOSTS", "never")
    }

    /// `clusterdock start` of nodebase, as the scene's cluster on the scene's network.
    pub fn start(&self) -> Run {
        self.run(["start", "-c", &self.name, "-n", &self.name, NODEBASE])
    }

    /// Like the above, with a topology whose nodes all have these settings.
    pub fn start_like(&self, like: &NodeSpec) -> Run {
        let spec = serde_json::to_string(like).expect("a spec is plain data");
        let start = self.run(["start", "-c", &self.name, "-n", &self.name]);
        start
            .args([plugins::library("topology_settings")])
            .args(["--spec", &spec])
    }

    /// The config directory.
    pub fn config(&self) -> &Path {
        self.config.path()
    }

    /// `docker ARGUMENTS` on this engine.
    pub fn docker(&self, arguments: &[&str]) -> Output {
        let environment = self.environment.iter().cloned();
        let docker = Command::new("docker")
            .env("DOCKER_HOST", &self.engine)
            .envs(environment)
            .args(arguments)
            .output();
        docker.expect("Docker's command line is installed")
    }

    /// The output of `docker ARGUMENTS`, which must succeed.
    #[track_caller]
    pub fn docker_says(&self, arguments: &[&str]) -> String {
        let output = self.docker(arguments);
        assert!(
            output.status.success(),
            "docker {arguments:?}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    }

    /// The output of a command in a node, by `docker exec`.
    #[track_caller]
    pub fn on_node(&self, hostname: &str, command: &str) -> String {
        self.docker_says(&["exec", &self.fqdn(hostname), "sh", "-c", command])
    }

    /// `HOSTNAME.NETWORK`: the name of its container, and its FQDN unless a domain is chosen.
    pub fn fqdn(&self, hostname: &str) -> String {
        format!("{hostname}.{}", self.name)
    }

    /// Everything of the scene on the engine, one item per line.
    pub fn things(&self) -> Vec<String> {
        const ORIGIN: &str = "{{.Label \"com.clusterdock.clusterdock\"}}";
        let list = |kind: &str, arguments: &[&str], name: &str| -> Vec<String> {
            let lines =
                self.docker_says(&[arguments, &["--format", &format!("{name} {ORIGIN}")]].concat());
            lines
                .lines()
                .filter(|line| line.contains(&self.name))
                .map(|line| format!("{kind} {line}"))
                .collect()
        };
        let mut things = list("container", &["ps", "-a"], "{{.Names}} {{.State}}");
        things.extend(list("network", &["network", "ls"], "{{.Name}}"));
        things.extend(list("volume", &["volume", "ls"], "{{.Name}}"));
        things
    }

    /// Asserts how many containers, networks and volumes the scene has.
    #[track_caller]
    pub fn assert_has(&self, containers: usize, networks: usize, volumes: usize) {
        let things = self.things();
        let count = |kind: &str| {
            things
                .iter()
                .filter(|thing| thing.starts_with(kind))
                .count()
        };
        assert_eq!(
            ["container", "network", "volume"].map(count),
            [containers, networks, volumes],
            "{things:#?}"
        );
    }

    /// Asserts that nothing of the scene is left.
    #[track_caller]
    pub fn assert_empty(&self) {
        assert_eq!(self.things(), Vec::<String>::new());
    }
}

/// Reports that something is skipped, even if the test runner captures output.
pub fn skipped(what: &str) {
    note(&format!("skipped: {what}"));
}

/// Writes a line even if the test runner captures output.
pub fn note(line: &str) {
    // A failed write cannot be reported.
    drop(writeln!(std::io::stderr(), "{line}"));
}

impl Drop for Scene {
    fn drop(&mut self) {
        let names = |arguments: &[&str]| -> Vec<String> {
            let output = self.docker(arguments);
            let lines = String::from_utf8_lossy(&output.stdout).into_owned();
            let ours = lines.lines().filter(|line| line.contains(&self.name));
            ours.filter_map(|line| line.split_whitespace().next())
                .map(str::to_string)
                .collect()
        };
        let remove = |arguments: &[&str], names: Vec<String>| {
            for name in names {
                drop(self.docker(&[arguments, &[&name]].concat()));
            }
        };
        remove(
            &["rm", "-f", "-v"],
            names(&[
                "ps",
                "-a",
                "--no-trunc",
                "--format",
                "{{.ID}} {{.Names}} {{.Labels}}",
            ]),
        );
        remove(
            &["network", "rm"],
            names(&["network", "ls", "--format", "{{.ID}} {{.Name}} {{.Labels}}"]),
        );
        remove(
            &["volume", "rm"],
            names(&["volume", "ls", "--format", "{{.Name}} {{.Labels}}"]),
        );
    }
}
