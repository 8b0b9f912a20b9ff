//! A full disk of the engine during any call.

use std::sync::Arc;

use clusterdock::engine::{EngineError, Fault};
use clusterdock::error::{Error, Kind};
use clusterdock::image::{Source, Wanted};
use clusterdock::rootfs::Recipe;
use clusterdock_tests::fake::FakeEngine;

use super::{IMAGE, LabHook, Stage, Wish, engine, engine_with_sshd};

fn full() -> EngineError {
    EngineError::new(Fault::DiskFull, "write /data/x: no space left on device")
}

#[track_caller]
fn assert_disk_full(error: &Error, kind: Kind) {
    let message = format!("{error}");
    assert_eq!(error.kind(), kind, "{message}");
    assert!(
        message.contains("the engine's disk is full: write /data/x: no space left on device"),
        "{message}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_start_that_runs_out_of_space_leaves_nothing() {
    for method in [
        "create_volume",
        "create_network",
        "create_container",
        "put_archive",
        "start_container",
    ] {
        let fake = engine_with_sshd();
        let before = fake.snapshot();
        fake.fail((method, 0), full());
        let error = Stage::new(&fake)
            .start(Wish::of(&["a", "b"]))
            .await
            .unwrap_err();
        assert_disk_full(&error, Kind::Other);
        assert!(
            error
                .next_step()
                .is_some_and(|hint| hint.contains("docker system df")),
            "{method}: {error:?}"
        );
        assert_eq!(fake.snapshot(), before, "{method}");
    }
}

#[tokio::test(start_paused = true)]
async fn an_image_without_disk_space_is_an_image_error() {
    let recipe = Recipe::resolve(&["sh".into(), "sleep".into()]).unwrap();
    let assembled = Wanted {
        reference: IMAGE.into(),
        source: Source::Assembled(Arc::new(recipe)),
    };
    let fake = FakeEngine::new();
    fake.fail(("import_image", 0), full());
    let error = Stage::new(&fake)
        .start(Wish::of(&["a"]).image(assembled))
        .await
        .unwrap_err();
    assert_disk_full(&error, Kind::Image);
    assert_eq!(fake.count("create_container"), 0);
    let fake = FakeEngine::new();
    fake.registry_answers();
    fake.fail(("pull_image", 0), full());
    assert_disk_full(
        &Stage::new(&fake).start(Wish::of(&["a"])).await.unwrap_err(),
        Kind::Image,
    );
}

#[tokio::test(start_paused = true)]
async fn a_commit_without_disk_space_fails_with_a_hint() {
    let fake = engine();
    let before = fake.snapshot();
    fake.fail(("commit_container", 0), full());
    let error = Stage::new(&fake)
        .start(Wish::of(&["a"]).hook(LabHook::Publishes))
        .await
        .unwrap_err();
    assert_disk_full(&error, Kind::Hook);
    assert!(
        error
            .to_string()
            .contains("hint: free space where the engine keeps its data"),
        "{error}"
    );
    assert_eq!(fake.snapshot(), before);
}
