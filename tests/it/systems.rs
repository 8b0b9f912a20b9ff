//! Real systems as topologies, on a real engine: their data survives the death of the node that leads, and a restart of
//! the cluster leaves them working, with their own clients as the witnesses. No topology is there when nodes come back.

use std::fs;
use std::path::Path;
use std::process::Command;

use clusterdock_tests::cargo::workspace;
use clusterdock_tests::plugins;
use clusterdock_tests::scene::Scene;

use crate::images;

/// The folder of a topology with its library, so that nothing is compiled, and no cargo needed.
fn folder(system: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let name = format!("topology_{system}");
    let original = workspace().join("topologies").join(&name);
    let manifest = fs::read_to_string(original.join("topology.toml")).unwrap();
    let manifest = manifest.replace("source = ", "# source = ");
    fs::write(folder.path().join("topology.toml"), manifest).unwrap();
    let library = format!("lib{name}.so");
    fs::copy(plugins::library(&name), folder.path().join(library)).unwrap();
    let images = original.join("images");
    let copied = Command::new("cp")
        .arg("-r")
        .args([&images, folder.path()])
        .status();
    assert!(copied.unwrap().success());
    folder
}

/// A started cluster of a system; `None` if tests with images of Debian are skipped. Whatever happens later happens
/// without its topology.
fn started(system: &str, arguments: &[&str]) -> Option<Scene> {
    let scene = Scene::new(system)?;
    if !images::base() {
        return None;
    }
    let folder = folder(system);
    let start = scene.run(["start", "-c", &scene.name, "-n", &scene.name]);
    start
        .args([folder.path()])
        .args(arguments.iter().copied())
        .succeeds();
    Some(scene)
}

/// Runs a command on a node until it succeeds: what it asks for may take a moment, such as an election.
#[track_caller]
fn eventually(scene: &Scene, node: &str, command: &str) -> String {
    let command = command.replace('\'', r"'\''");
    let retried = format!("timeout 60 sh -c 'until {command}; do sleep 0.3; done'");
    scene.on_node(node, &retried)
}

#[track_caller]
fn assert_died(scene: &Scene, node: &str) {
    scene.docker_says(&["kill", &scene.fqdn(node)]);
    let state = [
        "inspect",
        "--format",
        "{{.State.Running}}",
        &scene.fqdn(node),
    ];
    assert_eq!(scene.docker_says(&state), "false");
}

const MEMBERS: [&str; 3] = ["etcd-1", "etcd-2", "etcd-3"];

/// The member that claims to lead.
#[track_caller]
fn etcd_leader(scene: &Scene) -> &'static str {
    let leads = |member: &&&str| {
        let status = scene.on_node(member, "etcdctl endpoint status");
        status.split(", ").nth(4) == Some("true")
    };
    MEMBERS.iter().find(leads).expect("one member leads")
}

#[test]
fn etcd_outlives_its_leader_and_a_restart() {
    let Some(scene) = started("etcd", &["--heartbeat", "50ms", "--quota", "64m"]) else {
        return;
    };
    let environment = scene.on_node("etcd-2", "env");
    for setting in [
        "ETCD_HEARTBEAT_INTERVAL=50",
        "ETCD_QUOTA_BACKEND_BYTES=67108864",
    ] {
        assert!(environment.contains(setting), "{environment}");
    }
    scene.on_node("etcd-1", "etcdctl put colour green");
    let leader = etcd_leader(&scene);
    assert_died(&scene, leader);
    let others = MEMBERS.iter().filter(|member| **member != leader);
    for member in others {
        let value = eventually(&scene, member, "etcdctl get --print-value-only colour");
        assert_eq!(value, "green", "{member}");
    }
    scene.run(["resume", &scene.name]).succeeds();
    for command in ["resume", "restart"] {
        scene.run([command, &scene.name]).succeeds();
        for member in MEMBERS {
            let healthy = scene.on_node(member, "etcdctl endpoint health 2>&1");
            assert!(healthy.contains("is healthy"), "{command}: {healthy}");
            let value = scene.on_node(member, "etcdctl get --print-value-only colour");
            assert_eq!(value, "green", "{command}: {member}");
        }
    }
    let count = "etcdctl member list | grep -c started";
    assert_eq!(scene.on_node("etcd-3", count), "3");
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

const PASSWORD: &str = "a 'quoted' canary-4711";

/// The answer to a query, as the server's own user.
#[track_caller]
fn psql(scene: &Scene, node: &str, query: &str) -> String {
    scene.on_node(node, &format!("psql -Atc \"{query}\""))
}

const STREAMING: &str = "select count(*) from pg_stat_replication where state = 'streaming'";

#[test]
fn postgresql_outlives_its_primary_and_a_restart() {
    let arguments = ["--password", PASSWORD, "--port", "6543"];
    let Some(scene) = started("postgres", &arguments) else {
        return;
    };
    assert_eq!(psql(&scene, "primary", STREAMING), "2");
    psql(&scene, "primary", "create table t as select 1 as n");
    let there = "psql -Atc 'select sum(n) from t' | grep -qx 1";
    eventually(&scene, "standby-2", there);
    assert_password_counts(&scene);
    assert_died(&scene, "primary");
    assert_eq!(psql(&scene, "standby-1", "select sum(n) from t"), "1");
    scene.run(["resume", &scene.name]).succeeds();
    assert_eq!(psql(&scene, "primary", "select sum(n) from t"), "1");
    psql(&scene, "primary", "insert into t values (41)");
    for standby in ["standby-1", "standby-2"] {
        let there = "psql -Atc 'select sum(n) from t' | grep -qx 42";
        eventually(&scene, standby, there);
    }
    scene.run(["restart", &scene.name]).succeeds();
    for node in ["primary", "standby-1", "standby-2"] {
        assert_eq!(psql(&scene, node, "select sum(n) from t"), "42", "{node}");
    }
    assert_eq!(psql(&scene, "primary", STREAMING), "2");
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

/// Over the network the password is asked for, and Docker knows nothing of it.
#[track_caller]
fn assert_password_counts(scene: &Scene) {
    let connect = |file: &str| {
        let primary = scene.fqdn("primary");
        format!("PGPASSFILE={file} psql -w -h {primary} -Atc 'select 1'")
    };
    let with = connect("/var/lib/postgresql/.pgpass");
    assert_eq!(scene.on_node("standby-1", &with), "1");
    let without = format!("! {}", connect("/dev/null"));
    scene.on_node("standby-1", &format!("{without} 2> /dev/null"));
    for node in ["primary", "standby-1"] {
        let known = scene.docker_says(&["inspect", &scene.fqdn(node)]);
        assert!(!known.contains("canary-4711"), "{known}");
    }
}

#[test]
fn the_folders_of_systems_are_complete() {
    for system in ["etcd", "postgres"] {
        let folder = workspace().join(format!("topologies/topology_{system}"));
        for file in ["topology.toml", "README.md", "images/debian12/Dockerfile"] {
            assert!(Path::new(&folder).join(file).is_file(), "{system}: {file}");
        }
    }
}
