//! Nodes that die while their cluster starts: reported with their last log lines, and nothing is left.

use clusterdock_plugin_wire::NodeSpec;
use clusterdock_tests::run::Ran;
use clusterdock_tests::scene::Scene;

fn running(command: &str) -> NodeSpec {
    NodeSpec::new("any", "nodes").command(["sh", "-c", command])
}

/// Starts nodes that run a command, with a hook that runs another on the first.
#[track_caller]
fn assert_dies(scene: &Scene, command: &str, hook: &str, texts: &[&str]) -> Ran {
    let start = scene.start_like(&running(command)).args(["--hook", hook]);
    let ran = start.fails(8, &[&["error: node `node-", "` died"], texts].concat());
    assert!(!ran.stderr.contains("Cluster started"), "{}", ran.stderr);
    scene.assert_empty();
    ran
}

/// The same of a command that ends by itself within 200 ms: the start may only succeed if the engine, on a busy
/// machine, took the command for a running one for longer.
#[track_caller]
fn assert_dies_at_once(scene: &Scene, command: &str, texts: &[&str]) {
    let ran = scene
        .start_like(&running(command))
        .args(["--hook", ""])
        .run();
    if ran.code == 0 {
        assert!(engine_saw_200_ms(scene), "{}", ran.stderr);
        scene.run(["rm", &scene.name]).succeeds();
    } else {
        let texts = [&["error: node `node-", "` died"], texts].concat();
        assert!(
            ran.code == 8 && texts.iter().all(|text| ran.stderr.contains(text)),
            "{}",
            ran.stderr
        );
    }
    scene.assert_empty();
}

#[test]
fn thirty_starts_of_nodes_that_exit_all_fail() {
    let Some(scene) = Scene::new("exits") else {
        return;
    };
    for round in 0..30 {
        // As a wrong path, a wrong configuration, and a program that does its work and ends.
        let (command, code) = [
            ("nosuchprogram", 127),
            ("echo bad option; exit 2", 2),
            ("true", 0),
        ][round % 3];
        assert_dies_at_once(&scene, command, &[&format!("exit code {code}")]);
    }
}

#[test]
fn an_exit_after_100_ms_fails_the_start_with_the_log() {
    let Some(scene) = Scene::new("soon") else {
        return;
    };
    for _ in 0..5 {
        assert_dies_at_once(
            &scene,
            "sleep 0.1; echo no such disk; exit 7",
            &["exit code 7", "no such disk"],
        );
    }
}

/// Whether the engine noticed the end of each node only after it had run for as long as a start waits for.
fn engine_saw_200_ms(scene: &Scene) -> bool {
    ["node-1", "node-2"].iter().all(|node| {
        let fqdn = scene.fqdn(node);
        let started = scene.docker_says(&["inspect", "-f", "{{.State.StartedAt}}", &fqdn]);
        let started: jiff::Timestamp = started.parse().unwrap();
        let container = format!("container={fqdn}");
        let events = [
            "events",
            "--since",
            "10m",
            "--until",
            "0s",
            "--format",
            "{{.TimeNano}}",
        ];
        let died = scene.docker_says(
            &[
                &events[..],
                &["--filter", "event=die", "--filter", &container],
            ]
            .concat(),
        );
        let died: Vec<i128> = died
            .lines()
            .map(|nanoseconds| nanoseconds.parse().unwrap())
            .collect();
        died.iter()
            .all(|died| died - started.as_nanosecond() >= 200_000_000)
    })
}

#[test]
fn a_node_that_dies_during_the_hook_is_the_cause() {
    let Some(scene) = Scene::new("hooked") else {
        return;
    };
    // The hook's command is killed with its node, fails since the node is gone, or does not need the node at all.
    for hook in ["sleep 60", "sleep 0.6", "true; sleep 30"] {
        let ran = assert_dies(
            &scene,
            "sleep 0.5; echo lost the disk; exit 3",
            hook,
            &["exit code 3", "lost the disk"],
        );
        assert!(!ran.stderr.contains("is not running"), "{}", ran.stderr);
    }
}

#[test]
fn a_node_killed_in_the_hook_is_named_with_the_signal() {
    let Some(scene) = Scene::new("signal") else {
        return;
    };
    assert_dies(
        &scene,
        "trap 'exit 143' TERM; while :; do sleep 0.1; done",
        "kill -TERM 1; sleep 20",
        &["signal 15"],
    );
}

#[test]
fn a_node_that_keeps_restarting_is_not_ready() {
    let Some(scene) = Scene::new("loops") else {
        return;
    };
    let loops =
        running("sleep 0.05; exit 5").with(|settings| settings.restart = Some("always".into()));
    let start = scene.start_like(&loops).args(["--timeout", "8s"]);
    start.fails(
        7,
        &[
            "not ready in time",
            "its command keeps ending, at last with exit code 5",
        ],
    );
    scene.assert_empty();
}

#[test]
fn resume_and_restart_of_nodes_that_exit_fail() {
    let Some(scene) = Scene::new("again") else {
        return;
    };
    let once = running(
        "test -e /begun && { echo second time; exit 9; }; touch /begun; exec sleep infinity",
    );
    scene.start_like(&once).succeeds();
    scene
        .run(["restart", "-t", "0s", &scene.name])
        .fails(8, &["died", "exit code 9", "second time"]);
    scene
        .run(["resume", &scene.name])
        .fails(8, &["died", "exit code 9", "second time"]);
}
