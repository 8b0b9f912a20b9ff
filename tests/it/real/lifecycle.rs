//! Nodes that are stopped, resumed, paused, signalled and awaited.

use std::io::BufRead;
use std::net::TcpListener;

use clusterdock::cluster::labels::{NodeLabels, Run, RunId};
use clusterdock_tests::plugins;
use clusterdock_tests::scene::Scene;

use super::names::assert_names_resolve;

const NODES: [&str; 2] = ["node-1", "node-2"];

/// Addresses and host ports of the nodes, as Docker shows them.
fn places(scene: &Scene) -> Vec<String> {
    const ENDPOINTS: &str =
        "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{end}}{{json .NetworkSettings.Ports}}";
    NODES
        .map(|node| scene.docker_says(&["inspect", "--format", ENDPOINTS, &scene.fqdn(node)]))
        .to_vec()
}

fn state(scene: &Scene, node: &str) -> String {
    scene.docker_says(&[
        "inspect",
        "--format",
        "{{.State.Status}}",
        &scene.fqdn(node),
    ])
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
fn a_resume_keeps_addresses_ports_names_and_files() {
    let Some(scene) = Scene::new("back") else {
        return;
    };
    start(&scene);
    let before = places(&scene);
    let ran = scene.run(["stop", &scene.name]).succeeds();
    assert!(ran.stderr.contains("Stopped 2 nodes."), "{}", ran.stderr);
    assert_eq!(NODES.map(|node| state(&scene, node)), ["exited", "exited"]);
    scene.run(["stop", &scene.name]).succeeds();
    scene.run(["resume", &scene.name]).succeeds();
    assert_kept(&scene, &before);
    scene.run(["resume", &scene.name]).succeeds();
    scene
        .run(["restart", "--group", &format!("{}/nodes", scene.name)])
        .succeeds();
    assert_kept(&scene, &before);
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

#[test]
fn a_pruned_network_is_recreated() {
    let Some(scene) = Scene::new("pruned") else {
        return;
    };
    start(&scene);
    let before = places(&scene);
    scene.run(["stop", &scene.name]).succeeds();
    scene.docker_says(&["network", "rm", &scene.name]);
    scene.run(["resume", &scene.name]).succeeds();
    assert_kept(&scene, &before);
    // Another program creates it, with the same addresses.
    scene.run(["stop", &scene.name]).succeeds();
    let subnet = scene.docker_says(&[
        "network",
        "inspect",
        "-f",
        "{{(index .IPAM.Config 0).Subnet}}",
        &scene.name,
    ]);
    scene.docker_says(&["network", "rm", &scene.name]);
    scene.docker_says(&["network", "create", "--subnet", &subnet, &scene.name]);
    scene.run(["resume", &scene.name]).succeeds();
    assert_kept(&scene, &before);
}

#[test]
fn a_port_taken_meanwhile_is_a_conflict_that_names_it() {
    let Some(scene) = Scene::new("port") else {
        return;
    };
    start(&scene);
    let before = places(&scene);
    let port = scene.docker_says(&["port", &scene.fqdn("node-1"), "80"]);
    let port = port.rsplit_once(':').unwrap().1;
    scene.run(["stop", &scene.name]).succeeds();
    let listener = TcpListener::bind(format!("127.0.0.1:{port}")).unwrap();
    let node = scene.fqdn("node-1");
    let expected = format!("host port `{port}/tcp` of node `{node}` is in use");
    scene
        .run(["resume", &scene.name])
        .fails(4, &[&expected, "hint:"]);
    assert_eq!(
        NODES.map(|node| state(&scene, node)),
        ["exited", "exited"],
        "nothing was begun"
    );
    drop(listener);
    scene.run(["resume", &scene.name]).succeeds();
    assert_kept(&scene, &before);
}

#[test]
fn a_node_that_dies_at_once_is_reported() {
    let Some(scene) = Scene::new("dies") else {
        return;
    };
    scene.start().succeeds();
    scene.on_node("node-2", "rm $(readlink -f $(command -v sleep))");
    scene.run(["stop", &scene.name]).succeeds();
    let node = scene.fqdn("node-2");
    scene
        .run(["resume", &scene.name])
        .fails(8, &[&format!("node `{node}` died"), "exit code 127"]);
    assert_eq!(state(&scene, "node-1"), "running");
}

/// A node with this probe that runs a script, as a topology could have created it.
fn handmade(scene: &Scene, probe: &str, script: &str) {
    scene.start().succeeds();
    let image = scene.docker_says(&[
        "inspect",
        "--format",
        "{{.Config.Image}}",
        &scene.fqdn("node-1"),
    ]);
    let image_id = scene.docker_says(&["inspect", "--format", "{{.Image}}", &scene.fqdn("node-1")]);
    let labels = NodeLabels {
        run: Run {
            id: RunId::random(),
            cluster: format!("{}-own", scene.name),
            size: 1,
            ..Run::default()
        },
        hostname: "own".into(),
        network: scene.name.clone(),
        probes: serde_json::from_str(probe).unwrap(),
        ..NodeLabels::default()
    };
    let labels: Vec<String> = labels
        .write(&image_id)
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let fqdn = scene.fqdn("own");
    let mut run = vec![
        "run",
        "-d",
        "--init",
        "--name",
        &fqdn,
        "--network",
        &scene.name,
    ];
    run.extend(labels.iter().flat_map(|label| ["--label", label]));
    run.extend([&image[..], "sh", "-c", script]);
    scene.docker_says(&run);
}

#[test]
fn probes_are_awaited_again_for_the_current_run() {
    let Some(scene) = Scene::new("again") else {
        return;
    };
    let script = "echo run; [ -e /later ] && sleep 1; echo ready; touch /later; sleep 1000";
    handmade(&scene, r#"[{"log":"ready"}]"#, script);
    let cluster = format!("{}-own", scene.name);
    scene.run(["wait", &cluster, "--timeout", "30s"]).succeeds();
    for runs in 2..=3 {
        scene
            .run(["restart", &cluster, "--timeout", "30s"])
            .succeeds();
        let log = scene.run(["logs", &scene.fqdn("own")]).succeeds().stdout;
        assert_eq!(log, "run\nready\n".repeat(runs));
    }
    scene
        .run(["restart", &cluster, "--timeout", "500ms"])
        .fails(7, &["--timeout", &scene.fqdn("own")]);
}

#[test]
fn a_node_that_dies_before_it_is_ready_ends_the_wait() {
    let Some(scene) = Scene::new("early") else {
        return;
    };
    handmade(
        &scene,
        r#"[{"port":9}]"#,
        "[ -e /later ] || exec sleep 1000; sleep 0.5; echo bad luck; exit 3",
    );
    scene.on_node("own", "touch /later");
    let cluster = format!("{}-own", scene.name);
    let expected = ["own", "died", "exit code 3", "bad luck"];
    scene.run(["restart", &cluster]).fails(8, &expected);
}

#[test]
fn a_wait_for_a_cluster_that_is_stopped_fails_at_once() {
    let Some(scene) = Scene::new("await") else {
        return;
    };
    scene.start().succeeds();
    scene
        .run(["wait", &scene.name, "--timeout", "60s"])
        .succeeds();
    let resume = format!("clusterdock resume {}", scene.name);
    for node in ["node-2", "node-1"] {
        scene.run(["stop", &scene.fqdn(node)]).succeeds();
        let wait = scene.run(["wait", &scene.name, "--timeout", "10m"]);
        wait.fails(
            4,
            &[
                &format!("node `{}` is not running", scene.fqdn(node)),
                "hint:",
                &resume,
            ],
        );
    }
    scene.run(["resume", &scene.name]).succeeds();
    scene.run(["pause", &scene.fqdn("node-1")]).succeeds();
    scene
        .run(["wait", &scene.name, "--timeout", "10m"])
        .fails(4, &["is paused", "clusterdock unpause"]);
}

#[test]
fn a_wait_for_nodes_that_are_being_started_ends_when_they_are() {
    let Some(scene) = Scene::new("begun") else {
        return;
    };
    plugins::library("topology_nodebase");
    let nodes = (1..=8).map(|number| format!("n{number}"));
    let start = scene
        .start()
        .args(["--progress", "plain", "--nodes"])
        .args(nodes);
    let (mut child, story) = start.until("Starting node n5");
    let ran = scene.run(["wait", &scene.name, "--timeout", "60s"]).run();
    let story: Vec<String> = story.lines().map_while(Result::ok).collect();
    assert!(child.wait().unwrap().success(), "{story:?}");
    assert_eq!(ran.code, 0, "{}{story:?}", ran.stderr);
    assert!(
        ran.stderr.contains("are ready.") || ran.stderr.contains("is ready."),
        "{}",
        ran.stderr
    );
}

#[test]
fn nodes_can_be_paused_and_signalled() {
    let Some(scene) = Scene::new("freeze") else {
        return;
    };
    scene.start().succeeds();
    scene
        .run(["pause", &scene.name, "--node", "node-1"])
        .succeeds();
    assert_eq!(NODES.map(|node| state(&scene, node)), ["paused", "running"]);
    scene.run(["unpause", &scene.name]).succeeds();
    assert_eq!(state(&scene, "node-1"), "running");
    scene.run(["kill", &scene.fqdn("node-2")]).succeeds();
    assert_eq!(state(&scene, "node-2"), "exited");
    let refused = scene
        .run(["pause", &scene.name])
        .fails(4, &["is not running", "clusterdock resume"]);
    assert!(
        refused.stderr.contains(&scene.fqdn("node-2")),
        "{}",
        refused.stderr
    );
    assert_eq!(
        state(&scene, "node-1"),
        "running",
        "nothing is done where not all of it can be"
    );
    scene
        .run(["kill", "-s", "FOO", &scene.name])
        .fails(2, &["FOO", "HUP, SIGHUP or 1"]);
}

#[test]
fn a_shell_reaches_a_port_by_the_output_of_env() {
    let Some(scene) = Scene::new("env") else {
        return;
    };
    start(&scene);
    let script = format!(
        "{}echo $CLUSTERDOCK_NODE_1_PORT_80_TCP",
        scene.run(["env", &scene.name]).succeeds().stdout
    );
    let shell = std::process::Command::new("sh")
        .args(["-c", &script])
        .output()
        .unwrap();
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
