//! A plugin that crashes, panics or hangs: the host continues and reports which plugin did what, and where.

use std::time::Duration;

use clusterdock::error::{Error, Kind};
use clusterdock::sink::Stream;
use clusterdock::topology::plugin::Plugin;
use clusterdock::topology::plugin_process::GRACE;
use clusterdock_tests::plugins::{self, library, misbehaving, misbehaving_within};
use clusterdock_tests::{cargo, elf, program};

use super::process::{Recorder, request, start};

#[track_caller]
fn assert_error(error: &Error, kind: Kind, message: &str) {
    assert_eq!((error.message(), error.kind()), (message, kind), "{error}");
}

/// The error of the question `declare` to the plugin of this name.
async fn in_declare(what: &str) -> Error {
    let (plugin, _) = misbehaving(what).await;
    plugin.unwrap().declare().await.unwrap_err()
}

/// The error of the question `nodes` to the plugin of this name.
async fn in_nodes(what: &str) -> Error {
    let (plugin, _) = misbehaving(what).await;
    plugin.unwrap().nodes(&request()).await.unwrap_err()
}

async fn while_loading(what: &str) -> Error {
    misbehaving(what)
        .await
        .0
        .err()
        .expect("it cannot be loaded")
}

async fn in_start(what: &str) -> Error {
    start(&misbehaving(what).await.0.unwrap(), &Recorder::default())
        .await
        .unwrap_err()
}

const SOURCE: &str = "at tests/fixtures/plugins/misbehave/src/lib.rs:";

#[tokio::test]
async fn a_panic_is_reported_with_its_message_and_location() {
    let error = while_loading("panic-in-constructor").await;
    assert_error(
        &error,
        Kind::Plugin,
        "plugin `topology_x` panicked while loading",
    );
    assert!(
        error.causes()[0].starts_with(&format!("nothing to construct, {SOURCE}")),
        "{error}"
    );

    let error = in_declare("panic-in-declare").await;
    assert_error(
        &error,
        Kind::Hook,
        "plugin `topology_x` panicked in `declare`",
    );

    let error = in_nodes("panic-in-nodes").await;
    assert_error(
        &error,
        Kind::Hook,
        "plugin `topology_x` panicked in `nodes`",
    );

    let error = in_start("panic-in-start").await;
    assert_error(
        &error,
        Kind::Hook,
        "plugin `topology_x` panicked in its start hook",
    );
    assert!(
        error.causes()[0].starts_with(&format!("no start, {SOURCE}")),
        "{error}"
    );

    let error = in_start("panic-of-a-scoped-thread").await;
    assert_error(
        &error,
        Kind::Hook,
        "plugin `topology_x` panicked in its start hook",
    );
}

#[tokio::test]
async fn a_plugin_that_panicked_can_be_called_again() {
    let plugin = misbehaving("panic-in-nodes").await.0.unwrap();
    plugin.nodes(&request()).await.unwrap_err();
    assert_eq!(plugin.declare().await.unwrap().groups.len(), 1);
}

#[tokio::test]
async fn a_panic_in_a_thread_of_the_plugin_is_only_printed() {
    let (plugin, lines) = misbehaving("panic-in-thread").await;
    let plugin = plugin.unwrap();
    start(&plugin, &Recorder::default()).await.unwrap();
    plugin.shut_down().await;
    assert!(
        lines
            .of(Stream::Stderr)
            .iter()
            .any(|line| line.contains("in a thread"))
    );
}

#[tokio::test]
async fn a_panic_while_the_topology_is_dropped_is_printed() {
    let (plugin, lines) = misbehaving("panic-in-drop").await;
    plugin.unwrap().shut_down().await;
    let lines = lines.of(Stream::Stderr);
    assert!(
        lines[0].starts_with("panicked while it was dropped: cannot part, at "),
        "{lines:?}"
    );
}

#[tokio::test]
async fn a_crash_names_its_signal_and_an_exit_its_code() {
    let error = while_loading("segfault-in-constructor").await;
    assert_error(
        &error,
        Kind::Plugin,
        "plugin `topology_x` crashed while loading (SIGSEGV)",
    );

    let error = while_loading("exit-in-constructor").await;
    assert_error(
        &error,
        Kind::Plugin,
        "plugin `topology_x` exited with code 4 while loading",
    );

    let error = in_declare("segfault-in-declare").await;
    assert_error(
        &error,
        Kind::Hook,
        "plugin `topology_x` was killed by SIGSEGV in `declare`",
    );

    let error = in_nodes("exit-in-nodes").await;
    assert_error(
        &error,
        Kind::Hook,
        "plugin `topology_x` exited with code 3 in `nodes`",
    );

    assert_error(
        &in_start("segfault").await,
        Kind::Hook,
        "plugin `topology_x` was killed by SIGSEGV in its start hook",
    );
}

#[tokio::test]
async fn a_stack_overflow_is_reported_by_the_runtimes_message() {
    let error = in_start("stack-overflow").await;
    assert_error(
        &error,
        Kind::Hook,
        "plugin `topology_x` was killed by SIGABRT in its start hook",
    );
    assert!(
        error
            .causes()
            .iter()
            .any(|cause| cause.contains("overflow")),
        "{error}"
    );
}

#[tokio::test]
async fn a_plugin_that_does_not_answer_is_ended_at_the_deadline() {
    let (plugin, _) = misbehaving_within("endless-declare", Duration::from_secs(3)).await;
    let plugin = plugin.unwrap();
    let error = plugin.declare().await.unwrap_err();
    assert_error(
        &error,
        Kind::Timeout,
        "plugin `topology_x` timed out after 3s in `declare`",
    );
    let before = std::time::Instant::now();
    plugin.shut_down().await;
    assert!(before.elapsed() < GRACE, "it was killed already");
}

#[tokio::test]
async fn a_topology_that_never_ends_is_killed() {
    let (plugin, _) = misbehaving("endless-drop").await;
    let before = std::time::Instant::now();
    plugin.unwrap().shut_down().await;
    assert!((GRACE..GRACE * 30).contains(&before.elapsed()));
}

#[tokio::test]
async fn damaged_code_crashes_only_its_own_process() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libtopology_x.so");
    let bytes = std::fs::read(library("topology_nodebase")).unwrap();
    std::fs::write(&path, elf::with_damaged_text(&bytes)).unwrap();
    let (plugin, _) = plugins::spawn(program::clusterdock(), &path, Duration::from_secs(30)).await;
    let error = plugin.err().expect("it cannot be loaded");
    assert_error(
        &error,
        Kind::Plugin,
        "plugin `topology_x` crashed while loading (SIGTRAP)",
    );
}

#[test]
fn a_plugin_with_panic_abort_does_not_compile() {
    let arguments = [
        "rustc",
        "-p",
        "topology_nodebase",
        "--",
        "-C",
        "panic=abort",
    ];
    let complaints = cargo::build_failure(cargo::workspace(), &arguments);
    assert!(
        complaints.contains("a topology must be built with `panic = \"unwind\"`"),
        "{complaints}"
    );
}

#[tokio::test]
async fn a_missing_program_or_library_is_a_load_error() {
    let spawn = async |executable: &str, library: &str| {
        let (plugin, _) = plugins::spawn(
            executable.as_ref(),
            library.as_ref(),
            Duration::from_secs(30),
        )
        .await;
        plugin.err().expect("it cannot be loaded")
    };
    let program = program::clusterdock().to_str().unwrap();
    let error = spawn(program, "/no/library.so").await;
    assert_error(&error, Kind::Plugin, "plugin `/no/library.so` not found");
    let error = spawn(
        "/no/program",
        library("topology_nodebase").to_str().unwrap(),
    )
    .await;
    assert_error(
        &error,
        Kind::Plugin,
        "failed to start a process for plugin `topology_x`",
    );
}
