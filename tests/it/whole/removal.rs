//! Every call of a removal fails in every way: repeated without a failure, it removes everything.

use std::sync::Arc;

use clusterdock::cli::list_args::Ls;
use clusterdock::cli::output_args::DryRunArgs;
use clusterdock::cli::removal_args::{Down, Rm};
use clusterdock::cli::{Manage, ManageAction};
use clusterdock::cluster::observe::everything;
use clusterdock::cluster::{Cluster, ClusterState, clusters};
use clusterdock::commands::{down, list, manage, rm};
use clusterdock::error::{Error, Kind, Result};
use clusterdock::execution::records::with_records;
use clusterdock::report::Format;
use clusterdock_tests::fake::{FakeEngine, Mishap, Trial, for_every_call};

use super::{LabHook, Stage, Wish, engine, trouble};

impl Stage {
    /// `clusterdock rm NAMES`.
    pub(super) async fn rm(&self, names: &[&str]) -> Result<()> {
        self.rm_with(names, false).await
    }

    /// `clusterdock rm -f NAMES`, or without `-f`.
    async fn rm_with(&self, names: &[&str], force: bool) -> Result<()> {
        let names = names.iter().map(ToString::to_string).collect();
        rm::rm(
            &self.session(),
            &Rm {
                names,
                force,
                dry_run: DryRunArgs::default(),
            },
        )
        .await
    }

    /// `clusterdock manage ACTION`.
    pub(super) async fn manage(&self, action: ManageAction) -> Result<()> {
        manage::manage(
            &self.session(),
            &Manage {
                dry_run: false,
                format: Format::Table,
                action,
            },
        )
        .await
    }

    /// `clusterdock manage nuke`.
    pub(super) async fn nuke(&self, all: bool, yes: bool) -> Result<()> {
        self.manage(ManageAction::Nuke { all, yes }).await
    }

    /// `clusterdock ls`.
    pub(super) async fn ls(&self) -> Result<()> {
        list::ls(&self.session(), &Ls::default()).await
    }

    /// What `ls` shows.
    pub(super) async fn clusters(&self) -> Vec<Cluster> {
        let observed = everything(&self.fake).await.unwrap();
        clusters(&with_records(&self.fake, observed, &|_| ()).await)
    }
}

#[tokio::test(start_paused = true)]
async fn a_forced_removal_skips_what_is_gone() {
    let fake = started().await;
    let stage = Stage::new(&fake);
    let error = stage.rm(&["gone", "lab"]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound);
    assert!(error.next_step().is_some(), "{error}");
    assert_eq!(stage.clusters().await.len(), 1, "all or nothing");
    stage.rm_with(&["gone", "lab"], true).await.unwrap();
    assert!(is_empty(&fake), "{}", fake.snapshot());
    assert!(
        stage.story.text().contains("gone"),
        "{}",
        stage.story.text()
    );
    stage.rm_with(&["lab"], true).await.unwrap();
    stage.rm_with(&["a.cluster"], true).await.unwrap();
}

#[tokio::test(start_paused = true)]
async fn down_removes_a_cluster_or_nothing() {
    let fake = started().await;
    let stage = Stage::new(&fake);
    let down = async |name: &str, dry_run| {
        let args = Down {
            name: Some(name.into()),
            file: None,
            dry_run: DryRunArgs {
                dry_run,
                ..DryRunArgs::default()
            },
        };
        down::down(&stage.session(), &args).await
    };
    let before = fake.snapshot();
    down("a", false).await.unwrap();
    down("lab", true).await.unwrap();
    assert_eq!(fake.snapshot(), before, "a node is not a cluster");
    assert!(stage.story.text().contains("there is no cluster a"));
    for _ in 0..2 {
        down("lab", false).await.unwrap();
        assert!(is_empty(&fake), "{}", fake.snapshot());
    }
    assert_eq!(down("-x", false).await.unwrap_err().kind(), Kind::Usage);
}

async fn started() -> FakeEngine {
    let fake = engine();
    Stage::new(&fake)
        .start(Wish::of(&["a", "b", "c"]))
        .await
        .unwrap();
    fake
}

/// With a cluster whose start failed and was kept, as its record shows.
async fn half_started() -> FakeEngine {
    let fake = engine();
    let wish = Wish::of(&["a", "b", "c"]).hook(LabHook::Fails).keep();
    Stage::new(&fake).start(wish).await.unwrap_err();
    fake
}

fn is_empty(fake: &FakeEngine) -> bool {
    fake.snapshot() == engine().snapshot()
}

/// What a removal may end with when the trial's call has gone wrong.
fn expected(trial: &Trial) -> Kind {
    let looks =
        ["containers", "networks", "volumes"].contains(&trial.fake.calls()[trial.call].method);
    match trial.mishap {
        Mishap::Interrupts if looks => Kind::Interrupted,
        Mishap::Stalls | Mishap::StallsAfterEffect if looks => Kind::Timeout,
        _ if looks => Kind::Other,
        _ => Kind::Leftovers,
    }
}

/// Removes with every call going wrong, and once again; then nothing is left.
async fn assert_second_try_succeeds(
    seed: impl AsyncFn() -> FakeEngine,
    remove: impl AsyncFn(&Stage) -> Result<()>,
) {
    let mishaps = [&Mishap::RECOVERABLE[..], &[Mishap::Abandons]].concat();
    let trials = for_every_call(&mishaps, seed, async |trial| {
        let stage = Stage::new(&trial.fake);
        let cancellation = Arc::clone(&stage.cancellation);
        trial.on_interrupt(move || {
            cancellation.cancel(Error::new(Kind::Interrupted, "interrupted"))
        });
        match trial.run(remove(&stage)).await {
            Some(Err(error)) => {
                assert_eq!(error.kind(), expected(trial), "{error}");
                assert_names_leftovers(&error, trial);
            }
            Some(Ok(())) => assert!(is_empty(&trial.fake), "{}", trial.fake.snapshot()),
            None => {}
        }
        if !is_empty(&trial.fake) {
            remove(&Stage::new(&trial.fake)).await.unwrap();
        }
        assert!(is_empty(&trial.fake), "{}", trial.fake.snapshot());
    });
    assert!(trials.await > 40);
}

/// Once something has been removed, an error names everything that has not.
#[track_caller]
fn assert_names_leftovers(error: &Error, trial: &Trial) {
    if trial.is_rolled_back() {
        return;
    }
    let (empty, now) = (engine().snapshot(), trial.fake.snapshot());
    for line in now.lines().filter(|line| !empty.contains(line)) {
        let words: Vec<&str> = line.split(' ').take(2).collect();
        let thing = format!("{} `{}`", words[0], words[1]);
        assert!(
            error.to_string().contains(&thing),
            "{thing} is left, and it says: {error}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn a_failed_removal_can_be_repeated() {
    assert_second_try_succeeds(started, async |stage| stage.rm(&["lab"]).await).await;
    assert_second_try_succeeds(half_started, async |stage| stage.rm(&["lab"]).await).await;
}

#[tokio::test(start_paused = true)]
async fn a_failed_nuke_can_be_repeated() {
    let nuke = async |stage: &Stage| stage.nuke(false, false).await;
    assert_second_try_succeeds(half_started, nuke).await;
    let all = async |stage: &Stage| stage.nuke(true, true).await;
    assert_second_try_succeeds(half_started, all).await;
}

#[tokio::test(start_paused = true)]
async fn a_removal_makes_no_call_twice() {
    let fake = started().await;
    fake.forget_calls();
    Stage::new(&fake).rm(&["lab"]).await.unwrap();
    let mut calls: Vec<String> = fake.calls().iter().map(ToString::to_string).collect();
    calls.sort();
    let expected = [
        "containers ``",
        "networks ``",
        "remove_container `a.cluster`",
        "remove_container `b.cluster`",
        "remove_container `c.cluster`",
        "remove_network `cluster`",
        "remove_volume `clusterdock-lab`",
        "volumes `com.clusterdock.clusterdock`",
    ];
    assert_eq!(calls, expected);
}

#[tokio::test(start_paused = true)]
async fn what_cannot_be_removed_is_listed() {
    let fake = started().await;
    fake.fail(("remove_container", "a.cluster"), trouble());
    let stage = Stage::new(&fake);
    let error = stage.rm(&["lab"]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Leftovers);
    assert!(
        error.to_string().contains("container `a.cluster`"),
        "{error}"
    );
    let left = stage.clusters().await;
    assert_eq!(
        (left[0].nodes.len(), left[0].state),
        (1, ClusterState::Partial)
    );
}

#[tokio::test(start_paused = true)]
async fn the_network_goes_with_the_last_node() {
    let fake = started().await;
    let stage = Stage::new(&fake);
    stage.rm(&["a", "b.cluster"]).await.unwrap();
    let left = stage.clusters().await;
    assert_eq!(
        (left[0].nodes.len(), left[0].state),
        (1, ClusterState::Partial)
    );
    stage.rm(&["lab/c"]).await.unwrap();
    assert!(is_empty(&fake), "{}", fake.snapshot());
}

#[tokio::test(start_paused = true)]
async fn manage_remove_keeps_the_network_unless_asked() {
    let fake = started().await;
    let stage = Stage::new(&fake);
    let remove = |network| ManageAction::Remove {
        network,
        clusters: vec!["lab".into()],
    };
    stage.manage(remove(false)).await.unwrap();
    assert!(
        fake.snapshot().contains("network cluster"),
        "{}",
        fake.snapshot()
    );
    // The next start joins it and creates no other.
    stage.start(Wish::of(&["a"])).await.unwrap();
    stage.manage(remove(true)).await.unwrap();
    assert!(fake.count("create_network") == 1);
    stage.nuke(false, false).await.unwrap();
    assert!(is_empty(&fake), "{}", fake.snapshot());
}
