use std::future::{pending, ready};
use std::path::Path;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep};

use super::*;
use crate::engine::Fault;
use crate::engine::ImageProgress;
use crate::engine::docker::{Address, Docker};
use crate::error::{Error, Kind};

/// An engine that no test calls.
fn engine() -> Docker {
    let url = Some(("unix:///nowhere.sock", "--host"));
    let address = Address::choose(url, &|_| None, &|_| ()).unwrap();
    Docker::connect(address, Path::new("")).unwrap()
}

fn interrupted() -> Error {
    Error::new(Kind::Interrupted, "interrupted")
}

/// A call that stops the work once it is under way, and then takes so long.
async fn cancelled_under_way(cancellation: &Cancellation, takes: Duration) -> EngineResult<u8> {
    cancellation.cancel(interrupted());
    sleep(takes).await;
    Ok(7)
}

#[track_caller]
fn assert_cancelled<T: std::fmt::Debug>(result: EngineResult<T>) {
    let error = result.unwrap_err();
    assert_eq!(error.fault, Fault::Cancelled);
    assert_eq!(error.to_string(), "interrupted");
    let error = Error::from(error)
        .kind_of(Kind::Image)
        .context("failed to start node `a`");
    assert_eq!(
        (error.kind(), error.message(), error.causes()),
        (Kind::Interrupted, "interrupted", &[][..])
    );
}

#[track_caller]
fn assert_timed_out<T: std::fmt::Debug>(result: EngineResult<T>, message: &str) {
    let error = result.unwrap_err();
    assert_eq!(
        (error.fault, error.message.as_str()),
        (Fault::Timeout, message)
    );
}

#[tokio::test(start_paused = true)]
async fn no_call_begins_once_the_work_is_to_end() {
    let (engine, cancellation) = (engine(), Cancellation::new());
    let guard = GuardedEngine::new(&engine).with_cancellation(&cancellation);
    cancellation.cancel(interrupted());
    let begun = async { panic!("it was begun") };
    assert_cancelled::<()>(guard.read("read", begun).await);
    let begun = async { panic!("it was begun") };
    assert_cancelled::<()>(guard.change(CHANGE, "change", begun).await);
    let begun = async { panic!("it was begun") };
    let liveness = Liveness::new();
    assert_cancelled::<()>(guard.transfer(SILENCE, "move", &liveness, begun).await);
    assert_cancelled(guard.containers(&Filter::all()).await);
    assert_cancelled(guard.exec("a", &ExecSpec::default()).await.map(drop));
    let rollback = Cancellation::new();
    assert_eq!(
        guard
            .with_cancellation(&rollback)
            .read("read", ready(Ok(1)))
            .await,
        Ok(1)
    );
}

#[tokio::test(start_paused = true)]
async fn reads_and_transfers_end_at_once_and_changes_finish() {
    let (engine, began) = (engine(), Instant::now());
    let cancellation = Cancellation::new();
    let guard = GuardedEngine::new(&engine).with_cancellation(&cancellation);
    let call = cancelled_under_way(&cancellation, Duration::from_secs(1));
    assert_cancelled(guard.read("read", call).await);
    let cancellation = Cancellation::new();
    let guard = GuardedEngine::new(&engine).with_cancellation(&cancellation);
    let (liveness, call) = (
        Liveness::new(),
        cancelled_under_way(&cancellation, Duration::from_secs(1)),
    );
    assert_cancelled(guard.transfer(SILENCE, "move", &liveness, call).await);
    assert_eq!(began.elapsed(), Duration::ZERO);

    let cancellation = Cancellation::new();
    let guard = GuardedEngine::new(&engine).with_cancellation(&cancellation);
    let call = cancelled_under_way(&cancellation, Duration::from_secs(9));
    assert_eq!(guard.change(CHANGE, "change", call).await, Ok(7));
    let cancellation = Cancellation::new();
    let guard = GuardedEngine::new(&engine).with_cancellation(&cancellation);
    let call = cancelled_under_way(&cancellation, Duration::from_secs(11));
    assert_cancelled(guard.change(CHANGE, "change", call).await);
}

#[tokio::test(start_paused = true)]
async fn a_call_that_never_answers_meets_its_deadline() {
    let (engine, cancellation) = (engine(), Cancellation::new());
    let guard = GuardedEngine::new(&engine).with_cancellation(&cancellation);
    assert_timed_out(
        guard
            .read("list containers", pending::<EngineResult<()>>())
            .await,
        "the engine did not list containers within 30s",
    );
    assert_timed_out(
        guard
            .change(CHANGE, "start a container", pending::<EngineResult<()>>())
            .await,
        "the engine did not start a container within 2m",
    );
}

#[tokio::test(start_paused = true)]
async fn a_transfer_takes_as_long_as_it_moves() {
    let (engine, cancellation) = (engine(), Cancellation::new());
    let guard = GuardedEngine::new(&engine).with_cancellation(&cancellation);
    let (liveness, began) = (Liveness::new(), Instant::now());
    let mut shown = Vec::new();
    let mut show = |step: ImageProgress| shown.push(step.status);
    let mut heard = liveness.listen_to(&mut show);
    let call = async {
        for status in ["one", "", "two"] {
            sleep(SILENCE - Duration::from_secs(1)).await;
            heard(ImageProgress {
                status: status.into(),
                ..ImageProgress::default()
            });
        }
        pending::<EngineResult<()>>().await
    };
    let moved = guard
        .transfer(SILENCE, "continue the pull", &liveness, call)
        .await;
    assert_timed_out(
        moved,
        "the engine did not continue the pull: nothing has moved for 5m",
    );
    assert_eq!(began.elapsed(), SILENCE * 4 - Duration::from_secs(3));
    drop(heard);
    assert_eq!(shown, ["one", "two"]);
}

#[tokio::test(start_paused = true)]
async fn an_engine_that_waits_for_us_is_not_silent() {
    let (engine, cancellation) = (engine(), Cancellation::new());
    let guard = GuardedEngine::new(&engine).with_cancellation(&cancellation);
    let (sender, mut typed) = mpsc::channel(1);
    let pieces = stream::poll_fn(move |context| typed.poll_recv(context));
    let liveness = Liveness::new();
    let mut pieces = liveness.track(pieces.boxed());
    let type_slowly = async {
        sleep(SILENCE * 10).await;
        sender.send(Ok(Bytes::from("x"))).await.unwrap();
        sleep(SILENCE * 10).await;
        drop(sender);
    };
    // It takes all pieces, and then never answers.
    let call = async {
        while let Some(piece) = pieces.next().await {
            assert_eq!(piece.unwrap(), "x");
        }
        pending::<EngineResult<()>>().await
    };
    let began = Instant::now();
    let moving = guard.transfer(SILENCE, "unpack files", &liveness, call);
    let (moved, ()) = tokio::join!(moving, type_slowly);
    assert_timed_out(
        moved,
        "the engine did not unpack files: nothing has moved for 5m",
    );
    assert_eq!(began.elapsed(), SILENCE * 21);
}

#[tokio::test(start_paused = true)]
async fn an_archive_ends_when_nothing_comes_and_with_the_work() {
    let cancellation = Cancellation::new();
    let half = || {
        let first = stream::iter([Ok(Bytes::from("half"))]);
        first.chain(stream::pending()).boxed()
    };
    let mut pieces = bounded_pieces(half(), cancellation.cancelled().boxed());
    pieces.next().await.unwrap().unwrap();
    assert_timed_out(
        pieces.next().await.unwrap(),
        "the engine did not pack files: nothing has moved for 5m",
    );
    assert!(pieces.next().await.is_none());
    let mut pieces = bounded_pieces(half(), cancellation.cancelled().boxed());
    pieces.next().await.unwrap().unwrap();
    cancellation.cancel(interrupted());
    assert_cancelled(pieces.next().await.unwrap());
}
