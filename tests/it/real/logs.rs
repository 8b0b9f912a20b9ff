//! How the output of nodes is kept by the engine, read and followed.

use std::io::{BufRead, BufReader};

use clusterdock_plugin_wire::{NodeSpec, Probe};
use clusterdock_tests::scene::Scene;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

const NODES: [&str; 2] = ["node-1", "node-2"];

fn log_config(scene: &Scene) -> Value {
    let text = scene.docker_says(&[
        "inspect",
        "-f",
        "{{json .HostConfig.LogConfig}}",
        &scene.fqdn("node-1"),
    ]);
    serde_json::from_str(&text).unwrap()
}

fn restarted(scene: &Scene, start: clusterdock_tests::run::Run) -> Value {
    start.succeeds();
    let config = log_config(scene);
    scene.run(["rm", &scene.name]).succeeds();
    config
}

#[test]
fn logs_of_nodes_are_bounded_by_default() {
    let Some(scene) = Scene::new("logs") else {
        return;
    };
    if scene.docker_says(&["info", "-f", "{{.LoggingDriver}}"]) != "json-file" {
        return clusterdock_tests::scene::skipped("bounds of json-file: the engine logs otherwise");
    }
    let json_file = |size: &str, files: &str| json!({"Type": "json-file", "Config": {"max-size": size, "max-file": files}});
    let start = |arguments: &[&str]| {
        let name = scene.name.as_str();
        let own = ["start", "-c", name, "-n", name];
        scene.run(
            [
                &own[..],
                arguments,
                &["topologies/topology_nodebase", "--nodes", "node-1"],
            ]
            .concat(),
        )
    };
    assert_eq!(restarted(&scene, start(&[])), json_file("10485760", "5"));
    assert_eq!(
        restarted(
            &scene,
            start(&["--log-max-size", "2m", "--log-max-files", "3"])
        ),
        json_file("2097152", "3")
    );
    let by_environment = start(&[]).env("CLUSTERDOCK_START_LOG_MAX_SIZE", "1m");
    assert_eq!(restarted(&scene, by_environment), json_file("1048576", "5"));
    let engines = restarted(&scene, start(&["--log-max-size", "engine"]));
    let image = scene.docker_says(&[
        "images",
        "-q",
        "--filter",
        "label=com.clusterdock.image=host",
    ]);
    let plain = scene.docker_says(&["create", image.lines().next().unwrap()]);
    let its_own = scene.docker_says(&["inspect", "-f", "{{json .HostConfig.LogConfig}}", &plain]);
    scene.docker_says(&["rm", &plain]);
    assert_eq!(engines, serde_json::from_str::<Value>(&its_own).unwrap());
    // A choice of the topology, in Docker's terms.
    let like = NodeSpec::new("", "").with(|settings| {
        let create =
            json!({"HostConfig": {"LogConfig": {"Type": "local", "Config": {"max-size": "1m"}}}});
        settings.create = create.as_object().cloned().unwrap_or_default();
    });
    let own = restarted(&scene, scene.start_like(&like));
    assert_eq!(own, json!({"Type": "local", "Config": {"max-size": "1m"}}));
    start(&["--log-max-size", "0"]).fails(2, &["must be greater than 0"]);
    start(&["--log-max-files", "0"]).fails(2, &["--log-max-files"]);
}

#[test]
fn a_node_that_writes_endlessly_does_not_fill_the_disk() {
    let Some(scene) = Scene::new("loud") else {
        return;
    };
    let line = "x".repeat(100);
    let say = format!(
        "i=0; while [ $i -lt 20000 ]; do echo $i {line}; i=$((i+1)); done; touch /said; exec sleep infinity"
    );
    let like = NodeSpec::new("", "")
        .command(["sh", "-c", &say])
        .ready_when(Probe::command("test -e /said"));
    let start = scene
        .start_like(&like)
        .env("CLUSTERDOCK_START_LOG_MAX_SIZE", "100k");
    start.env("CLUSTERDOCK_START_LOG_MAX_FILES", "2").succeeds();
    let kept = scene.docker(&["logs", &scene.fqdn("node-1")]).stdout;
    assert!(
        !kept.is_empty() && kept.len() < 300_000,
        "{} bytes are kept",
        kept.len()
    );
}

#[test]
fn a_node_that_restarts_is_still_followed() {
    let Some(scene) = Scene::new("follow") else {
        return;
    };
    let speaks =
        NodeSpec::new("any", "nodes").command(["sh", "-c", "echo up; exec sleep infinity"]);
    scene.start_like(&speaks).succeeds();
    let mut follow = scene
        .run(["logs", "-f", &scene.name])
        .command()
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(follow.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut story = BufReader::new(follow.stderr.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let mut first: Vec<String> = lines.by_ref().take(2).collect();
    first.sort();
    let line = |node: &str| format!("{} | up", scene.fqdn(node));
    assert_eq!(first, NODES.map(line));
    for _ in 0..2 {
        scene.docker_says(&["stop", "-t", "0", &scene.fqdn("node-1")]);
        let stopped = story.next().unwrap();
        assert!(
            stopped.contains(&format!(
                "Node {} stopped (exit code ",
                scene.fqdn("node-1")
            )),
            "{stopped}"
        );
        scene.docker_says(&["start", &scene.fqdn("node-1")]);
        assert_eq!(lines.next().unwrap(), line("node-1"));
        let started = story.next().unwrap();
        assert!(
            started.contains(&format!("Node {} has started again.", scene.fqdn("node-1"))),
            "{started}"
        );
    }
    scene.docker_says(&[
        "restart",
        "-t",
        "0",
        &scene.fqdn("node-1"),
        &scene.fqdn("node-2"),
    ]);
    let mut again: Vec<String> = lines.by_ref().take(2).collect();
    again.sort();
    assert_eq!(again, NODES.map(line));
    scene.run(["rm", &scene.name]).succeeds();
    assert_eq!(lines.collect::<Vec<_>>(), Vec::<String>::new());
    assert!(follow.wait().unwrap().success());
}

#[test]
fn since_accepts_every_time() {
    let Some(scene) = Scene::new("since") else {
        return;
    };
    let speaks =
        NodeSpec::new("any", "nodes").command(["sh", "-c", "echo up; exec sleep infinity"]);
    scene.start_like(&speaks).succeeds();
    for (since, lines) in [
        ("2039-01-01", 0),
        ("2500-06-01T00:00:00Z", 0),
        ("2147483648", 0),
        ("99999999999", 0),
        ("1900-01-01", 1),
        ("0", 1),
        ("-5", 1),
        ("1h", 1),
        ("300h", 1),
    ] {
        for name in [scene.fqdn("node-1"), scene.name.clone()] {
            let all = if name == scene.name { 2 * lines } else { lines };
            let ran = scene
                .run(["logs", &format!("--since={since}"), &name])
                .succeeds();
            assert_eq!(
                (ran.stdout.lines().count(), &*ran.stderr),
                (all, ""),
                "{since}: {}",
                ran.stdout
            );
        }
    }
}

#[test]
fn logs_are_followed_until_the_nodes_stop_or_ctrl_c() {
    let Some(scene) = Scene::new("logs") else {
        return;
    };
    scene.start().succeeds();
    let say = |node: &str, text: &str| scene.on_node(node, &format!("echo {text} >/proc/1/fd/1"));
    say("node-1", "first");
    say("node-2", "second");
    let lines = ["node-1", "node-2"].map(|node| scene.fqdn(node));
    let expected = format!("{} | first\n{} | second\n", lines[0], lines[1]);
    assert_eq!(scene.run(["logs", &scene.name]).succeeds().stdout, expected);
    let stamped = scene
        .run(["logs", "-t", "--tail", "1", &lines[0]])
        .succeeds()
        .stdout;
    assert!(stamped.ends_with("Z first\n"), "{stamped}");
    for ends in ["signal", "stop"] {
        let follow = scene.run(["logs", "-f", &scene.name]);
        let mut child = follow.command().spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let history = if ends == "signal" { 2 } else { 3 };
        assert_eq!(
            out.by_ref().take(history).map_while(Result::ok).count(),
            history
        );
        say("node-1", ends);
        assert_eq!(
            out.next().unwrap().unwrap(),
            format!("{} | {ends}", lines[0])
        );
        if ends == "stop" {
            scene.run(["stop", &scene.name]).succeeds();
            assert_eq!(child.wait().unwrap().code(), Some(0));
        } else {
            kill_process(Pid::from_child(&child), Signal::INT).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(130));
        }
    }
}
