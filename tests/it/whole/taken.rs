//! A start whose resources are removed while it runs: it fails and leaves nothing, and the removal reports what it
//! removed.

use clusterdock::error::{Error, Kind, Result};
use clusterdock_plugin_wire::{Probe, Volume};
use clusterdock_tests::fake::FakeEngine;

use super::{LabHook, Stage, Wish, engine, engine_with_data};

/// Begins a removal at every call of a start in turn.
async fn assert_removable_at_every_call(
    wish: Wish,
    seed: fn() -> FakeEngine,
    remove: impl AsyncFn(&Stage) -> Result<()>,
) {
    let (mut call, mut lost, mut removals) = (0, 0, 0);
    loop {
        let fake = seed();
        let (one, other) = (Stage::new(&fake), Stage::new(&fake));
        let begun = fake.when_called(call);
        let removal = async {
            if begun.await.is_ok() {
                Some(remove(&other).await)
            } else {
                None
            }
        };
        let start = async {
            let started = one.start(wish.clone()).await;
            fake.spare_calls();
            started
        };
        let (started, removed) = tokio::join!(start, removal);
        let at = format!(
            "at call {call}, start: {:?}, removal: {removed:?}",
            message_of(&started)
        );
        let Some(removed) = removed else { break };
        match (&started, &removed) {
            // It came too early: there was nothing yet; or as the last act.
            (Ok(_), Err(error)) => assert_eq!(error.kind(), Kind::NotFound, "{at}"),
            (Ok(_), Ok(())) => {}
            (Err(error), _) => {
                lost += 1;
                assert_eq!(error.kind(), Kind::Node, "{at}");
                assert!(
                    error.to_string().contains("was removed during the start"),
                    "{at}"
                );
            }
        }
        if removed.is_ok() {
            removals += 1;
            let left = one.clusters().await;
            assert!(
                left.is_empty() || started.is_ok() && is_nothing(&other).await,
                "{at}\n{}",
                fake.snapshot()
            );
        }
        if started.is_err() {
            assert_eq!(fake.snapshot(), seed().snapshot(), "{at}");
        }
        call += 1;
    }
    assert!(
        call > 12 && lost > 3 && removals > 3,
        "{call} calls, {lost} lost, {removals} removed"
    );
}

/// Whether a removal found nothing to remove.
async fn is_nothing(stage: &Stage) -> bool {
    stage.story.text().contains("Nothing to remove")
}

fn message_of<T>(result: &Result<T>) -> Option<String> {
    result.as_ref().err().map(Error::to_string)
}

fn wish() -> Wish {
    Wish::of(&["a", "b", "c"])
        .each(|node| node.ready_when(Probe::command("true")))
        .hook(LabHook::DoesNothing)
}

#[tokio::test(start_paused = true)]
async fn removing_a_starting_cluster_leaves_nothing() {
    assert_removable_at_every_call(wish(), engine, async |stage| stage.rm(&["lab"]).await).await;
}

#[tokio::test(start_paused = true)]
async fn removing_a_starting_cluster_removes_its_helpers() {
    let wish = wish().each(|node| node.volume(Volume::of_image("example/data:1")));
    assert_removable_at_every_call(wish, engine_with_data, async |stage| {
        stage.rm(&["lab"]).await
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn nuke_removes_running_starts() {
    let nuke = async |stage: &Stage| stage.nuke(false, false).await;
    assert_removable_at_every_call(wish(), engine, nuke).await;
}

#[tokio::test(start_paused = true)]
async fn a_waiting_start_notices_its_removal_at_once() {
    let fake = engine();
    fake.on_exec(|_| clusterdock_tests::fake::ExecAnswer::failure(1));
    let (one, other) = (Stage::new(&fake), Stage::new(&fake));
    let waiting = fake.when_called(("exec", 3));
    let began = tokio::time::Instant::now();
    let removal = async {
        waiting.await.unwrap();
        other.rm(&["lab"]).await.unwrap();
    };
    let wish = Wish::of(&["a"]).each(|node| node.ready_when(Probe::command("false")));
    let (started, ()) = tokio::join!(one.start(wish), removal);
    let error = started.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::Node, "node `a.cluster` was removed during the start")
    );
    assert!(began.elapsed().as_secs() < 10, "{:?}", began.elapsed());
    assert_eq!(fake.snapshot(), engine().snapshot());
}
