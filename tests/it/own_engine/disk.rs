//! A full disk: an engine that keeps its data on a small file system.

use std::fs;
use std::process::Command;

use clusterdock_tests::cargo::workspace;
use clusterdock_tests::dockerd::{EngineBuild, OwnEngine};
use clusterdock_tests::plugins;
use clusterdock_tests::scene::{Scene, skipped};
use serde_json::json;

use super::available;

/// A file system in memory, gone when it is dropped.
struct SmallDisk(tempfile::TempDir);

impl SmallDisk {
    fn new(size: &str) -> Option<SmallDisk> {
        let folder = tempfile::tempdir().unwrap();
        let options = format!("size={size}");
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", &options, "tmpfs"])
            .arg(folder.path())
            .status();
        let mounted = mount.is_ok_and(|status| status.success());
        if !mounted {
            skipped("a small disk: nothing can be mounted here");
        }
        mounted.then_some(SmallDisk(folder))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(self.0.path()).status());
    }
}

/// An engine with so much room, and the disk, which outlives it.
fn engine(what: &str, size: &str) -> Option<(OwnEngine, SmallDisk)> {
    drop(Scene::new(what)?);
    let disk = SmallDisk::new(size)?;
    let configuration = json!({"data-root": disk.0.path().join("data")});
    let engine = available(what, || {
        OwnEngine::configured(EngineBuild::Installed, &configuration)
    })?;
    Some((engine, disk))
}

const TEXTS: [&str; 3] = [
    "the engine's disk is full",
    "no space left on device",
    "docker system df",
];

#[test]
fn an_image_that_does_not_fit_leaves_no_part() {
    let Some((engine, _disk)) = engine("no-room", "24m") else {
        return;
    };
    let scene = Scene::on(&engine.host(), "no-room");
    scene.start().fails(6, &TEXTS);
    assert_eq!(scene.docker_says(&["images", "-aq"]), "");
    // The same for one of a Dockerfile, whose context finds no room or whose step does not.
    let folder = tempfile::tempdir().unwrap();
    let manifest =
        fs::read_to_string(workspace().join("topologies/topology_nodebase/topology.toml")).unwrap();
    let small = "[images.small]\ncontext = \"small\"";
    let manifest = manifest.replace("[images.debian12]\ncontext = \"images/debian12\"", small);
    fs::write(
        folder.path().join("topology.toml"),
        manifest.replace("source = ", "#source = "),
    )
    .unwrap();
    fs::copy(
        plugins::library("topology_nodebase"),
        folder.path().join("libtopology_nodebase.so"),
    )
    .unwrap();
    let context = folder.path().join("small");
    fs::create_dir(&context).unwrap();
    fs::write(context.join("Dockerfile"), "FROM scratch\nCOPY . /\n").unwrap();
    for megabytes in [40, 14] {
        fs::write(context.join("large"), vec![7; megabytes << 20]).unwrap();
        scene
            .run(["build", "-r", "docker.io/no-room"])
            .args([folder.path()])
            .fails(6, &TEXTS);
        assert_eq!(scene.docker_says(&["images", "-aq"]), "", "{megabytes} MiB");
    }
    scene.assert_empty();
}

/// Room for what the engine writes about a volume, in bytes.
const NOTES: u64 = 48 << 10;

#[test]
fn a_start_on_a_full_disk_leaves_nothing() {
    let Some((engine, disk)) = engine("full", "160m") else {
        return;
    };
    let scene = Scene::on(&engine.host(), "full");
    scene.start().succeeds();
    let before = scene.things();
    let filler = disk.0.path().join("filler");
    drop(
        Command::new("dd")
            .args(["if=/dev/zero", "bs=4k"])
            .arg(format!("of={}", filler.display()))
            .output(),
    );
    let other = format!("{}-other", scene.name);
    let nodebase = "topologies/topology_nodebase";
    let start = || scene.run(["start", "-c", &other, "-n", &other, nodebase]);
    // Without any room, the engine can neither complete the record's volume nor remove it: that is said.
    let record = format!("volume `clusterdock-{other}`");
    start().fails(
        12,
        &[
            &record,
            "no space left on device",
            &format!("clusterdock rm {other}"),
        ],
    );
    let commit = scene.docker(&["commit", &scene.fqdn("node-1"), "full:1"]);
    assert!(!commit.status.success(), "the disk is not full");
    // With room for the engine's own notes, but not for a node.
    let size = fs::metadata(&filler).unwrap().len();
    let shortened = fs::OpenOptions::new().write(true).open(&filler).unwrap();
    shortened.set_len(size - NOTES).unwrap();
    drop(shortened);
    scene.run(["rm", &other]).succeeds();
    assert_eq!(scene.things(), before);
    let ran = start().run();
    assert!(
        TEXTS.iter().all(|text| ran.stderr.contains(text)),
        "{}: {}",
        ran.code,
        ran.stderr
    );
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(scene.things(), before);
    assert_eq!(
        scene
            .run(["ssh", &scene.fqdn("node-1"), "--", "echo", "alive"])
            .succeeds()
            .stdout
            .trim(),
        "alive"
    );
    // With free space, everything works again.
    fs::remove_file(filler).unwrap();
    start().succeeds();
}
