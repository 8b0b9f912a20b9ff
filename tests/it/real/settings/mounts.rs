//! Folders of the machine, named and anonymous volumes, and the volumes of an image.

use std::fs;

use clusterdock_plugin_wire::{NodeSpec, Volume};
use clusterdock_tests::scene::Scene;
use serde_json::{Value, json};

use super::inspect;

fn volumes_of(container: &Value) -> Vec<String> {
    let mounts = container["Mounts"].as_array().unwrap().iter();
    mounts
        .filter_map(|mount| Some(mount["Name"].as_str()?.to_string()))
        .collect()
}

fn exists(scene: &Scene, volume: &str) -> bool {
    scene
        .docker(&["volume", "inspect", volume])
        .status
        .success()
}

/// The helper containers that hold the volumes of images.
fn helpers(scene: &Scene) -> Vec<String> {
    let things = scene.things().into_iter();
    things
        .filter(|thing| thing.contains("-volumes-"))
        .map(|thing| thing.split(' ').nth(1).unwrap().into())
        .collect()
}

#[test]
fn bind_mounts_and_named_and_anonymous_volumes_work() {
    let Some(scene) = Scene::new("mounts") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("from"), "the machine").unwrap();
    let (path, named) = (
        folder.path().to_str().unwrap(),
        format!("{}-kept", scene.name),
    );
    let like = NodeSpec::new("", "")
        .volume(Volume::bind(path, "/rw"))
        .volume(Volume::bind(path, "/ro").read_only())
        .volume(Volume::named(&named, "/named"))
        .volume(Volume::anonymous("/fresh"));
    scene.start_like(&like).args(["--nodes", "a"]).succeeds();
    assert_eq!(
        scene.on_node("a", "cat /rw/from /ro/from"),
        "the machinethe machine"
    );
    scene.on_node(
        "a",
        "echo node >/rw/back; echo kept >/named/file; echo fresh >/fresh/file",
    );
    assert_eq!(
        fs::read_to_string(folder.path().join("back")).unwrap(),
        "node\n"
    );
    assert!(
        scene
            .on_node("a", "touch /ro/x 2>&1 || true")
            .contains("Read-only file system")
    );
    let fresh = volumes_of(&inspect(&scene, &scene.fqdn("a")))
        .into_iter()
        .find(|name| *name != named)
        .unwrap();
    for what in ["stop", "resume"] {
        scene.run([what, &scene.name]).succeeds();
    }
    assert_eq!(scene.on_node("a", "cat /fresh/file"), "fresh");
    scene.run(["rm", &scene.name]).succeeds();
    assert!(exists(&scene, &named) && !exists(&scene, &fresh));
    scene.start_like(&like).args(["--nodes", "a"]).succeeds();
    assert_eq!(scene.on_node("a", "cat /named/file"), "kept");
    scene.run(["rm", &scene.name]).succeeds();
    scene.docker_says(&["volume", "rm", &named]);
    let missing = NodeSpec::new("", "").volume(Volume::bind("/nowhere/at/all", "/x"));
    scene.start_like(&missing).fails(2, &["/nowhere/at/all"]);
    scene.assert_empty();
}

/// An image of data, without any command, which the test removes.
fn image_of_data(scene: &Scene) -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(
        folder.path().join("Dockerfile"),
        "FROM scratch\nCOPY file /data/file\nVOLUME /data\n",
    )
    .unwrap();
    fs::write(folder.path().join("file"), "of the image").unwrap();
    let image = format!("clusterdock-tests/{}:1", scene.name);
    scene.docker_says(&["build", "-q", "-t", &image, folder.path().to_str().unwrap()]);
    image
}

#[test]
fn volumes_of_an_image_go_with_the_last_node() {
    let Some(scene) = Scene::new("data") else {
        return;
    };
    let image = image_of_data(&scene);
    let like = NodeSpec::new("", "").volume(Volume::of_image(&image));
    let planned = scene
        .start_like(&like)
        .args(["--dry-run"])
        .succeeds()
        .stdout;
    assert!(
        planned.contains(&format!("the volumes of {image}, never started")),
        "{planned}"
    );
    scene.start_like(&like).succeeds();
    assert_eq!(scene.on_node("node-1", "cat /data/file"), "of the image");
    scene.on_node("node-2", "echo shared >/data/other");
    assert_eq!(scene.on_node("node-1", "cat /data/other"), "shared");
    let helper = helpers(&scene);
    assert_eq!(helper.len(), 1, "{helper:?}");
    let seen = inspect(&scene, &helper[0]);
    assert_eq!(
        (&seen["State"]["Status"], &seen["HostConfig"]["NetworkMode"]),
        (&json!("created"), &json!("none"))
    );
    let volume = volumes_of(&seen).remove(0);
    // It never counts as a node.
    let ps = scene.run(["ps"]).succeeds().stdout;
    assert!(
        !ps.contains(&helper[0]) && ps.contains(&scene.fqdn("node-2")),
        "{ps}"
    );
    let ls = scene.run(["ls"]).succeeds().stdout;
    assert!(
        ls.lines()
            .any(|line| line.contains(&scene.name) && line.contains("running")),
        "{ls}"
    );
    let ran = scene
        .run([
            "exec",
            "--all",
            "-c",
            &scene.name,
            "--",
            "cat",
            "/data/file",
        ])
        .succeeds();
    assert_eq!(ran.stdout.lines().count(), 2, "{}", ran.stdout);
    for what in ["stop", "resume"] {
        scene.run([what, &scene.name]).succeeds();
    }
    assert_eq!(
        (scene.on_node("node-1", "cat /data/other"), helpers(&scene)),
        ("shared".into(), helper)
    );
    scene
        .run(["rm", &format!("{}/node-1", scene.name)])
        .succeeds();
    assert_eq!(scene.on_node("node-2", "cat /data/other"), "shared");
    scene.run(["rm", &scene.fqdn("node-2")]).succeeds();
    scene.assert_empty();
    assert!(!exists(&scene, &volume));
    scene
        .start_like(&NodeSpec::new("", "").volume(Volume::of_image(&image).read_only()))
        .succeeds();
    assert!(
        scene
            .on_node("node-1", "touch /data/x 2>&1 || true")
            .contains("Read-only file system")
    );
    scene
        .run(["manage", "remove", "-n", &scene.name])
        .succeeds();
    scene.assert_empty();
    scene.docker_says(&["rmi", &image]);
    // An unavailable image is reported before anything is created.
    scene
        .start_like(&like)
        .args(["--pull", "never"])
        .fails(6, &[&image]);
    scene.assert_empty();
}
