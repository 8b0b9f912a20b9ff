//! Engine addresses, Docker configurations and output streams as users have them.

use std::fs;

use clusterdock_tests::run::Run;
use clusterdock_tests::scene::{NODEBASE, Scene};

/// The address of an engine on another machine.
const LOCAL: &str = "unix:///var/run/docker.sock";

#[test]
fn a_broken_docker_configuration_is_a_warning() {
    let Some(scene) = Scene::new("broken").filter(|scene| scene.engine() == LOCAL) else {
        return;
    };
    let docker = tempfile::tempdir().unwrap();
    let listed = |text: &[u8]| {
        fs::write(docker.path().join("config.json"), text).unwrap();
        scene
            .run(["ls"])
            .env("DOCKER_HOST", "")
            .env("DOCKER_CONFIG", docker.path())
            .succeeds()
            .stderr
    };
    for text in [
        &b"{"[..],
        b"\xef\xbb\xbf{}",
        b"[]",
        b"{\"currentContext\": 5}",
    ] {
        let stderr = listed(text);
        assert!(stderr.contains("config.json cannot be read"), "{stderr}");
    }
    for text in [
        &b""[..],
        b"null",
        b"{\"AUTHS\": null, \"CurrentContext\": \"default\"}",
    ] {
        let stderr = listed(text);
        assert!(!stderr.contains("config.json"), "{stderr}");
    }
    // An explicit engine needs no configuration.
    fs::write(docker.path().join("config.json"), "{").unwrap();
    let named = scene
        .run(["ls"])
        .env("DOCKER_CONFIG", docker.path())
        .succeeds();
    assert!(!named.stderr.contains("config.json"), "{}", named.stderr);
}

#[test]
fn every_spelling_of_the_local_engine_works() {
    let Some(scene) = Scene::new("written").filter(|scene| scene.engine() == LOCAL) else {
        return;
    };
    for address in ["", " ", "unix://", " unix:///var/run/docker.sock "] {
        scene.run(["ls"]).env("DOCKER_HOST", address).succeeds();
        scene
            .run(["ls"])
            .env("DOCKER_HOST", "tcp://127.0.0.1:1")
            .args(["-H", address])
            .succeeds();
    }
    let run = scene.run(["ls"]).env("DOCKER_HOST", "unix://docker.sock");
    run.folder(std::path::Path::new("/var/run")).succeeds();
}

#[test]
fn a_generated_name_is_alone_on_standard_output() {
    let Some(scene) = Scene::new("named") else {
        return;
    };
    let start = |progress: &str| -> Run {
        scene.run([
            "--progress",
            progress,
            "start",
            "-n",
            &scene.name,
            NODEBASE,
            "--nodes",
            "a",
        ])
    };
    let started = start("plain").succeeds();
    let name = started.stdout.strip_suffix('\n').unwrap();
    assert!(
        !name.is_empty() && !name.contains(char::is_whitespace),
        "{:?}",
        started.stdout
    );
    assert!(
        started
            .stderr
            .contains(&format!("The cluster's name is {name}.")),
        "{}",
        started.stderr
    );
    scene.run(["rm", name]).succeeds();
    let started = start("json").succeeds();
    for line in started.stderr.lines() {
        serde_json::from_str::<serde_json::Value>(line).expect(line);
    }
    scene.run(["rm", started.stdout.trim()]).succeeds();
    let json = [
        "--progress",
        "quiet",
        "start",
        "--format",
        "json",
        "-n",
        &scene.name,
        NODEBASE,
        "--nodes",
        "a",
    ];
    let started = scene.run(json).succeeds();
    let answer: serde_json::Value = serde_json::from_str(&started.stdout).unwrap();
    scene
        .run(["rm", answer["cluster"]["name"].as_str().unwrap()])
        .succeeds();
    scene.assert_empty();
}

#[test]
fn missing_capabilities_are_reported_once() {
    let Some(scene) = Scene::new("once") else {
        return;
    };
    let warnings = || {
        let stderr = scene.start().succeeds().stderr;
        scene.run(["rm", &scene.name]).succeeds();
        stderr.matches("cannot grant").count()
    };
    let (first, second) = (warnings(), warnings());
    assert!(first <= 1 && second == 0, "{first}, {second}");
    scene.assert_empty();
}

#[test]
fn arguments_of_a_command_are_passed_unchanged() {
    let Some(scene) = Scene::new("own") else {
        return;
    };
    scene.start().succeeds();
    let node = scene.fqdn("node-1");
    for argument in ["-h", "--help", "--progress", "-v"] {
        for command in ["ssh", "exec"] {
            let ran = scene
                .run([command, &node, "--", "printf", "%s", argument])
                .succeeds();
            assert_eq!(ran.stdout, argument);
        }
    }
    // No program of this name, rather than our own help.
    let ran = scene.run(["ssh", &node, "--", "-h"]).run();
    assert!(
        ran.code != 0 && !ran.stdout.contains("Usage: clusterdock"),
        "{}",
        ran.stdout
    );
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}
