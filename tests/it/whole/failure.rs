//! Every call of a start goes wrong in every way: nothing of the start is left.

use super::{Stage, Wish, engine};
use clusterdock::cluster::ClusterState;
use clusterdock::error::{Error, Kind};
use clusterdock_plugin_api::{Port, Probe};
use clusterdock_tests::fake::{Mishap, for_every_call};
use std::sync::Arc;

/// Runs a start once for every call and mishap, and expects the engine as it was whenever the start failed.
async fn starts_leave_nothing(wish: Wish, least: usize) {
    let trials = for_every_call(
        &Mishap::RECOVERABLE,
        async || engine(),
        async |trial| {
            let stage = Stage::new(&trial.fake);
            let stop = Arc::clone(&stage.stop);
            trial.on_interrupt(move || stop.stop(Error::new(Kind::Interrupted, "interrupted")));
            let done = trial.run(stage.start(wish.clone())).await.expect("nothing was abandoned");
            if let Err(error) = done {
                assert!(trial.struck(), "it failed by itself: {error}");
                assert_ne!(error.kind(), Kind::Left, "{error}");
                trial.assert_undone();
            }
        },
    );
    let trials = trials.await;
    assert!(trials >= least, "only {trials} trials");
}

#[tokio::test(start_paused = true)]
async fn a_start_of_one_node_leaves_nothing_whatever_goes_wrong() {
    starts_leave_nothing(Wish::of(&["a"]), 40).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_of_three_nodes_leaves_nothing_whatever_goes_wrong() {
    starts_leave_nothing(Wish::of(&["a", "b", "c"]).each(|node| node.port(Port::tcp(80))), 80).await;
}

#[tokio::test(start_paused = true)]
async fn probes_leave_nothing_whatever_goes_wrong() {
    starts_leave_nothing(Wish::of(&["a", "b"]).each(|node| node.ready_when(Probe::command("true"))), 80).await;
}

#[tokio::test(start_paused = true)]
async fn hooks_leave_nothing_whatever_goes_wrong() {
    starts_leave_nothing(Wish::of(&["a", "b"]).with_hook(), 100).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_killed_leaves_a_partial_cluster_that_is_removed_whole() {
    let trials = for_every_call(
        &[Mishap::Abandons],
        async || engine(),
        async |trial| {
            let stage = Stage::new(&trial.fake);
            let finished = trial.run(stage.start(Wish::of(&["a", "b", "c"]))).await.is_some();
            if finished || trial.is_undone() {
                return;
            }
            let clusters = stage.clusters().await;
            assert_eq!(clusters.len(), 1);
            // Killed in its last act, whose request still arrives, it is whole.
            if trial.fake.calls()[trial.call].method != "remove_volume" {
                assert_eq!(clusters[0].state, ClusterState::Partial);
            }
            stage.rm(&["lab"]).await.unwrap();
            trial.assert_undone();
        },
    );
    assert!(trials.await > 10);
}
