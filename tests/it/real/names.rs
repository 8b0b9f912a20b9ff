//! Names and addresses: forwards and backwards, on every node, also after a restart and on networks that exist.

use clusterdock_tests::scene::Scene;

/// Expects that every node resolves every node, by short name, FQDN and address.
pub(super) fn assert_names_resolve(scene: &Scene, hostnames: &[&str]) {
    for from in hostnames {
        assert_eq!(scene.on_node(from, "hostname -f"), scene.fqdn(from));
        for to in hostnames {
            let fqdn = scene.fqdn(to);
            for name in [*to, &fqdn] {
                let found = scene.on_node(from, &format!("getent hosts {name}"));
                let address = found.split_whitespace().next().unwrap().to_string();
                let back = scene.on_node(from, &format!("getent hosts {address}"));
                assert_eq!(back.split_whitespace().nth(1), Some(fqdn.as_str()), "{from} asks for {address}: {back}");
            }
        }
    }
}

#[test]
fn every_node_resolves_every_node_both_ways_also_after_its_restart() {
    let Some(scene) = Scene::new("names") else { return };
    scene.start().succeeds();
    let nodes = ["node-1", "node-2"];
    assert_names_resolve(&scene, &nodes);
    scene.docker_says(&["restart", "-t", "1", &scene.fqdn("node-1")]);
    assert_names_resolve(&scene, &nodes);
    scene.run(["rm", &scene.name]).succeeds();
    scene.is_empty();
}

#[test]
fn a_network_of_ours_is_joined_and_goes_with_the_last_cluster_on_it() {
    let Some(scene) = Scene::new("join") else { return };
    let (one, two) = (format!("{}-one", scene.name), format!("{}-two", scene.name));
    let start = |cluster: &str, nodes: &[&str]| {
        let run = scene.run(["start", "-c", cluster, "-n", &scene.name, "topologies/topology_nodebase", "--nodes"]);
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
    assert!(scene.things().iter().any(|thing| thing.starts_with("network")), "the other cluster still needs it");
    scene.run(["rm", &two]).succeeds();
    scene.is_empty();
}

#[test]
fn somebody_elses_network_is_joined_with_a_warning_and_left_alone() {
    let Some(scene) = Scene::new("foreign") else { return };
    scene.docker_says(&["network", "create", &scene.name]);
    let ran = scene.start().succeeds();
    assert!(ran.stderr.contains("forwards only"), "{}", ran.stderr);
    let found = scene.on_node("node-1", &format!("getent hosts {}", scene.fqdn("node-2")));
    assert!(!found.is_empty());
    scene.run(["rm", &scene.name]).succeeds();
    assert_eq!(scene.things().len(), 1, "{:?}", scene.things());
    scene.docker_says(&["network", "inspect", &scene.name]);
}
