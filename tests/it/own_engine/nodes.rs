//! What nodes are made with, on newer engines: these take some of it in other words.

use super::available;
use clusterdock_plugin_api::{NodeSpec, Security, Volume};
use clusterdock_tests::dockerd::{EngineBuild, OwnEngine};
use clusterdock_tests::scene::Scene;
use std::fs;

/// The volumes of an image, fresh ones, and a node that may do everything.
fn nodes(build: EngineBuild) {
    let Some(engine) = available("nodes", || OwnEngine::start(build)) else { return };
    let scene = Scene::on(&engine.host(), "nodes");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("Dockerfile"), "FROM scratch\nCOPY file /data/file\nVOLUME /data\n").unwrap();
    fs::write(folder.path().join("file"), "of the image").unwrap();
    scene.docker_says(&["build", "-q", "-t", "data:1", folder.path().to_str().unwrap()]);
    let like = NodeSpec::new("", "").volume(Volume::of_image("data:1")).volume(Volume::anonymous("/fresh"));
    scene.start_like(&like).succeeds();
    assert_eq!(scene.on_node("node-1", "cat /data/file; echo shared >/data/other"), "of the image");
    assert_eq!(scene.on_node("node-2", "cat /data/other"), "shared");
    scene.run(["rm", &scene.fqdn("node-1")]).succeeds();
    assert_eq!(scene.on_node("node-2", "cat /data/other"), "shared");
    scene.run(["rm", &scene.name]).succeeds();
    assert_eq!(scene.docker_says(&["volume", "ls", "-q"]), "");
    scene.is_empty();
    scene.start_like(&like.security(Security::Privileged)).succeeds();
    assert_eq!(scene.docker_says(&["inspect", "-f", "{{.HostConfig.Privileged}}", &scene.fqdn("node-1")]), "true");
}

#[test]
fn nodes_on_trixies_engine() {
    nodes(EngineBuild::Trixie);
}

#[test]
fn nodes_on_sids_engine() {
    nodes(EngineBuild::Sid);
}
