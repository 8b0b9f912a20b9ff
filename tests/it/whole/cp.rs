//! Copies to, from and between nodes: archives of a hostile node write nothing outside of the destination, and whatever
//! call goes wrong, no half of a file is left here.

use super::{Stage, Tape, Wish, engine, trouble};
use clusterdock::cli::cp::Cp;
use clusterdock::commands::cp;
use clusterdock::engine::{EngineError, Fault};
use clusterdock::error::{Error, Kind, Result};
use clusterdock_tests::fake::{FakeEngine, Mishap, for_every_call};
use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use tar::{Builder, EntryType, Header};

impl Stage {
    /// `clusterdock cp SOURCE DESTINATION`.
    async fn cp(&self, source: impl Into<OsString>, destination: impl Into<OsString>) -> Result<()> {
        let (source, destination) = (source.into(), destination.into());
        cp::cp(&self.session(), &Cp { archive: false, follow_link: false, source, destination }).await
    }

    async fn cp_archive(&self, source: impl Into<OsString>, destination: impl Into<OsString>) -> Result<()> {
        let (source, destination) = (source.into(), destination.into());
        cp::cp(&self.session(), &Cp { archive: true, follow_link: false, source, destination }).await
    }
}

/// An engine with the nodes a and b, of which a has files.
async fn two_nodes() -> FakeEngine {
    let fake = engine();
    Stage::new(&fake).start(Wish::of(&["a", "b"])).await.unwrap();
    fake.write_file("a.cluster", "/data/file", "contents");
    fake.write_file("a.cluster", "/data/sub/other", "more");
    fake
}

/// A folder of this machine with things outside of the destination that must stay as they are.
struct Yard {
    folder: tempfile::TempDir,
    before: Vec<String>,
}

impl Yard {
    fn new() -> Yard {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path();
        fs::create_dir_all(path.join("outside/deep")).unwrap();
        fs::create_dir_all(path.join("in/destination")).unwrap();
        fs::write(path.join("outside/secret"), "secret").unwrap();
        fs::set_permissions(path.join("outside/secret"), fs::Permissions::from_mode(0o600)).unwrap();
        let mut yard = Yard { folder, before: Vec::new() };
        yard.before = yard.around();
        yard
    }

    fn outside(&self) -> String {
        self.folder.path().join("outside").display().to_string()
    }

    fn destination(&self) -> PathBuf {
        self.folder.path().join("in/destination")
    }

    /// Everything but the destination's contents, a line each.
    fn around(&self) -> Vec<String> {
        tree(self.folder.path()).into_iter().filter(|line| !line.starts_with("in/destination/")).collect()
    }

    #[track_caller]
    fn is_untouched(&self) {
        assert_eq!(self.around(), self.before);
    }
}

/// What is below a folder, a line each: names, kinds, modes, sizes, numbers of names, contents of files.
fn tree(folder: &Path) -> Vec<String> {
    let (mut lines, mut folders) = (Vec::new(), vec![folder.to_path_buf()]);
    while let Some(path) = folders.pop() {
        for item in fs::read_dir(&path).unwrap() {
            let path = item.unwrap().path();
            let metadata = fs::symlink_metadata(&path).unwrap();
            let what = if metadata.is_dir() {
                folders.push(path.clone());
                "folder".into()
            } else if metadata.is_symlink() {
                format!("link {}", fs::read_link(&path).unwrap().display())
            } else {
                format!("{:?} {}", fs::read(&path).unwrap(), metadata.nlink())
            };
            let name = path.strip_prefix(folder).unwrap().display();
            lines.push(format!("{name} {what} {:o}", metadata.mode()));
        }
    }
    lines.sort();
    lines
}

/// A tar, written without any of the care that writers of tars take, and how much there is of it.
struct Forgery(Builder<Vec<u8>>, usize);

impl Forgery {
    fn new() -> Forgery {
        Forgery(Builder::new(Vec::new()), usize::MAX).folder("data")
    }

    fn add(mut self, name: &str, entry_type: EntryType, link: &str, contents: &str) -> Forgery {
        let mut header = Header::new_gnu();
        header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
        header.set_link_name_literal(link).unwrap();
        header.set_entry_type(entry_type);
        header.set_mode(0o4755);
        header.set_uid(7);
        header.set_gid(8);
        header.set_size(contents.len() as u64);
        header.set_cksum();
        self.0.append(&header, contents.as_bytes()).unwrap();
        self
    }

    fn file(self, name: &str) -> Forgery {
        self.add(name, EntryType::Regular, "", "evil")
    }

    fn folder(self, name: &str) -> Forgery {
        self.add(name, EntryType::Directory, "", "")
    }

    fn link(self, name: &str, target: &str) -> Forgery {
        self.add(name, EntryType::Symlink, target, "")
    }

    fn hard_link(self, name: &str, target: &str) -> Forgery {
        self.add(name, EntryType::Link, target, "")
    }

    fn cut_off(self, length: usize) -> Forgery {
        Forgery(self.0, length)
    }

    fn bytes(self) -> Vec<u8> {
        let mut bytes = self.0.into_inner().unwrap();
        bytes.truncate(self.1);
        bytes
    }
}

/// What becomes of a forgery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fate {
    /// It is refused.
    Refused,
    /// It is refused here; from node to node it does no harm.
    RefusedHere,
    /// It does no harm.
    Copied,
}

/// Archives that try to get out of the destination.
fn forgeries(outside: &str) -> Vec<(&'static str, Fate, Forgery)> {
    use Fate::{Copied, Refused, RefusedHere};
    let secret = &format!("{outside}/secret");
    let evil = &format!("{outside}/evil");
    let new = Forgery::new;
    let link = || new().link("data/l", outside);
    let long = "x".repeat(5000);
    vec![
        ("a name with two dots", Refused, new().file("data/../../outside/evil")),
        ("a name of two dots alone", Refused, new().folder("..").file("../evil")),
        ("an absolute name", Refused, new().file(evil)),
        ("an absolute name of what is there", Refused, new().file(secret)),
        ("a file through a link", Refused, link().file("data/l/evil")),
        ("a file through a relative link", Refused, new().link("data/l", "../../../outside").file("data/l/evil")),
        ("a file through two links", Refused, new().link("data/l", "m").link("data/m", outside).file("data/l/evil")),
        ("a folder through a link", Refused, link().folder("data/l/evil")),
        ("a folder in place of a link", Refused, link().folder("data/l").file("data/l/evil")),
        ("a link in place of a folder", Refused, new().folder("data/l").link("data/l", outside).file("data/l/evil")),
        ("a file through a link that is the root", Refused, new().link("data", outside).file("data/evil")),
        (
            "a folder in place of a link that is the root",
            Refused,
            new().link("data", outside).folder("data").file("data/x"),
        ),
        ("a file in place of a link", Copied, new().link("data/l", secret).file("data/l")),
        ("a hard link to an absolute name", Refused, new().hard_link("data/h", secret).file("data/h")),
        ("a hard link to two dots", Refused, new().hard_link("data/h", "data/../../outside/secret")),
        // The engine does not follow a hard link when it replaces one, and what it links to is the node's own.
        ("a hard link through a link", RefusedHere, link().hard_link("data/h", "data/l/secret")),
        ("a hard link to a link", Copied, new().link("data/l", secret).hard_link("data/h", "data/l").file("data/h")),
        ("a hard link to a folder", RefusedHere, new().hard_link("data/h", "data")),
        (
            "a device",
            Copied,
            new().add("data/null", EntryType::Char, "", "").add("data/disk", EntryType::Block, "", ""),
        ),
        ("a pipe", Copied, new().add("data/pipe", EntryType::Fifo, "", "")),
        ("a file through a link in the destination", Refused, new().file("data/before/evil")),
        (
            "a folder through a link in the destination",
            RefusedHere,
            new().folder("data/before").file("data/before/evil"),
        ),
        ("a file in place of a link in the destination", Copied, new().file("data/before")),
        ("a hard link through a link in the destination", RefusedHere, new().hard_link("data/h", "data/before/secret")),
        ("no end", Refused, new().add("data/long", EntryType::Regular, "", &long).cut_off(3000)),
    ]
}

#[tokio::test]
async fn a_hostile_archive_writes_nothing_outside_of_the_destination() {
    let fake = two_nodes().await;
    for number in 0..forgeries("").len() {
        let yard = Yard::new();
        let (what, fate, forgery) = forgeries(&yard.outside()).swap_remove(number);
        fs::create_dir(yard.destination().join("data")).unwrap();
        symlink(yard.outside(), yard.destination().join("data/before")).unwrap();
        fake.forge_archive("a.cluster", "/data", forgery.bytes());
        let copied = Stage::new(&fake).cp("a:/data", yard.destination()).await;
        assert_eq!(copied.is_ok(), fate == Fate::Copied, "{what}: {copied:?}");
        yard.is_untouched();
        let left = tree(&yard.destination());
        let odd = left.iter().filter(|line| {
            line.ends_with(" 104755")
                || [".clusterdock-", "null", "pipe", "disk"].iter().any(|name| line.contains(name))
        });
        assert_eq!(odd.count(), 0, "{what}: {left:?}");
    }
}

#[tokio::test]
async fn a_hostile_archive_of_one_node_leaves_the_rest_of_another_alone() {
    for (what, fate, forgery) in forgeries("/outside") {
        let fake = two_nodes().await;
        fake.write_file("b.cluster", "/outside/secret", "secret");
        fake.forge_archive("a.cluster", "/data", forgery.bytes());
        let copied = Stage::new(&fake).cp("a:/data", "b:/tmp").await;
        assert_eq!(copied.is_err(), fate == Fate::Refused, "{what}: {copied:?}");
        assert_eq!(fake.read_file("b.cluster", "/outside/secret").unwrap(), b"secret", "{what}");
        assert_eq!(fake.read_file("b.cluster", "/outside/evil"), None, "{what}");
    }
}

/// The same with archives that nobody thought of: entries of any kind, with names and targets of parts that matter.
#[tokio::test]
async fn no_archive_whatever_writes_outside_of_the_destination() {
    let fake = two_nodes().await;
    let mut random = fastrand::Rng::with_seed(0x7461_7221);
    let (mut copied, mut refused) = (0, 0);
    for round in 0..400 {
        let yard = Yard::new();
        let outside = yard.outside();
        let mut forgery = Forgery::new();
        let mut folder = "data".to_string();
        for _ in 0..random.usize(1..8) {
            // Mostly what a decent archive has next: something in the folder that it is in.
            if random.u8(..6) == 0 {
                folder = random.choice(["data", "data/l", "data/l/l", "data/..", "data/a/../l"]).unwrap().into();
            }
            let leaf = if random.u8(..30) == 0 { ".." } else { random.choice(["a", "l"]).unwrap() };
            let name = format!("{folder}/{leaf}");
            let target = random.choice([&*outside, "../../outside", "data/l/secret", "data/l", "data/a"]).unwrap();
            forgery = match random.u8(..6) {
                0..2 => forgery.link(&name, target),
                2 => forgery.hard_link(&name, target),
                3 => {
                    folder.clone_from(&name);
                    forgery.folder(&name)
                }
                _ => forgery.file(&name),
            };
        }
        fake.forge_archive("a.cluster", "/data", forgery.bytes());
        match Stage::new(&fake).cp("a:/data", yard.destination()).await {
            Ok(()) => copied += 1,
            Err(_) => refused += 1,
        }
        assert_eq!(yard.around(), yard.before, "round {round}");
    }
    assert!(copied > 50 && refused > 50, "{copied} copied, {refused} refused");
}

#[tokio::test]
async fn devices_and_pipes_are_left_out_with_a_warning() {
    let fake = two_nodes().await;
    let forgery = Forgery::new().add("data/null", EntryType::Char, "", "").add("data/p", EntryType::Fifo, "", "");
    fake.forge_archive("a.cluster", "/data", forgery.file("data/x").bytes());
    let (stage, yard) = (Stage::new(&fake), Yard::new());
    stage.cp("a:/data", yard.destination()).await.unwrap();
    stage.cp("a:/data", "b:/tmp").await.unwrap();
    assert_eq!(tree(&yard.destination()), ["data folder 40755", "data/x [101, 118, 105, 108] 1 100755"]);
    assert_eq!(fake.read_file("b.cluster", "/tmp/data/null"), None);
    let story = stage.story.text();
    assert_eq!(story.matches("data/null`: it is a device").count(), 2, "{story}");
    assert_eq!(story.matches("data/p`: it is a pipe").count(), 2, "{story}");
}

#[tokio::test]
async fn owners_and_their_rights_are_kept_on_demand() {
    let fake = two_nodes().await;
    fake.forge_archive("a.cluster", "/data", Forgery::new().file("data/x").bytes());
    let (stage, yard) = (Stage::new(&fake), Yard::new());
    stage.cp("a:/data", "b:/tmp/plain").await.unwrap();
    stage.cp_archive("a:/data", "b:/tmp/kept").await.unwrap();
    assert_eq!(fake.file_owner("b.cluster", "/tmp/plain/x"), Some((0o755, 0, 0)));
    assert_eq!(fake.file_owner("b.cluster", "/tmp/kept/x"), Some((0o4755, 7, 8)));
    stage.cp_archive("a:/data/x", yard.destination()).await.unwrap_err();
    stage.cp_archive("a:/data", yard.destination()).await.unwrap();
    let copy = fs::metadata(yard.destination().join("data/x")).unwrap();
    // Only root may give files away; for others they stay their own.
    if rustix::process::geteuid().is_root() {
        assert_eq!((copy.uid(), copy.gid(), copy.mode() & 0o7777), (7, 8, 0o4755));
    } else {
        assert!(stage.story.text().contains("only root"), "{}", stage.story.text());
    }
}

#[tokio::test]
async fn an_archive_that_ends_early_leaves_the_file_that_was_there() {
    let fake = two_nodes().await;
    let yard = Yard::new();
    let file = yard.destination().join("file");
    fs::write(&file, "old").unwrap();
    let whole =
        Forgery(Builder::new(Vec::new()), usize::MAX).add("file", EntryType::Regular, "", &"x".repeat(2000)).bytes();
    for length in [0, 100, 512, 600, 2000, 2511] {
        fake.forge_archive("a.cluster", "/data/file", whole[..length].to_vec());
        let error = Stage::new(&fake).cp("a:/data/file", file.as_os_str()).await.unwrap_err();
        assert!(error.to_string().contains("it ends early"), "{error}");
        assert_eq!(tree(&yard.destination()), ["file [111, 108, 100] 1 100644"]);
    }
    fake.forge_archive("a.cluster", "/data/file", whole);
    Stage::new(&fake).cp("a:/data/file", file.as_os_str()).await.unwrap();
    assert_eq!(fs::read(&file).unwrap().len(), 2000);
}

#[tokio::test(start_paused = true)]
async fn whatever_call_goes_wrong_no_half_of_a_file_is_left() {
    type Sides = fn(&Yard) -> (OsString, OsString);
    let copies: [Sides; 3] = [
        |yard| ("a:/data".into(), yard.destination().into()),
        |yard| (yard.folder.path().join("outside").into(), "b:/tmp/copy".into()),
        |_| ("a:/data".into(), "b:/tmp/copy".into()),
    ];
    for sides in copies {
        let trials = for_every_call(
            &Mishap::RECOVERABLE,
            async || two_nodes().await,
            async |trial| {
                let (stage, yard) = (Stage::new(&trial.fake), Yard::new());
                let stop = Arc::clone(&stage.stop);
                trial.on_interrupt(move || stop.stop(Error::new(Kind::Interrupted, "interrupted")));
                let (source, destination) = sides(&yard);
                let done = trial.run(stage.cp(source, destination)).await.unwrap();
                yard.is_untouched();
                let here = tree(&yard.destination());
                assert!(here.is_empty() || here.len() == 4, "{here:?}");
                if done.is_ok() {
                    assert!(here.len() == 4 || trial.fake.snapshot().contains("/tmp/copy"), "nothing was copied");
                } else {
                    assert!(trial.struck(), "it failed by itself: {done:?}");
                }
            },
        );
        assert!(trials.await >= 20);
    }
}

#[tokio::test]
async fn what_the_engine_says_is_told() {
    let fake = two_nodes().await;
    let yard = Yard::new();
    fake.fail(("put_archive", 0), EngineError::new(Fault::Other, "no space left on device"));
    let error = Stage::new(&fake).cp(yard.outside(), "a:/tmp").await.unwrap_err();
    assert_eq!(error.causes(), ["no space left on device"]);
    fake.fail(("get_archive", 0), trouble());
    let error = Stage::new(&fake).cp("a:/data", yard.destination()).await.unwrap_err();
    assert_eq!(error.message(), format!("failed to copy `a:/data` to `{}`", yard.destination().display()));
    assert_eq!(error.causes(), ["the engine is in trouble"]);
}

#[tokio::test]
async fn what_cannot_be_copied_is_told_before_anything_moves() {
    let fake = two_nodes().await;
    let yard = Yard::new();
    let (here, file) = (yard.destination().display().to_string(), format!("{}/secret", yard.outside()));
    let no_node = "neither side of the copy is a node";
    let table = [
        (here.as_str(), "elsewhere", Kind::Usage, no_node),
        ("-", &here, Kind::Usage, no_node),
        ("-", "-", Kind::Usage, no_node),
        ("c:/x", &here, Kind::NotFound, "no node `c`"),
        ("a:", &here, Kind::Usage, "no path is named on node `a.cluster`"),
        ("a:/data/nosuch", &here, Kind::NotFound, "no file or folder `a.cluster:/data/nosuch`"),
        ("a:/data/file/", &here, Kind::Usage, "`a.cluster:/data/file/` is not a folder"),
        ("a:/data/file", &format!("{here}/no/such"), Kind::NotFound, &format!("no folder `{here}/no`")),
        ("a:/data/file", &format!("{here}/nosuch/"), Kind::NotFound, &format!("no folder `{here}/nosuch`")),
        ("a:/data", &file, Kind::Usage, "cannot copy a folder"),
        ("a:/data/file", "/dev/null", Kind::Usage, "it is a device"),
        (&format!("{here}/nosuch"), "a:/tmp", Kind::NotFound, &format!("no file or folder `{here}/nosuch`")),
        (&format!("{file}/"), "a:/tmp", Kind::Usage, "is not a folder"),
        (&file, "a:/no/such", Kind::NotFound, "no folder `a.cluster:/no`"),
        (&file, "a:/data/file/x", Kind::NotFound, "no folder `a.cluster:/data/file`"),
        (&here, "a:/data/file", Kind::Usage, "cannot copy a folder to `/data/file`"),
        ("/dev/null", "a:/tmp", Kind::Usage, "it is a device"),
        ("a:/data", "a:/data/sub", Kind::Usage, "into itself"),
        ("a:/data/file", "lab/a:/data/file", Kind::Usage, "into itself"),
    ];
    for (source, destination, kind, text) in table {
        fake.forget_calls();
        let error = Stage::new(&fake).cp(source, destination).await.unwrap_err();
        assert_eq!(error.kind(), kind, "{source} to {destination}: {error}");
        assert!(error.to_string().contains(text), "{source} to {destination}: {error}");
        assert_eq!(fake.count("put_archive") + fake.count("get_archive"), 0, "{source} to {destination}");
    }
    yard.is_untouched();
    assert_eq!(tree(&yard.destination()), [""; 0]);
}

/// A tape is what standard output goes to.
#[tokio::test]
async fn a_tar_on_standard_output_is_the_engines_own() {
    let fake = two_nodes().await;
    let stage = Stage::new(&fake);
    stage.cp("a:/data/.", "-").await.unwrap();
    let Tape(tape) = &stage.story;
    let bytes = tape.lock().unwrap().clone();
    let mut archive = tar::Archive::new(bytes.as_slice());
    let names = archive.entries().unwrap().map(|entry| String::from_utf8(entry.unwrap().path_bytes().into()).unwrap());
    assert_eq!(names.collect::<Vec<_>>(), ["./", "./file", "./sub/", "./sub/other"]);
}
