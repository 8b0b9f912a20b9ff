//! A start fails by itself, and then any call fails in every way, those of the rollback included: either nothing is
//! left, or the error lists the leftovers, and `rm` removes them.

use std::sync::Arc;

use clusterdock::cluster::ClusterState;
use clusterdock::engine::{EngineError, Fault};
use clusterdock::error::{Error, Kind};
use clusterdock_plugin_wire::Probe;
use clusterdock_tests::fake::{ExecAnswer, FakeEngine, Mishap, Program, for_every_call};

use super::{LabHook, Stage, Wish, engine, trouble};

/// Runs a start that fails, once for every call and mishap.
async fn assert_rollback_reports_everything(
    seed: impl AsyncFn() -> FakeEngine,
    wish: Wish,
    kind: Kind,
    least: usize,
) {
    let trials = for_every_call(&Mishap::RECOVERABLE, seed, async |trial| {
        let stage = Stage::new(&trial.fake);
        let cancellation = Arc::clone(&stage.cancellation);
        trial.on_interrupt(move || {
            cancellation.cancel(Error::new(Kind::Interrupted, "interrupted"))
        });
        let error = trial
            .run(stage.start(wish.clone()))
            .await
            .expect("nothing was abandoned")
            .unwrap_err();
        if !trial.struck() {
            assert_eq!(error.kind(), kind, "{error}");
        }
        if trial.is_rolled_back() {
            assert_ne!(
                error.kind(),
                Kind::Leftovers,
                "nothing is left, and it says: {error}"
            );
            return;
        }
        assert_eq!(
            error.kind(),
            Kind::Leftovers,
            "{error}\n{}",
            trial.fake.snapshot()
        );
        assert_lists(&error, trial.before(), &trial.fake);
        assert!(
            stage.report.clean_up().is_some(),
            "there is something to be cleaned up"
        );
        stage.rm(&["lab"]).await.unwrap();
        trial.assert_rolled_back();
    });
    let trials = trials.await;
    assert!(trials >= least, "only {trials} trials");
}

/// Asserts that the error names everything new on the engine.
#[track_caller]
fn assert_lists(error: &Error, before: &str, fake: &FakeEngine) {
    let after = fake.snapshot();
    for line in after.lines().filter(|line| !before.contains(line)) {
        let thing: Vec<&str> = line.split(' ').take(2).collect();
        let thing = format!("{} `{}`", thing[0], thing[1]);
        assert!(
            error.to_string().contains(&thing),
            "{thing} is left, and it says: {error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_rollback_reports_everything() {
    let wish = Wish::of(&["a", "b", "c"]).hook(LabHook::Fails);
    assert_rollback_reports_everything(async || engine(), wish, Kind::Hook, 100).await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_rollback_after_a_death_reports_everything() {
    let seed = async || {
        let fake = engine();
        fake.program("b.cluster", Program::dies(3).complains("no disk"));
        fake.on_exec(|_| ExecAnswer::failure(1));
        fake
    };
    let wish = Wish::of(&["a", "b"]).each(|node| node.ready_when(Probe::command("false")));
    assert_rollback_reports_everything(seed, wish, Kind::Node, 100).await;
}

#[tokio::test(start_paused = true)]
async fn a_rollback_lists_what_it_can_never_remove() {
    let fake = engine();
    for nth in 0..20 {
        fake.fail(("remove_network", nth), trouble());
    }
    let stage = Stage::new(&fake);
    let before = fake.snapshot();
    let error = stage
        .start(Wish::of(&["a", "b"]).hook(LabHook::Fails))
        .await
        .unwrap_err();
    assert_eq!(error.kind(), Kind::Leftovers);
    for text in [
        "cluster `lab`",
        "network `cluster`",
        "the engine is in trouble",
        "the hook failed",
    ] {
        assert!(error.to_string().contains(text), "no `{text}` in: {error}");
    }
    assert_eq!(
        error.next_step(),
        Some("remove it once the engine answers: clusterdock rm lab")
    );
    let after = fake.snapshot();
    let left = after
        .lines()
        .filter(|line| !before.contains(line))
        .map(|line| line.split(' ').next().unwrap());
    // The volume is what marks the rest as a partial cluster.
    assert_eq!(left.collect::<Vec<_>>(), ["network", "volume"]);
    fake.spare_calls();
    stage.rm(&["lab"]).await.unwrap();
    assert_eq!(fake.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn a_lost_engine_is_reported_with_possible_leftovers() {
    let fake = engine();
    let stage = Stage::new(&fake);
    fake.on_call(("start_container", 1), |fake| fake.set_reachable(false));
    let error = stage.start(Wish::of(&["a", "b"])).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Leftovers, "{error}");
    assert!(
        error
            .to_string()
            .contains("nothing answers at unix:///run/fake.sock"),
        "{error}"
    );
    assert_eq!(
        error.next_step(),
        Some("remove it once the engine answers: clusterdock rm lab")
    );
    fake.set_reachable(true);
    stage.rm(&["lab"]).await.unwrap();
    assert_eq!(fake.snapshot(), engine().snapshot());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_with_a_failed_rollback_stays_partial() {
    let fake = engine();
    for nth in 0..20 {
        fake.fail(("remove_container", nth), trouble());
    }
    let stage = Stage::new(&fake);
    stage
        .start(Wish::of(&["a"]).hook(LabHook::Fails))
        .await
        .unwrap_err();
    assert_eq!(stage.clusters().await[0].state, ClusterState::Partial);
}

#[tokio::test(start_paused = true)]
async fn an_interrupt_during_rollback_prevents_another_try() {
    let seed = async || {
        let fake = engine();
        fake.fail(
            ("create_network", 0),
            EngineError::new(Fault::NetworkExists, "network with name cluster exists"),
        );
        fake
    };
    let trials = for_every_call(&[Mishap::Interrupts], seed, async |trial| {
        let stage = Stage::new(&trial.fake);
        let cancellation = Arc::clone(&stage.cancellation);
        trial.on_interrupt(move || {
            cancellation.cancel(Error::new(Kind::Interrupted, "interrupted"))
        });
        let done = trial
            .run(stage.start(Wish::of(&["a", "b"])))
            .await
            .expect("nothing was abandoned");
        if let Err(error) = done {
            assert_eq!(error.kind(), Kind::Interrupted, "{error}");
            trial.assert_rolled_back();
        }
    });
    assert!(trials.await > 20);
}
