//! How nodes are created on newer engines, which expect some settings in another form.

use std::fs;

use clusterdock_plugin_wire::{NodeSpec, Security, Volume};
use clusterdock_tests::dockerd::{EngineBuild, OwnEngine};
use clusterdock_tests::scene::Scene;
use serde_json::json;

use super::available;

/// The volumes of an image, fresh ones, and a node that may do everything.
fn nodes(build: EngineBuild) {
    let Some(engine) = available("nodes", || OwnEngine::start(build)) else {
        return;
    };
    let scene = Scene::on(&engine.host(), "nodes");
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("Dockerfile"),
        "FROM scratch\nCOPY file /data/file\nVOLUME /data\n",
    )
    .unwrap();
    fs::write(folder.path().join("file"), "of the image").unwrap();
    scene.docker_says(&[
        "build",
        "-q",
        "-t",
        "data:1",
        folder.path().to_str().unwrap(),
    ]);
    let like = NodeSpec::new("", "")
        .volume(Volume::of_image("data:1"))
        .volume(Volume::anonymous("/fresh"));
    scene.start_like(&like).succeeds();
    assert_eq!(
        scene.on_node("node-1", "cat /data/file; echo shared >/data/other"),
        "of the image"
    );
    assert_eq!(scene.on_node("node-2", "cat /data/other"), "shared");
    scene.run(["rm", &scene.fqdn("node-1")]).succeeds();
    assert_eq!(scene.on_node("node-2", "cat /data/other"), "shared");
    scene.run(["rm", &scene.name]).succeeds();
    assert_eq!(scene.docker_says(&["volume", "ls", "-q"]), "");
    scene.assert_empty();
    scene
        .start_like(&like.security(Security::Privileged))
        .succeeds();
    assert_eq!(
        scene.docker_says(&[
            "inspect",
            "-f",
            "{{.HostConfig.Privileged}}",
            &scene.fqdn("node-1")
        ]),
        "true"
    );
}

#[test]
fn nodes_on_the_trixie_engine() {
    nodes(EngineBuild::Trixie);
}

#[test]
fn nodes_on_the_sid_engine() {
    nodes(EngineBuild::Sid);
}

/// An engine with another logging driver gets nodes without the options of log files.
#[test]
fn nodes_use_the_logging_driver_of_the_engine() {
    let nowhere = json!({"gelf-address": "udp://127.0.0.1:12201"});
    for (driver, options) in [("gelf", nowhere), ("none", json!({})), ("local", json!({}))] {
        let configuration = json!({"log-driver": driver, "log-opts": options});
        let engine = || OwnEngine::configured(EngineBuild::Installed, &configuration);
        let Some(engine) = available("nodes", engine) else {
            return;
        };
        let scene = Scene::on(&engine.host(), "nodes");
        scene.start().succeeds();
        let config = scene.docker_says(&[
            "inspect",
            "-f",
            "{{json .HostConfig.LogConfig}}",
            &scene.fqdn("node-1"),
        ]);
        assert!(
            config.contains(&format!("\"{driver}\"")) && !config.contains("max-"),
            "{config}"
        );
        scene.run(["rm", &scene.name]).succeeds();
        let asked = scene.start().args(["--log-max-size", "1m"]).succeeds();
        let is_told = asked.stderr.contains(&format!(
            "the engine's logging driver `{driver}` has no such option"
        ));
        assert_eq!(is_told, driver != "local", "{}", asked.stderr);
    }
}
