//! Published ports: free or fixed, on loopback, reserved until the engine uses them, shown by `ps`.

use std::net::TcpListener;

use clusterdock_plugin_wire::{NodeSpec, Port};
use clusterdock_tests::scene::{NODEBASE, Scene};

/// The bindings of a node, as Docker shows them.
fn bindings(scene: &Scene, hostname: &str) -> String {
    scene.docker_says(&["port", &scene.fqdn(hostname)])
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap()
        .port()
}

#[test]
fn ports_are_published_on_loopback_and_shown() {
    let Some(scene) = Scene::new("ports") else {
        return;
    };
    let fixed = free_port();
    let start = scene.start().args([
        "-p",
        "node-1:80",
        "-p",
        &format!("node-1:{fixed}->81"),
        "-p",
        "node-2:53/udp",
    ]);
    // Host options stand before the topology, too.
    start.succeeds();
    let shown = bindings(&scene, "node-1");
    assert!(
        shown.contains(&format!("81/tcp -> 127.0.0.1:{fixed}")),
        "{shown}"
    );
    assert!(shown.contains("80/tcp -> 127.0.0.1:"), "{shown}");
    assert!(bindings(&scene, "node-2").contains("53/udp -> 127.0.0.1:"));
    let ps = scene.run(["ps", "--format", "json"]).succeeds().stdout;
    let json: serde_json::Value = serde_json::from_str(&ps).unwrap();
    let clusters = json["clusters"].as_array().unwrap();
    let cluster = clusters
        .iter()
        .find(|cluster| cluster["name"] == scene.name.as_str())
        .unwrap();
    let ports = cluster["nodes"][0]["ports"].as_array().unwrap();
    let port = ports
        .iter()
        .find(|port| port["container_port"] == 81)
        .unwrap();
    assert_eq!(
        (&port["host_port"], &port["protocol"], &port["host_ip"]),
        (&fixed.into(), &"tcp".into(), &"127.0.0.1".into())
    );
}

#[test]
fn predictable_ports_equal_the_container_ports() {
    let Some(scene) = Scene::new("predict") else {
        return;
    };
    let port = free_port();
    let mapping = format!("node-1:{port}");
    scene
        .start()
        .args(["--predictable", "--bind", "0.0.0.0", "-p", &mapping])
        .succeeds();
    assert_eq!(
        bindings(&scene, "node-1"),
        format!("{port}/tcp -> 0.0.0.0:{port}")
    );
}

#[test]
fn a_port_in_use_is_a_conflict_and_leaves_nothing() {
    let Some(scene) = Scene::new("taken") else {
        return;
    };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mapping = format!("node-1:{port}->80");
    let start = scene.run([
        "start",
        "-c",
        &scene.name,
        "-n",
        &scene.name,
        "-p",
        &mapping,
        NODEBASE,
    ]);
    start.fails(4, &[&format!("`{port}/tcp`"), "in use", "hint:"]);
    scene.assert_empty();
}

#[test]
fn the_port_of_a_stopped_node_stays_its_own() {
    let Some(scene) = Scene::new("kept") else {
        return;
    };
    scene
        .start()
        .args(["--nodes", "node-1", "-p", "node-1:80"])
        .succeeds();
    let port = bindings(&scene, "node-1")
        .rsplit_once(':')
        .unwrap()
        .1
        .to_string();
    scene.run(["stop", &scene.name]).succeeds();
    let other = format!("{}-b", scene.name);
    let start = |mapping: &str| {
        scene.run([
            "start", "-c", &other, "-n", &other, "-p", mapping, NODEBASE, "--nodes", "node-1",
        ])
    };
    let holder = format!(
        "container `{}` does not run now, and keeps it",
        scene.fqdn("node-1")
    );
    start(&format!("node-1:{port}->80")).fails(
        4,
        &[&format!("host port `{port}` is in use"), &holder, "hint:"],
    );
    start("node-1:80").succeeds();
    scene.run(["resume", &scene.name]).succeeds();
}

#[test]
fn port_0_is_a_usage_error_everywhere() {
    let Some(scene) = Scene::new("zero") else {
        return;
    };
    for mapping in [
        "node-1:0",
        "node-1:0->80",
        "node-1:80->0",
        "node-1:0->0/udp",
    ] {
        scene
            .run(["start", "-n", &scene.name, "-p", mapping, NODEBASE])
            .fails(2, &["out of range: 1 to 65535"]);
    }
    for port in [
        Port {
            host_port: Some(0),
            ..Port::tcp(80)
        },
        Port::tcp(0),
    ] {
        let like = NodeSpec::new("any", "nodes").port(port);
        scene
            .start_like(&like)
            .fails(2, &["out of range: 1 to 65535", "node `node-1`"]);
    }
    scene.assert_empty();
}
