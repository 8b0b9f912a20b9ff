//! The loop of an author: a new topology is started, edited, its hooks run again, and tested as a whole.

use std::fs;
use std::io::Read;
use std::path::Path;

use clusterdock_tests::plugins;
use clusterdock_tests::run::Run;
use clusterdock_tests::scene::Scene;
use rustix::process::{Pid, Signal, kill_process};

/// A new topology in a scene.
struct Author {
    scene: Scene,
    folder: tempfile::TempDir,
}

impl Author {
    fn new(what: &str) -> Option<Author> {
        let scene = Scene::new(what)?;
        let folder = tempfile::tempdir().unwrap();
        let author = Author { scene, folder };
        author.run(&["topology", "new", "demo"]).succeeds();
        Some(author)
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.scene
            .run(arguments.iter().copied())
            .folder(self.folder.path())
    }

    fn start(&self) -> Run {
        let name = &self.scene.name;
        self.run(&["start", "-c", name, "-n", name, "./demo"])
    }

    fn hook(&self, hook: &str) -> Run {
        self.run(&["hook", &self.scene.name, hook])
    }

    fn test(&self) -> Run {
        self.run(&["topology", "test", "./demo", "--junit", "junit.xml"])
    }

    fn edit(&self, old: &str, new: &str) {
        let path = self.folder.path().join("demo/src/lib.rs");
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(old), "{text}");
        fs::write(path, text.replace(old, new)).unwrap();
    }

    fn junit(&self) -> String {
        fs::read_to_string(self.folder.path().join("junit.xml")).unwrap()
    }

    /// The throwaway clusters that tests of this topology have left, by their records.
    fn throwaways(&self) -> String {
        let folder = self.folder.path().canonicalize().unwrap().join("demo");
        left_of(&self.scene, &folder)
    }
}

/// The records of all clusters of a topology but the scene's own.
fn left_of(scene: &Scene, topology: &Path) -> String {
    let label = format!("label=com.clusterdock.topology-path={}", topology.display());
    let records = scene.docker_says(&["volume", "ls", "-q", "--filter", &label]);
    let own = format!("clusterdock-{}", scene.name);
    records.lines().filter(|name| *name != own).collect()
}

#[test]
fn a_new_topology_is_started_edited_and_tested() {
    let Some(author) = Author::new("author") else {
        return;
    };
    author.start().succeeds();
    let ran = author.hook("check").succeeds();
    assert!(
        ran.stderr.contains("The check hook of cluster"),
        "{}",
        ran.stderr
    );

    author.edit("if greeting != wanted", "if greeting == wanted");
    // With the library that the cluster was started with, not with the topology as it is now.
    let waited = author.run(&["wait", &author.scene.name]).succeeds();
    assert!(
        waited.stderr.contains("Running the check hook"),
        "{}",
        waited.stderr
    );
    let ran = author.hook("check").fails(10, &["greets with `hello`"]);
    assert!(
        ran.stderr.contains("Compiling plugin topology_demo"),
        "{}",
        ran.stderr
    );
    let ran = author
        .test()
        .fails(1, &["tests of plugin `topology_demo` failed"]);
    assert!(
        ran.stdout.contains("unit tests  failed after"),
        "{}",
        ran.stdout
    );

    author.edit("if greeting == wanted", "if greeting != wanted");
    author.hook("start").succeeds();
    let ran = author.test().succeeds();
    for phase in [
        "unit tests",
        "compile",
        "start",
        "check",
        "restart",
        "check again",
        "remove",
    ] {
        let line = ran
            .stdout
            .lines()
            .find(|line| line.starts_with(&format!("{phase}  ")));
        assert!(
            line.is_some_and(|line| line.contains("passed in")),
            "{phase}: {}",
            ran.stdout
        );
    }
    assert!(
        author.junit().contains("tests=\"7\" skipped=\"0\""),
        "{}",
        author.junit()
    );
    assert_eq!(author.throwaways(), "");

    author.edit("const MEMBERS", "// Without a check hook.\nconst MEMBERS");
    author.run(&["topology", "check", "./demo"]).succeeds();
}

/// The record of a cluster names the topology, but only those that this user has signed are believed.
#[test]
fn a_hook_of_a_cluster_from_elsewhere_is_refused() {
    let Some(scene) = Scene::new("elsewhere") else {
        return;
    };
    scene.start().succeeds();
    let other = tempfile::tempdir().unwrap();
    scene.run(["hook", &scene.name]).config(other.path()).fails(
        4,
        &[
            "was started elsewhere",
            "hint: run this as the user who started",
        ],
    );
    scene
        .run(["hook", "no-such-cluster"])
        .fails(3, &["cluster `no-such-cluster` not found"]);
    scene
        .run(["hook", &scene.name, "knock"])
        .fails(2, &["start, check"]);
    // Nodebase has neither hook.
    scene.run(["hook", &scene.name, "check"]).fails(
        2,
        &["topology `nodebase` has no check hook", "it has no hooks"],
    );
    scene.run(["stop", &scene.name]).succeeds();
}

#[test]
fn an_interrupted_test_leaves_nothing() {
    let Some(scene) = Scene::new("broken-off") else {
        return;
    };
    let library = plugins::library("topology_nodebase");
    let run = scene
        .run(["topology", "test", "--progress", "plain"])
        .args([&library]);
    let (mut child, mut story) = run.until("Stopping node");
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    let mut rest = String::new();
    story.read_to_string(&mut rest).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest}");
    assert_eq!(left_of(&scene, &library), "");
}
