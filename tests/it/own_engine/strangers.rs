//! Containers created by hand from hostile and committed images, on every engine: reported, and left alone by `nuke`.

use std::fs;

use clusterdock::cluster::labels;
use clusterdock_tests::dockerd::{EngineBuild, OwnEngine};
use clusterdock_tests::scene::Scene;

use super::available;

/// Labels that contain a path, a line break and a control sequence. Dockerfiles have no newlines in values.
const HOSTILE: [&str; 3] = [
    r#"LABEL com.clusterdock.clusterdock="{\"cluster_name\":\"/home/me/my\"}" com.clusterdock.cluster=/home/me/my com.clusterdock.run=files"#,
    r#"LABEL com.clusterdock.clusterdock="{\"cluster_name\":\"a\\nlab  running\"}""#,
    "LABEL com.clusterdock.clusterdock=\"{\\\"cluster_name\\\":\\\"x\\\"}\" com.clusterdock.node=\"\u{1b}[2Jx\" com.clusterdock.cluster=x",
];

fn hostile_images(scene: &Scene) -> Vec<String> {
    let archive = scene.config().join("empty.tar");
    // Two blocks of zeros are an archive without entries.
    fs::write(&archive, [0; 1024]).unwrap();
    let create = |(number, change): (usize, &&str)| {
        let (image, name) = (format!("hostile:{number}"), format!("hostile-{number}"));
        scene.docker_says(&["import", "-c", change, archive.to_str().unwrap(), &image]);
        scene.docker_says(&["create", "--name", &name, &image, "true"]);
        name
    };
    HOSTILE.iter().enumerate().map(create).collect()
}

/// Two containers of images that were committed of a node, with its labels and without.
fn committed(scene: &Scene) {
    let node = scene.fqdn("node-1");
    scene.docker_says(&["commit", &node, "inherits:1"]);
    scene.docker_says(&["commit", "-c", &labels::blank(), &node, "blank:1"]);
    scene.docker_says(&["run", "-d", "--name", "inherits", "inherits:1"]);
    scene.docker_says(&["run", "-d", "--name", "blank", "blank:1"]);
}

/// Networks with the labels of a start, and names that act on a terminal or forge a row, as far as the engine accepts
/// them; their ids.
fn networks(scene: &Scene) -> Vec<String> {
    let facts = [
        r#"clusterdock={"cluster_name":"forged"}"#,
        "run=0123456789abcdef",
        "created=2026-01-01T00:00:00Z",
        "version=1",
    ];
    let facts = facts.map(|fact| format!("--label=com.clusterdock.{fact}"));
    let names = [
        "\u{1b}[2J\u{1b}]0;owned\u{7}",
        "forged\nlab  running  9/9",
        "forged net",
    ];
    let create = |name: &&str| {
        let facts = facts.iter().map(String::as_str);
        let command: Vec<&str> = ["network", "create"]
            .into_iter()
            .chain(facts)
            .chain([*name])
            .collect();
        let created = scene.docker(&command);
        let id = String::from_utf8_lossy(&created.stdout).trim().to_string();
        created.status.success().then_some(id)
    };
    names.iter().filter_map(create).collect()
}

fn strangers(build: EngineBuild) {
    let Some(engine) = available("strangers", || OwnEngine::start(build)) else {
        return;
    };
    let scene = Scene::on(&engine.host(), "strangers");
    scene.start().succeeds();
    let mine = scene.config().join("keys/my-files/mine");
    fs::create_dir_all(mine.parent().unwrap()).unwrap();
    fs::write(&mine, "mine").unwrap();
    let mut names = hostile_images(&scene);
    committed(&scene);
    names.push("inherits".into());
    let networks = networks(&scene);
    if build == EngineBuild::Installed {
        assert_eq!(networks.len(), 3, "this engine accepts any name");
    }
    for command in ["ls", "ps"] {
        let ran = scene.run([command]).succeeds();
        for name in &names {
            assert!(ran.stderr.contains(&format!("`{name}`")), "{}", ran.stderr);
        }
        assert!(
            !ran.stderr.contains("`blank`") && !ran.stdout.contains("inherits"),
            "{}{}",
            ran.stdout,
            ran.stderr
        );
        assert!(
            !ran.stdout.contains(['\u{1b}', '\u{7}']) && !ran.stderr.contains('\u{1b}'),
            "{}{}",
            ran.stdout,
            ran.stderr
        );
        assert!(!ran.stdout.contains("forged"), "{}", ran.stdout);
    }
    let listed = scene.run(["ls", "-q"]).succeeds().stdout;
    assert_eq!(listed.trim(), scene.name);
    scene.run(["manage", "nuke"]).succeeds();
    names.push("blank".into());
    names.sort();
    let mut left: Vec<String> = scene
        .docker_says(&["ps", "-a", "--format", "{{.Names}}"])
        .lines()
        .map(String::from)
        .collect();
    left.sort();
    assert_eq!(left, names);
    let left = scene.docker_says(&["network", "ls", "-q", "--no-trunc"]);
    assert!(networks.iter().all(|id| left.contains(id)), "{left}");
    assert!(mine.exists());
}

#[test]
fn foreign_labels_on_the_installed_engine() {
    strangers(EngineBuild::Installed);
}

#[test]
fn foreign_labels_on_the_trixie_engine() {
    strangers(EngineBuild::Trixie);
}

#[test]
fn foreign_labels_on_the_sid_engine() {
    strangers(EngineBuild::Sid);
}
