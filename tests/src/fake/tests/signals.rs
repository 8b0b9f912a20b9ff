use futures_util::StreamExt;

use super::*;

#[tokio::test]
async fn a_paused_container_continues_by_unpause_or_signal() {
    let fake = fake_with_network();
    let id = started(&fake, &node("node-1")).await;
    let state = async || fake.container_state(&id).await.unwrap().state;
    fake.pause_container(&id).await.unwrap();
    assert_eq!(state().await, State::Paused);
    assert_eq!(fault(fake.pause_container(&id).await).0, Fault::InUse);
    fake.unpause_container(&id).await.unwrap();
    assert_eq!(state().await, State::Running);
    assert!(
        fault(fake.unpause_container(&id).await)
            .1
            .ends_with("is not paused")
    );
    fake.pause_container(&id).await.unwrap();
    fake.kill_container(&id, "SIGHUP").await.unwrap();
    assert_eq!(state().await, State::Running);
}

#[tokio::test]
async fn a_fatal_signal_shows_in_the_exit_code() {
    let fake = fake_with_network();
    for (signal, exit_code) in [("SIGKILL", 137), ("SIGTERM", 143), ("SIGINT", 130)] {
        let id = started(&fake, &node(&format!("node-{exit_code}"))).await;
        fake.kill_container(&id, signal).await.unwrap();
        assert_eq!(
            fake.container_state(&id).await.unwrap().exit_code,
            Some(exit_code)
        );
        assert_eq!(
            fault(fake.kill_container(&id, signal).await).0,
            Fault::WrongState
        );
        assert_eq!(fault(fake.pause_container(&id).await).0, Fault::WrongState);
    }
}

#[tokio::test]
async fn start_events_are_replayed_and_streamed() {
    let fake = fake_with_network();
    fake.set_clock(100);
    let early = started(&fake, &node("early")).await;
    fake.set_clock(200);
    let late = started(&fake, &node("late")).await;
    let mut starts = fake.starts(("run", "one"), 150).await.unwrap();
    assert_eq!(
        starts.next().await.unwrap().unwrap(),
        late,
        "not the early one"
    );
    fake.pause_container(&early).await.unwrap();
    fake.unpause_container(&early).await.unwrap();
    assert_eq!(starts.next().await.unwrap().unwrap(), early);
    fake.stop_container(&late, 1).await.unwrap();
    fake.start_container(&late).await.unwrap();
    assert_eq!(starts.next().await.unwrap().unwrap(), late, "each time");
    fake.break_streams();
    assert_eq!(fault(starts.next().await.unwrap()).0, Fault::Unreachable);
}
