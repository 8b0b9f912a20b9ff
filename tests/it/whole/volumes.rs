//! The volumes of images: a helper holds them, as long as a node has them.

use super::{LabHook, Stage, Wish, engine, trouble};
use clusterdock::cli::ManageAction;
use clusterdock::cluster::ClusterState;
use clusterdock::engine::{Container, Engine, Filter, Image};
use clusterdock::error::{Error, Kind};
use clusterdock::labels;
use clusterdock_plugin_api::{NodeSpec, Volume};
use clusterdock_tests::fake::{FakeEngine, Mishap, for_every_call};
use std::sync::Arc;

const DATA: &str = "example/data:1";

/// An engine that has an image with a volume too.
fn with_data() -> FakeEngine {
    let fake = engine();
    fake.seed().image_as(DATA, Image { volumes: vec!["/data".into()], ..Image::default() });
    fake
}

/// A cluster of three nodes, of which two share the volumes of an image.
fn wish() -> Wish {
    Wish::of(&["a", "b", "c"]).each(|node| match node.hostname.as_str() {
        "c" => node,
        _ => node.volume(Volume::of_image(DATA)),
    })
}

async fn helpers(fake: &FakeEngine) -> Vec<Container> {
    fake.containers(&Filter::has(labels::VOLUMES_OF)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_helper_an_image_is_made_first_never_started_and_no_node() {
    let fake = with_data();
    let stage = Stage::new(&fake);
    let started = stage.start(wish()).await.unwrap();
    assert_eq!((started.cluster.nodes.len(), started.cluster.size), (3, 3));
    assert_eq!((started.cluster.state, fake.count("create_container")), (ClusterState::Running, 4));
    let clusters = stage.clusters().await;
    assert_eq!((clusters[0].nodes.len(), clusters[0].state), (3, ClusterState::Running));
    let helper = &helpers(&fake).await[0];
    assert_eq!((helper.image.as_str(), helper.state.as_str()), (DATA, "created"));
    let created: Vec<String> = fake.calls().iter().map(ToString::to_string).collect();
    let first = created.iter().find(|call| call.starts_with("create_container")).unwrap();
    assert!(first.contains(&helper.name), "{first}");
    // The engine knows their host names by labels: none is inspected for it.
    assert!(!created.iter().any(|call| call.contains("container_state") && call.contains(&helper.name)), "{created:?}");
    stage.rm(&["lab"]).await.unwrap();
    assert_eq!(fake.snapshot(), with_data().snapshot());
}

#[tokio::test(start_paused = true)]
async fn a_helper_goes_with_the_last_node_that_has_its_volumes() {
    let fake = with_data();
    let stage = Stage::new(&fake);
    stage.start(wish()).await.unwrap();
    stage.rm(&["c", "a"]).await.unwrap();
    assert_eq!(helpers(&fake).await.len(), 1);
    stage.rm(&["b"]).await.unwrap();
    assert_eq!(fake.snapshot(), with_data().snapshot());
}

#[tokio::test(start_paused = true)]
async fn every_way_to_remove_a_cluster_takes_its_helpers_along() {
    let remove = ManageAction::Remove { network: true, clusters: vec!["lab".into()] };
    let nuke = |all| ManageAction::Nuke { all, yes: true };
    for action in [remove, nuke(false), nuke(true)] {
        let fake = with_data();
        let stage = Stage::new(&fake);
        stage.start(wish()).await.unwrap();
        stage.manage(action).await.unwrap();
        assert_eq!(fake.snapshot(), with_data().snapshot());
    }
}

#[tokio::test(start_paused = true)]
async fn a_helper_that_a_removal_left_can_be_removed_by_the_clusters_name() {
    let fake = with_data();
    let stage = Stage::new(&fake);
    stage.start(wish()).await.unwrap();
    let helper = helpers(&fake).await[0].name.clone();
    fake.fail(("remove_container", helper.as_str()), trouble());
    stage.rm(&["lab"]).await.unwrap_err();
    assert!(stage.clusters().await.is_empty());
    stage.rm(&["lab"]).await.unwrap();
    assert_eq!(fake.snapshot(), with_data().snapshot());
}

#[tokio::test(start_paused = true)]
async fn whatever_goes_wrong_no_helper_is_left() {
    let seed = async || with_data();
    let trials = for_every_call(&Mishap::RECOVERABLE, seed, async |trial| {
        let stage = Stage::new(&trial.fake);
        let stop = Arc::clone(&stage.stop);
        trial.on_interrupt(move || stop.stop(Error::new(Kind::Interrupted, "interrupted")));
        let done = trial.run(stage.start(wish().hook(LabHook::Fails))).await.expect("nothing was abandoned");
        let error = done.unwrap_err();
        if !trial.is_undone() {
            assert_eq!(error.kind(), Kind::Left, "{error}\n{}", trial.fake.snapshot());
            stage.rm(&["lab"]).await.unwrap();
        }
        trial.assert_undone();
    });
    assert!(trials.await > 100);
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_went_wrong_can_be_made_again() {
    let seed = async || {
        let fake = with_data();
        Stage::new(&fake).start(wish()).await.unwrap();
        fake
    };
    let mishaps = [Mishap::Fails, Mishap::FailsAfterEffect, Mishap::Abandons];
    let trials = for_every_call(&mishaps, seed, async |trial| {
        let stage = Stage::new(&trial.fake);
        drop(trial.run(stage.rm(&["lab"])).await);
        if trial.fake.snapshot() != with_data().snapshot() {
            stage.rm(&["lab"]).await.unwrap();
        }
        assert_eq!(trial.fake.snapshot(), with_data().snapshot());
    });
    assert!(trials.await > 20);
}

#[tokio::test(start_paused = true)]
async fn an_image_that_went_away_meanwhile_is_told_as_such() {
    let stage = Stage::new(&engine());
    let error = stage.start(wish()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Image, "{error}");
    assert!(error.to_string().contains(&format!("the volumes of image `{DATA}`")), "{error}");
    assert_eq!(stage.fake.snapshot(), engine().snapshot());
}

#[tokio::test(start_paused = true)]
async fn a_systemd_nodes_engine_is_asked_for_its_control_groups_once_and_others_not() {
    let fake = engine();
    Stage::new(&fake).start(Wish::of(&["a"])).await.unwrap();
    assert_eq!(fake.count("info"), 0);
    let fake = engine();
    Stage::new(&fake).start(Wish::of(&["a", "b"]).each(NodeSpec::systemd)).await.unwrap();
    assert_eq!(fake.count("info"), 1);
}
