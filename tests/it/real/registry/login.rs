//! Registry credentials from Docker's own configuration and from credential helpers.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use clusterdock_tests::dockerd::EngineBuild;
use clusterdock_tests::plugins;
use clusterdock_tests::registry::{PASSWORD, Registry, USER, docker_config};
use clusterdock_tests::run::Run;
use clusterdock_tests::scene::Scene;
use serde_json::json;

use super::{Lab, had, scene_beside};
use crate::own_engine;

/// A folder with a helper program of this name that does this.
fn helper(name: &str, script: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let program = folder.path().join(format!("docker-credential-{name}"));
    fs::write(&program, format!("#!/bin/sh\n{script}\n")).unwrap();
    fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
    folder
}

fn path_with(folder: &Path) -> String {
    format!("{}:{}", folder.display(), std::env::var("PATH").unwrap())
}

/// Without credentials, with wrong ones, and with the right ones; the same on every engine.
fn logins(scene: &Scene, registry: &Registry) {
    let lab = Lab::new(scene, &registry.host);
    let login = format!("docker login {}", registry.host);
    let nobody = docker_config(&json!({}));
    let wrong = registry.login(USER, "wrong");
    let right = registry.login(USER, PASSWORD);
    let refused = |run: Run, folder: &tempfile::TempDir, texts: &[&str]| {
        run.env("DOCKER_CONFIG", folder.path())
            .fails(6, &[&[&*lab.image(), &*login], texts].concat());
    };
    refused(
        lab.build().args(["--push"]),
        &nobody,
        &["could not be pushed", "requires a login"],
    );
    refused(
        lab.build().args(["--push"]),
        &wrong,
        &[
            "could not be pushed",
            "rejects the credentials",
            "as `tester`",
        ],
    );
    lab.build()
        .args(["--push"])
        .env("DOCKER_CONFIG", right.path())
        .succeeds();
    lab.forget_image();
    refused(lab.start(), &nobody, &["requires a login"]);
    refused(
        lab.start(),
        &wrong,
        &["rejects the credentials", "as `tester`"],
    );
    lab.start().env("DOCKER_CONFIG", right.path()).succeeds();
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

#[test]
fn a_registry_gets_the_login_of_the_docker_configuration() {
    let Some((scene, registry)) = scene_beside("login", Registry::guarded) else {
        return;
    };
    logins(&scene, &registry);
}

#[test]
fn a_registry_gets_the_login_from_the_trixie_engine() {
    logins_of(EngineBuild::Trixie);
}

#[test]
fn a_registry_gets_the_login_from_the_sid_engine() {
    logins_of(EngineBuild::Sid);
}

fn logins_of(build: EngineBuild) {
    let Some((scene, engine)) = own_engine::scene(build, "login") else {
        return;
    };
    let Some(registry) = had(Registry::guarded_beside(engine)) else {
        return;
    };
    logins(&scene, &registry);
}

#[test]
fn a_credential_helper_that_fails_is_named() {
    let Some((scene, registry)) = scene_beside("helper", Registry::guarded) else {
        return;
    };
    let lab = Lab::new(&scene, &registry.host);
    let config = docker_config(&json!({ "credHelpers": { &registry.host: "lab" } }));
    let with = |run: Run, helper: &tempfile::TempDir| {
        run.env("DOCKER_CONFIG", config.path())
            .env("PATH", path_with(helper.path()))
    };
    let answer = json!({ "ServerURL": registry.host, "Username": USER, "Secret": PASSWORD });
    let asked = format!("[ \"$1 $(cat)\" = \"get {}\" ] || exit 1", registry.host);
    let right = helper("lab", &format!("{asked}\ncat <<'END'\n{answer}\nEND"));
    with(lab.build().args(["--push"]), &right).succeeds();
    lab.forget_image();
    let locked = helper("lab", "echo the store is locked; exit 1");
    let named = [
        "`docker-credential-lab` returned no credentials",
        "the store is locked",
        "hint: run it to see why",
    ];
    with(lab.start(), &locked).fails(6, &[&[&*lab.image()], &named[..]].concat());
    let empty = helper(
        "lab",
        "echo credentials not found in native keychain; exit 1",
    );
    with(lab.start(), &empty).fails(6, &["requires a login"]);
    let none = tempfile::tempdir().unwrap();
    with(lab.start(), &none).fails(6, &["`docker-credential-lab`", "it cannot be run"]);
    with(lab.start(), &right).succeeds();
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

#[test]
fn a_build_can_use_a_private_base_image() {
    let Some((scene, registry)) = scene_beside("from", Registry::guarded) else {
        return;
    };
    let lab = Lab::new(&scene, &registry.host);
    let right = registry.login(USER, PASSWORD);
    lab.build()
        .args(["--push"])
        .env("DOCKER_CONFIG", right.path())
        .succeeds();
    lab.forget_image();
    lab.dockerfile(&lab.image(), "LABEL derived=yes\n");
    let derived = format!("{}-derived", scene.name);
    let nobody = docker_config(&json!({}));
    lab.build_to(&derived)
        .env("DOCKER_CONFIG", nobody.path())
        .fails(6, &["could not be built", "docker login"]);
    let built = lab
        .build_to(&derived)
        .env("DOCKER_CONFIG", right.path())
        .succeeds();
    scene.docker_says(&["rmi", built.stdout.trim()]);
    scene.assert_empty();
}

#[test]
fn a_credential_helper_runs_once_per_command() {
    let Some((scene, registry)) = scene_beside("once", Registry::guarded) else {
        return;
    };
    let lab = Lab::new(&scene, &registry.host);
    let manifest = lab.folder.path().join("topology.toml");
    let calls = fs::read_to_string(&manifest).unwrap().replace(
        "plugin = \"topology_nodebase\"",
        "plugin = \"topology_calls\"",
    );
    fs::write(&manifest, calls).unwrap();
    fs::copy(
        plugins::library("topology_calls"),
        lab.folder.path().join("libtopology_calls.so"),
    )
    .unwrap();
    let config = docker_config(&json!({ "credHelpers": { &registry.host: "lab" } }));
    let answer = json!({ "ServerURL": registry.host, "Username": USER, "Secret": PASSWORD });
    let asked = config.path().join("asked");
    let program = helper(
        "lab",
        &format!(
            "echo asked >>{}\ncat <<'END'\n{answer}\nEND",
            asked.display()
        ),
    );
    let build = lab.build().args([
        "-n",
        &scene.name,
        "-o",
        "small",
        "--tag",
        "v9",
        "--publish",
        "--push",
    ]);
    let built = build
        .env("DOCKER_CONFIG", config.path())
        .env("PATH", path_with(program.path()))
        .succeeds();
    assert_eq!(
        built.stderr.matches("Pushing image").count(),
        2,
        "{}",
        built.stderr
    );
    assert_eq!(fs::read_to_string(asked).unwrap(), "asked\n");
    for image in built.stdout.lines() {
        scene.docker_says(&["rmi", image]);
    }
    scene.assert_empty();
}
