//! Nodes that are stopped, started again, frozen, signalled and awaited, and what they wrote.

use super::names::assert_names_resolve;
use clusterdock_tests::run::Ran;
use clusterdock_tests::scene::Scene;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader};
use std::net::TcpListener;

const NODES: [&str; 2] = ["node-1", "node-2"];

/// Addresses and host ports of the nodes, as Docker shows them.
fn places(scene: &Scene) -> Vec<String> {
    const ENDPOINTS: &str = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}{{json .NetworkSettings.Ports}}";
    NODES.map(|node| scene.docker_says(&["inspect", "--format", ENDPOINTS, &scene.fqdn(node)])).to_vec()
}

fn state(scene: &Scene, node: &str) -> String {
    scene.docker_says(&["inspect", "--format", "{{.State.Status}}", &scene.fqdn(node)])
}

/// A cluster whose first node publishes a port and has a file.
fn start(scene: &Scene) {
    scene.start().args(["-p", "node-1:80"]).succeeds();
    scene.on_node("node-1", "echo kept >/kept");
}

fn assert_kept(scene: &Scene, before: &[String]) {
    assert_eq!(places(scene), before);
    assert_eq!(scene.on_node("node-1", "cat /kept"), "kept");
    assert_names_resolve(scene, &NODES);
}

#[test]
fn what_stops_comes_back_with_addresses_ports_names_and_files() {
    let Some(scene) = Scene::new("back") else { return };
    start(&scene);
    let before = places(&scene);
    let ran = scene.run(["stop", &scene.name]).succeeds();
    assert!(ran.stderr.contains("Stopped 2 nodes."), "{}", ran.stderr);
    assert_eq!(NODES.map(|node| state(&scene, node)), ["exited", "exited"]);
    scene.run(["stop", &scene.name]).succeeds();
    scene.run(["resume", &scene.name]).succeeds();
    assert_kept(&scene, &before);
    scene.run(["resume", &scene.name]).succeeds();
    scene.run(["restart", "--group", &format!("{}/nodes", scene.name)]).succeeds();
    assert_kept(&scene, &before);
    scene.run(["rm", &scene.name]).succeeds();
    scene.is_empty();
}

#[test]
fn a_network_that_was_pruned_is_made_again_as_it_was() {
    let Some(scene) = Scene::new("pruned") else { return };
    start(&scene);
    let before = places(&scene);
    scene.run(["stop", &scene.name]).succeeds();
    scene.docker_says(&["network", "rm", &scene.name]);
    scene.run(["resume", &scene.name]).succeeds();
    assert_kept(&scene, &before);
    // Somebody else makes it, with the same addresses.
    scene.run(["stop", &scene.name]).succeeds();
    let subnet = scene.docker_says(&["network", "inspect", "-f", "{{(index .IPAM.Config 0).Subnet}}", &scene.name]);
    scene.docker_says(&["network", "rm", &scene.name]);
    scene.docker_says(&["network", "create", "--subnet", &subnet, &scene.name]);
    scene.run(["resume", &scene.name]).succeeds();
    assert_kept(&scene, &before);
}

#[test]
fn a_port_that_was_taken_meanwhile_is_a_conflict_that_names_it() {
    let Some(scene) = Scene::new("port") else { return };
    start(&scene);
    let before = places(&scene);
    let port = scene.docker_says(&["port", &scene.fqdn("node-1"), "80"]);
    let port = port.rsplit_once(':').unwrap().1;
    scene.run(["stop", &scene.name]).succeeds();
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    let node = scene.fqdn("node-1");
    let told = format!("host port `{port}/tcp` of node `{node}` is in use");
    scene.run(["resume", &scene.name]).fails(4, &[&told, "hint:"]);
    assert_eq!(NODES.map(|node| state(&scene, node)), ["exited", "exited"], "nothing was begun");
    drop(listener);
    scene.run(["resume", &scene.name]).succeeds();
    assert_kept(&scene, &before);
}

#[test]
fn a_node_that_dies_at_once_is_told() {
    let Some(scene) = Scene::new("dies") else { return };
    scene.start().succeeds();
    scene.on_node("node-2", "rm $(readlink -f $(command -v sleep))");
    scene.run(["stop", &scene.name]).succeeds();
    let node = scene.fqdn("node-2");
    scene.run(["resume", &scene.name]).fails(8, &[&format!("node `{node}` died"), "exit code 127"]);
    assert_eq!(state(&scene, "node-1"), "running");
}

/// A node with this probe that runs a script of its own, as a topology could have made it.
fn handmade(scene: &Scene, probe: &str, script: &str) {
    scene.start().succeeds();
    let image = scene.docker_says(&["inspect", "--format", "{{.Config.Image}}", &scene.fqdn("node-1")]);
    let label = |key: &str, value: &str| format!("com.clusterdock.{key}={value}");
    let origin = format!(r#"{{"name":"clusterdock","cluster_name":"{}-own"}}"#, scene.name);
    let labels = [
        label("clusterdock", &origin),
        label("cluster", &format!("{}-own", scene.name)),
        label("node", "own"),
        label("run", &scene.name),
        label("probes", probe),
    ];
    let fqdn = scene.fqdn("own");
    let mut run = vec!["run", "-d", "--init", "--name", &fqdn, "--network", &scene.name];
    run.extend(labels.iter().flat_map(|label| ["--label", label]));
    run.extend([&image[..], "sh", "-c", script]);
    scene.docker_says(&run);
}

#[test]
fn probes_are_awaited_again_and_look_at_the_present_run() {
    let Some(scene) = Scene::new("again") else { return };
    let script = "echo run; [ -e /later ] && sleep 1; echo ready; touch /later; sleep 1000";
    handmade(&scene, r#"[{"log":"ready"}]"#, script);
    let cluster = format!("{}-own", scene.name);
    scene.run(["wait", &cluster, "--timeout", "30s"]).succeeds();
    for runs in 2..=3 {
        scene.run(["restart", &cluster, "--timeout", "30s"]).succeeds();
        let log = scene.run(["logs", &scene.fqdn("own")]).succeeds().stdout;
        assert_eq!(log, "run\nready\n".repeat(runs));
    }
    scene.run(["restart", &cluster, "--timeout", "500ms"]).fails(7, &["--timeout", &scene.fqdn("own")]);
}

#[test]
fn a_node_that_dies_before_it_is_ready_ends_the_wait() {
    let Some(scene) = Scene::new("early") else { return };
    handmade(&scene, r#"[{"port":9}]"#, "[ -e /later ] || exec sleep 1000; sleep 0.5; echo bad luck; exit 3");
    scene.on_node("own", "touch /later");
    let cluster = format!("{}-own", scene.name);
    let told = ["own", "died", "exit code 3", "bad luck"];
    scene.run(["restart", &cluster]).fails(8, &told);
}

#[test]
fn a_wait_ends_when_another_process_has_resumed_the_nodes() {
    let Some(scene) = Scene::new("await") else { return };
    scene.start().succeeds();
    scene.run(["stop", &scene.name]).succeeds();
    let wait = scene.run(["wait", &scene.name, "--timeout", "60s"]);
    let waiting = wait.command().spawn().unwrap();
    scene.run(["resume", &scene.name]).succeeds();
    let ran = Ran::from(waiting.wait_with_output().unwrap());
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert!(ran.stderr.contains("2 nodes are ready."), "{}", ran.stderr);
    scene.run(["stop", &scene.fqdn("node-2")]).succeeds();
    scene.run(["wait", &scene.name, "--timeout", "300ms"]).fails(7, &["still waiting for its start, it is exited"]);
}

#[test]
fn nodes_are_frozen_and_signalled() {
    let Some(scene) = Scene::new("freeze") else { return };
    scene.start().succeeds();
    scene.run(["pause", &scene.name, "--node", "node-1"]).succeeds();
    assert_eq!(NODES.map(|node| state(&scene, node)), ["paused", "running"]);
    scene.run(["unpause", &scene.name]).succeeds();
    assert_eq!(state(&scene, "node-1"), "running");
    scene.run(["kill", &scene.fqdn("node-2")]).succeeds();
    assert_eq!(state(&scene, "node-2"), "exited");
    let refused = scene.run(["pause", &scene.name]).fails(4, &["is not running", "clusterdock resume"]);
    assert!(refused.stderr.contains(&scene.fqdn("node-2")), "{}", refused.stderr);
    assert_eq!(state(&scene, "node-1"), "running", "nothing is done where not all of it can be");
    scene.run(["kill", "-s", "FOO", &scene.name]).fails(2, &["FOO", "HUP, SIGHUP or 1"]);
}

#[test]
fn logs_are_followed_until_the_nodes_stop_or_ctrl_c() {
    let Some(scene) = Scene::new("logs") else { return };
    scene.start().succeeds();
    let say = |node: &str, text: &str| scene.on_node(node, &format!("echo {text} >/proc/1/fd/1"));
    say("node-1", "first");
    say("node-2", "second");
    let lines = ["node-1", "node-2"].map(|node| scene.fqdn(node));
    let expected = format!("{} | first\n{} | second\n", lines[0], lines[1]);
    assert_eq!(scene.run(["logs", &scene.name]).succeeds().stdout, expected);
    let stamped = scene.run(["logs", "-t", "--tail", "1", &lines[0]]).succeeds().stdout;
    assert!(stamped.ends_with("Z first\n"), "{stamped}");
    for ends in ["signal", "stop"] {
        let follow = scene.run(["logs", "-f", &scene.name]);
        let mut child = follow.command().spawn().unwrap();
        let mut out = BufReader::new(child.stdout.take().unwrap()).lines();
        let history = if ends == "signal" { 2 } else { 3 };
        assert_eq!(out.by_ref().take(history).map_while(Result::ok).count(), history);
        say("node-1", ends);
        assert_eq!(out.next().unwrap().unwrap(), format!("{} | {ends}", lines[0]));
        if ends == "stop" {
            scene.run(["restart", &scene.name]).succeeds();
            assert_eq!(child.wait().unwrap().code(), Some(0));
        } else {
            kill_process(Pid::from_child(&child), Signal::INT).unwrap();
            assert_eq!(child.wait().unwrap().code(), Some(130));
        }
    }
}

#[test]
fn a_shell_reaches_a_port_by_what_env_says() {
    let Some(scene) = Scene::new("env") else { return };
    start(&scene);
    let script = format!("{}echo $CLUSTERDOCK_NODE_1_PORT_80_TCP", scene.run(["env", &scene.name]).succeeds().stdout);
    let shell = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&shell.stdout).trim(),
        scene.docker_says(&["port", &scene.fqdn("node-1"), "80"])
    );
    let inspected = scene.run(["inspect", &scene.name]).succeeds().stdout;
    let json: serde_json::Value = serde_json::from_str(&inspected).unwrap();
    let node = &json["cluster"]["nodes"][1];
    assert_eq!(node["fqdn"], scene.fqdn("node-2").as_str());
    assert_eq!(node["engine"]["Config"]["Hostname"], node["fqdn"]);
}
