//! `up` on the fake engine: what becomes of a cluster that exists, in each state, and of one that is not the one that is
//! asked for.

use clap::FromArgMatches;
use clusterdock::cli::start_args::{StartArgs, command};
use clusterdock::commands::reuse::{Reuse, reuse};
use clusterdock::engine::{Image, Lifecycle, State};
use clusterdock::error::{Error, Kind, Result};
use clusterdock_tests::fake::FakeEngine;

use super::lab::{Lab, LabHook};
use super::{IMAGE, Stage, Wish, engine};

/// What `clusterdock up OPTIONS` does before it starts anything.
async fn up(fake: &FakeEngine, wish: Wish, options: &[&str]) -> Result<&'static str> {
    let stage = Stage::new(fake);
    let words = [&["start", "--reuse"], options, &["lab"]].concat();
    let matches = command().try_get_matches_from(words).unwrap();
    let args = StartArgs::from_arg_matches(&matches).unwrap();
    let plugin = Lab {
        hook: LabHook::DoesNothing,
    };
    let order = stage.ordered(wish, &plugin, args.dry_run)?;
    Ok(match reuse(&stage.session(), &order, &args).await? {
        Reuse::Start => "start",
        Reuse::Runs(_) => "runs",
        Reuse::Planned => "planned",
    })
}

fn wish() -> Wish {
    Wish::of(&["a", "b"])
}

async fn started() -> FakeEngine {
    let fake = engine();
    Stage::new(&fake).start(wish()).await.unwrap();
    fake
}

async fn states(fake: &FakeEngine) -> Vec<State> {
    let clusters = Stage::new(fake).clusters().await;
    let nodes = clusters.into_iter().flat_map(|cluster| cluster.nodes);
    nodes.map(|node| node.container.state).collect()
}

async fn ids(fake: &FakeEngine) -> Vec<String> {
    let clusters = Stage::new(fake).clusters().await;
    let nodes = clusters.into_iter().flat_map(|cluster| cluster.nodes);
    nodes.map(|node| node.container.id).collect()
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_brought_to_running_whatever_its_state() {
    assert_eq!(up(&engine(), wish(), &[]).await.unwrap(), "start");
    let fake = started().await;
    let before = ids(&fake).await;
    assert_eq!(up(&fake, wish(), &[]).await.unwrap(), "runs");
    fake.stop_container(&before[0], 1).await.unwrap();
    assert_eq!(up(&fake, wish(), &["--dry-run"]).await.unwrap(), "planned");
    assert_ne!(states(&fake).await, [State::Running; 2]);
    assert_eq!(up(&fake, wish(), &[]).await.unwrap(), "runs");
    assert_eq!(states(&fake).await, [State::Running; 2]);
    for id in &before {
        fake.stop_container(id, 1).await.unwrap();
    }
    assert_eq!(up(&fake, wish(), &[]).await.unwrap(), "runs");
    for id in &before {
        fake.pause_container(id).await.unwrap();
    }
    assert_eq!(up(&fake, wish(), &[]).await.unwrap(), "runs");
    assert_eq!(states(&fake).await, [State::Running; 2]);
    assert_eq!(ids(&fake).await, before, "nothing was started anew");
}

#[track_caller]
fn assert_refused(refused: Result<&'static str>, why: &str) -> Error {
    let error = refused.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict, "{error}");
    assert!(error.to_string().contains(why), "{error}");
    assert!(
        error.next_step().unwrap().contains("--recreate"),
        "{error:?}"
    );
    error
}

#[tokio::test(start_paused = true)]
async fn a_cluster_that_differs_is_left_alone() {
    let fake = started().await;
    let before = fake.snapshot();
    let other = up(&fake, wish().on("net-2", "net-2"), &[]).await;
    assert_refused(other, "`--network` was `cluster`, now `net-2`");
    let image = Image {
        id: "sha256:beef".into(),
        ..Image::default()
    };
    assert_eq!(fake.snapshot(), before);
    fake.seed().image_as(IMAGE, image);
    let why = format!("image `{IMAGE}` has changed (a, b)");
    assert_refused(up(&fake, wish(), &[]).await, &why);
    assert_eq!(up(&fake, wish(), &["--recreate"]).await.unwrap(), "start");
    assert_eq!(ids(&fake).await, Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn an_incomplete_cluster_is_recreated_only_if_asked() {
    let fake = engine();
    let failing = wish().hook(LabHook::Fails).keep();
    Stage::new(&fake).start(failing).await.unwrap_err();
    assert_refused(up(&fake, wish(), &[]).await, "its start was not completed");
    let fake = started().await;
    Stage::new(&fake).rm(&["b.cluster"]).await.unwrap();
    assert_refused(up(&fake, wish(), &[]).await, "it has 1 of 2 nodes");
    let before = fake.snapshot();
    let planned = up(&fake, wish(), &["--recreate", "--dry-run"]).await;
    assert_eq!(planned.unwrap(), "planned");
    assert_eq!(fake.snapshot(), before);
    assert_eq!(up(&fake, wish(), &["--recreate"]).await.unwrap(), "start");
    assert_eq!(fake.snapshot(), engine().snapshot());
}

#[tokio::test(start_paused = true)]
async fn a_cluster_is_not_removed_for_an_image_that_cannot_be_had() {
    let fake = started().await;
    let before = fake.snapshot();
    let missing = clusterdock::image::Wanted::named("lab/missing:1").unwrap();
    let never = wish()
        .image(missing)
        .pull(clusterdock::image::pull::Pull::Never);
    let error = up(&fake, never, &["--recreate"]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Image);
    assert_eq!(fake.snapshot(), before);
}
