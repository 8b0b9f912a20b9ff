//! Hooks that are not run: the library is gone or changed, or the cluster is not this user's. The command goes on without
//! them, and says so. And commands that need no hook load no library.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use clusterdock::cli::lifecycle_args::{Inspect, Stop};
use clusterdock::cli::list_args::{Ls, Ps};
use clusterdock::cli::removal_args::Rm;
use clusterdock::commands::{self, lifecycle, list, rm};
use clusterdock::topology::cache;
use clusterdock::topology::inspection::inspect;
use clusterdock_tests::plugins;

use super::{CLUSTER, LONG, RUNNING, STOPPED, Scene, dry_run, whole};

/// Runs every command that has a hook, and expects that each goes on without it, for this reason.
async fn assert_skipped(scene: &Scene, why: &str, hint: &str) {
    let before = scene.told().len();
    scene.wait().await.unwrap();
    scene.stop().await.unwrap();
    assert_eq!(scene.states().await, STOPPED);
    scene.resume().await.unwrap();
    assert_eq!(scene.states().await, RUNNING);
    let told = scene.told_since(before);
    for hook in ["check", "on_stop", "on_resume"] {
        assert_eq!(scene.ran(hook), 0, "{hook}");
        let skipped = format!("the {hook} hook of cluster `lab` is skipped: ");
        let line = told.lines().find(|line| line.contains(&skipped));
        let line = line.unwrap_or_else(|| panic!("no `{skipped}` in\n{told}"));
        let hint = hint.replace("HOOK", hook);
        assert!(line.contains(why) && line.contains(&hint), "{line}");
    }
}

const RUN_IT: &str = "`clusterdock hook lab HOOK` runs it with the topology as it is now";

#[tokio::test]
async fn hooks_are_skipped_if_their_library_is_gone() {
    let scene = Scene::started(&[]).await;
    fs::remove_file(scene.library()).unwrap();
    assert_skipped(&scene, ".so` is gone", RUN_IT).await;
}

#[tokio::test]
async fn hooks_are_skipped_if_their_library_was_changed() {
    let scene = Scene::started(&[]).await;
    let library = scene.library();
    let original = fs::read(&library).unwrap();
    let other = fs::read(plugins::library("topology_nodebase")).unwrap();
    let mut flipped = original.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 1;
    for changed in [flipped, other, original[..100].to_vec(), Vec::new()] {
        replace(&library, &changed);
        assert_skipped(&scene, ".so` was changed: it has sha256 ", RUN_IT).await;
    }
    replace(&library, &original);
    scene.stop().await.unwrap();
    assert_eq!(scene.ran("on_stop"), 2, "it is whole again");
}

fn replace(library: &Path, contents: &[u8]) {
    fs::remove_file(library).unwrap();
    fs::write(library, contents).unwrap();
    fs::set_permissions(library, Permissions::from_mode(0o444)).unwrap();
}

#[tokio::test]
async fn hooks_are_skipped_if_the_cluster_is_somebody_elses() {
    let scene = Scene::started(&[]).await;
    fs::remove_file(scene.stage.paths.config.join("provenance.key")).unwrap();
    let hint = "run this as the user who started the cluster, on the same machine";
    assert_skipped(&scene, "cluster `lab` was started elsewhere", hint).await;
}

/// The engine must not choose which of the kept libraries is loaded.
#[tokio::test]
async fn hooks_are_skipped_if_a_label_names_another_library() {
    let scene = Scene::started(&[]).await;
    let other = inspect(&plugins::library("topology_nodebase")).unwrap();
    cache::keep(&scene.stage.paths.config, &other).unwrap();
    scene
        .fake
        .relabel("com.clusterdock.plugin-digest", &other.digest);
    let hint = "run this as the user who started the cluster, on the same machine";
    assert_skipped(&scene, "cluster `lab` was started elsewhere", hint).await;
}

#[tokio::test]
async fn hooks_of_a_start_that_was_not_completed_are_skipped() {
    let scene = Scene::new();
    scene.start(&["--at-start", "fails"]).await.unwrap_err();
    assert_eq!(scene.states().await, RUNNING);
    scene.stop().await.unwrap();
    scene.resume().await.unwrap();
    for hook in ["on_stop", "on_resume"] {
        let skipped = format!(
            "the {hook} hook of cluster `lab` is skipped: the start of cluster `lab` was not completed"
        );
        assert!(scene.told().contains(&skipped), "{}", scene.told());
    }
    // The check says whether a start has come to its end.
    scene.wait().await.unwrap();
    assert_eq!((scene.ran("on_stop"), scene.ran("check")), (0, 2));
}

#[tokio::test]
async fn what_needs_no_hook_loads_no_library() {
    let mut scene = Scene::started(&[]).await;
    // A plugin's process cannot be started, and there is no library.
    scene.stage.paths.executable = "/nowhere/clusterdock".into();
    fs::remove_file(scene.library()).unwrap();
    let before = scene.told().len();
    let session = scene.stage.session();
    let mut stop = Stop {
        change: whole(),
        time: LONG,
        timeout: LONG,
    };
    stop.change.dry_run = dry_run(true);
    lifecycle::stop(&session, &stop).await.unwrap();
    assert!(
        scene.told_since(before).contains("run_hook"),
        "{}",
        scene.told()
    );
    list::ps(&session, &Ps::default()).await.unwrap();
    list::ls(&session, &Ls::default()).await.unwrap();
    let inspect = Inspect {
        names: vec![CLUSTER.into()],
        brief: false,
        format: None,
    };
    commands::inspect::inspect(&session, &inspect)
        .await
        .unwrap();
    let rm = Rm {
        names: vec![CLUSTER.into()],
        force: false,
        dry_run: dry_run(false),
    };
    rm::rm(&session, &rm).await.unwrap();
    assert!(
        !scene.told_since(before).contains("WARN"),
        "{}",
        scene.told()
    );
}

/// The notes of clusters that need their library.
fn notes(scene: &Scene) -> usize {
    let folder = scene.stage.paths.config.join("plugins/used");
    fs::read_dir(folder).map_or(0, Iterator::count)
}

#[tokio::test]
async fn a_library_is_needed_as_long_as_its_cluster_exists() {
    let scene = Scene::started(&[]).await;
    assert_eq!(notes(&scene), 1);
    scene.stop().await.unwrap();
    assert_eq!(notes(&scene), 1);
    let rm = Rm {
        names: vec![CLUSTER.into()],
        force: false,
        dry_run: dry_run(false),
    };
    rm::rm(&scene.stage.session(), &rm).await.unwrap();
    assert_eq!(notes(&scene), 0);
    // Somebody else removes a cluster; the next start sweeps what was kept for it.
    scene.start(&[]).await.unwrap();
    assert_eq!(notes(&scene), 1);
    scene.fake.remove_everything();
    scene.start(&[]).await.unwrap();
    assert_eq!(notes(&scene), 1);
}
