//! Every call of a start fails in every way: nothing of the start is left, and the error names the cause.

use std::sync::Arc;

use clusterdock::cluster::ClusterState;
use clusterdock::cluster::labels::Run;
use clusterdock::engine::NetworkSpec;
use clusterdock::error::{Error, Kind, Result};
use clusterdock_plugin_wire::{Port, Probe};
use clusterdock_tests::fake::{FakeEngine, Mishap, Trial, for_every_call};

use super::{LabHook, Stage, Wish, engine, engine_with_sshd};

/// Calls that only a hook makes.
const OF_HOOKS: [&str; 4] = ["file", "put_archive", "get_archive", "stop_container"];

/// Runs a start once for every call and mishap, and expects the engine as it was whenever the start failed.
async fn assert_starts_leave_nothing(seed: impl AsyncFn() -> FakeEngine, wish: Wish, least: usize) {
    let trials = for_every_call(&Mishap::RECOVERABLE, seed, async |trial| {
        let stage = Stage::new(&trial.fake);
        let cancellation = Arc::clone(&stage.cancellation);
        trial.on_interrupt(move || {
            cancellation.cancel(Error::new(Kind::Interrupted, "interrupted"))
        });
        let done = trial
            .run(stage.start(wish.clone()))
            .await
            .expect("nothing was abandoned")
            .map(drop);
        if done.is_err() {
            trial.assert_rolled_back();
            assert_eq!(
                stage.report.clean_up(),
                None,
                "there is nothing to be cleaned up"
            );
            assert_eq!(stage.kept_keys(), Vec::<String>::new());
        }
        let found = done.as_ref().err().map(Error::kind);
        let expected = if trial.struck() {
            expected(trial, &wish)
        } else {
            vec![None]
        };
        assert!(
            expected.contains(&found),
            "it ended with {found:?}, not one of {expected:?}: {}",
            outcome(&done)
        );
    });
    let trials = trials.await;
    assert!(trials >= least, "only {trials} trials");
}

/// The errors that a start may end with after the trial's mishap; `None` is success.
fn expected(trial: &Trial, wish: &Wish) -> Vec<Option<Kind>> {
    let method = trial.fake.calls()[trial.call].method;
    // The last thing the hook does is stop a node; later calls belong to the start.
    let hook_ended = trial.fake.calls()[..trial.call]
        .iter()
        .any(|call| call.method == "stop_container");
    let of_hook =
        OF_HOOKS.contains(&method) || method.starts_with("exec") || method == "running_execs";
    let in_hook = wish.hook != LabHook::DoesNothing && !hook_ended && of_hook;
    match trial.mishap {
        Mishap::Interrupts => vec![Some(Kind::Interrupted)],
        // Nodes were created and are ready although their deaths would have gone unnoticed; or the call was repeated.
        _ if method == "deaths" => vec![None],
        Mishap::Stalls | Mishap::StallsAfterEffect => vec![Some(Kind::Timeout)],
        _ if in_hook => vec![Some(Kind::Hook)],
        _ => vec![Some(Kind::Other)],
    }
}

fn outcome(done: &Result<()>) -> String {
    done.as_ref()
        .err()
        .map(Error::to_string)
        .unwrap_or_default()
}

/// An engine with a clusterdock network that another start created.
async fn with_network() -> FakeEngine {
    let fake = engine();
    let run = Run {
        cluster: "other".into(),
        ..Run::default()
    };
    fake.seed().network(&NetworkSpec {
        name: "cluster".into(),
        labels: run.labels(),
        subnet: "10.9.0.0/24".parse().unwrap(),
        engine_range: "10.9.0.192/26".parse().unwrap(),
        gateway: "10.9.0.1".parse().unwrap(),
    });
    fake
}

/// An engine with a foreign network.
async fn with_foreign_network() -> FakeEngine {
    let fake = engine();
    fake.seed()
        .plain_network("cluster", "10.9.0.0/24".parse().unwrap());
    fake
}

#[tokio::test(start_paused = true)]
async fn a_start_of_one_node_leaves_nothing_on_any_failure() {
    assert_starts_leave_nothing(async || engine(), Wish::of(&["a"]), 55).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_of_three_nodes_leaves_nothing_on_any_failure() {
    let wish = Wish::of(&["a", "b", "c"]).each(|node| node.port(Port::tcp(80)));
    assert_starts_leave_nothing(async || engine(), wish, 75).await;
}

#[tokio::test(start_paused = true)]
async fn an_existing_network_stays_on_any_failure() {
    assert_starts_leave_nothing(with_network, Wish::of(&["a", "b"]), 60).await;
    assert_starts_leave_nothing(with_foreign_network, Wish::of(&["a", "b"]), 70).await;
}

#[tokio::test(start_paused = true)]
async fn probes_leave_nothing_on_any_failure() {
    let wish = Wish::of(&["a", "b"]).each(|node| node.ready_when(Probe::command("true")));
    assert_starts_leave_nothing(async || engine(), wish, 80).await;
}

#[tokio::test(start_paused = true)]
async fn keys_leave_nothing_on_any_failure() {
    assert_starts_leave_nothing(async || engine_with_sshd(), Wish::of(&["a", "b"]), 80).await;
}

#[tokio::test(start_paused = true)]
async fn hooks_leave_nothing_on_any_failure() {
    let wish = Wish::of(&["a", "b"]).hook(LabHook::DoesOneOfEverything);
    assert_starts_leave_nothing(async || engine(), wish, 150).await;
}

#[tokio::test(start_paused = true)]
async fn a_killed_start_leaves_a_removable_partial_cluster() {
    let wish = Wish::of(&["a", "b", "c"])
        .each(|node| node.port(Port::tcp(80)).ready_when(Probe::command("true")))
        .hook(LabHook::DoesOneOfEverything);
    let trials = for_every_call(
        &[Mishap::Abandons],
        async || engine_with_sshd(),
        async |trial| {
            let stage = Stage::new(&trial.fake);
            let finished = trial.run(stage.start(wish.clone())).await.is_some();
            assert_ne!(finished, trial.struck());
            if finished || trial.is_rolled_back() {
                return;
            }
            let states: Vec<ClusterState> = stage
                .clusters()
                .await
                .iter()
                .map(|cluster| cluster.state)
                .collect();
            // Killed once its record is written, it is whole but for the node that its hook stopped.
            let complete = trial
                .fake
                .read_file("b.cluster", "/.clusterdock/complete")
                .is_some();
            assert_eq!(
                states,
                [if complete {
                    ClusterState::Degraded
                } else {
                    ClusterState::Partial
                }]
            );
            stage.rm(&["lab"]).await.unwrap();
            trial.assert_rolled_back();
            assert_eq!(stage.kept_keys(), Vec::<String>::new());
        },
    );
    assert!(trials.await > 30);
}
