//! Every call of a removal goes wrong in every way: once it does not, everything is gone.

use super::{Stage, Wish, engine, trouble};
use clusterdock::cli::Rm;
use clusterdock::cluster::{Cluster, ClusterState, clusters};
use clusterdock::commands::rm;
use clusterdock::error::{Error, Kind, Result};
use clusterdock::execution::observe::everything;
use clusterdock_tests::fake::{FakeEngine, Mishap, for_every_call};
use std::sync::Arc;

impl Stage {
    /// `clusterdock rm NAMES`.
    pub(super) async fn rm(&self, names: &[&str]) -> Result<()> {
        let names = names.iter().map(ToString::to_string).collect();
        rm::rm(&self.session(), &Rm { names, dry_run: false }).await
    }

    /// What `ls` shows.
    pub(super) async fn clusters(&self) -> Vec<Cluster> {
        clusters(&everything(&self.fake).await.unwrap())
    }
}

async fn started() -> FakeEngine {
    let fake = engine();
    Stage::new(&fake).start(Wish::of(&["a", "b", "c"])).await.unwrap();
    fake
}

fn is_empty(fake: &FakeEngine) -> bool {
    fake.snapshot() == engine().snapshot()
}

#[tokio::test(start_paused = true)]
async fn a_removal_that_went_wrong_can_be_made_again() {
    let mishaps = [Mishap::Fails, Mishap::FailsAfterEffect, Mishap::Interrupts, Mishap::Abandons];
    let trials = for_every_call(
        &mishaps,
        async || started().await,
        async |trial| {
            let stage = Stage::new(&trial.fake);
            let stop = Arc::clone(&stage.stop);
            trial.on_interrupt(move || stop.stop(Error::new(Kind::Interrupted, "interrupted")));
            let done = trial.run(stage.rm(&["lab"])).await;
            if !matches!(done, Some(Ok(()))) && !is_empty(&trial.fake) {
                Stage::new(&trial.fake).rm(&["lab"]).await.unwrap();
            }
            assert!(is_empty(&trial.fake), "{}", trial.fake.snapshot());
        },
    );
    assert!(trials.await > 20);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_removed_is_listed_and_the_rest_is_gone() {
    let fake = started().await;
    fake.fail(("remove_container", "a.cluster"), trouble());
    let stage = Stage::new(&fake);
    let error = stage.rm(&["lab"]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Left);
    assert!(error.to_string().contains("container `a.cluster`"), "{error}");
    let left = stage.clusters().await;
    assert_eq!((left[0].nodes.len(), left[0].state), (1, ClusterState::Partial));
}

#[tokio::test(start_paused = true)]
async fn one_node_is_removed_alone_and_the_network_with_the_last() {
    let fake = started().await;
    let stage = Stage::new(&fake);
    stage.rm(&["a", "b.cluster"]).await.unwrap();
    let left = stage.clusters().await;
    assert_eq!((left[0].nodes.len(), left[0].state), (1, ClusterState::Partial));
    stage.rm(&["lab/c"]).await.unwrap();
    assert!(is_empty(&fake), "{}", fake.snapshot());
}
