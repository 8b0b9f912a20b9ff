//! The hooks that `stop`, `resume`, `restart` and `wait` run on whole clusters.

use std::fs;

use clusterdock_tests::plugins;
use clusterdock_tests::scene::Scene;

/// The hooks that ran on a node, in their order.
fn ran(scene: &Scene, node: &str) -> Vec<String> {
    let log = scene.on_node(node, "cat /hooks.log");
    log.lines().map(String::from).collect()
}

#[test]
fn a_cluster_runs_its_hooks_when_it_is_stopped_resumed_and_awaited() {
    let Some(scene) = Scene::new("hooks-later") else {
        return;
    };
    let name = scene.name.as_str();
    let start = scene.run(["start", "-c", name, "-n", name]);
    let start = start.args([plugins::library("topology_hooks")]);
    let hooks = [
        "--at-check",
        "asks",
        "--at-resume",
        "tells",
        "--at-stop",
        "fails",
    ];
    start.args(hooks).succeeds();

    let stopped = scene.run(["stop", "-t", "0", name]).succeeds();
    let warning =
        format!("the on_stop hook of cluster `{name}` failed; its nodes stop nevertheless: ");
    assert!(stopped.stderr.contains(&warning), "{}", stopped.stderr);
    let resumed = scene.run(["resume", name]).succeeds();
    assert!(
        resumed.stderr.contains("closing words of on_resume"),
        "{}",
        resumed.stderr
    );
    let env = scene.run(["env", name]).succeeds().stdout;
    assert!(
        env.contains("CLUSTERDOCK_OUTPUT_TOLD_BY=on_resume"),
        "{env}"
    );
    scene.run(["restart", "-t", "0", name]).succeeds();
    for node in ["node-1", "node-2"] {
        let expected = ["start", "on_stop", "on_resume", "on_stop", "on_resume"];
        assert_eq!(ran(&scene, node), expected);
    }

    scene.run(["wait", "--timeout", "2s", name]).fails(
        7,
        &[
            "did not pass its check in time",
            "cause: after 2s",
            "exited with 1",
        ],
    );
    scene.on_node("node-1", "touch /healthy");
    scene.run(["wait", name]).succeeds();
    assert_eq!(ran(&scene, "node-2").last().unwrap(), "check");

    // A single node is stopped without a hook, and so is the cluster if its library is gone.
    let before = ran(&scene, "node-2").len();
    scene
        .run(["restart", "-t", "0", &scene.fqdn("node-1")])
        .succeeds();
    fs::remove_dir_all(scene.config().join("plugins")).unwrap();
    let stopped = scene.run(["stop", "-t", "0", name]).succeeds();
    assert!(
        stopped.stderr.contains(".so` is gone"),
        "{}",
        stopped.stderr
    );
    let stopped = scene.docker_says(&["ps", "-q", "--filter", &format!("network={name}")]);
    assert_eq!(stopped, "");
    scene.run(["resume", name]).succeeds();
    assert_eq!(ran(&scene, "node-2").len(), before);
    // The topology as it is now has the hook too.
    scene.run(["hook", name, "on_resume"]).succeeds();
    assert_eq!(ran(&scene, "node-2").last().unwrap(), "on_resume");
    scene.run(["rm", name]).succeeds();
    scene.assert_empty();
}
