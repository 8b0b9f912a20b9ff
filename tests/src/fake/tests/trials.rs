use std::panic::AssertUnwindSafe;
use std::sync::Mutex;
use std::time::Duration;

use clusterdock::engine::Filter;
use futures_util::FutureExt;

use super::*;

const CALLS: usize = 2;

/// Work with two calls that abandons a call after a minute.
async fn two_containers(fake: &FakeEngine) -> Result<(), ()> {
    for name in ["node-1", "node-2"] {
        let spec = node(name);
        let create = tokio::time::timeout(Duration::from_secs(60), fake.create_container(&spec));
        create.await.map_err(drop)?.map_err(drop)?;
    }
    Ok(())
}

async fn roll_back(fake: &FakeEngine) {
    for container in fake.containers(&Filter::is("run", "one")).await.unwrap() {
        fake.remove_container(&container.id).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn every_call_suffers_every_mishap() {
    let log = Mutex::new(Vec::new());
    let trials = for_every_call(
        &Mishap::RECOVERABLE,
        async || fake(),
        async |trial| {
            trial.on_interrupt(|| ());
            let done = trial.run(two_containers(&trial.fake)).await.unwrap();
            log.lock()
                .unwrap()
                .push((trial.mishap, trial.call, trial.struck()));
            assert_eq!(
                done.is_ok(),
                !trial.struck() || trial.mishap == Mishap::Interrupts
            );
            roll_back(&trial.fake).await;
            trial.assert_rolled_back();
        },
    );
    assert_eq!(trials.await, Mishap::RECOVERABLE.len() * (CALLS + 1));
    let expected = Mishap::RECOVERABLE
        .map(|mishap| [(mishap, 0, true), (mishap, 1, true), (mishap, 2, false)]);
    assert_eq!(log.into_inner().unwrap(), expected.concat());
}

#[tokio::test]
async fn an_interrupt_arrives_as_the_call_begins() {
    let trials = for_every_call(
        &[Mishap::Interrupts],
        async || fake(),
        async |trial| {
            let fake = trial.fake.clone();
            let seen = std::sync::Arc::new(Mutex::new(None));
            let note = std::sync::Arc::clone(&seen);
            trial.on_interrupt(move || *note.lock().unwrap() = Some(fake.calls().len()));
            two_containers(&trial.fake).await.unwrap();
            assert_eq!(
                *seen.lock().unwrap(),
                trial.struck().then_some(trial.call + 1)
            );
        },
    );
    assert_eq!(trials.await, CALLS + 1);
}

#[tokio::test]
async fn abandoned_work_is_dropped_while_its_request_arrives() {
    let trials = for_every_call(
        &[Mishap::Abandons],
        async || fake(),
        async |trial| {
            let done = trial.run(two_containers(&trial.fake)).await;
            assert_eq!(done.is_none(), trial.struck());
            assert_eq!(
                trial.fake.snapshot().contains("node-2.cluster"),
                trial.call >= 1
            );
            assert!(!trial.is_rolled_back());
        },
    );
    assert_eq!(trials.await, CALLS + 1);
}

#[tokio::test]
async fn seeding_before_a_trial_does_not_count() {
    let seed = async || {
        let fake = fake();
        fake.create_container(&node("other")).await.unwrap();
        fake
    };
    let trials = for_every_call(&[Mishap::Fails], seed, async |trial| {
        assert_eq!(two_containers(&trial.fake).await.is_err(), trial.struck());
        assert!(trial.before().contains("other.cluster"));
    });
    assert_eq!(trials.await, CALLS + 1);
}

async fn complaint(trials: impl Future<Output = usize>) -> String {
    let panic = AssertUnwindSafe(trials).catch_unwind().await.unwrap_err();
    *panic.downcast::<String>().unwrap()
}

#[tokio::test]
async fn leftovers_are_reported_with_the_call_and_its_mishap() {
    let told = complaint(for_every_call(
        &[Mishap::FailsAfterEffect],
        async || fake(),
        async |trial| {
            trial
                .run(two_containers(&trial.fake))
                .await
                .unwrap()
                .unwrap_or_default();
            trial.assert_rolled_back();
        },
    ));
    let told = told.await;
    let beginning = "when call 0 (create_container `node-1.cluster`) fails after its effect: the engine is not what it \
                     was:\n  + container node-1.cluster ";
    assert!(told.starts_with(beginning), "{told}");
}

#[tokio::test(start_paused = true)]
async fn work_that_never_ends_is_reported() {
    let told = complaint(for_every_call(
        &[Mishap::Stalls],
        async || fake(),
        async |trial| {
            trial.fake.info().await.unwrap();
        },
    ));
    assert_eq!(told.await, "when call 0 (info ``) stalls: it does not end");
}
