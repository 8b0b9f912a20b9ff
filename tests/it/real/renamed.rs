//! A node whose container is renamed stays the same node.

use std::fs;

use clusterdock_tests::scene::{NODEBASE, Scene};

#[test]
fn every_command_works_on_a_renamed_node() {
    let Some(scene) = Scene::new("renamed") else {
        return;
    };
    scene.start().succeeds();
    let (node, other) = (scene.fqdn("node-1"), format!("{}-other", scene.name));
    scene.docker_says(&["rename", &node, &other]);
    let listed = scene.run(["ps"]).succeeds().stdout;
    assert!(
        listed.contains(&node) && listed.contains(&other),
        "{listed}"
    );
    for command in [
        ["ssh", &node, "--", "hostname", "-f"],
        ["exec", &node, "--", "hostname", "-f"],
    ] {
        assert_eq!(scene.run(command).succeeds().stdout.trim(), node);
    }
    let (note, back) = (scene.config().join("note"), scene.config().join("back"));
    fs::write(&note, "from here").unwrap();
    scene
        .run(["cp", note.to_str().unwrap(), &format!("{node}:/root/note")])
        .succeeds();
    scene
        .run(["cp", &format!("{node}:/root/note"), back.to_str().unwrap()])
        .succeeds();
    assert_eq!(fs::read_to_string(&back).unwrap(), "from here");
    scene.docker_says(&["exec", &other, "sh", "-c", "echo written >/proc/1/fd/1"]);
    assert_eq!(scene.run(["logs", &node]).succeeds().stdout, "written\n");
    scene.run(["stop", &node]).succeeds();
    scene.run(["resume", &scene.name]).succeeds();
    let found = scene.on_node(
        "node-2",
        &format!("getent hosts {node} && getent hosts node-1"),
    );
    assert_eq!(found.lines().count(), 2, "{found}");
    // Its name is still in use.
    let second = format!("{}-second", scene.name);
    scene
        .run(["start", "-c", &second, "-n", &scene.name, NODEBASE])
        .fails(4, &["in use"]);
    scene.run(["rm", &node]).succeeds();
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}
