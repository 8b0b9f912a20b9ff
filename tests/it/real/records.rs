//! The record of a cluster on a real engine: it decides between users who share nothing else, and shows the leftovers
//! of starts and removals.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr};

use clusterdock_tests::plugins;
use clusterdock_tests::run::{Ran, config_directory};
use clusterdock_tests::scene::{NODEBASE, Scene};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;

/// How often two users start a cluster of one name.
const ROUNDS: usize = 8;

fn record(scene: &Scene) -> String {
    format!("clusterdock-{}", scene.name)
}

/// A cluster as `ls` shows it.
fn listed(scene: &Scene) -> Option<Value> {
    let answer = scene.run(["ls", "--format", "json"]).succeeds().stdout;
    let json: Value = serde_json::from_str(&answer).unwrap();
    json["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .find(|cluster| cluster["name"] == scene.name.as_str())
        .cloned()
}

#[track_caller]
fn assert_listed(scene: &Scene, state: &str, running: usize, size: usize) {
    let cluster = listed(scene).expect("it is listed");
    let facts = (
        cluster["state"].as_str().unwrap(),
        cluster["running"].as_u64(),
        cluster["size"].as_u64(),
    );
    assert_eq!(
        facts,
        (state, Some(running as u64), Some(size as u64)),
        "{cluster}"
    );
}

#[test]
fn of_two_users_who_start_one_name_one_wins() {
    let Some(scene) = Scene::new("users") else {
        return;
    };
    // Compiles and assembles what both need.
    scene.start().succeeds();
    scene.run(["rm", &scene.name]).succeeds();
    let folders = [config_directory(), config_directory()];
    for round in 0..ROUNDS {
        let networks = [format!("{}-a", scene.name), format!("{}-b", scene.name)];
        // Neither locks nor networks nor host names are shared: only the record can decide.
        let children: Vec<_> = networks
            .iter()
            .zip(&folders)
            .map(|(network, folder)| {
                let run = scene.run([
                    "start",
                    "-c",
                    &scene.name,
                    "-n",
                    network,
                    NODEBASE,
                    "--nodes",
                    "x",
                    "y",
                ]);
                run.config(folder.path()).command().spawn().unwrap()
            })
            .collect();
        let ran: Vec<Ran> = children
            .into_iter()
            .map(|child| Ran::from(child.wait_with_output().unwrap()))
            .collect();
        let output = format!(
            "round {round}: {} {}\n{}",
            ran[0].code, ran[0].stderr, ran[1].stderr
        );
        let winner = ran.iter().position(|ran| ran.code == 0).expect(&output);
        let loser = &ran[1 - winner];
        assert_eq!(loser.code, 4, "{output}");
        assert!(
            loser
                .stderr
                .contains(&format!("cluster name `{}` is in use", scene.name)),
            "{output}"
        );
        scene.assert_has(2, 1, 1);
        let things = scene.things();
        assert!(
            !things
                .iter()
                .any(|thing| thing.contains(&format!(" {} ", networks[1 - winner]))),
            "{things:#?}"
        );
        scene.run(["rm", &scene.name]).succeeds();
        scene.assert_empty();
    }
}

#[test]
fn no_prune_removes_the_record_of_a_cluster() {
    let Some(scene) = Scene::new("mounted") else {
        return;
    };
    scene.start().succeeds();
    let record = record(&scene);
    for node in ["node-1", "node-2"] {
        let mounts = scene.docker_says(&["inspect", "-f", "{{json .Mounts}}", &scene.fqdn(node)]);
        let mounts: Value = serde_json::from_str(&mounts).unwrap();
        assert_eq!(
            (&mounts[0]["Name"], &mounts[0]["Destination"]),
            (&record.clone().into(), &"/.clusterdock".into())
        );
        assert_eq!(
            scene.on_node(node, "ls /.clusterdock"),
            "complete\nrecord.json"
        );
    }
    assert_listed(&scene, "running", 2, 2);
    scene.run(["stop", &scene.name]).succeeds();
    // A prune would take others' volumes, too; both refuse for the same reason.
    let refused = scene.docker(&["volume", "rm", &record]);
    assert!(
        String::from_utf8_lossy(&refused.stderr).contains("in use"),
        "{refused:?}"
    );
    assert_listed(&scene, "stopped", 0, 2);
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

#[test]
fn a_volume_with_the_name_of_the_record_is_a_conflict() {
    let Some(scene) = Scene::new("foreign") else {
        return;
    };
    let record = record(&scene);
    scene.docker_says(&["volume", "create", &record]);
    scene.start().fails(
        4,
        &[
            &format!("volume `{record}` is in use"),
            "hint:",
            "docker volume rm",
        ],
    );
    let left: Vec<String> = scene
        .things()
        .iter()
        .map(|thing| thing.trim().to_string())
        .collect();
    assert_eq!(left, [format!("volume {record}")]);
    assert_eq!(listed(&scene), None);
}

/// Reads the rest of the progress of a start; returns its exit code and the messages of both commands.
fn ended(mut child: Child, mut story: BufReader<ChildStderr>, removed: &Ran) -> (i32, String) {
    let mut output = String::new();
    story.read_to_string(&mut output).unwrap();
    let code = child.wait().unwrap().code().unwrap_or(-1);
    (
        code,
        format!(
            "start: {code}\n{output}\nrm: {}\n{}",
            removed.code, removed.stderr
        ),
    )
}

#[test]
fn removing_a_cluster_during_its_hook_fails_the_start() {
    let Some(scene) = Scene::new("hooked") else {
        return;
    };
    let start = scene
        .run(["start", "-c", &scene.name, "-n", &scene.name])
        .args([plugins::library("topology_waiting")]);
    let (child, story) = start.args(["--for-ever"]).until("waiting for ever");
    let removed = scene.run(["rm", &scene.name]).run();
    let (code, output) = ended(child, story, &removed);
    assert_eq!((code, removed.code), (8, 0), "{output}");
    assert!(output.contains("was removed during the start"), "{output}");
    scene.assert_empty();
}

#[test]
fn a_removed_start_never_outlives_the_removal() {
    let Some(scene) = Scene::new("removed") else {
        return;
    };
    plugins::library("topology_nodebase");
    let nodes = (1..=8).map(|number| format!("n{number}"));
    let start = scene
        .start()
        .args(["--progress", "plain", "--nodes"])
        .args(nodes);
    for text in ["Starting node n1", "Starting node n3", "Starting node n6"] {
        let (child, story) = start.until(text);
        let removed = scene.run(["rm", &scene.name]).run();
        let (code, output) = ended(child, story, &removed);
        assert_eq!(removed.code, 0, "after `{text}`: {output}");
        // On a busy machine the start may be over before anything is removed; then all of it was.
        assert!(
            code == 0 || code == 8 && output.contains("was removed during the start"),
            "after `{text}`: {output}"
        );
        assert_eq!(
            scene.things(),
            Vec::<String>::new(),
            "after `{text}`: {output}"
        );
    }
}

#[test]
fn leftovers_of_a_killed_removal_are_listed_and_removed() {
    let Some(scene) = Scene::new("killed") else {
        return;
    };
    plugins::library("topology_nodebase");
    let nodes = (1..=6).map(|number| format!("n{number}"));
    let start = scene.start().args(["--nodes"]).args(nodes);
    for text in [
        "Removed container",
        "Removed network",
        "Removed container n6",
    ] {
        start.succeeds();
        let (mut child, _story) = scene
            .run(["-v", "--progress", "plain", "rm", &scene.name])
            .until(text);
        // It may have got through already.
        child.kill().unwrap();
        child.wait().unwrap();
        if scene.things().is_empty() {
            continue;
        }
        let cluster = listed(&scene).expect("what is left is listed");
        assert_eq!(
            (&cluster["state"], &cluster["size"]),
            (&"partial".into(), &6.into()),
            "{:#?}",
            scene.things()
        );
        scene.run(["rm", &scene.name]).succeeds();
        scene.assert_empty();
    }
}

#[test]
fn an_interrupted_removal_lists_its_leftovers() {
    let Some(scene) = Scene::new("stopped") else {
        return;
    };
    plugins::library("topology_nodebase");
    let nodes = (1..=6).map(|number| format!("n{number}"));
    let start = scene.start().args(["--nodes"]).args(nodes);
    for signal in [Signal::INT, Signal::TERM] {
        start.succeeds();
        let rm = scene.run(["-v", "--progress", "plain", "rm", &scene.name]);
        let (mut child, story) = rm.until("Removed container");
        kill_process(Pid::from_child(&child), signal).unwrap();
        let rest: Vec<String> = story.lines().map_while(Result::ok).collect();
        let (code, rest) = (child.wait().unwrap().code(), rest.join("\n"));
        // It may have got through already.
        if !scene.things().is_empty() {
            assert_eq!(code, Some(12), "{rest}");
            let volume = format!("volume `{}`", record(&scene));
            assert!(rest.contains(&volume) && rest.contains("hint:"), "{rest}");
            let cluster = listed(&scene).expect("what is left is listed");
            assert_eq!(cluster["state"], "partial", "{:#?}", scene.things());
            scene.run(["rm", &scene.name]).succeeds();
        }
        scene.assert_empty();
    }
}

#[test]
fn a_kept_network_is_listed_as_unused() {
    let Some(scene) = Scene::new("unused") else {
        return;
    };
    scene.start().succeeds();
    scene.run(["manage", "remove", &scene.name]).succeeds();
    let answer = scene.run(["ls", "--format", "json"]).succeeds().stdout;
    let json: Value = serde_json::from_str(&answer).unwrap();
    let unused = json["unused_networks"].as_array().unwrap();
    assert!(unused.contains(&scene.name.as_str().into()), "{answer}");
    assert_eq!(listed(&scene), None);
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

#[test]
fn nodes_removed_by_a_hook_are_not_missing() {
    let Some(scene) = Scene::new("shrunk") else {
        return;
    };
    let build = scene.run([
        "build",
        "--retain",
        "-n",
        &scene.name,
        "-r",
        &format!("docker.io/{}", scene.name),
    ]);
    let ran = build
        .args([plugins::library("topology_calls")])
        .args(["--tag", "v7"])
        .succeeds();
    let ls = scene.run(["ls", "--format", "json"]).succeeds().stdout;
    let json: Value = serde_json::from_str(&ls).unwrap();
    let of_scene = |cluster: &&Value| cluster["networks"][0] == scene.name.as_str();
    let cluster = json["clusters"]
        .as_array()
        .unwrap()
        .iter()
        .find(of_scene)
        .expect(&ran.stderr);
    assert_eq!(
        (&cluster["state"], &cluster["running"]),
        (&"running".into(), &cluster["size"]),
        "{cluster}"
    );
    let nodes = scene
        .things()
        .iter()
        .filter(|thing| thing.starts_with("container"))
        .count();
    assert_eq!(cluster["size"], nodes, "{cluster}");
    scene
        .run(["rm", cluster["name"].as_str().unwrap()])
        .succeeds();
    scene.docker_says(&["rmi", &format!("{}/topology_calls:v7", scene.name)]);
    scene.assert_empty();
}
