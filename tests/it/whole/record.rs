//! The record of a cluster: it decides whose the cluster's name is, shows whether the start has been completed, and
//! outlives every prune.

use clusterdock::cluster::ClusterState;
use clusterdock::cluster::labels::{Run, RunId};
use clusterdock::cluster::record;
use clusterdock::engine::{Labels, Lifecycle, Volume};
use clusterdock::error::Kind;
use clusterdock_tests::fake::{EngineGeneration, FakeEngine};
use futures_util::future::join_all;

use super::{LabHook, Stage, Wish, engine, trouble};

const RECORD: &str = "clusterdock-lab";

/// The states of the clusters that `ls` shows, and how many nodes each has of how many.
async fn states(stage: &Stage) -> Vec<(ClusterState, usize, usize)> {
    let clusters = stage.clusters().await;
    clusters
        .iter()
        .map(|cluster| (cluster.state, cluster.nodes.len(), cluster.size))
        .collect()
}

#[tokio::test(start_paused = true)]
async fn every_node_mounts_the_record_so_no_prune_removes_it() {
    let fake = engine();
    let stage = Stage::new(&fake);
    stage.start(Wish::of(&["a", "b", "c"])).await.unwrap();
    for node in ["a.cluster", "b.cluster", "c.cluster"] {
        assert!(fake.read_file(node, record::COMPLETE).is_some(), "{node}");
    }
    for node in ["a.cluster", "b.cluster", "c.cluster"] {
        fake.stop_container(node, 0).await.unwrap();
    }
    fake.prune_volumes();
    assert_eq!(states(&stage).await, [(ClusterState::Stopped, 3, 3)]);
    stage.rm(&["lab"]).await.unwrap();
    assert_eq!(fake.snapshot(), engine().snapshot());
}

/// Prunes volumes at every call of a start: it succeeds, or leaves nothing and reports why.
#[tokio::test(start_paused = true)]
async fn a_prune_at_any_call_costs_at_most_that_start() {
    let (mut call, mut failed) = (0, 0);
    loop {
        let fake = engine();
        let stage = Stage::new(&fake);
        fake.on_call(call, FakeEngine::prune_volumes);
        let started = stage
            .start(Wish::of(&["a", "b"]).hook(LabHook::DoesOneOfEverything))
            .await;
        let calls = fake.calls().len();
        match started {
            Ok(_) => {
                assert_eq!(
                    states(&stage).await,
                    [(ClusterState::Degraded, 2, 2)],
                    "at call {call}"
                );
                stage.rm(&["lab"]).await.unwrap();
            }
            Err(error) => {
                failed += 1;
                assert_eq!(error.kind(), Kind::Node, "{error}");
                assert!(
                    error.message().ends_with("was removed during the start"),
                    "{error}"
                );
            }
        }
        assert_eq!(fake.snapshot(), engine().snapshot(), "at call {call}");
        call += 1;
        if call > calls {
            break;
        }
    }
    // Only between its own creation and that of the first node nothing uses the record.
    assert!((1..=2).contains(&failed), "{failed} failed");
    assert!(call > 20, "only {call} calls");
}

#[tokio::test(start_paused = true)]
async fn a_foreign_volume_with_the_records_name_is_a_conflict() {
    let of = |cluster: &str| {
        Run {
            id: RunId::random(),
            cluster: cluster.into(),
            ..Run::default()
        }
        .labels()
    };
    let forged = Labels::from([("com.clusterdock.run".to_string(), "../../etc".to_string())]);
    for labels in [
        Labels::new(),
        Labels::from([("owner".into(), "me".into())]),
        forged,
        of("another"),
    ] {
        let fake = engine();
        fake.seed().volume(&Volume {
            name: RECORD.into(),
            labels,
        });
        let before = fake.snapshot();
        let stage = Stage::new(&fake);
        let error = stage.start(Wish::of(&["a"])).await.unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict, "{error}");
        assert_eq!(error.message(), "volume `clusterdock-lab` is in use");
        assert!(
            error
                .next_step()
                .unwrap()
                .ends_with("docker volume rm clusterdock-lab"),
            "{error:?}"
        );
        assert_eq!(fake.snapshot(), before);
        assert_eq!(stage.clusters().await, []);
        assert_eq!(stage.rm(&["lab"]).await.unwrap_err().kind(), Kind::NotFound);
        assert_eq!(fake.snapshot(), before);
        // A generated name is replaced by another.
        stage.start(Wish::of(&["a"]).cluster("")).await.unwrap();
    }
}

/// Many rounds of two starts of one name that share nothing but the engine; one has other host names.
#[tokio::test(start_paused = true)]
async fn of_starts_on_two_machines_the_first_record_wins() {
    for generation in [
        EngineGeneration::V20,
        EngineGeneration::V26,
        EngineGeneration::V29,
    ] {
        for rounds in 0..20 {
            let fake = FakeEngine::of(generation);
            fake.seed().image(super::IMAGE);
            let before = fake.snapshot();
            let stages: Vec<Stage> = (0..4).map(|_| Stage::new(&fake)).collect();
            let starts = stages.iter().enumerate().map(async |(n, stage)| {
                for _ in 0..(n * rounds) % 7 {
                    tokio::task::yield_now().await;
                }
                stage
                    .start(Wish::of(&[&format!("a{n}"), &format!("b{n}")]))
                    .await
            });
            let results = join_all(starts).await;
            let lost: Vec<_> = results
                .iter()
                .filter_map(|result| result.as_ref().err())
                .collect();
            assert_eq!(lost.len(), 3, "{results:#?}");
            for error in lost {
                assert_eq!(error.kind(), Kind::Conflict);
                assert_eq!(error.message(), "cluster name `lab` is in use");
            }
            let winner = results.iter().position(Result::is_ok).unwrap();
            assert_eq!(states(&stages[0]).await, [(ClusterState::Running, 2, 2)]);
            // The loser removed nothing of the winner.
            stages[winner].rm(&["lab"]).await.unwrap();
            assert_eq!(fake.snapshot(), before);
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_start_killed_in_its_hook_stays_partial_after_prunes() {
    let fake = engine();
    let stage = Stage::new(&fake);
    let in_hook = fake.when_called(("exec", 0));
    tokio::select! {
        biased;
        Ok(()) = in_hook => {}
        _ = stage.start(Wish::of(&["a", "b"]).hook(LabHook::DoesOneOfEverything)) => panic!("it was to be killed"),
    }
    fake.prune_volumes();
    assert_eq!(states(&stage).await, [(ClusterState::Partial, 2, 2)]);
    stage.rm(&["lab"]).await.unwrap();
    assert_eq!(fake.snapshot(), engine().snapshot());
}

#[tokio::test(start_paused = true)]
async fn nodes_removed_by_a_hook_are_not_missing() {
    for (hook, left) in [(LabHook::Removes(1), 2), (LabHook::Removes(2), 1)] {
        let fake = engine();
        let stage = Stage::new(&fake);
        let started = stage
            .start(Wish::of(&["a", "b", "c"]).hook(hook))
            .await
            .unwrap();
        assert_eq!(
            (started.cluster.state, started.cluster.size),
            (ClusterState::Running, left)
        );
        assert_eq!(states(&stage).await, [(ClusterState::Running, left, left)]);
        // One that is removed by hand is missing.
        stage.rm(&["c"]).await.unwrap();
        let expected = if left == 1 {
            vec![]
        } else {
            vec![(ClusterState::Partial, left - 1, left)]
        };
        assert_eq!(states(&stage).await, expected);
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_that_removes_every_node_leaves_nothing() {
    let fake = engine();
    let error = Stage::new(&fake)
        .start(Wish::of(&["a", "b"]).hook(LabHook::Removes(2)))
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::Node, "the hook removed every node")
    );
    assert_eq!(fake.snapshot(), engine().snapshot());
}

#[tokio::test(start_paused = true)]
async fn ls_makes_one_call_per_complete_cluster() {
    let fake = engine();
    let stage = Stage::new(&fake);
    stage.start(Wish::of(&["a", "b"])).await.unwrap();
    stage
        .start(
            Wish::of(&["c", "d"])
                .cluster("other")
                .hook(LabHook::Removes(1)),
        )
        .await
        .unwrap();
    fake.forget_calls();
    stage.ls().await.unwrap();
    assert_eq!((fake.count("file"), fake.count("get_archive")), (2, 1));
    assert_eq!(fake.most_at_once(&["file"]), 2);
    assert_eq!(fake.calls().len(), 3 + 2 + 1, "{:?}", fake.calls());
}

#[tokio::test(start_paused = true)]
async fn a_forged_record_is_reported_and_otherwise_ignored() {
    for forged in [
        &b"{"[..],
        b"\x1b[2J",
        br#"{"schema_version":7}"#,
        &[b'x'; 1 << 20],
    ] {
        let fake = engine();
        let stage = Stage::new(&fake);
        stage
            .start(Wish::of(&["a", "b", "c"]).hook(LabHook::Removes(1)))
            .await
            .unwrap();
        fake.write_file("b.cluster", record::FILE, forged);
        stage.ls().await.unwrap();
        let story = stage.story.text();
        assert!(
            story.contains("the record of cluster `lab` cannot be read: the cluster's record is"),
            "{story}"
        );
        assert!(!story.contains('\x1b') && story.len() < 4096, "{story:?}");
        assert_eq!(states(&stage).await, [(ClusterState::Partial, 2, 3)]);
        stage.rm(&["lab"]).await.unwrap();
        assert_eq!(fake.snapshot(), engine().snapshot());
    }
}

#[tokio::test(start_paused = true)]
async fn an_unreadable_record_hides_no_cluster() {
    let fake = engine();
    let stage = Stage::new(&fake);
    stage.start(Wish::of(&["a"])).await.unwrap();
    fake.forget_calls();
    fake.fail(("file", 0), trouble());
    stage.ls().await.unwrap();
    let story = stage.story.text();
    assert!(
        story.contains("the engine is in trouble") && story.contains("1/1"),
        "{story}"
    );
}
