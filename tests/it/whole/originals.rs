//! Clusters of the original clusterdock: `nuke` leaves them alone unless it may remove them; by name they are removed.

use clusterdock::cli::ManageAction;

use super::{Stage, Wish, engine, without_images};

#[tokio::test(start_paused = true)]
async fn nuke_removes_clusters_of_the_original_only_if_allowed() {
    let fake = engine();
    let empty = fake.snapshot();
    fake.seed().original_cluster(
        "famous_hyades",
        "old",
        "172.18.0.0/16".parse().unwrap(),
        &["node-1"],
    );
    let stage = Stage::new(&fake);
    stage.start(Wish::of(&["a"])).await.unwrap();
    assert_eq!(stage.clusters().await.len(), 2);
    stage.nuke(false, false).await.unwrap();
    let (left, output) = (stage.clusters().await, stage.story.text());
    assert_eq!(
        left.iter()
            .map(|cluster| cluster.name.as_str())
            .collect::<Vec<_>>(),
        ["famous_hyades"]
    );
    assert!(
        output.contains("skipping what the original clusterdock created")
            && output.contains("famous_hyades_old_node-1")
            && output.contains("--yes"),
        "{output}"
    );
    stage.nuke(false, true).await.unwrap();
    assert_eq!(without_images(&fake.snapshot()), without_images(&empty));
}

#[tokio::test(start_paused = true)]
async fn clusters_of_the_original_are_removed_by_name() {
    for remove in [false, true] {
        let fake = engine();
        fake.seed().original_cluster(
            "famous_hyades",
            "old",
            "172.18.0.0/16".parse().unwrap(),
            &["node-1"],
        );
        let stage = Stage::new(&fake);
        let action = ManageAction::Remove {
            network: true,
            clusters: vec!["famous_hyades".into()],
        };
        if remove {
            stage.manage(action).await.unwrap()
        } else {
            stage.rm(&["famous_hyades"]).await.unwrap()
        }
        assert!(
            !fake.snapshot().contains("famous_hyades"),
            "{}",
            fake.snapshot()
        );
    }
}
