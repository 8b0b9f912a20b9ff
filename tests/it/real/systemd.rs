//! Nodes that run systemd, on this machine's cgroup version and, on an engine of the tests, on version 2.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Mutex;

use clusterdock_plugin_wire::{NodeSpec, Security};
use clusterdock_tests::cargo::workspace;
use clusterdock_tests::dockerd::{EngineBuild, OwnEngine};
use clusterdock_tests::plugins;
use clusterdock_tests::run::Run;
use clusterdock_tests::scene::{Scene, skipped};

use crate::images;

const IMAGE: &str = "clusterdock/topology_settings:systemd";

/// A prebuilt topology whose image has systemd and exists; `None`, with a note, if its base cannot be built here.
fn topology(scene: &Scene) -> Option<tempfile::TempDir> {
    if !images::base() {
        return None;
    }
    let (folder, fixture) = (
        tempfile::tempdir().unwrap(),
        workspace().join("tests/fixtures/plugins/settings"),
    );
    let library = plugins::library("topology_settings");
    fs::copy(
        fixture.join("topology.toml"),
        folder.path().join("topology.toml"),
    )
    .unwrap();
    fs::copy(library, folder.path().join("libtopology_settings.so")).unwrap();
    std::os::unix::fs::symlink(fixture.join("images"), folder.path().join("images")).unwrap();
    // One of two tests that want it at once builds it, the other finds it built.
    static BUILDING: Mutex<()> = Mutex::new(());
    let building = BUILDING.lock();
    scene
        .run(["build", "-n", &scene.name, "-o", "systemd"])
        .args([folder.path()])
        .succeeds();
    drop(building);
    Some(folder)
}

fn start(scene: &Scene, folder: &Path, like: NodeSpec) -> Run {
    let start = scene
        .run([
            "start",
            "-c",
            &scene.name,
            "-n",
            &scene.name,
            "-o",
            "systemd",
        ])
        .args([folder]);
    start.args([
        "--nodes",
        "a",
        "--spec",
        &serde_json::to_string(&like.systemd()).unwrap(),
    ])
}

/// Systemd is the node's first process, manages control groups and services, and stops when asked to.
fn assert_systemd_works(scene: &Scene) {
    let sees = |command: &str| scene.on_node("a", command);
    let state = sees("systemctl is-system-running || true");
    assert!(["running", "degraded"].contains(&state.as_str()), "{state}");
    assert_eq!(
        sees("cat /proc/1/comm; systemctl is-active multi-user.target"),
        "systemd\nactive"
    );
    assert_eq!(
        sees("cat /proc/sys/kernel/hostname; hostname"),
        [scene.fqdn("a"), scene.fqdn("a")].join("\n")
    );
    // It tracks a service by its control group, and stops it with all its children.
    sees("systemd-run --unit=lab sh -c 'sleep 1234 & exec sleep 1235' 2>&1");
    assert!(sees("cat /proc/$(systemctl show -P MainPID lab)/cgroup").contains("/lab.service"));
    sees("systemctl stop lab; ! grep -lz 123[45] /proc/[0-9]*/cmdline");
    scene.run(["stop", &scene.name]).succeeds();
    let code = scene.docker_says(&["inspect", "-f", "{{.State.ExitCode}}", &scene.fqdn("a")]);
    assert_ne!(code, "137", "it had to be killed");
    scene.run(["resume", &scene.name]).succeeds();
    assert_eq!(sees("systemctl is-active multi-user.target"), "active");
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

#[test]
fn systemd_runs_on_the_local_cgroup_version() {
    let Some(scene) = Scene::new("systemd") else {
        return;
    };
    let Some(folder) = topology(&scene) else {
        return;
    };
    let version = scene.docker_says(&["info", "-f", "{{.CgroupVersion}}"]);
    for security in [Security::HostLike, Security::Plain] {
        let ran = start(
            &scene,
            folder.path(),
            NodeSpec::new("", "").security(security),
        )
        .run();
        let log = scene.docker(&["logs", &scene.fqdn("a")]);
        assert_eq!(
            ran.code,
            0,
            "version {version}, {security:?}: {}{}",
            ran.stderr,
            String::from_utf8_lossy(&log.stdout)
        );
        assert_systemd_works(&scene);
    }
}

#[test]
fn systemd_runs_on_cgroup_version_2() {
    let Some(machine) = Scene::new("systemd-2") else {
        return;
    };
    let Some(folder) = topology(&machine) else {
        return;
    };
    let engine = match OwnEngine::start_on_cgroups_2(EngineBuild::Installed) {
        Ok(engine) => engine,
        Err(missing) => return skipped(&format!("engine {}: {}", missing.name, missing.reason)),
    };
    let scene = Scene::on(&engine.host(), "systemd-2");
    assert_eq!(
        scene.docker_says(&["info", "-f", "{{.CgroupVersion}}"]),
        "2"
    );
    // Its image comes from the machine's engine: this one reaches no network.
    let mut save = Command::new("docker")
        .args(["save", IMAGE])
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let load = Command::new("docker")
        .args(["-H", &engine.host(), "load"])
        .stdin(save.stdout.take().unwrap())
        .output();
    assert!(save.wait().unwrap().success() && load.unwrap().status.success());
    for security in [Security::HostLike, Security::Plain] {
        let ran = start(
            &scene,
            folder.path(),
            NodeSpec::new("", "").security(security),
        )
        .run();
        let log = scene.docker(&["logs", &scene.fqdn("a")]);
        assert_eq!(
            ran.code,
            0,
            "{security:?}: {}{}",
            ran.stderr,
            String::from_utf8_lossy(&log.stdout)
        );
        assert_systemd_works(&scene);
    }
}
