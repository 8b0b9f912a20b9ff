//! Removals that end early: `ls` shows whatever they left, and `rm` of it finishes.

use std::sync::Arc;

use clusterdock::cli::ManageAction;
use clusterdock::cluster::ClusterState;
use clusterdock::engine::Inventory;
use clusterdock::error::{Error, Kind, Result};
use clusterdock_plugin_wire::Volume;
use clusterdock_tests::fake::{FakeEngine, Mishap, for_every_call};

use super::{Stage, Wish, engine_with_data};

/// A cluster that consists of everything there can be.
async fn started() -> FakeEngine {
    let fake = engine_with_data();
    let wish = Wish::of(&["a", "b"]).each(|node| node.volume(Volume::of_image("example/data:1")));
    Stage::new(&fake).start(wish).await.unwrap();
    fake
}

fn removal(network: bool) -> ManageAction {
    ManageAction::Remove {
        network,
        clusters: vec!["lab".into()],
    }
}

/// Kills a removal at every call: what is left shows as the cluster, and goes with it.
async fn assert_nothing_hides(remove: impl AsyncFn(&Stage) -> Result<()>) {
    let trials = for_every_call(&[Mishap::Abandons], started, async |trial| {
        let stage = Stage::new(&trial.fake);
        let finished = trial.run(remove(&stage)).await.is_some();
        let clusters = stage.clusters().await;
        if trial.is_rolled_back() {
            assert_eq!(clusters[0].state, ClusterState::Running);
        } else if trial.fake.snapshot() != engine_with_data().snapshot() && !finished {
            let snapshot = trial.fake.snapshot();
            let record_remains = snapshot.contains("volume clusterdock-lab");
            assert!(
                record_remains || !snapshot.contains("com.clusterdock.run="),
                "{snapshot}"
            );
            assert_eq!(clusters[0].state, ClusterState::Partial, "{snapshot}");
            assert_eq!((clusters[0].name.as_str(), clusters[0].size), ("lab", 2));
            stage.rm(&["lab"]).await.unwrap();
            assert_eq!(trial.fake.snapshot(), engine_with_data().snapshot());
        }
    });
    assert!(trials.await > 8);
}

#[tokio::test(start_paused = true)]
async fn leftovers_of_a_killed_removal_are_listed_and_removed() {
    assert_nothing_hides(async |stage| stage.rm(&["lab"]).await).await;
    assert_nothing_hides(async |stage| stage.manage(removal(true)).await).await;
}

#[tokio::test(start_paused = true)]
async fn an_interrupted_removal_lists_its_leftovers() {
    let trials = for_every_call(&[Mishap::Interrupts], started, async |trial| {
        let stage = Stage::new(&trial.fake);
        let cancellation = Arc::clone(&stage.cancellation);
        trial.on_interrupt(move || {
            cancellation.cancel(Error::new(Kind::Interrupted, "interrupted"))
        });
        let removed = trial
            .run(stage.rm(&["lab"]))
            .await
            .expect("nothing was abandoned");
        let is_gone = trial.fake.snapshot() == engine_with_data().snapshot();
        let Err(error) = removed else {
            return assert!(is_gone);
        };
        if trial.is_rolled_back() && error.kind() == Kind::Interrupted {
            return; // It had only looked.
        }
        assert!(
            !is_gone && error.kind() == Kind::Leftovers && error.kind().exit_code() == 12,
            "{error}"
        );
        assert!(error.to_string().contains("interrupted"), "{error}");
        assert!(
            error.to_string().contains("volume `clusterdock-lab`"),
            "{error}"
        );
        assert_eq!(stage.clusters().await[0].state, ClusterState::Partial);
        assert!(
            stage.report.clean_up().is_some(),
            "a second signal says how to clean up"
        );
    });
    assert!(trials.await > 8);
}

#[tokio::test(start_paused = true)]
async fn a_network_kept_on_purpose_is_not_a_cluster() {
    let fake = started().await;
    let stage = Stage::new(&fake);
    stage.manage(removal(false)).await.unwrap();
    assert_eq!(stage.clusters().await, []);
    let listed = async || {
        let before = stage.story.text().len();
        stage.ls().await.unwrap();
        stage.story.text()[before..].to_string()
    };
    let kept = listed().await;
    assert!(
        kept.contains("No clusters.") && kept.contains("Unused networks: cluster\n"),
        "{kept}"
    );
    // Any container on it counts: a node of another cluster, or a foreign container.
    stage
        .start(Wish::of(&["x"]).cluster("other"))
        .await
        .unwrap();
    let used = listed().await;
    assert!(!used.contains("Unused"), "{used}");
    stage
        .manage(ManageAction::Remove {
            network: false,
            clusters: vec!["other".into()],
        })
        .await
        .unwrap();
    assert!(listed().await.contains("Unused networks: cluster\n"));
    stage.rm(&["lab"]).await.unwrap();
    assert_eq!(fake.snapshot(), engine_with_data().snapshot());
}

/// A record that is left alone, as after `docker rm -f` of all nodes, or a prune of stopped ones.
#[tokio::test(start_paused = true)]
async fn a_record_without_nodes_is_a_removable_cluster() {
    let fake = started().await;
    let stage = Stage::new(&fake);
    for node in ["a.cluster", "b.cluster"] {
        fake.remove_container(node).await.unwrap();
    }
    let left = stage.clusters().await;
    assert_eq!(
        (left[0].state, left[0].nodes.len(), left[0].size),
        (ClusterState::Partial, 0, 2)
    );
    assert_eq!(left[0].networks, ["cluster"]);
    let error = stage.start(Wish::of(&["a"])).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::Conflict, "cluster name `lab` is in use")
    );
    stage.rm(&["lab"]).await.unwrap();
    assert_eq!(fake.snapshot(), engine_with_data().snapshot());
}
