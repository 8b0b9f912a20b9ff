use clusterdock::engine::{Filter, Volume};

use super::*;

#[tokio::test]
async fn seeding_creates_things_without_a_call() {
    let fake = FakeEngine::new();
    fake.seed()
        .network(&network("cluster", 1))
        .volume(&Volume {
            name: "data".into(),
            labels: Labels::new(),
        })
        .container(&node_at("node-1", 10), State::Running)
        .container(&node("node-2"), State::Exited)
        .container(&node("node-3"), State::Created)
        .container(&node("node-4"), State::Paused);
    assert!(fake.calls().is_empty());
    let mut states: Vec<_> = fake.containers(&Filter::all()).await.unwrap();
    states.sort_by(|one, other| one.name.cmp(&other.name));
    let states: Vec<_> = states.iter().map(|container| container.state).collect();
    assert_eq!(
        states,
        [State::Running, State::Exited, State::Created, State::Paused]
    );
}

#[tokio::test]
#[should_panic(expected = "Address already in use")]
async fn seeding_refuses_what_docker_would_refuse() {
    let fake = fake_with_network();
    fake.seed()
        .container(&node_at("node-1", 10), State::Running)
        .container(&node_at("node-2", 10), State::Running);
}

#[tokio::test]
async fn a_cluster_of_the_original_is_known_by_its_label() {
    let fake = FakeEngine::new();
    fake.seed().original_cluster(
        "famous_hyades",
        "cluster",
        "172.18.0.0/16".parse().unwrap(),
        &["node-1", "node-2"],
    );
    let containers = fake
        .containers(&Filter::has("com.clusterdock.clusterdock"))
        .await
        .unwrap();
    assert_eq!(containers.len(), 2);
    for container in &containers {
        let label: serde_json::Value =
            serde_json::from_str(&container.labels["com.clusterdock.clusterdock"]).unwrap();
        assert_eq!(label["cluster_name"], "famous_hyades");
        assert!(!container.name.ends_with(".cluster"));
        assert!(container.networks["cluster"].address.is_some());
    }
    assert_eq!(
        fake.networks(&Filter::has("com.clusterdock.clusterdock"))
            .await
            .unwrap()
            .len(),
        1
    );
}

#[tokio::test]
async fn a_snapshot_distinguishes_two_things_of_one_name() {
    let fake = fake_with_network();
    let id = started(&fake, &node_at("node-1", 10)).await;
    let before = fake.snapshot();
    fake.remove_container(&id).await.unwrap();
    assert_ne!(fake.snapshot(), before);
    started(&fake, &node_at("node-1", 10)).await;
    assert_ne!(fake.snapshot(), before);
}

#[tokio::test]
async fn a_snapshot_shows_that_a_container_was_restarted() {
    let fake = fake_with_network();
    let id = started(&fake, &node_at("node-1", 10)).await;
    let before = fake.snapshot();
    fake.stop_container(&id, 1).await.unwrap();
    fake.start_container(&id).await.unwrap();
    assert_ne!(fake.snapshot(), before);
}
