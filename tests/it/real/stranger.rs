//! A topology that was written from the documentation alone, started from its folder.

use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

use clusterdock_tests::scene::Scene;

const FOLDER: &str = "tests/fixtures/plugins/stranger";

/// Starts it with more arguments, and checks every node's files, the web page and the closing message.
fn assert_cluster(what: &str, arguments: &[&str], workers: &[&str], motto: &str) {
    let Some(scene) = Scene::new(what) else {
        return;
    };
    let start = scene
        .run(["start", "-c", &scene.name, "-n", &scene.name, FOLDER])
        .args(arguments);
    let stderr = start.succeeds().stderr;
    let mut nodes: Vec<String> = ["coordinator"]
        .iter()
        .chain(workers)
        .map(|name| scene.fqdn(name))
        .collect();
    let file = |node: &str| {
        format!(
            "# Written by the topology.\nnode = {node}\ncoordinator = {}\nmotto = {motto}",
            scene.fqdn("coordinator")
        )
    };
    for node in &nodes {
        assert_eq!(
            scene.docker_says(&["exec", node, "cat", "/etc/crew/crew.conf"]),
            file(node)
        );
    }
    let address = scene.docker_says(&["port", &nodes[0], "8000/tcp"]);
    let closing = stderr.lines().last().unwrap();
    assert!(
        closing.ends_with(&format!("The crew's page is at http://{address}/")),
        "{address} in:\n{stderr}"
    );
    assert!(get(&address).ends_with(&format!("\r\n\r\n{}\n", file(&nodes[0]))));
    let mut there: Vec<String> = scene
        .things()
        .iter()
        .filter_map(|thing| container(thing))
        .collect();
    there.sort();
    nodes.sort();
    assert_eq!(there, nodes);
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

fn container(thing: &str) -> Option<String> {
    thing
        .strip_prefix("container ")?
        .split_whitespace()
        .next()
        .map(str::to_string)
}

fn get(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn the_authors_defaults_apply_unless_overridden() {
    assert_cluster("defaults", &[], &["worker-1", "worker-2"], "all hands");
}

#[test]
fn users_choose_the_number_and_the_values() {
    let arguments = ["--workers", "w1", "w2", "w3", "--motto", "row on"];
    assert_cluster("said", &arguments, &["w1", "w2", "w3"], "row on");
}
