//! Plugins that fail during a start: reported by the parent process, and nothing is left on the engine.

use std::fs;
use std::process::Command;

use clusterdock_tests::plugins;
use clusterdock_tests::program::clusterdock;
use clusterdock_tests::scene::Scene;

/// Starts the misbehaving topology: it does what the program's file name says.
fn misbehave(scene: &Scene, what: &str) -> (i32, String) {
    let program = scene.config().join(format!("misbehave-{what}"));
    // A link keeps its name only when it is a hard one; across file systems it has to be a copy.
    fs::hard_link(clusterdock(), &program)
        .or_else(|_| fs::copy(clusterdock(), &program).map(drop))
        .unwrap();
    let library = plugins::library("topology_misbehave");
    let start = scene
        .run(["start", "-c", &scene.name, "-n", &scene.name])
        .args([library]);
    let command = start.command();
    let mut renamed = Command::new(&program);
    renamed.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => renamed.env(name, value),
            None => renamed.env_remove(name),
        };
    }
    let output = renamed.output().unwrap();
    (
        output.status.code().unwrap_or(-1),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

#[track_caller]
fn assert_ends_with(what: &str, code: i32, texts: &[&str]) {
    let Some(scene) = Scene::new("hook") else {
        return;
    };
    let (found, stderr) = misbehave(&scene, what);
    assert_eq!(found, code, "{stderr}");
    for text in texts {
        assert!(stderr.contains(text), "no `{text}` in:\n{stderr}");
    }
    scene.assert_empty();
}

#[test]
fn a_successful_hook_leaves_a_cluster() {
    let Some(scene) = Scene::new("well") else {
        return;
    };
    let (code, stderr) = misbehave(&scene, "nothing");
    assert_eq!(code, 0, "{stderr}");
    assert!(stderr.contains("well-behaved"), "{stderr}");
}

#[test]
fn a_panic_is_reported_with_file_and_line() {
    assert_ends_with(
        "panic-in-start",
        10,
        &[
            "`topology_misbehave`",
            "panicked in its start hook",
            "no start",
            "src/lib.rs:",
        ],
    );
}

#[test]
fn a_segfault_is_reported_by_its_signal() {
    assert_ends_with(
        "segfault",
        10,
        &["`topology_misbehave`", "SIGSEGV", "start hook"],
    );
}

#[test]
fn a_stack_overflow_is_reported_with_its_output() {
    assert_ends_with("stack-overflow", 10, &["SIGABRT", "overflowed its stack"]);
}

#[test]
fn an_exit_is_reported_with_its_code() {
    assert_ends_with("exit-in-nodes", 10, &["exited with code 3", "`nodes`"]);
}

#[test]
fn an_error_keeps_its_chain() {
    assert_ends_with("fail-with-chain", 10, &["outer", "inner", "invalid digit"]);
}

#[test]
fn a_wait_that_runs_out_of_time_is_a_timeout() {
    assert_ends_with("wait", 7, &["in the hook", "port 1", "hint:", "--retain"]);
}

#[test]
fn a_crash_during_loading_is_a_plugin_error() {
    assert_ends_with("segfault-in-constructor", 9, &["while loading", "SIGSEGV"]);
}
