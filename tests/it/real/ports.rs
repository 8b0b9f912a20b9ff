//! Published ports: chosen or named, on loopback, held until the engine has them, shown by `ps`.

use clusterdock_tests::scene::{NODEBASE, Scene};
use std::net::TcpListener;

/// The bindings of a node, as Docker shows them.
fn bindings(scene: &Scene, hostname: &str) -> String {
    scene.docker_says(&["port", &scene.fqdn(hostname)])
}

fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

#[test]
fn ports_are_published_on_loopback_and_shown() {
    let Some(scene) = Scene::new("ports") else { return };
    let fixed = free_port();
    let start = scene.start().args(["-p", "node-1:80", "-p", &format!("node-1:{fixed}->81"), "-p", "node-2:53/udp"]);
    // Host options stand before the topology, too.
    start.succeeds();
    let shown = bindings(&scene, "node-1");
    assert!(shown.contains(&format!("81/tcp -> 127.0.0.1:{fixed}")), "{shown}");
    assert!(shown.contains("80/tcp -> 127.0.0.1:"), "{shown}");
    assert!(bindings(&scene, "node-2").contains("53/udp -> 127.0.0.1:"));
    let ps = scene.run(["ps", "--format", "json"]).succeeds().stdout;
    let json: serde_json::Value = serde_json::from_str(&ps).unwrap();
    let clusters = json["clusters"].as_array().unwrap();
    let cluster = clusters.iter().find(|cluster| cluster["name"] == scene.name.as_str()).unwrap();
    let ports = cluster["nodes"][0]["ports"].as_array().unwrap();
    let port = ports.iter().find(|port| port["container_port"] == 81).unwrap();
    assert_eq!(
        (&port["host_port"], &port["protocol"], &port["host_ip"]),
        (&fixed.into(), &"tcp".into(), &"127.0.0.1".into())
    );
}

#[test]
fn predictable_ports_equal_the_containers_and_bind_chooses_the_address() {
    let Some(scene) = Scene::new("predict") else { return };
    let port = free_port();
    let mapping = format!("node-1:{port}");
    scene.start().args(["--predictable", "--bind", "0.0.0.0", "-p", &mapping]).succeeds();
    assert_eq!(bindings(&scene, "node-1"), format!("{port}/tcp -> 0.0.0.0:{port}"));
}

#[test]
fn a_port_that_is_taken_is_a_conflict_and_leaves_nothing() {
    let Some(scene) = Scene::new("taken") else { return };
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    let mapping = format!("node-1:{port}->80");
    let start = scene.run(["start", "-c", &scene.name, "-n", &scene.name, "-p", &mapping, NODEBASE]);
    start.fails(4, &[&format!("`{port}/tcp`"), "in use", "hint:"]);
    scene.is_empty();
}
