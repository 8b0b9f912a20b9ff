//! Starts and removals on one engine at once.

use std::net::{Ipv4Addr, TcpListener};

use clusterdock::error::{Error, Kind, Result};
use clusterdock::start::start_execution::Started;
use clusterdock_plugin_wire::Port;
use clusterdock_tests::fake::{EngineGeneration, FakeEngine};
use futures_util::future::join_all;

use super::{IMAGE, LabHook, Stage, Wish, engine};

const GENERATIONS: [EngineGeneration; 3] = [
    EngineGeneration::V20,
    EngineGeneration::V26,
    EngineGeneration::V29,
];

fn engine_of(generation: EngineGeneration) -> FakeEngine {
    let fake = FakeEngine::of(generation);
    fake.seed().image(IMAGE);
    fake
}

/// Eight stages on one fresh engine of each generation, with locks in common and without.
async fn eight(check: impl AsyncFn(&FakeEngine, &[Stage])) {
    for generation in GENERATIONS {
        for share in [true, false] {
            let fake = engine_of(generation);
            let config = tempfile::tempdir().unwrap();
            let stage = || {
                if share {
                    Stage::sharing(&fake, config.path())
                } else {
                    Stage::new(&fake)
                }
            };
            let stages: Vec<Stage> = (0..8).map(|_| stage()).collect();
            check(&fake, &stages).await;
        }
    }
}

/// Seven of eight found something in use, and left nothing: without the winner the engine is what it was.
async fn assert_one_wins(
    fake: &FakeEngine,
    stages: &[Stage],
    before: &str,
    results: &[Result<Started>],
) {
    let kinds: Vec<Kind> = results
        .iter()
        .filter_map(|result| Some(result.as_ref().err()?.kind()))
        .collect();
    assert_eq!(kinds, [Kind::Conflict; 7], "{results:#?}");
    let left = stages[0].clusters().await;
    assert_eq!((left.len(), left[0].nodes.len()), (1, 2));
    stages[0].rm(&[&left[0].name]).await.unwrap();
    assert_eq!(fake.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn of_eight_starts_with_the_same_host_names_one_wins() {
    eight(async |fake, stages| {
        let before = fake.snapshot();
        let starts = stages.iter().enumerate();
        let starts =
            starts.map(|(n, stage)| stage.start(Wish::of(&["a", "b"]).cluster(format!("lab-{n}"))));
        assert_one_wins(fake, stages, &before, &join_all(starts).await).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn of_eight_starts_of_one_cluster_one_wins() {
    eight(async |fake, stages| {
        let before = fake.snapshot();
        let starts = stages
            .iter()
            .map(|stage| stage.start(Wish::of(&["a", "b"])));
        assert_one_wins(fake, stages, &before, &join_all(starts).await).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn of_eight_starts_with_one_host_port_one_wins() {
    eight(async |fake, stages| {
        let free = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let before = fake.snapshot();
        let starts = stages.iter().enumerate().map(async |(n, stage)| {
            let wish = wish_of(n).each(|node| {
                if node.hostname.starts_with('a') {
                    node.port(Port::tcp(80).on_host(free))
                } else {
                    node
                }
            });
            stage.start(wish).await
        });
        assert_one_wins(fake, stages, &before, &join_all(starts).await).await;
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn eight_starts_with_distinct_names_share_a_new_network() {
    eight(async |fake, stages| {
        let starts = stages
            .iter()
            .enumerate()
            .map(|(n, stage)| stage.start(wish_of(n)));
        let results = join_all(starts).await;
        assert!(results.iter().all(Result::is_ok), "{results:#?}");
        assert_eq!(networks(fake), 1, "{}", fake.snapshot());
        assert_eq!(stages[0].clusters().await.len(), 8);
    })
    .await;
}

#[tokio::test(start_paused = true)]
async fn every_unnamed_cluster_gets_its_own_name() {
    let fake = engine();
    let stages: Vec<Stage> = (0..8).map(|_| Stage::new(&fake)).collect();
    let starts = stages
        .iter()
        .enumerate()
        .map(|(n, stage)| stage.start(wish_of(n).cluster("")));
    let results = join_all(starts).await;
    assert!(results.iter().all(Result::is_ok), "{results:#?}");
}

/// At every call of a start on the network of another cluster, that cluster goes, and so would the network.
#[tokio::test(start_paused = true)]
async fn a_network_removed_during_a_start_is_recreated() {
    for generation in GENERATIONS {
        let mut call = 0;
        loop {
            let fake = engine_of(generation);
            let (one, other) = (Stage::new(&fake), Stage::new(&fake));
            other.start(wish_of(7)).await.unwrap();
            fake.forget_calls();
            let begun = fake.when_called(call);
            let removal = async {
                if begun.await.is_ok() {
                    other.rm(&["lab-7"]).await
                } else {
                    Ok(())
                }
            };
            let start = async {
                let started = one.start(Wish::of(&["a", "b"])).await;
                fake.spare_calls();
                started
            };
            let (started, removed) = tokio::join!(start, removal);
            let at = |error: Error| {
                panic!(
                    "{generation:?}, at call {call}: {error}\n{}",
                    fake.snapshot()
                )
            };
            removed.unwrap_or_else(at);
            started.map(drop).unwrap_or_else(at);
            assert_eq!(networks(&fake), 1, "{}", fake.snapshot());
            if other.clusters().await.len() == 2 {
                break; // The start has no more calls.
            }
            one.rm(&["lab"]).await.unwrap();
            assert_eq!(fake.snapshot(), engine_of(generation).snapshot());
            call += 1;
        }
        assert!(call > 10, "only {call} calls");
    }
}

/// At every call of a start that fails in the end, another one begins on the same network.
#[tokio::test(start_paused = true)]
async fn a_start_survives_the_rollback_of_its_networks_creator() {
    for generation in GENERATIONS {
        let mut call = 0;
        loop {
            let fake = engine_of(generation);
            let (one, other) = (Stage::new(&fake), Stage::new(&fake));
            let begun = fake.when_called(call);
            let second = async {
                if begun.await.is_ok() {
                    Some(other.start(wish_of(7)).await)
                } else {
                    None
                }
            };
            let first = async {
                let failed = one.start(Wish::of(&["a", "b"]).hook(LabHook::Fails)).await;
                fake.spare_calls();
                failed
            };
            let (failed, second) = tokio::join!(first, second);
            assert_eq!(failed.unwrap_err().kind(), Kind::Hook);
            let Some(second) = second else { break };
            if let Err(error) = second {
                panic!(
                    "{generation:?}, at call {call}: {error}\n{}",
                    fake.snapshot()
                );
            }
            assert_eq!(networks(&fake), 1, "{}", fake.snapshot());
            other.rm(&["lab-7"]).await.unwrap();
            assert_eq!(fake.snapshot(), engine_of(generation).snapshot());
            call += 1;
        }
        assert!(call > 15, "only {call} calls");
    }
}

/// A cluster with distinct names.
fn wish_of(n: usize) -> Wish {
    let names = [format!("a{n}"), format!("b{n}")];
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    Wish::of(&names).cluster(format!("lab-{n}"))
}

fn networks(fake: &FakeEngine) -> usize {
    fake.snapshot()
        .lines()
        .filter(|line| line.starts_with("network cluster"))
        .count()
}
