use clusterdock::engine::{EngineError, Filter};
use futures_util::FutureExt;

use super::*;

fn unlucky() -> EngineError {
    EngineError::new(Fault::Other, "out of luck")
}

fn call(method: &'static str, subject: &str) -> Call {
    Call {
        method,
        subject: subject.into(),
    }
}

#[tokio::test]
async fn calls_are_recorded_in_order_with_names_for_ids() {
    let fake = fake();
    let network_id = fake.create_network(&network("cluster", 1)).await.unwrap();
    let id = started(&fake, &node("node-1")).await;
    fake.containers(&Filter::is("run", "one")).await.unwrap();
    fake.remove_container(&id).await.unwrap();
    fake.remove_network(&network_id).await.unwrap();
    fake.remove_network(&network_id).await.unwrap_err();
    let expected = [
        call("create_network", "cluster"),
        call("create_container", "node-1.cluster"),
        call("start_container", "node-1.cluster"),
        call("containers", "run=one"),
        call("remove_container", "node-1.cluster"),
        call("remove_network", "cluster"),
        call("remove_network", &network_id),
    ];
    assert_eq!(fake.calls(), expected);
    assert_eq!((fake.count("remove_network"), fake.count("logs")), (2, 0));
    fake.forget_calls();
    assert!(fake.calls().is_empty());
}

#[tokio::test]
async fn a_call_can_fail_by_index_occurrence_or_subject() {
    let fake = fake();
    fake.fail(0, unlucky());
    fake.fail(("create_container", 2), unlucky());
    fake.fail(("create_container", "node-4.cluster"), unlucky());
    fake.create_network(&network("cluster", 1))
        .await
        .unwrap_err();
    let mut failed = Vec::new();
    for name in ["node-1", "node-2", "node-3", "node-4", "node-4"] {
        failed.push(fake.create_container(&node(name)).await.is_err());
    }
    assert_eq!(failed, [false, false, true, true, false]);
}

#[tokio::test]
async fn a_call_fails_without_its_effect_or_with_it() {
    let fake = fake();
    let before = fake.snapshot();
    fake.fail(0, unlucky());
    assert_eq!(
        fake.create_container(&node("node-1")).await.unwrap_err(),
        unlucky()
    );
    assert_eq!(fake.snapshot(), before);
    fake.fail_after_effect(1, unlucky());
    assert_eq!(
        fake.create_container(&node("node-1")).await.unwrap_err(),
        unlucky()
    );
    assert_eq!(
        fault(fake.create_container(&node("node-1")).await).0,
        Fault::NameTaken
    );
}

#[tokio::test(start_paused = true)]
async fn a_call_stalls_without_its_effect_or_with_it() {
    let fake = fake();
    let before = fake.snapshot();
    let hour = std::time::Duration::from_secs(3600);
    fake.stall(0);
    tokio::time::timeout(hour, fake.create_container(&node("node-1")))
        .await
        .unwrap_err();
    assert_eq!(fake.snapshot(), before);
    fake.stall_after_effect(1);
    tokio::time::timeout(hour, fake.create_container(&node("node-1")))
        .await
        .unwrap_err();
    assert!(fake.snapshot().contains("container node-1.cluster"));
}

#[tokio::test]
async fn a_dropped_call_still_takes_effect() {
    let fake = fake();
    let spec = node("node-1");
    assert!(fake.create_container(&spec).now_or_never().is_none());
    assert!(fake.snapshot().contains("container node-1.cluster"));
    // A command that never began does not.
    drop(fake.create_container(&node("node-2")));
    assert!(!fake.snapshot().contains("node-2"));
}

#[tokio::test]
async fn a_hook_runs_when_a_call_begins_and_may_use_the_engine() {
    let fake = fake_with_network();
    started(&fake, &node("node-1")).await;
    fake.on_call(("create_container", "node-2.cluster"), |fake| {
        fake.kill("node-1.cluster", 137)
    });
    let begun = fake.when_called(("create_container", "node-2.cluster"));
    fake.create_container(&node("node-2")).await.unwrap();
    begun.await.unwrap();
    assert_eq!(
        fake.container_state("node-1.cluster")
            .await
            .unwrap()
            .exit_code,
        Some(137)
    );
}

#[tokio::test]
async fn calls_of_one_task_run_concurrently() {
    let fake = fake();
    let (one, two, three) = (node("node-1"), node("node-2"), node("node-3"));
    let (one, two) = tokio::join!(fake.create_container(&one), fake.create_container(&two));
    fake.create_container(&three).await.unwrap();
    assert!(one.is_ok() && two.is_ok());
    assert_eq!(fake.most_at_once(&["create_container"]), 2);
    assert_eq!(fake.most_at_once(&["start_container"]), 0);
}

#[tokio::test]
async fn a_clone_is_the_same_engine_on_other_threads() {
    let fake = fake();
    let other = fake.clone();
    tokio::task::spawn_blocking(move || {
        other.seed().image("other:1");
    })
    .await
    .unwrap();
    assert!(fake.image("other:1").await.unwrap().is_some());
    tokio::spawn(async move { fake.info().await.unwrap() })
        .await
        .unwrap();
}

#[tokio::test]
async fn an_engine_reports_its_version_and_address() {
    let local = FakeEngine::of(EngineGeneration::V20);
    assert!(local.is_local());
    assert_eq!(local.info().await.unwrap().api_version, "1.41");
    let remote = FakeEngine::at("tcp://engine:2375", EngineGeneration::V29);
    assert!(!remote.is_local());
    assert_eq!(remote.address(), "tcp://engine:2375");
}
