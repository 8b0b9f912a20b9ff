//! `--volume`, `--env`, `--image` and `--label` of `start`, in the containers that Docker has.

use std::fs;

use clusterdock_plugin_wire::{NodeSpec, Volume};
use clusterdock_tests::run::Run;
use clusterdock_tests::scene::Scene;

/// A start of nodes `a` and `b` with the user's wishes, some of which override the topology's.
fn wishing(scene: &Scene, image: &str, folder: &std::path::Path) -> Run {
    let like = NodeSpec::new("", "")
        .environment("A", "topology")
        .volume(Volume::anonymous("/data"));
    let start = scene.start_like(&like).folder(folder);
    start.args(
        [
            ["--nodes", "a,b"],
            ["--env", "A=user"],
            ["-e", "b=B=x=y"],
            ["--volume", "./data:/data:ro"],
            ["--volume", "nodes=/scratch"],
            ["--image", &format!("b={image}")],
            ["--label", "tier=test"],
        ]
        .concat(),
    )
}

#[test]
fn the_users_wishes_override_the_topology() {
    let Some(scene) = Scene::new("wishes") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("data")).unwrap();
    fs::write(folder.path().join("data/file"), "of the user").unwrap();
    scene.start().succeeds();
    let usual = scene.docker_says(&["inspect", "-f", "{{.Config.Image}}", &scene.fqdn("node-1")]);
    scene.run(["rm", &scene.name]).succeeds();
    let image = format!("clusterdock-tests/{}:1", scene.name);
    scene.docker_says(&["tag", &usual, &image]);
    let planned = wishing(&scene, &image, folder.path())
        .args(["--dry-run"])
        .succeeds();
    for text in [
        &format!("{} on /data (ro)", folder.path().join("data").display()),
        "a fresh volume on /scratch",
        "variable B",
        "label tier=test",
        &image,
    ] {
        assert!(
            planned.stdout.contains(text),
            "no {text} in {}",
            planned.stdout
        );
    }
    assert!(!planned.stdout.contains("x=y"), "{}", planned.stdout);
    let started = wishing(&scene, &image, folder.path()).succeeds();
    for text in [
        "--env overrides the topology's A on a, b",
        "--volume overrides the topology's mount at /data on a, b",
    ] {
        for told in [&planned.stderr, &started.stderr] {
            assert!(told.contains(text), "no {text} in {told}");
        }
    }
    assert_eq!(
        scene.on_node("a", "echo $A-$B; cat /data/file"),
        "user-\nof the user"
    );
    assert_eq!(
        scene.on_node("b", "echo $A-$B; test -d /scratch"),
        "user-x=y"
    );
    let has =
        |node: &str, what: &str| scene.docker_says(&["inspect", "-f", what, &scene.fqdn(node)]);
    assert_ne!(has("a", "{{.Config.Image}}"), image);
    assert_eq!(has("b", "{{.Config.Image}}"), image);
    assert_eq!(has("a", "{{.Config.Labels.tier}}"), "test");
    let listed = scene.run(["ps", "--format", "json"]).succeeds().stdout;
    assert!(listed.contains(&scene.fqdn("b")), "still a node: {listed}");
    scene.run(["rm", &scene.name]).succeeds();
    scene.docker_says(&["rmi", &image]);
    scene.assert_empty();
}

#[test]
fn a_missing_folder_and_an_unavailable_image_fail_the_start() {
    let Some(scene) = Scene::new("wishes-missing") else {
        return;
    };
    scene
        .start()
        .args(["--volume", "/nowhere/at/all:/data"])
        .fails(2, &["/nowhere/at/all"]);
    scene
        .start()
        .args(["--image", "clusterdock-tests/nothing:1", "--pull", "never"])
        .fails(6, &["clusterdock-tests/nothing:1"]);
    scene.assert_empty();
}
