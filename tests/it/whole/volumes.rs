//! The volumes of images: a helper container holds them as long as a node uses them.

use std::sync::Arc;

use clusterdock::cli::ManageAction;
use clusterdock::cluster::ClusterState;
use clusterdock::cluster::labels;
use clusterdock::engine::{Container, Filter, Inventory};
use clusterdock::error::{Error, Kind};
use clusterdock_plugin_wire::{NodeSpec, Volume};
use clusterdock_tests::fake::{FakeEngine, Mishap, for_every_call};

use super::{DATA, LabHook, Stage, Wish, engine, engine_with_data, trouble};

/// A cluster of three nodes, of which two share the volumes of an image.
fn wish() -> Wish {
    Wish::of(&["a", "b", "c"]).each(|node| match node.hostname.as_str() {
        "c" => node,
        _ => node.volume(Volume::of_image(DATA)),
    })
}

async fn helpers(fake: &FakeEngine) -> Vec<Container> {
    fake.containers(&Filter::has(labels::HELPER)).await.unwrap()
}

#[tokio::test(start_paused = true)]
async fn one_helper_per_image_is_created_but_never_started() {
    let fake = engine_with_data();
    let stage = Stage::new(&fake);
    let started = stage.start(wish()).await.unwrap();
    assert_eq!((started.cluster.nodes.len(), started.cluster.size), (3, 3));
    assert_eq!(
        (started.cluster.state, fake.count("create_container")),
        (ClusterState::Running, 4)
    );
    let clusters = stage.clusters().await;
    assert_eq!(
        (clusters[0].nodes.len(), clusters[0].state),
        (3, ClusterState::Running)
    );
    let helper = &helpers(&fake).await[0];
    assert_eq!(
        (helper.image.as_str(), helper.state.as_str()),
        (DATA, "created")
    );
    let created: Vec<String> = fake.calls().iter().map(ToString::to_string).collect();
    let first = created
        .iter()
        .find(|call| call.starts_with("create_container"))
        .unwrap();
    assert!(first.contains(&helper.name), "{first}");
    // The host names are known from labels: no container is inspected.
    assert!(
        !created
            .iter()
            .any(|call| call.contains("container_state") && call.contains(&helper.name)),
        "{created:?}"
    );
    stage.rm(&["lab"]).await.unwrap();
    assert_eq!(fake.snapshot(), engine_with_data().snapshot());
}

#[tokio::test(start_paused = true)]
async fn a_helper_goes_with_the_last_node_using_its_volumes() {
    let fake = engine_with_data();
    let stage = Stage::new(&fake);
    stage.start(wish()).await.unwrap();
    stage.rm(&["c", "a"]).await.unwrap();
    assert_eq!(helpers(&fake).await.len(), 1);
    stage.rm(&["b"]).await.unwrap();
    assert_eq!(fake.snapshot(), engine_with_data().snapshot());
}

#[tokio::test(start_paused = true)]
async fn every_way_to_remove_a_cluster_removes_its_helpers() {
    let remove = ManageAction::Remove {
        network: true,
        clusters: vec!["lab".into()],
    };
    let nuke = |all| ManageAction::Nuke { all, yes: true };
    for action in [remove, nuke(false), nuke(true)] {
        let fake = engine_with_data();
        let stage = Stage::new(&fake);
        stage.start(wish()).await.unwrap();
        stage.manage(action).await.unwrap();
        assert_eq!(fake.snapshot(), engine_with_data().snapshot());
    }
}

#[tokio::test(start_paused = true)]
async fn a_leftover_helper_is_removed_by_the_clusters_name() {
    let fake = engine_with_data();
    let stage = Stage::new(&fake);
    stage.start(wish()).await.unwrap();
    let helper = helpers(&fake).await[0].name.clone();
    fake.fail(("remove_container", helper.as_str()), trouble());
    // Nothing new came meanwhile, so that it is not tried again.
    stage.rm(&["lab"]).await.unwrap_err();
    let left = stage.clusters().await;
    assert_eq!(
        (left[0].nodes.len(), left[0].state),
        (0, ClusterState::Partial)
    );
    stage.rm(&["lab"]).await.unwrap();
    assert_eq!(fake.snapshot(), engine_with_data().snapshot());
}

#[tokio::test(start_paused = true)]
async fn no_failure_leaves_a_helper() {
    let seed = async || engine_with_data();
    let trials = for_every_call(&Mishap::RECOVERABLE, seed, async |trial| {
        let stage = Stage::new(&trial.fake);
        let cancellation = Arc::clone(&stage.cancellation);
        trial.on_interrupt(move || {
            cancellation.cancel(Error::new(Kind::Interrupted, "interrupted"))
        });
        let done = trial
            .run(stage.start(wish().hook(LabHook::Fails)))
            .await
            .expect("nothing was abandoned");
        let error = done.unwrap_err();
        if !trial.is_rolled_back() {
            assert_eq!(
                error.kind(),
                Kind::Leftovers,
                "{error}\n{}",
                trial.fake.snapshot()
            );
            stage.rm(&["lab"]).await.unwrap();
        }
        trial.assert_rolled_back();
    });
    assert!(trials.await > 100);
}

#[tokio::test(start_paused = true)]
async fn a_failed_removal_can_be_repeated() {
    let seed = async || {
        let fake = engine_with_data();
        Stage::new(&fake).start(wish()).await.unwrap();
        fake
    };
    let mishaps = [Mishap::Fails, Mishap::FailsAfterEffect, Mishap::Abandons];
    let trials = for_every_call(&mishaps, seed, async |trial| {
        let stage = Stage::new(&trial.fake);
        drop(trial.run(stage.rm(&["lab"])).await);
        if trial.fake.snapshot() != engine_with_data().snapshot() {
            stage.rm(&["lab"]).await.unwrap();
        }
        assert_eq!(trial.fake.snapshot(), engine_with_data().snapshot());
    });
    assert!(trials.await > 20);
}

#[tokio::test(start_paused = true)]
async fn an_image_removed_meanwhile_is_reported_as_such() {
    let stage = Stage::new(&engine_with_data());
    stage
        .fake
        .on_call(("create_volume", 0), |fake| fake.forget_image(DATA));
    let error = stage.start(wish()).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Image, "{error}");
    assert!(
        error
            .to_string()
            .contains(&format!("the volumes of image `{DATA}`")),
        "{error}"
    );
    assert_eq!(stage.fake.snapshot(), engine().snapshot());
}

#[tokio::test(start_paused = true)]
async fn an_engine_is_asked_once_for_cgroups_and_log_driver() {
    for wish in [
        Wish::of(&["a", "b"]),
        Wish::of(&["a", "b"]).each(NodeSpec::systemd),
    ] {
        let fake = engine();
        Stage::new(&fake).start(wish).await.unwrap();
        assert_eq!(fake.count("info"), 1);
    }
}
