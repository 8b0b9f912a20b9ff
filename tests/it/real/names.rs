//! Names and addresses: forwards and backwards, on every node, after a restart and on existing networks.

use clusterdock_plugin_wire::NodeSpec;
use clusterdock_tests::scene::{NODEBASE, Scene};

/// Asserts that every node resolves every node, by short name, FQDN and address.
pub(super) fn assert_names_resolve(scene: &Scene, hostnames: &[&str]) {
    for from in hostnames {
        assert_eq!(scene.on_node(from, "hostname -f"), scene.fqdn(from));
        for to in hostnames {
            let fqdn = scene.fqdn(to);
            for name in [*to, &fqdn] {
                let found = scene.on_node(from, &format!("getent hosts {name}"));
                let address = found.split_whitespace().next().unwrap().to_string();
                let back = scene.on_node(from, &format!("getent hosts {address}"));
                assert_eq!(
                    back.split_whitespace().nth(1),
                    Some(fqdn.as_str()),
                    "{from} asks for {address}: {back}"
                );
            }
        }
    }
}

#[test]
fn nodes_resolve_each_other_both_ways_after_a_restart() {
    let Some(scene) = Scene::new("names") else {
        return;
    };
    scene.start().succeeds();
    let nodes = ["node-1", "node-2"];
    assert_names_resolve(&scene, &nodes);
    scene.docker_says(&["restart", "-t", "1", &scene.fqdn("node-1")]);
    assert_names_resolve(&scene, &nodes);
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

#[test]
fn a_network_goes_with_the_last_cluster_on_it() {
    let Some(scene) = Scene::new("join") else {
        return;
    };
    let (one, two) = (format!("{}-one", scene.name), format!("{}-two", scene.name));
    let start = |cluster: &str, nodes: &[&str]| {
        let run = scene.run([
            "start",
            "-c",
            cluster,
            "-n",
            &scene.name,
            "topologies/topology_nodebase",
            "--nodes",
        ]);
        run.args(nodes.iter().copied()).succeeds();
    };
    start(&one, &["a", "b"]);
    // The address of a node that is stopped stays its own.
    scene.docker_says(&["stop", "-t", "1", &scene.fqdn("b")]);
    start(&two, &["c", "d"]);
    scene.docker_says(&["start", &scene.fqdn("b")]);
    assert_names_resolve(&scene, &["c", "d"]);
    assert_names_resolve(&scene, &["a", "b"]);
    scene.run(["rm", &one]).succeeds();
    assert!(
        scene
            .things()
            .iter()
            .any(|thing| thing.starts_with("network")),
        "the other cluster still needs it"
    );
    scene.run(["rm", &two]).succeeds();
    scene.assert_empty();
}

#[test]
fn a_foreign_network_is_joined_with_a_warning_and_kept() {
    let Some(scene) = Scene::new("foreign") else {
        return;
    };
    scene.docker_says(&["network", "create", &scene.name]);
    let ran = scene.start().succeeds();
    assert!(ran.stderr.contains("forwards only"), "{}", ran.stderr);
    let found = scene.on_node("node-1", &format!("getent hosts {}", scene.fqdn("node-2")));
    assert!(!found.is_empty());
    scene.run(["rm", &scene.name]).succeeds();
    assert_eq!(scene.things().len(), 1, "{:?}", scene.things());
    scene.docker_says(&["network", "inspect", &scene.name]);
}

#[test]
fn names_with_another_meaning_are_usage_errors() {
    let Some(scene) = Scene::new("numbers") else {
        return;
    };
    let start = |network: &str, hostname: &str| {
        scene.run([
            "start",
            "-c",
            &scene.name,
            "-n",
            network,
            NODEBASE,
            "--nodes",
            "node-1",
            hostname,
        ])
    };
    for name in ["1", "255", "0x7f", "017", "08", "4294967295"] {
        start(&scene.name, name).fails(
            2,
            &[
                &format!("invalid host name `{name}`"),
                "as an address",
                "hint:",
            ],
        );
    }
    for (network, name) in [("8", "2"), ("2.3", "1"), ("0x1", "0x7f")] {
        start(network, name).fails(2, &[&format!("invalid host name `{name}`")]);
    }
    for (network, name) in [
        (&*scene.name, "localhost"),
        ("localhost", "a"),
        ("lab.localhost", "a"),
    ] {
        start(network, name).fails(2, &["invalid", "the machine itself", "hint:"]);
    }
    for name in ["1", "localhost", "0x7f"] {
        let hidden = scene
            .start_like(&NodeSpec::new("any", "nodes"))
            .args(["--names", name]);
        // A topology cannot name nodes that nobody has requested.
        hidden.fails(
            9,
            &[&format!("node `{name}` of group `nodes` was not requested")],
        );
    }
    scene.assert_empty();
}
