//! `up` once the engine was killed and started again: with live-restore, nodes keep running; without, they are stopped, as
//! after a reboot.

use clusterdock_tests::dockerd::{EngineBuild, OwnEngine};
use clusterdock_tests::run::Run;
use clusterdock_tests::scene::{NODEBASE, Scene};
use serde_json::json;

use super::{assert_names_resolve, available};

fn up(scene: &Scene) -> Run {
    scene.run(["up", "-d", "-c", &scene.name, "-n", &scene.name, NODEBASE])
}

fn ids(scene: &Scene) -> String {
    let nodes = ["node-1", "node-2"].map(|node| scene.fqdn(node));
    let format = "{{.Id}} {{.State.Running}}";
    scene.docker_says(&["inspect", "-f", format, &nodes[0], &nodes[1]])
}

fn assert_comes_back(live_restore: bool, expected: &str) {
    let start = || {
        OwnEngine::configured(
            EngineBuild::Installed,
            &json!({"live-restore": live_restore}),
        )
    };
    let Some(engine) = available("up", start) else {
        return;
    };
    let scene = Scene::on(&engine.host(), "up");
    up(&scene).succeeds();
    let before = ids(&scene);
    for round in 0..2 {
        engine.restart();
        let again = up(&scene).succeeds();
        assert!(again.stderr.contains(expected), "{}", again.stderr);
        assert_eq!(again.stdout.trim(), scene.name);
        assert_eq!(ids(&scene), before);
        assert_names_resolve(&scene, round);
    }
    // A reboot stops the nodes too.
    scene.docker_says(&["kill", &scene.fqdn("node-1"), &scene.fqdn("node-2")]);
    let again = up(&scene).succeeds();
    assert!(again.stderr.contains("Started 2 nodes"), "{}", again.stderr);
    assert_eq!(ids(&scene), before);
    scene.run(["down", &scene.name]).succeeds();
    scene.assert_empty();
}

#[test]
fn up_after_the_engine_was_killed_with_live_restore() {
    assert_comes_back(true, "2 nodes were already running");
}

#[test]
fn up_after_the_engine_was_killed_without_live_restore() {
    assert_comes_back(false, "Started 2 nodes");
}
