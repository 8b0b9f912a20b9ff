//! Whatever a plugin does to its process, the host goes on and says which plugin did what, and where.

use super::process::{Recorder, request, start};
use clusterdock::error::{Error, Kind};
use clusterdock::topology::plugin::Plugin;
use clusterdock::topology::process::{GRACE, Stream};
use clusterdock_tests::plugins::{self, library, misbehaving, misbehaving_within};
use clusterdock_tests::{cargo, elf, program};
use std::time::Duration;

#[track_caller]
fn told(error: &Error, kind: Kind, message: &str) {
    assert_eq!((error.message(), error.kind()), (message, kind), "{error}");
}

async fn while_loading(what: &str) -> Error {
    misbehaving(what).await.0.err().expect("it cannot be loaded")
}

async fn in_start(what: &str) -> Error {
    start(&misbehaving(what).await.0.unwrap(), &Recorder::default()).await.unwrap_err()
}

const SOURCE: &str = "at tests/fixtures/plugins/misbehave/src/lib.rs:";

#[tokio::test]
async fn a_panic_is_told_with_its_message_and_its_place() {
    let error = while_loading("panic-in-constructor").await;
    told(&error, Kind::Plugin, "plugin `topology_x` panicked while loading");
    assert!(error.causes()[0].starts_with(&format!("nothing to construct, {SOURCE}")), "{error}");

    let error = misbehaving("panic-in-declare").await.0.unwrap().declare().await.unwrap_err();
    told(&error, Kind::Hook, "plugin `topology_x` panicked in `declare`");

    let error = misbehaving("panic-in-nodes").await.0.unwrap().nodes(&request()).await.unwrap_err();
    told(&error, Kind::Hook, "plugin `topology_x` panicked in `nodes`");

    let error = in_start("panic-in-start").await;
    told(&error, Kind::Hook, "plugin `topology_x` panicked in its start hook");
    assert!(error.causes()[0].starts_with(&format!("no start, {SOURCE}")), "{error}");

    let error = in_start("panic-of-a-scoped-thread").await;
    told(&error, Kind::Hook, "plugin `topology_x` panicked in its start hook");
}

#[tokio::test]
async fn a_plugin_that_panicked_can_be_asked_again() {
    let plugin = misbehaving("panic-in-nodes").await.0.unwrap();
    plugin.nodes(&request()).await.unwrap_err();
    assert_eq!(plugin.declare().await.unwrap().groups.len(), 1);
}

#[tokio::test]
async fn a_panic_in_a_thread_of_the_plugin_is_printed_and_ends_nothing() {
    let (plugin, lines) = misbehaving("panic-in-thread").await;
    let plugin = plugin.unwrap();
    start(&plugin, &Recorder::default()).await.unwrap();
    plugin.shut_down().await;
    assert!(lines.of(Stream::Stderr).iter().any(|line| line.contains("in a thread")));
}

#[tokio::test]
async fn a_panic_while_the_topology_is_dropped_is_printed() {
    let (plugin, lines) = misbehaving("panic-in-drop").await;
    plugin.unwrap().shut_down().await;
    let lines = lines.of(Stream::Stderr);
    assert!(lines[0].starts_with("panicked while it was dropped: cannot part, at "), "{lines:?}");
}

#[tokio::test]
async fn a_crash_is_told_with_its_signal_and_an_exit_with_its_code() {
    let error = while_loading("segfault-in-constructor").await;
    told(&error, Kind::Plugin, "plugin `topology_x` crashes while loading (SIGSEGV)");

    let error = while_loading("exit-in-constructor").await;
    told(&error, Kind::Plugin, "plugin `topology_x` ended the process with exit code 4 while loading");

    let error = misbehaving("segfault-in-declare").await.0.unwrap().declare().await.unwrap_err();
    told(&error, Kind::Hook, "plugin `topology_x` died of SIGSEGV in `declare`");

    let error = misbehaving("exit-in-nodes").await.0.unwrap().nodes(&request()).await.unwrap_err();
    told(&error, Kind::Hook, "plugin `topology_x` ended the process with exit code 3 in `nodes`");

    told(&in_start("segfault").await, Kind::Hook, "plugin `topology_x` died of SIGSEGV in its start hook");
}

#[tokio::test]
async fn a_stack_overflow_is_told_in_the_words_of_the_runtime() {
    let error = in_start("stack-overflow").await;
    told(&error, Kind::Hook, "plugin `topology_x` died of SIGABRT in its start hook");
    assert!(error.causes().iter().any(|cause| cause.contains("overflow")), "{error}");
}

#[tokio::test]
async fn a_plugin_that_gives_no_answer_is_ended_at_the_deadline() {
    let (plugin, _) = misbehaving_within("endless-declare", Duration::from_secs(1)).await;
    let plugin = plugin.unwrap();
    let error = plugin.declare().await.unwrap_err();
    told(&error, Kind::Timeout, "plugin `topology_x` gave no answer within 1s in `declare`");
    let before = std::time::Instant::now();
    plugin.shut_down().await;
    assert!(before.elapsed() < GRACE, "it was killed already");
}

#[tokio::test]
async fn a_topology_that_never_ends_is_killed() {
    let (plugin, _) = misbehaving("endless-drop").await;
    let before = std::time::Instant::now();
    plugin.unwrap().shut_down().await;
    assert!((GRACE..GRACE * 5).contains(&before.elapsed()));
}

#[tokio::test]
async fn a_library_with_damaged_code_crashes_its_own_process_only() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("libtopology_x.so");
    let bytes = std::fs::read(library("topology_nodebase")).unwrap();
    std::fs::write(&path, elf::with_damaged_text(&bytes)).unwrap();
    let (plugin, _) = plugins::spawn(program::clusterdock(), &path, Duration::from_secs(30)).await;
    let error = plugin.err().expect("it cannot be loaded");
    told(&error, Kind::Plugin, "plugin `topology_x` crashes while loading (SIGTRAP)");
}

#[test]
fn a_plugin_that_would_abort_when_it_panics_does_not_compile() {
    let arguments = ["rustc", "-p", "topology_nodebase", "--", "-C", "panic=abort"];
    let complaints = cargo::refused(cargo::workspace(), &arguments);
    assert!(complaints.contains("a topology must be built with `panic = \"unwind\"`"), "{complaints}");
}

#[tokio::test]
async fn what_is_no_library_and_a_program_that_is_not_there_are_errors_of_loading() {
    let spawn = async |executable: &str, library: &str| {
        let (plugin, _) = plugins::spawn(executable.as_ref(), library.as_ref(), Duration::from_secs(30)).await;
        plugin.err().expect("it cannot be loaded")
    };
    let program = program::clusterdock().to_str().unwrap();
    let error = spawn(program, "/no/library.so").await;
    told(&error, Kind::Plugin, "failed to load plugin `topology_x`");
    assert_eq!(error.causes(), ["library `/no/library.so`", "No such file or directory (os error 2)"]);
    let error = spawn("/no/program", "/no/library.so").await;
    told(&error, Kind::Plugin, "failed to start a process for plugin `topology_x`");
}
