//! Copies to, from and between nodes: archives of a hostile node write nothing outside of the destination, and whatever
//! call goes wrong, no half of a file is left here.

mod forgery;
mod hostile_archive;

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;

use clusterdock::cli::cp_args::Cp;
use clusterdock::commands::cp;
use clusterdock::engine::{EngineError, Fault};
use clusterdock::error::{Error, Kind, Result};
use clusterdock_tests::fake::{FakeEngine, Mishap, for_every_call};
use tar::{Builder, EntryType};

use self::forgery::{Forgery, Yard, tree};
use super::{Stage, Tape, Wish, engine, trouble};

impl Stage {
    /// `clusterdock cp SOURCE DESTINATION`.
    async fn cp(
        &self,
        source: impl Into<OsString>,
        destination: impl Into<OsString>,
    ) -> Result<()> {
        self.cp_as(false, source.into(), destination.into()).await
    }

    /// `clusterdock cp --archive SOURCE DESTINATION`.
    async fn cp_archive(
        &self,
        source: impl Into<OsString>,
        destination: impl Into<OsString>,
    ) -> Result<()> {
        self.cp_as(true, source.into(), destination.into()).await
    }

    async fn cp_as(&self, archive: bool, source: OsString, destination: OsString) -> Result<()> {
        let args = Cp {
            archive,
            follow_link: false,
            recursive: false,
            source,
            destination,
        };
        cp::cp(&self.session(), &args).await
    }
}

/// An engine with the nodes a and b, of which a has files.
async fn two_nodes() -> FakeEngine {
    let fake = engine();
    Stage::new(&fake)
        .start(Wish::of(&["a", "b"]))
        .await
        .unwrap();
    fake.write_file("a.cluster", "/data/file", "contents");
    fake.write_file("a.cluster", "/data/sub/other", "more");
    fake
}

#[tokio::test]
async fn devices_and_pipes_are_skipped_with_a_warning() {
    let fake = two_nodes().await;
    let forgery = Forgery::new()
        .add("data/null", EntryType::Char, "", "")
        .add("data/p", EntryType::Fifo, "", "");
    fake.forge_archive("a.cluster", "/data", forgery.file("data/x").bytes());
    let (stage, yard) = (Stage::new(&fake), Yard::new());
    stage.cp("a:/data", yard.destination()).await.unwrap();
    stage.cp("a:/data", "b:/tmp").await.unwrap();
    assert_eq!(
        tree(&yard.destination()),
        ["data folder 40755", "data/x [101, 118, 105, 108] 1 100755"]
    );
    assert_eq!(fake.read_file("b.cluster", "/tmp/data/null"), None);
    let story = stage.story.text();
    assert_eq!(
        story.matches("data/null`: it is a device").count(),
        2,
        "{story}"
    );
    assert_eq!(story.matches("data/p`: it is a pipe").count(), 2, "{story}");
}

#[tokio::test]
async fn archive_mode_preserves_owners_and_setuid_bits() {
    let fake = two_nodes().await;
    fake.forge_archive("a.cluster", "/data", Forgery::new().file("data/x").bytes());
    let (stage, yard) = (Stage::new(&fake), Yard::new());
    stage.cp("a:/data", "b:/tmp/plain").await.unwrap();
    stage.cp_archive("a:/data", "b:/tmp/kept").await.unwrap();
    assert_eq!(
        fake.file_owner("b.cluster", "/tmp/plain/x"),
        Some((0o755, 0, 0))
    );
    assert_eq!(
        fake.file_owner("b.cluster", "/tmp/kept/x"),
        Some((0o4755, 7, 8))
    );
    stage
        .cp_archive("a:/data/x", yard.destination())
        .await
        .unwrap_err();
    stage
        .cp_archive("a:/data", yard.destination())
        .await
        .unwrap();
    let copy = fs::metadata(yard.destination().join("data/x")).unwrap();
    // Only root may change the owner of files; for other users, they keep theirs.
    if rustix::process::geteuid().is_root() {
        assert_eq!(
            (copy.uid(), copy.gid(), copy.mode() & 0o7777),
            (7, 8, 0o4755)
        );
    } else {
        assert!(
            stage.story.text().contains("only root"),
            "{}",
            stage.story.text()
        );
    }
}

#[tokio::test]
async fn a_truncated_archive_leaves_the_existing_file() {
    let fake = two_nodes().await;
    let yard = Yard::new();
    let file = yard.destination().join("file");
    fs::write(&file, "old").unwrap();
    let whole = Forgery(Builder::new(Vec::new()), usize::MAX)
        .add("file", EntryType::Regular, "", &"x".repeat(2000))
        .bytes();
    for length in [0, 100, 512, 600, 2000, 2511] {
        fake.forge_archive("a.cluster", "/data/file", whole[..length].to_vec());
        let error = Stage::new(&fake)
            .cp("a:/data/file", file.as_os_str())
            .await
            .unwrap_err();
        assert!(error.to_string().contains("it is truncated"), "{error}");
        assert_eq!(tree(&yard.destination()), ["file [111, 108, 100] 1 100644"]);
    }
    fake.forge_archive("a.cluster", "/data/file", whole);
    Stage::new(&fake)
        .cp("a:/data/file", file.as_os_str())
        .await
        .unwrap();
    assert_eq!(fs::read(&file).unwrap().len(), 2000);
}

#[tokio::test(start_paused = true)]
async fn no_failed_call_leaves_a_partial_file() {
    type Sides = fn(&Yard) -> (OsString, OsString);
    let copies: [Sides; 3] = [
        |yard| ("a:/data".into(), yard.destination().into()),
        |yard| {
            (
                yard.folder.path().join("outside").into(),
                "b:/tmp/copy".into(),
            )
        },
        |_| ("a:/data".into(), "b:/tmp/copy".into()),
    ];
    for sides in copies {
        let trials = for_every_call(
            &Mishap::RECOVERABLE,
            async || two_nodes().await,
            async |trial| {
                let (stage, yard) = (Stage::new(&trial.fake), Yard::new());
                let cancellation = Arc::clone(&stage.cancellation);
                trial.on_interrupt(move || {
                    cancellation.cancel(Error::new(Kind::Interrupted, "interrupted"))
                });
                let (source, destination) = sides(&yard);
                let done = trial.run(stage.cp(source, destination)).await.unwrap();
                yard.assert_untouched();
                let here = tree(&yard.destination());
                assert!(here.is_empty() || here.len() == 4, "{here:?}");
                if done.is_ok() {
                    assert!(
                        here.len() == 4 || trial.fake.snapshot().contains("/tmp/copy"),
                        "nothing was copied"
                    );
                } else {
                    assert!(trial.struck(), "it failed by itself: {done:?}");
                }
            },
        );
        assert!(trials.await >= 20);
    }
}

#[tokio::test]
async fn errors_of_the_engine_are_shown() {
    let fake = two_nodes().await;
    let yard = Yard::new();
    fake.forget_calls();
    fake.fail(
        ("put_archive", 0),
        EngineError::new(Fault::Other, "no space left on device"),
    );
    let error = Stage::new(&fake)
        .cp(yard.outside(), "a:/tmp")
        .await
        .unwrap_err();
    assert_eq!(error.causes(), ["no space left on device"]);
    fake.fail(("get_archive", 0), trouble());
    let error = Stage::new(&fake)
        .cp("a:/data", yard.destination())
        .await
        .unwrap_err();
    assert_eq!(
        error.message(),
        format!(
            "failed to copy `a:/data` to `{}`",
            yard.destination().display()
        )
    );
    assert_eq!(error.causes(), ["the engine is in trouble"]);
}

#[tokio::test]
async fn invalid_copies_are_refused_before_any_data_moves() {
    let fake = two_nodes().await;
    let yard = Yard::new();
    let (here, file) = (
        yard.destination().display().to_string(),
        format!("{}/secret", yard.outside()),
    );
    let no_node = "neither side of the copy is a node";
    let table = [
        (here.as_str(), "elsewhere", Kind::Usage, no_node),
        ("-", &here, Kind::Usage, no_node),
        ("-", "-", Kind::Usage, no_node),
        ("c:/x", &here, Kind::NotFound, "node `c` not found"),
        ("a:", &here, Kind::Usage, "missing path on node `a.cluster`"),
        (
            "a:/data/nosuch",
            &here,
            Kind::NotFound,
            "no file or folder `a.cluster:/data/nosuch`",
        ),
        (
            "a:/data/file/",
            &here,
            Kind::Usage,
            "`a.cluster:/data/file/` is not a folder",
        ),
        (
            "a:/data/file",
            &format!("{here}/no/such"),
            Kind::NotFound,
            &format!("no folder `{here}/no`"),
        ),
        (
            "a:/data/file",
            &format!("{here}/nosuch/"),
            Kind::NotFound,
            &format!("no folder `{here}/nosuch`"),
        ),
        ("a:/data", &file, Kind::Usage, "cannot copy a folder"),
        ("a:/data/file", "/dev/null", Kind::Usage, "it is a device"),
        (
            &format!("{here}/nosuch"),
            "a:/tmp",
            Kind::NotFound,
            &format!("no file or folder `{here}/nosuch`"),
        ),
        (
            &format!("{file}/"),
            "a:/tmp",
            Kind::Usage,
            "is not a folder",
        ),
        (
            &file,
            "a:/no/such",
            Kind::NotFound,
            "no folder `a.cluster:/no`",
        ),
        (
            &file,
            "a:/data/file/x",
            Kind::NotFound,
            "no folder `a.cluster:/data/file`",
        ),
        (
            &here,
            "a:/data/file",
            Kind::Usage,
            "cannot copy a folder to `/data/file`",
        ),
        ("/dev/null", "a:/tmp", Kind::Usage, "it is a device"),
        ("a:/data", "a:/data/sub", Kind::Usage, "into itself"),
        (
            "a:/data/file",
            "lab/a:/data/file",
            Kind::Usage,
            "into itself",
        ),
    ];
    for (source, destination, kind, text) in table {
        fake.forget_calls();
        let error = Stage::new(&fake).cp(source, destination).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{source} to {destination}: {error}");
        assert!(
            error.to_string().contains(text),
            "{source} to {destination}: {error}"
        );
        assert_eq!(
            fake.count("put_archive") + fake.count("get_archive"),
            0,
            "{source} to {destination}"
        );
    }
    yard.assert_untouched();
    assert_eq!(tree(&yard.destination()), [""; 0]);
}

/// A tape is what standard output goes to.
#[tokio::test]
async fn a_tar_on_standard_output_comes_straight_from_the_engine() {
    let fake = two_nodes().await;
    let stage = Stage::new(&fake);
    stage.cp("a:/data/.", "-").await.unwrap();
    let Tape(tape) = &stage.story;
    let bytes = tape.lock().unwrap().clone();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let names = archive
        .entries()
        .unwrap()
        .map(|entry| String::from_utf8(entry.unwrap().path_bytes().into()).unwrap());
    assert_eq!(
        names.collect::<Vec<_>>(),
        ["./", "./file", "./sub/", "./sub/other"]
    );
}
