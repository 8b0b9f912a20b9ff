//! Nodes that die, and an engine that no longer tells of it.

use super::{LabHook, Stage, Wish, engine};
use clusterdock::error::{Error, Kind};
use clusterdock_plugin_api::Probe;
use clusterdock_tests::fake::{ExecAnswer, FakeEngine, Program};
use std::time::Duration;
use tokio::time::Instant;

/// A start of `a`, which has no probes, and `b`, whose probe never holds.
fn wish() -> Wish {
    Wish::of(&["a", "b"]).each(|node| match node.hostname.as_str() {
        "b" => node.ready_when(Probe::command("false")),
        _ => node,
    })
}

fn engine_of_unready_nodes() -> FakeEngine {
    let fake = engine();
    fake.on_exec(|_| ExecAnswer::failure(1));
    fake
}

/// Starts what fails at once, and leaves nothing.
async fn fails_at_once(fake: &FakeEngine, wish: Wish) -> Error {
    let (before, began) = (fake.snapshot(), Instant::now());
    let error = Stage::new(fake).start(wish).await.unwrap_err();
    assert!(began.elapsed() < Duration::from_secs(10), "it took {:?}: {error}", began.elapsed());
    assert_eq!(fake.snapshot(), before);
    error
}

#[track_caller]
fn tells(error: &Error, kind: Kind, texts: &[&str]) {
    assert_eq!(error.kind(), kind, "{error}");
    for text in texts {
        assert!(error.to_string().contains(text), "no `{text}` in: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_node_that_was_ready_and_dies_while_others_are_awaited_ends_the_start_at_once() {
    let fake = engine_of_unready_nodes();
    fake.program("a.cluster", Program::dies(3).complains("no disk").after_calls(8));
    let error = fails_at_once(&fake, wish()).await;
    tells(&error, Kind::Node, &["node `a.cluster` died", "exit code 3", "no disk"]);
}

#[tokio::test(start_paused = true)]
async fn want_of_memory_and_signals_are_named() {
    let fake = engine_of_unready_nodes();
    fake.on_call(("exec", 2), |fake| fake.kill_for_memory("a.cluster"));
    let error = fails_at_once(&fake, wish()).await;
    tells(&error, Kind::Node, &["node `a.cluster` died", "out of memory", "its log is empty"]);
    fake.on_call(("exec", 2), |fake| fake.kill("a.cluster", 139));
    fake.forget_calls();
    let error = fails_at_once(&fake, wish()).await;
    tells(&error, Kind::Node, &["node `a.cluster` died", "signal 11 (exit code 139)"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_dies_before_the_very_end_is_no_started_cluster() {
    let fake = engine();
    fake.on_call(("containers", 1), |fake| fake.kill("b.cluster", 1));
    let error = fails_at_once(&fake, Wish::of(&["a", "b"])).await;
    tells(&error, Kind::Node, &["node `b.cluster` died", "exit code 1"]);
}

#[tokio::test(start_paused = true)]
async fn a_node_that_comes_back_by_its_restart_policy_may_die() {
    let fake = engine();
    fake.program("a.cluster", Program::dies(1).after_calls(4));
    let restarts = wish().each(|mut node| {
        node.settings.restart = Some("on-failure:1".into());
        node
    });
    Stage::new(&fake).start(restarts).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_node_that_its_hook_stopped_need_not_run() {
    let fake = engine();
    let started = Stage::new(&fake).start(Wish::of(&["a", "b"]).hook(LabHook::DoesOneOfEverything)).await.unwrap();
    assert!(!started.cluster.nodes[0].is_running());
}

#[tokio::test(start_paused = true)]
async fn a_lost_stream_of_deaths_is_taken_up_again() {
    let fake = engine_of_unready_nodes();
    fake.on_call(("exec", 2), FakeEngine::break_streams);
    fake.on_call(("exec", 5), |fake| fake.kill("a.cluster", 7));
    let error = fails_at_once(&fake, wish()).await;
    tells(&error, Kind::Node, &["node `a.cluster` died", "exit code 7"]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_keeps_breaking_its_stream_of_deaths_is_given_up() {
    let fake = engine_of_unready_nodes();
    for exec in 2..8 {
        fake.on_call(("exec", exec), FakeEngine::break_streams);
    }
    let error = fails_at_once(&fake, wish()).await;
    tells(&error, Kind::Engine, &["lost sight of the nodes", "the connection to the engine broke"]);
}
