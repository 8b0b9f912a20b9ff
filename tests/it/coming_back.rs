//! Stop and resume on engines of the tests: newer engines treat the networks of stopped nodes, and of nodes whose start
//! fails, differently from older ones.

use clusterdock_tests::dockerd::{EngineBuild, OwnEngine};
use clusterdock_tests::run::assert_success;
use clusterdock_tests::scene::Scene;

use super::own_engine::scene;

const NODES: [&str; 2] = ["node-1", "node-2"];

/// Addresses, aliases and host ports of the nodes, as Docker shows them, and that names resolve.
fn places(scene: &Scene) -> Vec<String> {
    const PLACE: &str = "{{range .NetworkSettings.Networks}}{{.IPAddress}} {{index .Aliases 0}} {{end}}\
                         {{json .NetworkSettings.Ports}}";
    let [one, other] = NODES;
    let address = scene.on_node(one, &format!("getent hosts {other} | cut -d' ' -f1"));
    let back = scene.on_node(one, &format!("getent hosts {address}"));
    assert_eq!(
        back.split_whitespace().nth(1),
        Some(scene.fqdn(other).as_str()),
        "{back}"
    );
    NODES
        .map(|node| scene.docker_says(&["inspect", "--format", PLACE, &scene.fqdn(node)]))
        .to_vec()
}

/// Lets a process in the engine's network listen on a port; returns its id.
fn listen(engine: &OwnEngine, port: &str) -> String {
    const LISTEN: &str = "import os, socket, sys, time
s = socket.socket()
s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
s.bind(('127.0.0.1', int(sys.argv[1])))
s.listen()
child = os.fork()
if child:
    print(child)
else:
    os.close(1)
    os.close(2)
    time.sleep(120)
";
    let output = engine.run_inside("python3", &["-c", LISTEN, port]);
    assert_success(&output);
    String::from_utf8_lossy(&output.stdout).trim().to_string()
}

fn assert_nodes_resume(build: EngineBuild) {
    let Some((scene, engine)) = scene(build, "back") else {
        return;
    };
    scene.start().args(["-p", "node-1:80"]).succeeds();
    let before = places(&scene);
    let port = scene.docker_says(&["port", &scene.fqdn("node-1"), "80"]);
    let port = port.rsplit_once(':').unwrap().1;
    scene.run(["restart", &scene.name]).succeeds();
    assert_eq!(places(&scene), before);
    // A port that only the engine can find taken.
    scene.run(["stop", &scene.name]).succeeds();
    let listener = listen(engine, port);
    scene
        .run(["resume", &scene.name])
        .fails(4, &["failed to start node", port, "free the port"]);
    engine.run_inside("kill", &[&listener]);
    scene.run(["resume", &scene.name]).succeeds();
    assert_eq!(places(&scene), before);
    // A network that was removed, and one that was recreated.
    for made_anew in [false, true] {
        scene.run(["stop", &scene.name]).succeeds();
        let subnet = scene.docker_says(&[
            "network",
            "inspect",
            "-f",
            "{{(index .IPAM.Config 0).Subnet}}",
            &scene.name,
        ]);
        scene.docker_says(&["network", "rm", &scene.name]);
        if made_anew {
            scene.docker_says(&["network", "create", "--subnet", &subnet, &scene.name]);
        }
        scene.run(["resume", &scene.name]).succeeds();
        assert_eq!(places(&scene), before);
    }
    scene.run(["pause", &scene.name]).succeeds();
    scene.run(["resume", &scene.name]).succeeds();
    scene.run(["kill", &scene.name]).succeeds();
    scene
        .run(["wait", &scene.name, "--timeout", "1m"])
        .fails(4, &["is not running", "resume"]);
    scene.run(["rm", &scene.name]).succeeds();
    scene.docker(&["network", "rm", &scene.name]);
    scene.assert_empty();
}

#[test]
fn nodes_resume_on_the_installed_engine() {
    assert_nodes_resume(EngineBuild::Installed);
}

#[test]
fn nodes_resume_on_the_trixie_engine() {
    assert_nodes_resume(EngineBuild::Trixie);
}

#[test]
fn nodes_resume_on_the_sid_engine() {
    assert_nodes_resume(EngineBuild::Sid);
}
