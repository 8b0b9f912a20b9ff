//! Images from Dockerfiles: used if present, built if no registry has them, and reported if the build fails.

use std::fs;
use std::path::Path;
use std::process::Command;

use clusterdock_tests::cargo::workspace;
use clusterdock_tests::plugins;
use clusterdock_tests::scene::{Scene, skipped};

/// Builds the base image of the Dockerfiles; false, with a note, if it cannot be built here.
pub(crate) fn base() -> bool {
    let made = Command::new(workspace().join("tests/debian-base.sh"))
        .output()
        .unwrap();
    if !made.status.success() {
        skipped(&format!(
            "images of Debian: {}",
            String::from_utf8_lossy(&made.stderr)
        ));
    }
    made.status.success()
}

/// A prebuilt topology whose image is that of a Dockerfile in its folder.
pub(crate) fn topology(scene: &Scene, folder: &Path, dockerfile: &str) {
    let manifest =
        fs::read_to_string(workspace().join("topologies/topology_nodebase/topology.toml")).unwrap();
    let manifest = manifest.replace(
        "repository = \"topology_nodebase\"",
        &format!("repository = \"{}\"", scene.name),
    );
    let manifest = manifest.replace("source = ", "#source = ");
    fs::write(folder.join("topology.toml"), manifest).unwrap();
    fs::copy(
        plugins::library("topology_nodebase"),
        folder.join("libtopology_nodebase.so"),
    )
    .unwrap();
    fs::create_dir_all(folder.join("images/debian12")).unwrap();
    fs::write(folder.join("images/debian12/Dockerfile"), dockerfile).unwrap();
}

/// A scene with the base image of the Dockerfiles; `None` if there is no engine, or the image cannot be built.
fn scene_with_base(what: &str) -> Option<Scene> {
    let scene = Scene::new(what)?;
    base().then_some(scene)
}

fn start(scene: &Scene, folder: &Path) -> clusterdock_tests::run::Run {
    scene
        .run([
            "start",
            "-c",
            &scene.name,
            "-n",
            &scene.name,
            "-o",
            "debian12",
        ])
        .args([folder])
}

#[test]
fn debian_nodes_run_sshd_with_their_own_host_keys() {
    let Some(scene) = scene_with_base("debian") else {
        return;
    };
    scene.start().args(["-o", "debian12"]).succeeds();
    // Each node has its own host keys.
    let key = |node: &str| {
        scene.on_node(
            node,
            "timeout 60 sh -c 'until ss -ltn | grep -q :22; do sleep 0.2; done'; cat /etc/ssh/ssh_host_ed25519_key.pub",
        )
    };
    assert_ne!(key("node-1"), key("node-2"));
    let banner = scene.on_node(
        "node-1",
        "bash -c 'exec 3<>/dev/tcp/node-2/22; read -t 60 line <&3; echo $line'",
    );
    assert!(banner.starts_with("SSH-2.0-OpenSSH"), "{banner}");
}

#[test]
fn a_long_build_is_reported_every_ten_seconds() {
    let Some(scene) = Scene::new("slow") else {
        return;
    };
    if !base() {
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    topology(
        &scene,
        folder.path(),
        "FROM debian:bookworm-slim\nRUN sleep 22\n",
    );
    let build = scene.run(["--progress", "plain", "build"]);
    let built = build.args([folder.path()]).succeeds();
    let image = format!("clusterdock/{}:debian12", scene.name);
    for time in ["10s", "20s"] {
        let line = format!("Still building image {image} ({time}) ...");
        assert!(built.stderr.contains(&line), "{}", built.stderr);
    }
    scene.docker_says(&["rmi", &image]);
}

#[test]
fn an_image_is_built_once_and_reused() {
    let Some(scene) = scene_with_base("built") else {
        return;
    };
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
    assert!(
        !second.stderr.contains("Building image"),
        "{}",
        second.stderr
    );
    scene.run(["rm", &scene.name]).succeeds();
    fs::write(context.join("b.txt"), "changed").unwrap();
    let third = start(&scene, folder.path()).succeeds();
    assert!(
        third
            .stderr
            .contains("is built again: its context has changed"),
        "{}",
        third.stderr
    );
    assert_eq!(scene.on_node("node-1", "cat /context/b.txt"), "changed");
    scene.run(["rm", &scene.name]).succeeds();
    scene.docker_says(&["rmi", &format!("clusterdock/{}:debian12", scene.name)]);
    let planned = start(&scene, folder.path()).args(["--dry-run"]).succeeds();
    assert!(
        planned.stdout.contains("pull or build image"),
        "{}",
        planned.stdout
    );
    scene.assert_empty();
}

#[test]
fn a_failing_dockerfile_is_reported_with_its_last_lines() {
    let Some(scene) = scene_with_base("broken") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    topology(
        &scene,
        folder.path(),
        "FROM debian:bookworm-slim\nRUN echo about to fail && false\n",
    );
    start(&scene, folder.path()).fails(
        6,
        &["could not be built", "about to fail", "non-zero code: 1"],
    );
    fs::remove_file(folder.path().join("images/debian12/Dockerfile")).unwrap();
    start(&scene, folder.path()).fails(6, &["no Dockerfile at"]);
    scene.assert_empty();
}

#[test]
fn a_start_builds_every_image_of_the_topology_that_nodes_name() {
    let Some(scene) = scene_with_base("several") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let manifest = format!(
        r#"[topology]
name = "several"
version = "1.0.0"
description = "Nodes of two images"
plugin = "topology_settings"

[images]
namespace = "team"
repository = "{}"
default = "one"

[images.one]
context = "one"

[images.two]
context = "two"
"#,
        scene.name
    );
    fs::write(folder.path().join("topology.toml"), manifest).unwrap();
    let library = folder.path().join("libtopology_settings.so");
    fs::copy(plugins::library("topology_settings"), library).unwrap();
    for system in ["one", "two"] {
        let context = folder.path().join(system);
        fs::create_dir(&context).unwrap();
        let dockerfile = "FROM debian:bookworm-slim\nCMD [\"sleep\", \"infinity\"]\n";
        fs::write(context.join("Dockerfile"), dockerfile).unwrap();
    }
    let image = |system: &str| format!("team/{}:{system}", scene.name);
    let spec = format!(
        r#"{{"hostname": "x", "group": "nodes", "image": "{}"}}"#,
        image("two")
    );
    let start = || {
        scene
            .run([
                "start",
                "-c",
                &scene.name,
                "-n",
                &scene.name,
                "--pull",
                "never",
            ])
            .args([folder.path()])
            .args(["--spec", &spec])
    };
    let planned = start().args(["--dry-run"]).succeeds().stdout;
    assert!(
        planned.contains(&format!("build image       {}", image("two"))),
        "{planned}"
    );
    assert!(!planned.contains(&image("one")), "{planned}");
    start().succeeds();
    let used = scene.docker_says(&["inspect", "-f", "{{.Config.Image}}", &scene.fqdn("node-1")]);
    assert_eq!(used, image("two"));
    scene.run(["rm", &scene.name]).succeeds();
    // Without --repository, a build has the manifest's namespace.
    let built = scene.run(["build"]).args([folder.path()]).succeeds().stdout;
    assert_eq!(built, format!("{}\n{}\n", image("one"), image("two")));
    scene.docker_says(&["rmi", &image("one"), &image("two")]);
    scene.assert_empty();
}
