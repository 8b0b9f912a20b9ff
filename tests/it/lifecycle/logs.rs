//! Logs of one node and of many.

use clusterdock::cli::lifecycle_args::{Logs, Since, Tail};
use clusterdock::commands::logs;
use clusterdock_tests::fake::Program;
use futures_util::future::join;

use super::*;

fn args(names: &[&str]) -> Logs {
    let names = names.iter().map(ToString::to_string).collect();
    let selection = SelectionArgs {
        names,
        ..selection()
    };
    Logs {
        selection,
        follow: false,
        tail: None,
        since: None,
        until: None,
        timestamps: false,
    }
}

/// Two nodes that wrote in turn.
fn talking() -> FakeEngine {
    let fake = lab(EngineGeneration::V26, State::Created, &[]);
    fake.set_clock(1_000);
    fake.program("n1.lab", Program::runs().says("one").complains("oh"));
    fake
}

async fn talk(fake: &FakeEngine) {
    for node in ["n1.lab", "n2.lab"] {
        fake.start_container(node).await.unwrap();
    }
    for (time, node, line) in [
        (1_001, "n2.lab", "two"),
        (1_002, "n1.lab", "three"),
        (1_003, "n2.lab", "four"),
    ] {
        fake.set_clock(time);
        fake.say(node, line);
    }
}

async fn shown(fake: &FakeEngine, args: Logs) -> (String, String) {
    let desk = Desk::at(fake);
    desk.run(async |session| logs::logs(session, &args).await)
        .await
        .unwrap();
    (desk.stdout.text(), desk.stderr.text())
}

#[tokio::test]
async fn the_log_of_one_node_is_printed_unchanged() {
    let fake = talking();
    talk(&fake).await;
    for name in ["n1", "n1.lab", "lab/n1"] {
        assert_eq!(
            shown(&fake, args(&[name])).await,
            ("one\nthree\n".into(), "oh\n".into())
        );
    }
    let narrowed = Logs {
        selection: SelectionArgs {
            nodes: vec!["n2".into()],
            ..selection()
        },
        ..args(&[])
    };
    assert_eq!(shown(&fake, narrowed).await.0, "two\nfour\n");
}

#[tokio::test]
async fn several_logs_are_merged_in_the_order_of_writing() {
    let fake = talking();
    talk(&fake).await;
    let (stdout, stderr) = shown(&fake, args(&["lab"])).await;
    assert_eq!(
        stdout,
        "n1.lab | one\nn2.lab | two\nn1.lab | three\nn2.lab | four\n"
    );
    assert_eq!(stderr, "n1.lab | oh\n");
    let group = Logs {
        selection: SelectionArgs {
            groups: vec!["tail".into()],
            ..selection()
        },
        ..args(&[])
    };
    assert_eq!(
        shown(&fake, group).await.0,
        "n2.lab | two\nn2.lab | four\n",
        "a group may grow"
    );
}

#[tokio::test]
async fn tail_since_and_timestamps_apply_to_each_node() {
    let fake = talking();
    talk(&fake).await;
    let tail = Logs {
        tail: Some(Tail::Lines(1)),
        ..args(&["lab"])
    };
    assert_eq!(
        shown(&fake, tail).await.0,
        "n1.lab | three\nn2.lab | four\n"
    );
    let since = Logs {
        since: Some(Since::At(1_002)),
        timestamps: true,
        ..args(&["lab"])
    };
    let expected = "n1.lab | 1970-01-01T00:16:42Z three\nn2.lab | 1970-01-01T00:16:43Z four\n";
    assert_eq!(shown(&fake, since).await.0, expected);
    let raw = Logs {
        since: Some(Since::At(1_002)),
        timestamps: true,
        ..args(&["n1"])
    };
    assert_eq!(shown(&fake, raw).await.0, "1970-01-01T00:16:42Z three\n");
}

#[tokio::test(start_paused = true)]
async fn a_log_is_followed_until_all_nodes_have_stopped() {
    let fake = talking();
    talk(&fake).await;
    let follow = Logs {
        follow: true,
        ..args(&["lab"])
    };
    let desk = Desk::at(&fake);
    let events = async {
        fake.when_called(("logs", 1)).await.unwrap();
        fake.say("n2.lab", "five");
        fake.stop_container("n2.lab", 1).await.unwrap();
        fake.say("n1.lab", "six");
        fake.stop_container("n1.lab", 1).await.unwrap();
    };
    let work = desk.run(async |session| logs::logs(session, &follow).await);
    join(async { work.await.unwrap() }, events).await;
    assert!(
        desk.stdout.text().contains("n2.lab | five\n"),
        "{}",
        desk.stdout.text()
    );
    assert!(
        desk.stdout.text().ends_with("n1.lab | six\n"),
        "{}",
        desk.stdout.text()
    );
}

#[tokio::test(start_paused = true)]
async fn a_node_that_restarts_is_still_followed() {
    let fake = talking();
    talk(&fake).await;
    // Start events are reported from now on.
    fake.set_clock(LATER);
    let follow = Logs {
        follow: true,
        tail: Some(Tail::Lines(1)),
        ..args(&["lab"])
    };
    let desk = Desk::at(&fake);
    let pause = || tokio::time::sleep(MINUTE);
    let events = async {
        fake.when_called(("logs", 1)).await.unwrap();
        pause().await;
        for (line, again) in [("five", "six"), ("seven", "eight")] {
            fake.say("n1.lab", line);
            fake.kill("n1.lab", 3);
            pause().await;
            fake.start_container("n1.lab").await.unwrap();
            pause().await;
            fake.say("n1.lab", again);
        }
        // A restart of all: for a moment nothing runs.
        for node in ["n1.lab", "n2.lab"] {
            fake.stop_container(node, 1).await.unwrap();
        }
        tokio::time::sleep(MINUTE / 60).await;
        for node in ["n1.lab", "n2.lab"] {
            fake.start_container(node).await.unwrap();
        }
        pause().await;
        fake.say("n2.lab", "nine");
        for node in ["n1.lab", "n2.lab"] {
            fake.stop_container(node, 1).await.unwrap();
        }
    };
    fake.program("n1.lab", Program::runs().says("up"));
    let work = desk.run(async |session| logs::logs(session, &follow).await);
    join(async { work.await.unwrap() }, events).await;
    let of = |node: &str| {
        let text = desk.stdout.text();
        let lines = text
            .lines()
            .filter_map(|line| Some(line.strip_prefix(&format!("{node} | "))?.to_string()));
        lines.collect::<Vec<_>>().join(" ")
    };
    assert_eq!(of("n1.lab"), "three five up six seven up eight up");
    assert_eq!(of("n2.lab"), "four nine");
    let story = desk.stderr.text();
    assert_eq!(
        story.matches("Node n1.lab stopped (exit code 3).").count(),
        2,
        "{story}"
    );
    assert_eq!(
        story.matches("Node n1.lab has started again.").count(),
        3,
        "{story}"
    );
    assert_eq!(
        story.matches("Node n2.lab has started again.").count(),
        1,
        "{story}"
    );
}

#[tokio::test(start_paused = true)]
async fn stopped_nodes_are_not_followed() {
    let fake = talking();
    talk(&fake).await;
    for node in ["n1.lab", "n2.lab"] {
        fake.stop_container(node, 1).await.unwrap();
    }
    let began = tokio::time::Instant::now();
    let (stdout, _) = shown(
        &fake,
        Logs {
            follow: true,
            ..args(&["lab"])
        },
    )
    .await;
    assert_eq!(stdout.lines().count(), 4, "{stdout}");
    assert!(
        began.elapsed() < Duration::from_secs(1),
        "{:?}",
        began.elapsed()
    );
}

#[tokio::test(start_paused = true)]
async fn a_log_that_cannot_be_followed_is_reported_at_the_end() {
    let fake = talking();
    talk(&fake).await;
    fake.fail(
        ("logs", "n2.lab"),
        clusterdock::engine::EngineError::new(clusterdock::engine::Fault::Other, "no log"),
    );
    let desk = Desk::at(&fake);
    let stops = async {
        fake.when_called(("logs", 1)).await.unwrap();
        tokio::time::sleep(MINUTE).await;
        fake.stop_container("n1.lab", 1).await.unwrap();
    };
    let follow = Logs {
        follow: true,
        ..args(&["lab"])
    };
    let work = desk.run(async |session| logs::logs(session, &follow).await);
    let (ended, ()) = join(work, stops).await;
    assert_eq!(
        ended.unwrap_err().to_string(),
        "failed to read the log of node `n2.lab`: no log"
    );
    assert_eq!(fake.count("logs"), 2);
}

#[tokio::test]
async fn following_a_log_ends_on_interrupt() {
    let fake = talking();
    talk(&fake).await;
    let desk = Desk::at(&fake);
    let cancellation = Arc::clone(&desk.cancellation);
    let enough = async {
        fake.when_called(("logs", 1)).await.unwrap();
        cancellation.cancel(interrupted());
    };
    let follow = Logs {
        follow: true,
        ..args(&["lab"])
    };
    let work = desk.run(async |session| logs::logs(session, &follow).await);
    let (ended, ()) = join(work, enough).await;
    assert_eq!(ended.unwrap_err().kind().exit_code(), 130);
}

#[tokio::test]
async fn an_unreadable_log_does_not_hide_the_others() {
    let fake = talking();
    talk(&fake).await;
    fake.fail(
        ("logs", "n2.lab"),
        clusterdock::engine::EngineError::new(clusterdock::engine::Fault::Other, "no log"),
    );
    let desk = Desk::at(&fake);
    let error = desk
        .run(async |session| logs::logs(session, &args(&["lab"])).await)
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to read the log of node `n2.lab`: no log"
    );
    assert_eq!(desk.stdout.text(), "n1.lab | one\nn1.lab | three\n");
}
