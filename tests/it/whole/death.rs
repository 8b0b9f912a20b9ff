//! Nodes that die, and an engine that no longer reports them.

use std::time::Duration;

use clusterdock::error::{Error, Kind, Result};
use clusterdock::start::start_execution::Started;
use clusterdock_plugin_wire::{NodeSpec, Probe};
use clusterdock_tests::fake::{ExecAnswer, FakeEngine, Program};
use futures_util::future::join;
use tokio::time::{Instant, sleep};

use super::{LabHook, Stage, Wish, engine};

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
async fn assert_fails_at_once(fake: &FakeEngine, wish: Wish) -> Error {
    let (before, began) = (fake.snapshot(), Instant::now());
    let error = Stage::new(fake).start(wish).await.unwrap_err();
    assert!(
        began.elapsed() < Duration::from_secs(10),
        "it took {:?}: {error}",
        began.elapsed()
    );
    assert_eq!(fake.snapshot(), before);
    error
}

#[track_caller]
fn assert_error(error: &Error, kind: Kind, texts: &[&str]) {
    assert_eq!(error.kind(), kind, "{error}");
    for text in texts {
        assert!(error.to_string().contains(text), "no `{text}` in: {error}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_ready_node_that_dies_ends_the_start_at_once() {
    let fake = engine_of_unready_nodes();
    fake.program(
        "a.cluster",
        Program::dies(3).complains("no disk").after_calls(8),
    );
    let error = assert_fails_at_once(&fake, wish()).await;
    assert_error(
        &error,
        Kind::Node,
        &["node `a.cluster` died", "exit code 3", "no disk"],
    );
}

#[tokio::test(start_paused = true)]
async fn out_of_memory_and_signals_are_named() {
    let fake = engine_of_unready_nodes();
    fake.on_call(("exec", 2), |fake| fake.kill_for_memory("a.cluster"));
    let error = assert_fails_at_once(&fake, wish()).await;
    assert_error(
        &error,
        Kind::Node,
        &["node `a.cluster` died", "out of memory", "its log is empty"],
    );
    fake.on_call(("exec", 2), |fake| fake.kill("a.cluster", 139));
    fake.forget_calls();
    let error = assert_fails_at_once(&fake, wish()).await;
    assert_error(
        &error,
        Kind::Node,
        &["node `a.cluster` died", "signal 11 (exit code 139)"],
    );
}

#[tokio::test(start_paused = true)]
async fn a_death_just_before_the_end_fails_the_start() {
    let fake = engine();
    fake.on_call(("containers", 1), |fake| fake.kill("b.cluster", 1));
    let error = assert_fails_at_once(&fake, Wish::of(&["a", "b"])).await;
    assert_error(
        &error,
        Kind::Node,
        &["node `b.cluster` died", "exit code 1"],
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_with_a_restart_policy_may_die() {
    let fake = engine();
    fake.on_call(("exec", 0), |fake| fake.kill("a.cluster", 1));
    let restarts = wish().each(|mut node| {
        node.settings.restart = Some("on-failure:1".into());
        node
    });
    Stage::new(&fake).start(restarts).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn a_node_stopped_by_the_hook_need_not_run() {
    let fake = engine();
    let started = Stage::new(&fake)
        .start(Wish::of(&["a", "b"]).hook(LabHook::DoesOneOfEverything))
        .await
        .unwrap();
    assert!(!started.cluster.nodes[0].is_running());
}

#[tokio::test(start_paused = true)]
async fn a_broken_event_stream_is_reopened() {
    let fake = engine_of_unready_nodes();
    fake.on_call(("exec", 2), FakeEngine::break_streams);
    fake.on_call(("exec", 5), |fake| fake.kill("a.cluster", 7));
    let error = assert_fails_at_once(&fake, wish()).await;
    assert_error(
        &error,
        Kind::Node,
        &["node `a.cluster` died", "exit code 7"],
    );
}

#[tokio::test(start_paused = true)]
async fn an_event_stream_that_keeps_breaking_fails_the_start() {
    let fake = engine_of_unready_nodes();
    for exec in 2..8 {
        fake.on_call(("exec", exec), FakeEngine::break_streams);
    }
    let error = assert_fails_at_once(&fake, wish()).await;
    assert_error(
        &error,
        Kind::Engine,
        &[
            "lost sight of the nodes",
            "the connection to the engine broke",
        ],
    );
}

/// Starts `a` and `b` while something happens `after` the start of `a`; returns the duration and the result.
async fn started(
    fake: &FakeEngine,
    wish: Wish,
    after: Duration,
    happens: impl Fn(&FakeEngine),
) -> (Duration, Result<Started>) {
    let event = async {
        fake.when_called(("start_container", "a.cluster"))
            .await
            .unwrap();
        // The call is answered without delay.
        sleep(after).await;
        happens(fake);
    };
    let began = Instant::now();
    let stage = Stage::new(fake);
    let start = async {
        let result = stage.start(wish).await;
        (began.elapsed(), result)
    };
    join(start, event).await.0
}

const MS: Duration = Duration::from_millis(1);

#[tokio::test(start_paused = true)]
async fn a_death_within_200_ms_fails_the_start() {
    for (after, exit_code) in [(1, 0), (2, 1), (50, 127), (100, 2), (199, 139)] {
        let fake = engine();
        let before = fake.snapshot();
        let kill = |fake: &FakeEngine| fake.kill("a.cluster", exit_code);
        let (took, result) = started(&fake, Wish::of(&["a", "b"]), after * MS, kill).await;
        let code = if exit_code == 139 {
            "signal 11".into()
        } else {
            format!("exit code {exit_code}")
        };
        assert_error(
            &result.unwrap_err(),
            Kind::Node,
            &["node `a.cluster` died", &code],
        );
        assert!(took <= 250 * MS, "{took:?}");
        assert_eq!(fake.snapshot(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn the_hold_overlaps_the_hook_and_costs_no_more_than_200_ms() {
    for (hook, least, most) in [
        (0, 200, 201),
        (150, 200, 201),
        (200, 200, 202),
        (1_000, 1_000, 1_001),
    ] {
        let fake = engine();
        let wish = Wish::of(&["a", "b"]).hook(LabHook::Waits(hook * MS));
        let (took, result) = started(&fake, wish, Duration::ZERO, |_| {}).await;
        result.unwrap();
        assert!(
            took >= least * MS && took <= most * MS,
            "a hook of {hook} ms: {took:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_with_probes_skip_the_hold() {
    let fake = engine();
    let wish = Wish::of(&["a", "b"]).each(|node| node.ready_when(Probe::command("true")));
    let (took, result) = started(&fake, wish, Duration::ZERO, |_| {}).await;
    result.unwrap();
    assert!(took < 50 * MS, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_death_during_the_hook_is_the_cause_of_failure() {
    let probed = |node: NodeSpec| node.ready_when(Probe::command("true"));
    for (wish, after) in [
        (Wish::of(&["a", "b"]), 100),
        (Wish::of(&["a", "b"]), 5_000),
        (Wish::of(&["a", "b"]).each(probed), 5_000),
    ] {
        let fake = engine();
        let before = fake.snapshot();
        let wish = wish.hook(LabHook::Waits(30_000 * MS));
        let (took, result) = started(&fake, wish, after * MS, |fake| {
            fake.kill_for_memory("a.cluster")
        })
        .await;
        assert_error(
            &result.unwrap_err(),
            Kind::Node,
            &["node `a.cluster` died", "out of memory"],
        );
        assert!(took < (after + 100) * MS, "{took:?}");
        assert_eq!(fake.snapshot(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_after_a_death_is_not_the_cause() {
    // The engine knows of the death and reports it later, or it learns of it after the command ended.
    for late in [0, 300] {
        let fake = engine();
        let before = fake.snapshot();
        fake.program("a.cluster", Program::runs().complains("no disk"));
        fake.on_exec(|_| ExecAnswer::failure(137));
        let stage = Stage::new(&fake);
        let dies = async {
            fake.when_called(("exec", 0)).await.unwrap();
            sleep(late * MS).await;
            fake.kill("a.cluster", 3);
        };
        let (error, ()) = join(
            async {
                stage
                    .start(Wish::of(&["a", "b"]).hook(LabHook::FailsByCommand))
                    .await
                    .unwrap_err()
            },
            dies,
        )
        .await;
        assert_error(
            &error,
            Kind::Node,
            &["node `a.cluster` died", "exit code 3", "no disk"],
        );
        assert_eq!(fake.snapshot(), before);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_fails_by_itself_is_the_cause() {
    for hook in [LabHook::Fails, LabHook::FailsByCommand] {
        let fake = engine();
        fake.on_exec(|_| ExecAnswer::failure(137));
        let error = assert_fails_at_once(&fake, Wish::of(&["a", "b"]).hook(hook)).await;
        assert_eq!(
            (error.kind(), error.message()),
            (Kind::Hook, "the hook failed")
        );
    }
}

/// A node that its restart policy brings back whenever it dies.
fn comes_back(mut node: NodeSpec) -> NodeSpec {
    node.settings.restart = Some("always".into());
    node
}

#[tokio::test(start_paused = true)]
async fn a_node_that_keeps_restarting_is_never_ready() {
    let fake = engine();
    let before = fake.snapshot();
    let stage = Stage::new(&fake);
    let dies_again_and_again = async {
        fake.when_called(("start_container", "a.cluster"))
            .await
            .unwrap();
        loop {
            sleep(150 * MS).await;
            fake.kill("a.cluster", 4);
        }
    };
    let error = tokio::select! {
        result = stage.start(Wish::of(&["a", "b"]).each(comes_back)) => result.unwrap_err(),
        () = dies_again_and_again => unreachable!("it never ends"),
    };
    assert_error(
        &error,
        Kind::Timeout,
        &[
            "not ready in time",
            "node `a.cluster`: its command keeps ending, at last with exit code 4",
        ],
    );
    assert_eq!(fake.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn a_restarted_node_has_to_run_another_200_ms() {
    let fake = engine();
    let kill = |fake: &FakeEngine| fake.kill("a.cluster", 1);
    let (took, result) = started(
        &fake,
        Wish::of(&["a", "b"]).each(comes_back),
        150 * MS,
        kill,
    )
    .await;
    result.unwrap();
    assert!(took >= 350 * MS, "{took:?}");
}

#[tokio::test(start_paused = true)]
async fn a_node_whose_restart_policy_gives_up_has_died() {
    let fake = engine();
    fake.program("a.cluster", Program::dies(6));
    let gives_up = |mut node: NodeSpec| {
        node.settings.restart = Some("on-failure:2".into());
        node
    };
    let error = assert_fails_at_once(&fake, Wish::of(&["a", "b"]).each(gives_up)).await;
    assert_error(
        &error,
        Kind::Node,
        &["node `a.cluster` died", "exit code 6"],
    );
}
