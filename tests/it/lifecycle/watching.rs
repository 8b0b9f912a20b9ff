//! `top`, `stats` and `events`: what is shown, of which nodes, and how they end.

use clusterdock::cli::lifecycle_args::Since;
use clusterdock::cli::watch_args::{Events, Stats, WatchForm};
use clusterdock::commands::{events, top};
use tokio::task::yield_now;

use super::*;

fn events_of(names: &[&str]) -> Events {
    Events {
        selection: SelectionArgs {
            names: names.iter().map(ToString::to_string).collect(),
            ..SelectionArgs::default()
        },
        since: None,
        until: None,
        form: WatchForm::default(),
    }
}

/// Runs `events` and, once it is subscribed, `change`; then interrupts it. Returns what it printed.
async fn followed(fake: &FakeEngine, args: Events, change: impl AsyncFnOnce()) -> String {
    let desk = Desk::at(fake);
    let command = desk.run(async |session| events::events(session, &args).await);
    let change = async {
        while !fake.calls().iter().any(|call| call.method == "happenings") {
            yield_now().await;
        }
        change().await;
        // Each event is one more look at most.
        for _ in 0..1000 {
            yield_now().await;
        }
        desk.cancellation.cancel(interrupted());
    };
    let (result, ()) = tokio::join!(command, change);
    assert_eq!(result.unwrap_err().kind(), Kind::Interrupted);
    desk.stdout.text()
}

/// The last words of each line: node and event.
fn without_times(text: &str) -> Vec<&str> {
    text.lines()
        .map(|line| line.split_once("  ").unwrap().1)
        .collect()
}

#[tokio::test]
async fn events_are_followed_until_an_interrupt() {
    let fake = lab(EngineGeneration::V26, State::Running, &[]);
    let shown = followed(&fake, events_of(&[]), async || {
        fake.stop_container("n1.lab", 1).await.unwrap();
        fake.start_container("n1.lab").await.unwrap();
        fake.pause_container("n2.lab").await.unwrap();
    });
    assert_eq!(
        without_times(&shown.await),
        [
            "n1.lab  die (exit code 143)",
            "n1.lab  start",
            "n2.lab  pause"
        ]
    );
}

#[tokio::test]
async fn events_of_other_nodes_and_of_strangers_are_left_out() {
    let fake = lab(EngineGeneration::V26, State::Running, &[]);
    let shown = followed(&fake, events_of(&["n2"]), async || {
        fake.pause_container("n1.lab").await.unwrap();
        // A container whose labels an image has passed on.
        let mut stranger = node(3, &[]);
        stranger
            .labels
            .insert("com.clusterdock.image-id".into(), "sha256:4567".into());
        fake.seed().container(&stranger, State::Running);
        fake.remove_container("n2.lab").await.unwrap();
    });
    assert_eq!(
        without_times(&shown.await),
        ["n2.lab  die (exit code 137)", "n2.lab  destroy"]
    );
}

#[tokio::test]
async fn a_node_that_is_new_is_followed_too() {
    let fake = lab(EngineGeneration::V26, State::Running, &[]);
    let shown = followed(&fake, events_of(&["lab"]), async || {
        fake.seed().container(&node(3, &[]), State::Running);
    });
    assert_eq!(
        without_times(&shown.await),
        ["n3.lab  create", "n3.lab  start"]
    );
}

#[tokio::test]
async fn lost_events_are_an_error() {
    let fake = lab(EngineGeneration::V26, State::Running, &[]);
    let desk = Desk::at(&fake);
    let args = Events {
        since: Some(Since::At(0)),
        ..events_of(&[])
    };
    let command = desk.run(async |session| events::events(session, &args).await);
    let change = async {
        while !desk.stdout.text().contains("n2.lab  start") {
            yield_now().await;
        }
        fake.break_streams();
    };
    let (result, ()) = tokio::join!(command, change);
    assert_eq!(result.unwrap_err().kind(), Kind::Engine);
}

#[tokio::test(start_paused = true)]
async fn a_measurement_has_a_deadline_and_ends_with_an_interrupt() {
    let args = Stats {
        selection: SelectionArgs::default(),
        no_stream: false,
        form: WatchForm::default(),
    };
    let fake = lab(EngineGeneration::V26, State::Running, &[]);
    fake.stall(("usage", 1));
    let desk = Desk::at(&fake);
    let error = desk.run(async |session| top::stats(session, &args).await);
    let error = error.await.unwrap_err().to_string();
    assert!(
        error.contains("node `n2.lab`") && error.contains("30s"),
        "{error}"
    );

    fake.stall(("usage", 2));
    let desk = Desk::at(&fake);
    let command = desk.run(async |session| top::stats(session, &args).await);
    let interrupt = async { desk.cancellation.cancel(interrupted()) };
    let (result, ()) = tokio::join!(command, interrupt);
    assert_eq!(result.unwrap_err().kind(), Kind::Interrupted);
}

#[tokio::test]
async fn a_node_that_stops_meanwhile_is_left_out() {
    let fake = lab(EngineGeneration::V26, State::Running, &[]);
    fake.stop_container("n1.lab", 1).await.unwrap();
    let desk = Desk::at(&fake);
    let args = Stats {
        selection: selection(),
        no_stream: true,
        form: WatchForm::default(),
    };
    desk.run(async |session| top::stats(session, &args).await)
        .await
        .unwrap();
    let shown = desk.stdout.text();
    assert!(
        shown.contains("n2.lab") && !shown.contains("n1.lab"),
        "{shown}"
    );
    assert!(desk.stderr.text().contains("skipping node n1.lab"));
}
