//! A scene for a test on a real engine: a cluster name and a network of the test's own, runs of the program that use
//! them, and an end that removes what carries them, whatever happened.

use crate::plugins;
use crate::run::Run;
use clusterdock_plugin_api::NodeSpec;
use std::ffi::OsString;
use std::io::Write;
use std::path::Path;
use std::process::{Command, Output};
use std::sync::atomic::{AtomicUsize, Ordering};

/// The topology that scenes start.
pub const NODEBASE: &str = "topologies/topology_nodebase";

/// Leaves tests out that need an engine.
const NO_DOCKER: &str = "CLUSTERDOCK_TEST_NO_DOCKER";

/// One test's part of an engine.
pub struct Scene {
    /// The network's name, also the beginning of cluster names.
    pub name: String,
    /// The engine's address.
    engine: String,
    /// What else reaching it takes.
    environment: Vec<(String, OsString)>,
    config: tempfile::TempDir,
}

impl Scene {
    /// A scene on this machine's engine; none when tests that need one are left out.
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
        assert!(answer.status.success(), "no engine answers at {engine}; {NO_DOCKER}=1 leaves tests that need one out");
        Some(scene)
    }

    /// A scene on this engine.
    pub fn on(engine: &str, what: &str) -> Scene {
        static COUNT: AtomicUsize = AtomicUsize::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("cd-{what}-{:x}-{number:x}", std::process::id());
        let config = tempfile::tempdir().expect("there is room for temporary files");
        Scene { name, engine: engine.into(), environment: Vec::new(), config }
    }

    /// The same with a variable that reaching the engine takes.
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
        let run = Run::new(arguments).env("DOCKER_HOST", &self.engine).config(self.config.path());
        let run = self.environment.iter().fold(run, |run, (name, value)| run.env(name, value));
        // A test that ends early takes nothing out of the machine's hosts file.
        run.env("CLUSTERDOCK_START_UPDATE_ETC_HOSTS", "never")
    }

    /// `clusterdock start` of nodebase, as the scene's cluster on the scene's network.
    pub fn start(&self) -> Run {
        self.run(["start", "-c", &self.name, "-n", &self.name, NODEBASE])
    }

    /// The same of a topology whose nodes are all like this, but for their names.
    pub fn start_like(&self, like: &NodeSpec) -> Run {
        let spec = serde_json::to_string(like).expect("a spec is plain data");
        let start = self.run(["start", "-c", &self.name, "-n", &self.name]);
        start.args([plugins::library("topology_settings")]).args(["--spec", &spec])
    }

    /// The config directory.
    pub fn config(&self) -> &Path {
        self.config.path()
    }

    /// `docker ARGUMENTS` on this engine.
    pub fn docker(&self, arguments: &[&str]) -> Output {
        let environment = self.environment.iter().cloned();
        let docker = Command::new("docker").env("DOCKER_HOST", &self.engine).envs(environment).args(arguments).output();
        docker.expect("Docker's command line is installed")
    }

    /// What `docker ARGUMENTS` wrote, which succeeded.
    #[track_caller]
    pub fn docker_says(&self, arguments: &[&str]) -> String {
        let output = self.docker(arguments);
        assert!(output.status.success(), "docker {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8_lossy(&output.stdout).trim().to_string()
    }

    /// What a command in a node writes, by Docker's own means.
    #[track_caller]
    pub fn on_node(&self, hostname: &str, command: &str) -> String {
        self.docker_says(&["exec", &self.fqdn(hostname), "sh", "-c", command])
    }

    /// `HOSTNAME.NETWORK`.
    pub fn fqdn(&self, hostname: &str) -> String {
        format!("{hostname}.{}", self.name)
    }

    /// Everything of the scene's that the engine has, a line each.
    pub fn things(&self) -> Vec<String> {
        const ORIGIN: &str = "{{.Label \"com.clusterdock.clusterdock\"}}";
        let list = |kind: &str, arguments: &[&str], name: &str| -> Vec<String> {
            let lines = self.docker_says(&[arguments, &["--format", &format!("{name} {ORIGIN}")]].concat());
            lines.lines().filter(|line| line.contains(&self.name)).map(|line| format!("{kind} {line}")).collect()
        };
        let mut things = list("container", &["ps", "-a"], "{{.Names}} {{.State}}");
        things.extend(list("network", &["network", "ls"], "{{.Name}}"));
        things.extend(list("volume", &["volume", "ls"], "{{.Name}}"));
        things
    }

    /// Expects that nothing of the scene's is left.
    #[track_caller]
    pub fn is_empty(&self) {
        assert_eq!(self.things(), Vec::<String>::new());
    }
}

/// Tells that something is left out, where the test runner does not hide it.
pub fn skipped(what: &str) {
    // Nobody can be told that nobody can be told.
    drop(writeln!(std::io::stderr(), "skipped: {what}"));
}

impl Drop for Scene {
    fn drop(&mut self) {
        let names = |arguments: &[&str]| -> Vec<String> {
            let output = self.docker(arguments);
            let lines = String::from_utf8_lossy(&output.stdout).into_owned();
            let ours = lines.lines().filter(|line| line.contains(&self.name));
            ours.filter_map(|line| line.split_whitespace().next()).map(str::to_string).collect()
        };
        let remove = |arguments: &[&str], names: Vec<String>| {
            for name in names {
                drop(self.docker(&[arguments, &[&name]].concat()));
            }
        };
        remove(&["rm", "-f", "-v"], names(&["ps", "-a", "--no-trunc", "--format", "{{.ID}} {{.Names}} {{.Labels}}"]));
        remove(&["network", "rm"], names(&["network", "ls", "--format", "{{.ID}} {{.Name}} {{.Labels}}"]));
        remove(&["volume", "rm"], names(&["volume", "ls", "--format", "{{.Name}} {{.Labels}}"]));
    }
}
