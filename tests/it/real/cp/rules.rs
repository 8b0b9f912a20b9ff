//! The rules of `docker cp` for sources and destinations: each copy has the same result as `docker cp`.

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use clusterdock_tests::dockerd::{EngineBuild, shared};
use clusterdock_tests::scene::{Scene, skipped};

use super::{SOURCES, here, started};

/// What is copied: a path below a folder created by [`SOURCES`], and whether links are followed.
const COPIED: [(&str, bool); 9] = [
    ("file", false),
    ("file/", false),
    ("folder", false),
    ("folder/.", false),
    ("to-folder", false),
    ("to-folder/", false),
    ("to-file", true),
    ("to-nothing", false),
    ("nothing", false),
];

/// Where it goes: a path below a folder created by [`DESTINATIONS`].
const TO: [&str; 10] = [
    "there",
    "there/",
    "old",
    "old/",
    "new",
    "new/",
    "no/such",
    "to-there",
    "to-old",
    "to-nothing",
];

/// Creates the destinations.
const DESTINATIONS: &str =
    "mkdir there; echo old >there/old; echo old >old; ln -s there to-there; ln -s old to-old
ln -s gone to-nothing";

/// Lists everything below the current folder: names, kinds, modes, targets, contents.
const LISTING: &str =
    "find . -printf '%p %y %m %l\\n' | sort; find . -type f -exec md5sum {} + | sort -k 2";

/// The same with owners, times and numbers of names; what follows is for the folder itself alone.
const WHOLE_LISTING: &str =
    "find . -mindepth 1 -printf '%p %y %m %l %U %G %Ts %n\\n' | sed 's/ d\\(.*\\) [0-9]*$/ d\\1/' | sort
find . -type f -exec md5sum {} + | sort -k 2";

/// Copies by every rule, with `docker cp` and with clusterdock; returns which copies succeeded for each.
fn copies(
    scene: &Scene,
    sides: impl Fn(&str, usize, &str, &str) -> (String, String) + Sync,
) -> [Vec<String>; 2] {
    let numbered: Vec<_> = COPIED
        .iter()
        .flat_map(|copied| TO.map(|to| (*copied, to)))
        .enumerate()
        .collect();
    ["docker", "ours"].map(|who| {
        std::thread::scope(|scope| {
            let part = numbered.chunks(numbered.len().div_ceil(3)).map(|part| {
                scope.spawn(|| {
                    part.iter()
                        .map(|(number, ((what, follow), to))| {
                            let (from, into) = sides(who, *number, what, to);
                            let follow = if *follow { &["-L"][..] } else { &[] };
                            let arguments = [&["cp"], follow, &[&from, &into]].concat();
                            let succeeded = match who {
                                "docker" => scene.docker(&arguments).status.success(),
                                _ => matches!(scene.run(arguments).run().code, 0),
                            };
                            format!("{what} to {to}: {succeeded}")
                        })
                        .collect::<Vec<_>>()
                })
            });
            let parts: Vec<_> = part.collect();
            parts
                .into_iter()
                .flat_map(|part| part.join().unwrap())
                .collect()
        })
    })
}

/// Creates a numbered folder for each copy below the current one.
fn destinations() -> String {
    let count = COPIED.len() * TO.len();
    format!(
        "for number in $(seq 0 {}); do (mkdir $number; cd $number; {DESTINATIONS}); done",
        count - 1
    )
}

fn assert_copies_to_match(scene: &Scene) {
    let folder = tempfile::tempdir().unwrap();
    here(folder.path(), SOURCES);
    scene.on_node(
        "node-1",
        &format!(
            "mkdir /docker /ours; cd /docker; {0}; cd /ours; {0}",
            destinations()
        ),
    );
    let node = scene.fqdn("node-1");
    let [docker, ours] = copies(scene, |who, number, what, to| {
        (
            format!("{}/{what}", folder.path().display()),
            format!("{node}:/{who}/{number}/{to}"),
        )
    });
    assert_eq!(ours, docker);
    let listing = |who: &str| scene.on_node("node-1", &format!("cd /{who}; {LISTING}"));
    assert_eq!(listing("ours"), listing("docker"));
}

fn assert_copies_from_match(scene: &Scene) {
    let folder = tempfile::tempdir().unwrap();
    scene.on_node("node-1", &format!("mkdir /from; cd /from; {SOURCES}"));
    here(
        folder.path(),
        &format!(
            "mkdir docker ours; cd docker; {0}; cd ../ours; {0}",
            destinations()
        ),
    );
    let node = scene.fqdn("node-1");
    let [docker, ours] = copies(scene, |who, number, what, to| {
        (
            format!("{node}:/from/{what}"),
            format!("{}/{who}/{number}/{to}", folder.path().display()),
        )
    });
    assert_eq!(ours, docker);
    let listing = |who: &str| here(&folder.path().join(who), LISTING);
    assert_eq!(listing("ours"), listing("docker"));
}

fn assert_copies_between_match(scene: &Scene) {
    scene.on_node("node-1", &format!("mkdir /from; cd /from; {SOURCES}"));
    scene.on_node(
        "node-2",
        &format!(
            "mkdir /docker /ours; cd /docker; {0}; cd /ours; {0}",
            destinations()
        ),
    );
    let folder = tempfile::tempdir().unwrap();
    here(folder.path(), SOURCES);
    let [_, ours] = copies(scene, |who, number, what, to| {
        let into = format!("{}:/{who}/{number}/{to}", scene.fqdn("node-2"));
        // `docker cp` cannot copy between containers, so its copy of the same local files is the reference.
        match who {
            "docker" => (format!("{}/{what}", folder.path().display()), into),
            _ => (format!("{}:/from/{what}", scene.fqdn("node-1")), into),
        }
    });
    assert!(
        ours.contains(&"folder to new: true".to_string()),
        "{ours:?}"
    );
    let listing = |who: &str| scene.on_node("node-2", &format!("cd /{who}; {LISTING}"));
    assert_eq!(listing("ours"), listing("docker"));
}

fn assert_round_trip(scene: &Scene) {
    let folder = tempfile::tempdir().unwrap();
    let long = format!("{}/{}", "l".repeat(150), "m".repeat(220));
    let script = format!(
        "mkdir -p all/{long} all/empty all/sub; cd all; echo deep >{long}/{long0}; echo x >'ünï {wide} code'
         printf 'a\\nb' >$'line\\nend'; echo 1 >sub/one; echo 2 >sub/sudo; ln sub/one sub/two; ln sub/one three; ln -s {long} long-link
         ln -s ../x//./y odd; [ $(id -u) != 0 ] || chown -h 1234:5678 sub/one sub/sudo odd empty
         chmod 4755 sub/sudo; chmod 555 empty; truncate -s 40M holes; echo end >>holes
         find . -exec touch -h -d '2001-02-03 04:05:06 UTC' {{}} +",
        long0 = "f".repeat(200),
        wide = '\u{1f30d}',
    );
    here(folder.path(), &script);
    fs::write(
        folder
            .path()
            .join("all")
            .join(OsStr::from_bytes(b"no\xffutf")),
        "8",
    )
    .unwrap();
    here(
        folder.path(),
        "cd all; touch -h -d '2001-02-03 04:05:06 UTC' no*",
    );
    let (one, two) = (scene.fqdn("node-1"), scene.fqdn("node-2"));
    let all = folder.path().join("all").display().to_string();
    let back = folder.path().join("back").display().to_string();
    scene
        .run(["cp", "-a", &all, &format!("{one}:/tmp/first")])
        .succeeds();
    scene
        .run([
            "cp",
            "-a",
            &format!("{one}:/tmp/first"),
            &format!("{two}:/tmp"),
        ])
        .succeeds();
    let ran = scene
        .run(["cp", "-a", &format!("{two}:/tmp/first/."), &back])
        .succeeds();
    assert!(
        ran.stderr.contains("Copied 11 files, 5 folders (41.9 MB)."),
        "{}",
        ran.stderr
    );
    assert!(!ran.stderr.contains("WARNING"), "{}", ran.stderr);
    let listing = |folder: &str| here(Path::new(folder), WHOLE_LISTING);
    assert_eq!(listing(&back), listing(&all));
    let blocks = here(Path::new(&back), "du -k holes | cut -f 1");
    assert!(blocks.trim().parse::<u64>().unwrap() < 1000, "{blocks}");
    // Without -a all is root's on a node.
    scene
        .run(["cp", &all, &format!("{one}:/tmp/second")])
        .succeeds();
    let owners = scene.on_node(
        "node-1",
        "find /tmp/second -printf '%u %g\\n' | sort -u; stat -c %a /tmp/second/sub/sudo",
    );
    assert_eq!(owners, "root root\n755");
}

#[test]
fn copies_to_a_node_match_docker_cp() {
    started("cp-to").iter().for_each(assert_copies_to_match);
}

#[test]
fn copies_from_a_node_match_docker_cp() {
    started("cp-from").iter().for_each(assert_copies_from_match);
}

#[test]
fn copies_between_nodes_follow_the_same_rules() {
    started("cp-between")
        .iter()
        .for_each(assert_copies_between_match);
}

#[test]
fn a_round_trip_preserves_every_kind_of_file() {
    started("cp-around").iter().for_each(assert_round_trip);
}

/// All of these on an engine of the tests' own.
fn on_own_engine(build: EngineBuild) {
    if Scene::new("cp-own").is_none() {
        return;
    }
    let engine = match shared(build) {
        Ok(engine) => engine,
        Err(missing) => return skipped(&format!("engine {}: {}", missing.name, missing.reason)),
    };
    for copies in [
        assert_copies_to_match,
        assert_copies_from_match,
        assert_copies_between_match,
        assert_round_trip,
    ] {
        let scene = Scene::on(&engine.host(), "cp-own");
        scene.start().succeeds();
        copies(&scene);
    }
}

#[test]
fn copies_on_the_trixie_engine() {
    on_own_engine(EngineBuild::Trixie);
}

#[test]
fn copies_on_the_sid_engine() {
    on_own_engine(EngineBuild::Sid);
}
