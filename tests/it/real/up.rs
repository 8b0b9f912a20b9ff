//! `up` and `down` with a file, in each state that a cluster can be in.

use std::fs;

use clusterdock_tests::cargo::workspace;
use clusterdock_tests::run::Run;
use clusterdock_tests::scene::{NODEBASE, Scene};

/// A project with a `lab.toml`.
struct Project {
    scene: Scene,
    folder: tempfile::TempDir,
}

impl Project {
    fn new(what: &str) -> Option<Project> {
        let scene = Scene::new(what)?;
        let folder = tempfile::tempdir().unwrap();
        let topology = workspace().join(NODEBASE);
        let name = &scene.name;
        let lab = format!(
            "topology = \"{}\"\n\n[options]\ncluster-name = \"{name}\"\nnetwork = \"{name}\"\nvolume = \"./data:/data\"\n",
            topology.display()
        );
        fs::write(folder.path().join("lab.toml"), lab).unwrap();
        fs::create_dir(folder.path().join("data")).unwrap();
        fs::write(folder.path().join("data/file"), "shared").unwrap();
        Some(Project { scene, folder })
    }

    fn run(&self, words: &[&str]) -> Run {
        self.scene
            .run(words.iter().copied())
            .folder(self.folder.path())
    }

    fn containers(&self) -> Vec<String> {
        let things = self.scene.things().into_iter();
        let containers =
            things.filter_map(|thing| Some(thing.strip_prefix("container ")?.to_string()));
        let states = containers.map(|thing| {
            let words: Vec<&str> = thing.split(' ').take(2).collect();
            words
                .join(" ")
                .replace(&format!(".{}", self.scene.name), "")
        });
        let mut states: Vec<String> = states.collect();
        states.sort();
        states
    }
}

const RUNNING: [&str; 2] = ["node-1 running", "node-2 running"];

#[test]
fn up_brings_a_cluster_to_running_and_down_removes_it() {
    let Some(project) = Project::new("up") else {
        return;
    };
    let name = &project.scene.name;
    project.run(&["down"]).succeeds();
    let planned = project.run(&["up", "--dry-run"]).succeeds().stdout;
    for text in ["lab.toml", NODEBASE, "--network"] {
        assert!(planned.contains(text), "no {text} in {planned}");
    }
    let started = project.run(&["up", "-d"]).succeeds();
    assert_eq!(started.stdout, format!("{name}\n"));
    assert!(
        started.stderr.contains("Using lab.toml: topology"),
        "{}",
        started.stderr
    );
    assert_eq!(project.scene.on_node("node-1", "cat /data/file"), "shared");
    let again = project.run(&["up"]).succeeds();
    assert_eq!(again.stdout, format!("{name}\n"));
    assert!(again.stderr.contains("already running"), "{}", again.stderr);
    for change in [
        &["stop", name][..],
        &["pause", name],
        &["stop", &project.scene.fqdn("node-1")],
    ] {
        project.run(change).succeeds();
        assert_ne!(project.containers(), RUNNING);
        project.run(&["up"]).succeeds();
        assert_eq!(project.containers(), RUNNING, "{change:?}");
    }
    let reused = project.run(&["start", "--reuse", "-f", "lab.toml", "--format", "json"]);
    assert!(reused.succeeds().stdout.contains("\"state\": \"running\""));
    project.run(&["down", "--dry-run"]).succeeds();
    assert_eq!(project.containers(), RUNNING);
    project.run(&["down"]).succeeds();
    project.scene.assert_empty();
    let gone = project.run(&["down"]).succeeds().stderr;
    assert!(
        gone.contains(&format!("there is no cluster {name}")),
        "{gone}"
    );
}

#[test]
fn a_cluster_that_differs_is_only_replaced_if_asked() {
    let Some(project) = Project::new("up-other") else {
        return;
    };
    project.run(&["up"]).succeeds();
    let texts = [
        "`--nodes` was `node-1 node-2`, now `node-1 node-2 node-3`",
        "`--cpus` was not given, now it is `1`",
        "--recreate",
    ];
    let other = ["up", "--nodes", "3", "--cpus", "1"];
    project.run(&other).fails(4, &texts);
    assert_eq!(project.containers(), RUNNING);
    project
        .run(&[&other[..], &["--recreate"]].concat())
        .succeeds();
    assert_eq!(project.containers().len(), 3);
    project.run(&other).succeeds();
    // An incomplete one.
    project
        .run(&["rm", &project.scene.fqdn("node-3")])
        .succeeds();
    project
        .run(&other)
        .fails(4, &["is incomplete", "2 of 3 nodes", "--recreate"]);
    project.run(&["up", "--recreate"]).succeeds();
    assert_eq!(project.containers(), RUNNING);
    project.run(&["rm", "-fv", &project.scene.name]).succeeds();
    project.scene.assert_empty();
    project.run(&["rm", "-fv", &project.scene.name]).succeeds();
}
