//! The topology that was written from the documentation alone, started through its folder as its author would.

use clusterdock_tests::scene::Scene;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

const FOLDER: &str = "tests/fixtures/plugins/stranger";

/// Starts it with more arguments, and looks at what every node has, at the page and at the closing message.
fn is_as_its_author_meant(what: &str, arguments: &[&str], workers: &[&str], motto: &str) {
    let Some(scene) = Scene::new(what) else { return };
    let start = scene.run(["start", "-c", &scene.name, "-n", &scene.name, FOLDER]).args(arguments);
    let told = start.succeeds().stderr;
    let mut nodes: Vec<String> = ["coordinator"].iter().chain(workers).map(|name| scene.fqdn(name)).collect();
    let file = |node: &str| {
        format!(
            "# Written by the topology.\nnode = {node}\ncoordinator = {}\nmotto = {motto}",
            scene.fqdn("coordinator")
        )
    };
    for node in &nodes {
        assert_eq!(scene.docker_says(&["exec", node, "cat", "/etc/crew/crew.conf"]), file(node));
    }
    let address = scene.docker_says(&["port", &nodes[0], "8000/tcp"]);
    let closing = told.lines().last().unwrap();
    assert!(closing.ends_with(&format!("The crew's page is at http://{address}/")), "{address} in:\n{told}");
    assert!(get(&address).ends_with(&format!("\r\n\r\n{}\n", file(&nodes[0]))));
    let mut there: Vec<String> = scene.things().iter().filter_map(|thing| container(thing)).collect();
    there.sort();
    nodes.sort();
    assert_eq!(there, nodes);
    scene.run(["rm", &scene.name]).succeeds();
    scene.is_empty();
}

fn container(thing: &str) -> Option<String> {
    thing.strip_prefix("container ")?.split_whitespace().next().map(str::to_string)
}

fn get(address: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    stream.write_all(b"GET / HTTP/1.0\r\n\r\n").unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).unwrap();
    answer
}

#[test]
fn what_its_user_does_not_say_is_as_its_author_said() {
    is_as_its_author_meant("defaults", &[], &["worker-1", "worker-2"], "all hands");
}

#[test]
fn its_users_say_how_many_and_what() {
    let arguments = ["--workers", "w1", "w2", "w3", "--motto", "row on"];
    is_as_its_author_meant("said", &arguments, &["w1", "w2", "w3"], "row on");
}
