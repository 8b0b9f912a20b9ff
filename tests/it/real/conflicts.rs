//! Names, nodes and images that are in use, missing, or in the wrong state.

use clusterdock_tests::scene::{NODEBASE, Scene};

#[test]
fn a_cluster_name_in_use_lists_the_existing_clusters() {
    let Some(scene) = Scene::new("inuse") else {
        return;
    };
    scene.start().succeeds();
    let before = scene.things();
    let again = scene.run([
        "start",
        "-c",
        &scene.name,
        "-n",
        &format!("{}-b", scene.name),
        NODEBASE,
    ]);
    again.fails(
        4,
        &[
            &format!("cluster name `{}` is in use", scene.name),
            "running",
            "clusterdock rm",
        ],
    );
    assert_eq!(scene.things(), before);
}

#[test]
fn a_host_name_in_use_names_its_cluster() {
    let Some(scene) = Scene::new("hostname") else {
        return;
    };
    scene.start().succeeds();
    let before = scene.things();
    let other = scene.run([
        "start",
        "-c",
        &format!("{}-b", scene.name),
        "-n",
        &scene.name,
        NODEBASE,
    ]);
    other.fails(
        4,
        &[
            &format!("host name `{}` is in use", scene.fqdn("node-1")),
            &format!("cluster `{}`", scene.name),
        ],
    );
    assert_eq!(scene.things(), before);
}

#[test]
fn a_missing_image_is_reported() {
    let Some(scene) = Scene::new("image") else {
        return;
    };
    let start = scene.run([
        "start",
        "-n",
        &scene.name,
        "--pull",
        "never",
        "-o",
        "nosuch",
        NODEBASE,
    ]);
    start.fails(6, &["clusterdock/topology_nodebase:nosuch", "hint:"]);
    scene.assert_empty();
}

#[test]
fn exec_requires_an_existing_running_node() {
    let Some(scene) = Scene::new("exec") else {
        return;
    };
    scene.start().succeeds();
    scene
        .run(["exec", &scene.fqdn("node-3"), "--", "true"])
        .fails(3, &["no cluster or node named", "did you mean `node-"]);
    scene.docker_says(&["stop", "-t", "0", &scene.fqdn("node-2")]);
    scene
        .run(["exec", &scene.fqdn("node-2"), "--", "true"])
        .fails(4, &["is not running", "hint:"]);
    scene
        .run(["exec", &scene.fqdn("node-1"), "--", "sh", "-c", "exit 9"])
        .fails(9, &[]);
}

#[test]
fn exec_on_many_nodes_names_those_it_skipped() {
    let Some(scene) = Scene::new("some") else {
        return;
    };
    scene
        .start()
        .args(["--nodes", "node-1", "node-2", "node-3"])
        .succeeds();
    scene.docker_says(&["stop", "-t", "0", &scene.fqdn("node-2")]);
    scene.docker_says(&["pause", &scene.fqdn("node-3")]);
    let group = format!("{}/nodes", scene.name);
    for which in [&["--all", "-c", &scene.name][..], &["-g", &group]] {
        let exec = |command: &str| {
            scene
                .run(["exec"])
                .args(which.iter().copied())
                .args(["--", "sh", "-c", command])
        };
        let ran = exec("hostname").succeeds();
        assert_eq!(ran.stdout, format!("{0} | {0}\n", scene.fqdn("node-1")));
        for (node, state) in [("node-2", "exited"), ("node-3", "paused")] {
            let expected = format!("skipping node {}: not running ({state})", scene.fqdn(node));
            assert!(ran.stderr.contains(&expected), "{}", ran.stderr);
        }
        exec("exit 7").fails(7, &["skipping node"]);
    }
    scene.docker_says(&["unpause", &scene.fqdn("node-3")]);
    scene.run(["stop", &scene.name]).succeeds();
    let none = scene.run(["exec", "-g", &group, "--", "true"]);
    none.fails(
        4,
        &[
            "no node is running",
            "exited",
            "hint:",
            "clusterdock resume",
        ],
    );
}

#[test]
fn an_ambiguous_group_lists_its_clusters() {
    let Some(scene) = Scene::new("groups") else {
        return;
    };
    let network = format!("{}-b", scene.name);
    scene.start().args(["--nodes", "node-1"]).succeeds();
    scene
        .run([
            "start", "-c", &network, "-n", &network, NODEBASE, "--nodes", "node-1",
        ])
        .succeeds();
    let before = scene.things();
    let (one, other) = (format!("{}/nodes", scene.name), format!("{network}/nodes"));
    for command in [
        "stop", "resume", "restart", "kill", "pause", "unpause", "wait", "logs",
    ] {
        scene
            .run([command, "-g", "nodes"])
            .fails(2, &["group `nodes` is ambiguous", &one, &other, "hint:"]);
    }
    scene
        .run(["exec", "-g", "nodes", "--", "true"])
        .fails(2, &["ambiguous", &one, &other]);
    assert_eq!(scene.things(), before);
    scene.run(["stop", "-t", "0s", "-g", &other]).succeeds();
    scene
        .run(["stop", "-t", "0s", "-g", "nodes", &scene.name])
        .succeeds();
}

#[test]
fn an_ambiguous_host_name_lists_its_clusters() {
    let Some(scene) = Scene::new("twice") else {
        return;
    };
    scene.start().succeeds();
    let network = format!("{}-b", scene.name);
    scene
        .run(["start", "-c", &network, "-n", &network, NODEBASE])
        .succeeds();
    let candidates = [scene.fqdn("node-1"), format!("node-1.{network}")];
    scene
        .run(["ssh", "node-1", "--", "true"])
        .fails(2, &["ambiguous", &candidates[0], &candidates[1]]);
    let by_cluster = scene
        .run(["ssh", &format!("{network}/node-1"), "--", "hostname", "-f"])
        .succeeds();
    assert_eq!(by_cluster.stdout.trim(), candidates[1]);
}

#[test]
fn limits_the_engine_refuses_are_usage_errors() {
    let Some(scene) = Scene::new("limits") else {
        return;
    };
    scene
        .start()
        .args(["--memory", "1k"])
        .fails(2, &["node-1", "emory"]);
    scene
        .start()
        .args(["--cpus", "4000"])
        .fails(2, &["node-1", "CPUs"]);
    scene.assert_empty();
}
