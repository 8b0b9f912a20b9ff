//! A hosts file that is locked or not a file: a start and a removal report it and continue.

use std::fs::File;
use std::time::{Duration, Instant};

use clusterdock::error::Kind;

use super::{CLUSTER, LabHook, Stage, Wish, engine};

/// Far less than anybody holds a lock in these tests.
const GUARD: Duration = Duration::from_secs(30);

#[tokio::test]
async fn a_locked_hosts_file_is_left_alone_after_a_while() {
    let fake = engine();
    let stage = Stage::new(&fake);
    let held = File::open(&stage.paths.hosts_file).unwrap();
    held.lock().unwrap();
    let began = Instant::now();
    stage.start(Wish::of(&["a", "b"])).await.unwrap();
    stage.rm(&[CLUSTER]).await.unwrap();
    assert!(began.elapsed() < GUARD);
    let story = stage.story.text();
    assert_eq!(
        story.matches("locked by another program for 2s").count(),
        2,
        "{story}"
    );
    assert_eq!(fake.snapshot(), engine().snapshot());
}

#[tokio::test]
async fn an_interrupted_start_does_not_wait_for_the_hosts_file() {
    let fake = engine();
    let stage = Stage::new(&fake);
    let held = File::open(&stage.paths.hosts_file).unwrap();
    held.lock().unwrap();
    let cancellation = stage.cancellation.clone();
    tokio::spawn(async move {
        tokio::time::sleep(Duration::from_millis(500)).await;
        cancellation.cancel(clusterdock::error::Error::new(
            Kind::Interrupted,
            "interrupted",
        ));
    });
    let error = stage.start(Wish::of(&["a"])).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Interrupted);
    assert_eq!(fake.snapshot(), engine().snapshot());
}

#[tokio::test]
async fn a_hosts_file_that_is_a_pipe_is_left_alone() {
    let fake = engine();
    let stage = Stage::new(&fake);
    std::fs::remove_file(&stage.paths.hosts_file).unwrap();
    rustix::fs::mknodat(
        rustix::fs::CWD,
        &stage.paths.hosts_file,
        rustix::fs::FileType::Fifo,
        rustix::fs::Mode::from_raw_mode(0o600),
        0,
    )
    .unwrap();
    stage.start(Wish::of(&["a"])).await.unwrap();
    stage.rm(&[CLUSTER]).await.unwrap();
    assert!(
        stage.story.text().contains("not a regular file"),
        "{}",
        stage.story.text()
    );
}

#[tokio::test]
async fn a_lock_held_by_another_program_is_skipped() {
    let fake = engine();
    let stage = Stage::new(&fake);
    let locks = stage.paths.config.join("locks");
    std::fs::create_dir(&locks).unwrap();
    let held = File::create(locks.join("network-cluster")).unwrap();
    held.lock().unwrap();
    stage
        .start(Wish::of(&["a"]).hook(LabHook::DoesNothing))
        .await
        .unwrap();
    assert!(
        stage
            .story
            .text()
            .contains("another program holds a lock in"),
        "{}",
        stage.story.text()
    );
}
