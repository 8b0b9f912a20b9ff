use clusterdock::engine::{Death, LogLine, LogOptions};
use futures_util::{FutureExt, StreamExt};

use super::*;

fn text(line: Option<EngineResult<LogLine>>) -> String {
    String::from_utf8(line.expect("a line").unwrap().bytes.to_vec()).unwrap()
}

async fn all(fake: &FakeEngine, options: &LogOptions) -> String {
    let lines = fake.logs("node-1.cluster", options).await.unwrap();
    lines
        .map(|line| text(Some(line)))
        .collect::<Vec<_>>()
        .await
        .concat()
}

#[tokio::test]
async fn deaths_are_streamed_by_label() {
    let fake = fake_with_network();
    let id = started(&fake, &node("node-1")).await;
    let mut deaths = fake.deaths(("run", "one"), 0).await.unwrap();
    let mut others = fake.deaths(("run", "two"), 0).await.unwrap();
    assert!(deaths.next().now_or_never().is_none());
    fake.kill("node-1.cluster", 7);
    let death = Death {
        id: id.clone(),
        name: "node-1.cluster".into(),
        exit_code: 7,
    };
    assert_eq!(deaths.next().await.unwrap().unwrap(), death);
    fake.start_container(&id).await.unwrap();
    fake.remove_container(&id).await.unwrap();
    assert_eq!(deaths.next().await.unwrap().unwrap().exit_code, 137);
    assert!(deaths.next().now_or_never().is_none());
    assert!(others.next().now_or_never().is_none());
}

#[tokio::test]
async fn a_waiting_listener_is_woken() {
    let fake = fake_with_network();
    started(&fake, &node("node-1")).await;
    let mut deaths = fake.deaths(("run", "one"), 0).await.unwrap();
    let (death, ()) = tokio::join!(deaths.next(), async { fake.kill("node-1.cluster", 7) });
    assert_eq!(death.unwrap().unwrap().exit_code, 7);
}

#[tokio::test]
async fn an_earlier_death_is_replayed_on_request() {
    let fake = fake_with_network();
    fake.set_clock(1000);
    started(&fake, &node("node-1")).await;
    let mut late = fake.deaths(("run", "one"), 1001).await.unwrap();
    let mut early = fake.deaths(("run", "one"), 1000).await.unwrap();
    // The calls are answered, but neither subscription is active yet.
    fake.kill("node-1.cluster", 7);
    assert!(early.next().now_or_never().is_some());
    assert!(late.next().now_or_never().is_none());
}

#[tokio::test]
async fn only_the_last_events_are_replayed() {
    let fake = fake_with_network();
    started(&fake, &node("node-1")).await;
    fake.kill("node-1.cluster", 7);
    for index in 0..255 {
        fake.create_container(&node(&format!("other-{index}")))
            .await
            .unwrap();
    }
    assert!(
        fake.deaths(("run", "one"), 0)
            .await
            .unwrap()
            .next()
            .now_or_never()
            .is_some()
    );
    fake.create_container(&node("last")).await.unwrap();
    assert!(
        fake.deaths(("run", "one"), 0)
            .await
            .unwrap()
            .next()
            .now_or_never()
            .is_none()
    );
}

#[tokio::test]
async fn a_broken_connection_ends_streams_with_an_error() {
    let fake = fake_with_network();
    started(&fake, &node("node-1")).await;
    let mut deaths = fake.deaths(("run", "one"), 0).await.unwrap();
    fake.break_streams();
    assert_eq!(fault(deaths.next().await.unwrap()).0, Fault::Unreachable);
    assert!(deaths.next().await.is_none());
    assert!(
        fake.deaths(("run", "one"), 0)
            .await
            .unwrap()
            .next()
            .now_or_never()
            .is_none()
    );
}

#[tokio::test]
async fn an_unreachable_engine_answers_no_call() {
    let fake = fake();
    let mut deaths = fake.deaths(("run", "one"), 0).await.unwrap();
    let before = fake.snapshot();
    fake.set_reachable(false);
    assert_eq!(
        fault(fake.create_container(&node("node-1")).await).0,
        Fault::Unreachable
    );
    assert_eq!(fault(deaths.next().await.unwrap()).0, Fault::Unreachable);
    assert_eq!(fake.snapshot(), before);
    fake.set_reachable(true);
    fake.create_container(&node("node-1")).await.unwrap();
}

#[tokio::test]
async fn a_log_contains_the_output_of_all_runs() {
    let fake = fake_with_network();
    fake.set_clock(1000);
    fake.program(
        "node-1.cluster",
        Program::dies(1).says("up").complains("no disk"),
    );
    let id = started(&fake, &node("node-1")).await;
    fake.set_clock(1001);
    fake.start_container(&id).await.unwrap();
    assert_eq!(
        all(&fake, &LogOptions::default()).await,
        "up\nno disk\nup\nno disk\n"
    );
    assert_eq!(
        all(
            &fake,
            &LogOptions {
                tail: Some(1),
                ..Default::default()
            }
        )
        .await,
        "no disk\n"
    );
    assert_eq!(
        all(
            &fake,
            &LogOptions {
                since: Some(1001),
                ..Default::default()
            }
        )
        .await,
        "up\nno disk\n"
    );
    let stamped = LogOptions {
        tail: Some(1),
        timestamps: true,
        ..Default::default()
    };
    assert_eq!(all(&fake, &stamped).await, "1970-01-01T00:16:41Z no disk\n");
    let mut lines = fake.logs(&id, &LogOptions::default()).await.unwrap();
    assert!(!lines.next().await.unwrap().unwrap().is_stderr);
    assert!(lines.next().await.unwrap().unwrap().is_stderr);
}

#[tokio::test]
async fn a_followed_log_continues_until_the_container_stops() {
    let fake = fake_with_network();
    started(&fake, &node("node-1")).await;
    let mut lines = fake
        .logs(
            "node-1.cluster",
            &LogOptions {
                follow: true,
                ..Default::default()
            },
        )
        .await
        .unwrap();
    assert!(lines.next().now_or_never().is_none());
    fake.say("node-1.cluster", "ready");
    assert_eq!(text(lines.next().await), "ready\n");
    fake.kill("node-1.cluster", 1);
    assert!(lines.next().await.is_none());
}
