//! Archives of a hostile node, and random archives: none writes anything outside of the destination.

use std::fs;
use std::os::unix::fs::symlink;

use tar::EntryType;

use super::forgery::{Forgery, Yard, tree};
use super::two_nodes;
use crate::whole::Stage;

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
        (
            "a name with two dots",
            Refused,
            new().file("data/../../outside/evil"),
        ),
        (
            "a name of two dots alone",
            Refused,
            new().folder("..").file("../evil"),
        ),
        ("an absolute name", Refused, new().file(evil)),
        (
            "an absolute name of what is there",
            Refused,
            new().file(secret),
        ),
        ("a file through a link", Refused, link().file("data/l/evil")),
        (
            "a file through a relative link",
            Refused,
            new().link("data/l", "../../../outside").file("data/l/evil"),
        ),
        (
            "a file through two links",
            Refused,
            new()
                .link("data/l", "m")
                .link("data/m", outside)
                .file("data/l/evil"),
        ),
        (
            "a folder through a link",
            Refused,
            link().folder("data/l/evil"),
        ),
        (
            "a folder in place of a link",
            Refused,
            link().folder("data/l").file("data/l/evil"),
        ),
        (
            "a link in place of a folder",
            Refused,
            new()
                .folder("data/l")
                .link("data/l", outside)
                .file("data/l/evil"),
        ),
        (
            "a file through a link that is the root",
            Refused,
            new().link("data", outside).file("data/evil"),
        ),
        (
            "a folder in place of a link that is the root",
            Refused,
            new().link("data", outside).folder("data").file("data/x"),
        ),
        (
            "a file in place of a link",
            Copied,
            new().link("data/l", secret).file("data/l"),
        ),
        (
            "a hard link to an absolute name",
            Refused,
            new().hard_link("data/h", secret).file("data/h"),
        ),
        (
            "a hard link to two dots",
            Refused,
            new().hard_link("data/h", "data/../../outside/secret"),
        ),
        // The engine does not follow a hard link that it replaces, and the target belongs to the node.
        (
            "a hard link through a link",
            RefusedHere,
            link().hard_link("data/h", "data/l/secret"),
        ),
        (
            "a hard link to a link",
            Copied,
            new()
                .link("data/l", secret)
                .hard_link("data/h", "data/l")
                .file("data/h"),
        ),
        (
            "a hard link to a folder",
            RefusedHere,
            new().hard_link("data/h", "data"),
        ),
        (
            "a device",
            Copied,
            new().add("data/null", EntryType::Char, "", "").add(
                "data/disk",
                EntryType::Block,
                "",
                "",
            ),
        ),
        (
            "a pipe",
            Copied,
            new().add("data/pipe", EntryType::Fifo, "", ""),
        ),
        (
            "a file through a link in the destination",
            Refused,
            new().file("data/before/evil"),
        ),
        (
            "a folder through a link in the destination",
            RefusedHere,
            new().folder("data/before").file("data/before/evil"),
        ),
        (
            "a file in place of a link in the destination",
            Copied,
            new().file("data/before"),
        ),
        (
            "a hard link through a link in the destination",
            RefusedHere,
            new().hard_link("data/h", "data/before/secret"),
        ),
        (
            "no end",
            Refused,
            new()
                .add("data/long", EntryType::Regular, "", &long)
                .cut_off(3000),
        ),
    ]
}

#[tokio::test]
async fn a_hostile_archive_writes_only_to_the_destination() {
    let fake = two_nodes().await;
    for number in 0..forgeries("").len() {
        let yard = Yard::new();
        let (what, fate, forgery) = forgeries(&yard.outside()).swap_remove(number);
        fs::create_dir(yard.destination().join("data")).unwrap();
        symlink(yard.outside(), yard.destination().join("data/before")).unwrap();
        fake.forge_archive("a.cluster", "/data", forgery.bytes());
        let copied = Stage::new(&fake).cp("a:/data", yard.destination()).await;
        assert_eq!(copied.is_ok(), fate == Fate::Copied, "{what}: {copied:?}");
        yard.assert_untouched();
        let left = tree(&yard.destination());
        let odd = left.iter().filter(|line| {
            line.ends_with(" 104755")
                || [".clusterdock-", "null", "pipe", "disk"]
                    .iter()
                    .any(|name| line.contains(name))
        });
        assert_eq!(odd.count(), 0, "{what}: {left:?}");
    }
}

#[tokio::test]
async fn a_hostile_archive_harms_no_other_node() {
    for (what, fate, forgery) in forgeries("/outside") {
        let fake = two_nodes().await;
        fake.write_file("b.cluster", "/outside/secret", "secret");
        fake.forge_archive("a.cluster", "/data", forgery.bytes());
        let copied = Stage::new(&fake).cp("a:/data", "b:/tmp").await;
        assert_eq!(copied.is_err(), fate == Fate::Refused, "{what}: {copied:?}");
        assert_eq!(
            fake.read_file("b.cluster", "/outside/secret").unwrap(),
            b"secret",
            "{what}"
        );
        assert_eq!(fake.read_file("b.cluster", "/outside/evil"), None, "{what}");
    }
}

/// The same with random archives: entries of any kind, with names and targets composed of critical parts.
#[tokio::test]
async fn random_archives_write_only_to_the_destination() {
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
                folder = random
                    .choice(["data", "data/l", "data/l/l", "data/..", "data/a/../l"])
                    .unwrap()
                    .into();
            }
            let leaf = if random.u8(..30) == 0 {
                ".."
            } else {
                random.choice(["a", "l"]).unwrap()
            };
            let name = format!("{folder}/{leaf}");
            let target = random
                .choice([
                    &*outside,
                    "../../outside",
                    "data/l/secret",
                    "data/l",
                    "data/a",
                ])
                .unwrap();
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
    assert!(
        copied > 50 && refused > 50,
        "{copied} copied, {refused} refused"
    );
}
