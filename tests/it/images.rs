//! Images of Dockerfiles: had, built where no registry has them, and told when they cannot be.

use clusterdock_tests::cargo::workspace;
use clusterdock_tests::plugins;
use clusterdock_tests::scene::{Scene, skipped};
use std::fs;
use std::path::Path;
use std::process::Command;

/// The base that the Dockerfiles build on; false, and said so, when it cannot be made here.
pub(crate) fn base() -> bool {
    let made = Command::new(workspace().join("tests/debian-base.sh")).output().unwrap();
    if !made.status.success() {
        skipped(&format!("images of Debian: {}", String::from_utf8_lossy(&made.stderr)));
    }
    made.status.success()
}

/// A prebuilt topology whose image is that of a Dockerfile in its folder.
pub(crate) fn topology(scene: &Scene, folder: &Path, dockerfile: &str) {
    let manifest = fs::read_to_string(workspace().join("topologies/topology_nodebase/topology.toml")).unwrap();
    let manifest = manifest.replace("repository = \"topology_nodebase\"", &format!("repository = \"{}\"", scene.name));
    let manifest = manifest.replace("source = ", "#source = ");
    fs::write(folder.join("topology.toml"), manifest).unwrap();
    fs::copy(plugins::library("topology_nodebase"), folder.join("libtopology_nodebase.so")).unwrap();
    fs::create_dir_all(folder.join("images/debian12")).unwrap();
    fs::write(folder.join("images/debian12/Dockerfile"), dockerfile).unwrap();
}

fn start(scene: &Scene, folder: &Path) -> clusterdock_tests::run::Run {
    scene.run(["start", "-c", &scene.name, "-n", &scene.name, "-o", "debian12"]).args([folder])
}

#[test]
fn debian_nodes_have_sshd_and_keys_of_their_own() {
    let Some(scene) = Scene::new("debian") else { return };
    if !base() {
        return;
    }
    scene.start().args(["-o", "debian12"]).succeeds();
    // Each node has host keys of its own.
    let key = |node: &str| {
        scene.on_node(
            node,
            "timeout 60 sh -c 'until ss -ltn | grep -q :22; do sleep 0.2; done'; cat /etc/ssh/ssh_host_ed25519_key.pub",
        )
    };
    assert_ne!(key("node-1"), key("node-2"));
    let banner = scene.on_node("node-1", "timeout 5 nc -w 2 node-2 22 < /dev/null | head -1");
    assert!(banner.starts_with("SSH-2.0-OpenSSH"), "{banner}");
}

#[test]
fn an_image_is_built_once_without_what_is_ignored_and_used_from_then_on() {
    let Some(scene) = Scene::new("built") else { return };
    if !base() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let dockerfile = "FROM debian:bookworm-slim\nCOPY . /context\nCMD [\"sleep\", \"infinity\"]\n";
    topology(&scene, folder.path(), dockerfile);
    let context = folder.path().join("images/debian12");
    fs::write(context.join(".dockerignore"), "*.secret\n").unwrap();
    fs::write(context.join("a.secret"), "").unwrap();
    fs::write(context.join("b.txt"), "").unwrap();
    let first = start(&scene, folder.path()).succeeds();
    assert!(first.stderr.contains("Building image"), "{}", first.stderr);
    assert_eq!(scene.on_node("node-1", "ls /context"), "Dockerfile\nb.txt");
    scene.run(["rm", &scene.name]).succeeds();
    let second = start(&scene, folder.path()).succeeds();
    assert!(!second.stderr.contains("Building image"), "{}", second.stderr);
    scene.run(["rm", &scene.name]).succeeds();
    scene.docker_says(&["rmi", &format!("clusterdock/{}:debian12", scene.name)]);
    let planned = start(&scene, folder.path()).args(["--dry-run"]).succeeds();
    assert!(planned.stdout.contains("pull or build image"), "{}", planned.stdout);
    scene.is_empty();
}

#[test]
fn a_dockerfile_that_fails_is_told_with_its_last_lines() {
    let Some(scene) = Scene::new("broken") else { return };
    if !base() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    topology(&scene, folder.path(), "FROM debian:bookworm-slim\nRUN echo about to fail && false\n");
    start(&scene, folder.path()).fails(6, &["could not be built", "about to fail", "non-zero code: 1"]);
    fs::remove_file(folder.path().join("images/debian12/Dockerfile")).unwrap();
    start(&scene, folder.path()).fails(6, &["no Dockerfile at"]);
    scene.is_empty();
}
