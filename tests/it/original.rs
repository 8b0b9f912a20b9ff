//! Side by side with the original clusterdock: each sees and removes the other's clusters.

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Command;

use clusterdock::cluster::labels;
use clusterdock_tests::cargo;
use clusterdock_tests::dockerd::{EngineBuild, OwnEngine};
use clusterdock_tests::scene::{NODEBASE, Scene, skipped};

/// What the original needs to run with engines of today.
const PACKAGES: [&str; 5] = [
    "clusterdock==2.3.0",
    "docker==4.2.2",
    "requests<2.29",
    "urllib3<2",
    "setuptools==65",
];

/// The original's program, in a virtual environment below the target folder; `None`, with a note, if it is
/// unavailable.
fn original() -> Option<PathBuf> {
    let folder = cargo::target().join("original");
    let program = folder.join("bin/clusterdock");
    fs::create_dir_all(cargo::target()).unwrap();
    let lock = File::create(cargo::target().join("original.lock")).unwrap();
    lock.lock().unwrap();
    if !program.exists() {
        let made = Command::new("python3")
            .args(["-m", "venv"])
            .arg(&folder)
            .output()
            .unwrap();
        let pip = Command::new(folder.join("bin/pip"))
            .args(["install", "-q"])
            .args(PACKAGES)
            .output();
        if !made.status.success() || !pip.is_ok_and(|pip| pip.status.success()) {
            skipped("the original clusterdock: it cannot be installed");
            drop(fs::remove_dir_all(&folder));
            return None;
        }
    }
    Some(program)
}

#[track_caller]
fn output_of(engine: &OwnEngine, program: &Path, arguments: &[&str]) -> String {
    let output = Command::new(program)
        .args(arguments)
        .env("DOCKER_HOST", engine.host())
        .output()
        .unwrap();
    let text = format!(
        "{}{}",
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    assert!(output.status.success(), "{text}");
    text
}

/// The original edits this machine's hosts file through an image of this name: one that does nothing takes its place.
fn alpine(scene: &Scene, image: &str) {
    let container = scene.docker_says(&["create", image]);
    scene.docker_says(&[
        "commit",
        "-c",
        r#"ENTRYPOINT ["true"]"#,
        &container,
        "alpine:latest",
    ]);
    scene.docker_says(&["rm", &container]);
}

#[test]
fn the_original_lists_and_removes_a_new_cluster() {
    let Some(original) = Scene::new("original").and_then(|_| original()) else {
        return;
    };
    // Its `ps` fails on containers of other tests, so it gets its own engine.
    let engine = OwnEngine::start(EngineBuild::Installed).unwrap();
    let scene = Scene::on(&engine.host(), "original");
    scene.start().args(["-p", "node-1:80"]).succeeds();
    let other = format!("{}-b", scene.name);
    let start = scene.run(["start", "-c", &other, "-n", &other, "--domain", "b.example"]);
    start.args([NODEBASE]).succeeds();
    let listed = output_of(&engine, &original, &["ps"]);
    assert!(listed.contains("node-2.b.example"), "{listed}");
    scene.run(["rm", &other]).succeeds();
    let listed = output_of(&engine, &original, &["ps"]);
    assert!(
        listed.contains(&scene.name) && listed.contains(&scene.fqdn("node-2")),
        "{listed}"
    );
    let image = scene.docker_says(&["inspect", "-f", "{{.Config.Image}}", &scene.fqdn("node-1")]);
    // A container of an image that was committed of a node carries the label, of no cluster. (The original dies of ports
    // that are exposed and not published, so of the node without any.)
    let blank = [
        "commit",
        "-c",
        &labels::blank(),
        &scene.fqdn("node-2"),
        "committed:1",
    ];
    scene.docker_says(&blank);
    scene.docker_says(&["run", "-d", "--name", "of-committed", "committed:1"]);
    let listed = output_of(&engine, &original, &["ps"]);
    assert!(listed.contains(&scene.fqdn("node-2")), "{listed}");
    scene.docker_says(&["rm", "-f", "of-committed"]);
    alpine(&scene, &image);
    output_of(&engine, &original, &["manage", "remove", "-n", &scene.name]);
    // The original knows nothing of records; what it leaves is listed, and removed by name.
    let listed = scene.run(["ls"]).succeeds().stdout;
    assert!(
        listed.contains("partial") && listed.contains("0/2"),
        "{listed}"
    );
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

#[test]
fn commands_work_on_a_cluster_of_the_original() {
    let Some(original) = Scene::new("theirs").and_then(|_| original()) else {
        return;
    };
    // Its `ps` fails on containers of other tests, so it gets its own engine.
    let engine = OwnEngine::start(EngineBuild::Installed).unwrap();
    let scene = Scene::on(&engine.host(), "theirs");
    scene.start().succeeds();
    let image = scene.docker_says(&["inspect", "-f", "{{.Config.Image}}", &scene.fqdn("node-1")]);
    scene.run(["rm", &scene.name]).succeeds();
    alpine(&scene, &image);
    let folder = tempfile::tempdir().unwrap();
    let topology = folder.path().join("topology_x");
    fs::create_dir(&topology).unwrap();
    fs::write(
        topology.join("topology.yaml"),
        "name: x\ndescription: x\nnode groups:\n  nodes:\n    - one\n",
    )
    .unwrap();
    // (Takes half a minute: it waits for sshd, which does not exist, and continues.)
    let start = format!(
        "from clusterdock.models import Cluster, Node\n\
         Node.DEFAULT_CREATE_HOST_CONFIG_KWARGS['cap_drop'] = ['SYS_RESOURCE']\n\n\n\
         def main(args):\n    \
             node = Node(hostname='one', group='nodes', image='{image}')\n    \
             Cluster(node).start(args.network, update_etc_hosts=False)\n"
    );
    fs::write(topology.join("start.py"), start).unwrap();
    output_of(
        &engine,
        &original,
        &[
            "start",
            "-c",
            &scene.name,
            "-n",
            &scene.name,
            &topology.display().to_string(),
        ],
    );
    let fqdn = scene.fqdn("one");
    let listed = scene.run(["ps"]).succeeds().stdout;
    assert!(
        listed.contains(&fqdn) && listed.contains(&scene.name),
        "{listed}"
    );
    let name = scene
        .run(["ssh", &fqdn, "--", "hostname", "-f"])
        .succeeds()
        .stdout;
    assert_eq!(name.trim(), fqdn);
    let (note, back) = (folder.path().join("note"), folder.path().join("back"));
    fs::write(&note, "from here").unwrap();
    scene
        .run([
            "cp",
            &note.display().to_string(),
            &format!("{fqdn}:/root/note"),
        ])
        .succeeds();
    let container =
        scene.docker_says(&["ps", "-q", "--filter", &format!("network={}", scene.name)]);
    assert_eq!(
        scene.docker_says(&["exec", &container, "cat", "/root/note"]),
        "from here"
    );
    scene
        .run([
            "cp",
            &format!("{fqdn}:/root/note"),
            &back.display().to_string(),
        ])
        .succeeds();
    assert_eq!(fs::read_to_string(back).unwrap(), "from here");
    let by_cluster = format!("{}/one", scene.name);
    scene.run(["exec", &by_cluster, "--", "true"]).succeeds();
    scene.run(["rm", &by_cluster]).succeeds();
    scene.assert_empty();
}
