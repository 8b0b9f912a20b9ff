//! Every call of a start goes wrong in every way: nothing of the start is left, and the error says what it was.

use super::{LabHook, Stage, Wish, engine, engine_with_sshd};
use clusterdock::cluster::ClusterState;
use clusterdock::engine::NetworkSpec;
use clusterdock::error::{Error, Kind, Result};
use clusterdock::labels::Run;
use clusterdock_plugin_api::{Port, Probe};
use clusterdock_tests::fake::{FakeEngine, Mishap, Trial, for_every_call};
use std::sync::Arc;

/// Calls that only a hook makes.
const OF_HOOKS: [&str; 4] = ["file", "put_archive", "get_archive", "stop_container"];

/// Runs a start once for every call and mishap, and expects the engine as it was whenever the start failed.
async fn starts_leave_nothing(seed: impl AsyncFn() -> FakeEngine, wish: Wish, least: usize) {
    let trials = for_every_call(&Mishap::RECOVERABLE, seed, async |trial| {
        let stage = Stage::new(&trial.fake);
        let stop = Arc::clone(&stage.stop);
        trial.on_interrupt(move || stop.stop(Error::new(Kind::Interrupted, "interrupted")));
        let done = trial.run(stage.start(wish.clone())).await.expect("nothing was abandoned").map(drop);
        if done.is_err() {
            trial.assert_undone();
            assert_eq!(*stage.clean_up.lock().unwrap(), None, "there is nothing to be cleaned up");
            assert_eq!(stage.kept_keys(), Vec::<String>::new());
        }
        let found = done.as_ref().err().map(Error::kind);
        let expected = if trial.struck() { expected(trial, &wish) } else { vec![None] };
        assert!(expected.contains(&found), "it ended with {found:?}, not one of {expected:?}: {}", told(&done));
    });
    let trials = trials.await;
    assert!(trials >= least, "only {trials} trials");
}

/// What a start may end with when the trial's call has gone wrong; none is success.
fn expected(trial: &Trial, wish: &Wish) -> Vec<Option<Kind>> {
    let method = trial.fake.calls()[trial.call].method;
    let in_hook = wish.hook != LabHook::DoesNothing && (OF_HOOKS.contains(&method) || method.starts_with("exec"));
    match trial.mishap {
        // In its last act it does not end early any more.
        Mishap::Interrupts if method == "remove_volume" => vec![None],
        Mishap::Interrupts => vec![Some(Kind::Interrupted)],
        // Nodes were made and are ready although nobody would have heard of their deaths; or it was asked again.
        _ if method == "deaths" => vec![None],
        Mishap::Stalls | Mishap::StallsAfterEffect => vec![Some(Kind::Timeout)],
        _ if in_hook => vec![Some(Kind::Hook)],
        _ => vec![Some(Kind::Other)],
    }
}

fn told(done: &Result<()>) -> String {
    done.as_ref().err().map(Error::to_string).unwrap_or_default()
}

/// An engine with a network of ours that another start made.
async fn with_network() -> FakeEngine {
    let fake = engine();
    let run = Run { id: "run0".into(), cluster: "other".into(), ..Run::default() };
    fake.seed().network(&NetworkSpec {
        name: "cluster".into(),
        labels: run.labels(),
        subnet: "10.9.0.0/24".parse().unwrap(),
        engine_range: "10.9.0.192/26".parse().unwrap(),
        gateway: "10.9.0.1".parse().unwrap(),
    });
    fake
}

/// An engine with a network of somebody else's.
async fn with_foreign_network() -> FakeEngine {
    let fake = engine();
    fake.seed().plain_network("cluster", "10.9.0.0/24".parse().unwrap());
    fake
}

#[tokio::test(start_paused = true)]
async fn a_start_of_one_node_leaves_nothing_whatever_goes_wrong() {
    starts_leave_nothing(async || engine(), Wish::of(&["a"]), 55).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_of_three_nodes_leaves_nothing_whatever_goes_wrong() {
    let wish = Wish::of(&["a", "b", "c"]).each(|node| node.port(Port::tcp(80)));
    starts_leave_nothing(async || engine(), wish, 75).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_on_a_network_that_is_there_leaves_it_there_whatever_goes_wrong() {
    starts_leave_nothing(with_network, Wish::of(&["a", "b"]), 60).await;
    starts_leave_nothing(with_foreign_network, Wish::of(&["a", "b"]), 70).await;
}

#[tokio::test(start_paused = true)]
async fn probes_leave_nothing_whatever_goes_wrong() {
    let wish = Wish::of(&["a", "b"]).each(|node| node.ready_when(Probe::command("true")));
    starts_leave_nothing(async || engine(), wish, 80).await;
}

#[tokio::test(start_paused = true)]
async fn keys_leave_nothing_whatever_goes_wrong() {
    starts_leave_nothing(async || engine_with_sshd(), Wish::of(&["a", "b"]), 80).await;
}

#[tokio::test(start_paused = true)]
async fn hooks_leave_nothing_whatever_goes_wrong() {
    let wish = Wish::of(&["a", "b"]).hook(LabHook::DoesOneOfEverything);
    starts_leave_nothing(async || engine(), wish, 150).await;
}

#[tokio::test(start_paused = true)]
async fn a_start_that_is_killed_leaves_a_partial_cluster_that_is_removed_whole() {
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
            if finished || trial.is_undone() {
                return;
            }
            let states: Vec<ClusterState> = stage.clusters().await.iter().map(|cluster| cluster.state).collect();
            // Killed in its last act, whose request still arrives, it is whole but for the node that its hook stopped.
            let last_act = trial.fake.calls()[trial.call].method == "remove_volume";
            assert_eq!(states, [if last_act { ClusterState::Degraded } else { ClusterState::Partial }]);
            stage.rm(&["lab"]).await.unwrap();
            trial.assert_undone();
            assert_eq!(stage.kept_keys(), Vec::<String>::new());
        },
    );
    assert!(trials.await > 30);
}
