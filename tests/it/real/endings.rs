//! Starts that are ended from outside: by signals, by a deadline, by SIGKILL.

use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr};

use clusterdock_plugin_wire::{NodeSpec, Volume};
use clusterdock_tests::plugins;
use clusterdock_tests::run::Run;
use clusterdock_tests::scene::{NODEBASE, Scene};
use rustix::process::{Pid, Signal, kill_process};

/// Starts many nodes, and returns the process as soon as its progress contains `text`.
fn start_until(scene: &Scene, text: &str) -> (Child, BufReader<ChildStderr>) {
    plugins::library("topology_nodebase");
    let nodes = (1..=8).map(|number| format!("n{number}"));
    scene
        .start()
        .args(["--progress", "plain", "--nodes"])
        .args(nodes)
        .until(text)
}

fn signal(child: &Child, signal: Signal) {
    kill_process(Pid::from_child(child), signal).unwrap();
}

#[test]
fn ctrl_c_and_sigterm_roll_back_the_start() {
    for (sent, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let Some(scene) = Scene::new("signal") else {
            return;
        };
        let (mut child, story) = start_until(&scene, "Starting node n4");
        signal(&child, sent);
        let rest: Vec<String> = story.lines().map_while(Result::ok).collect();
        assert_eq!(child.wait().unwrap().code(), Some(code), "{rest:?}");
        scene.assert_empty();
    }
}

#[test]
fn sigkill_leaves_a_partial_cluster_that_can_be_removed() {
    let Some(scene) = Scene::new("kill") else {
        return;
    };
    let (mut child, _) = start_until(&scene, "Starting node n3");
    child.kill().unwrap();
    child.wait().unwrap();
    let listed = scene.run(["ls", "--format", "json"]).succeeds().stdout;
    let json: serde_json::Value = serde_json::from_str(&listed).unwrap();
    let clusters = json["clusters"].as_array().unwrap();
    let cluster = clusters
        .iter()
        .find(|cluster| cluster["name"] == scene.name.as_str())
        .unwrap();
    assert_eq!(cluster["state"], "partial");
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

#[test]
fn a_retained_start_says_how_to_remove_it() {
    let Some(scene) = Scene::new("keep") else {
        return;
    };
    let ran = scene
        .start()
        .args(["--retain", "--timeout", "1ms"])
        .fails(7, &["--timeout", "clusterdock rm"]);
    assert!(ran.stderr.contains(&scene.name), "{}", ran.stderr);
    assert!(!scene.things().is_empty());
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

#[test]
fn a_dry_run_creates_nothing() {
    let Some(scene) = Scene::new("dry") else {
        return;
    };
    let plan = scene.start().args(["--dry-run"]).succeeds().stdout;
    for line in [
        "create volume",
        "create network",
        "create container",
        "start container",
        "run hook",
        "write file",
    ] {
        assert!(plan.contains(line), "no `{line}` in:\n{plan}");
    }
    scene.assert_empty();
}

#[test]
fn the_same_command_line_prints_the_same_plan() {
    let Some(scene) = Scene::new("same") else {
        return;
    };
    let build = format!(
        "printf 'FROM scratch\nVOLUME /a\nVOLUME /b\n' | DOCKER_BUILDKIT=0 docker build -q -t {}:1 -",
        scene.name
    );
    let built = std::process::Command::new("sh")
        .args(["-c", &build])
        .env("DOCKER_HOST", scene.engine())
        .output();
    assert!(built.unwrap().status.success());
    let image = format!("{}:1", scene.name);
    let volumes = NodeSpec::new("", "")
        .volume(Volume::of_image(&image))
        .volume(Volume::anonymous("/fresh"));
    let unnamed = || scene.run(["start", "-n", &scene.name, NODEBASE]);
    let starts: [&dyn Fn() -> Run; 3] = [
        &|| scene.start(),
        &|| scene.start_like(&volumes),
        // Its name is generated.
        &unnamed,
    ];
    for start in starts {
        for format in ["table", "json"] {
            let plan = || {
                let run = start().args(["--dry-run", "--format", format]);
                run.succeeds().stdout
            };
            assert_eq!(plan(), plan());
        }
    }
    scene.docker_says(&["rmi", &image]);
    scene.assert_empty();
}
