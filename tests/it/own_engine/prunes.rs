//! Prunes of volumes at any time. They remove foreign volumes as well, so they run only on engines of the tests.

use std::sync::atomic::{AtomicBool, Ordering};

use clusterdock_tests::dockerd::{EngineBuild, OwnEngine};
use clusterdock_tests::plugins;
use clusterdock_tests::scene::Scene;
use serde_json::Value;

use super::available;

/// How often a cluster is started during prunes.
const STARTS: usize = 6;

/// Ends the prunes, also if a start went wrong.
struct End<'a>(&'a AtomicBool);

impl Drop for End<'_> {
    fn drop(&mut self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

fn prune(scene: &Scene) {
    scene.docker_says(&["volume", "prune", "-f"]);
}

#[track_caller]
fn state(scene: &Scene) -> Value {
    let answer = scene.run(["ls", "--format", "json"]).succeeds().stdout;
    let json: Value = serde_json::from_str(&answer).unwrap();
    json["clusters"][0]["state"].clone()
}

#[test]
fn starts_succeed_or_leave_nothing_while_volumes_are_pruned() {
    let Some(engine) = available("prune", || OwnEngine::start(EngineBuild::Installed)) else {
        return;
    };
    let scene = Scene::on(&engine.host(), "prune");
    scene.start().succeeds();
    scene.run(["stop", &scene.name]).succeeds();
    prune(&scene);
    assert_eq!(state(&scene), "stopped");
    scene.run(["rm", &scene.name]).succeeds();
    let is_over = AtomicBool::new(false);
    std::thread::scope(|threads| {
        threads.spawn(|| {
            while !is_over.load(Ordering::Relaxed) {
                prune(&scene);
            }
        });
        let _end = End(&is_over);
        for _ in 0..STARTS {
            let ran = scene.start().run();
            match ran.code {
                0 => assert_eq!(state(&scene), "running"),
                8 => assert!(
                    ran.stderr.contains("was removed during the start"),
                    "{}",
                    ran.stderr
                ),
                code => panic!("{code}: {}", ran.stderr),
            }
            if ran.code == 0 {
                scene.run(["rm", &scene.name]).succeeds();
            }
            scene.assert_empty();
        }
    });
    // Nothing of what was pruned stands in the way.
    scene.start().succeeds();
}

#[test]
fn a_start_killed_in_its_hook_is_partial_after_a_prune() {
    let Some(engine) = available("pruned", || OwnEngine::start(EngineBuild::Installed)) else {
        return;
    };
    let scene = Scene::on(&engine.host(), "pruned");
    let start = scene
        .run(["start", "-c", &scene.name, "-n", &scene.name])
        .args([plugins::library("topology_waiting")]);
    let (mut child, _story) = start.args(["--for-ever"]).until("waiting for ever");
    child.kill().unwrap();
    child.wait().unwrap();
    prune(&scene);
    assert_eq!(state(&scene), "partial");
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}
