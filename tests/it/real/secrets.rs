//! A secret argument is in the node's files, and nowhere else: not in a plan, an answer, an event, an error, a label, a
//! record, a file below the config directory, or a process's arguments.

use std::fs;
use std::path::Path;

use clusterdock_tests::plugins;
use clusterdock_tests::run::{Ran, Run};
use clusterdock_tests::scene::Scene;

const CANARY: &str = "c4n4ry-of-the-mine";

const LARGE: u64 = 1 << 20;

/// A start of the topology with the secret in its environment, where no list of processes shows it.
fn start(scene: &Scene, arguments: &[&str]) -> Run {
    scene
        .run(["start", "-c", &scene.name, "-n", &scene.name])
        .args(arguments.iter().copied())
        .args([plugins::library("topology_secrets")])
        .env("CLUSTERDOCK_START_PASSWORD", CANARY)
}

#[track_caller]
fn assert_silent(what: &str, ran: &Ran) {
    for (stream, text) in [("stdout", &ran.stdout), ("stderr", &ran.stderr)] {
        assert!(!text.contains(CANARY), "{stream} of {what}:\n{text}");
    }
}

/// No file below this folder has the secret. Large ones are libraries and images, which are of no start alone.
#[track_caller]
fn assert_silent_files(folder: &Path) {
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let Ok(metadata) = fs::symlink_metadata(&path) else {
            continue;
        };
        if metadata.is_dir() {
            assert_silent_files(&path);
        } else if metadata.is_file() && metadata.len() < LARGE {
            let text = fs::read(&path).unwrap_or_default();
            let text = String::from_utf8_lossy(&text);
            assert!(!text.contains(CANARY), "{}", path.display());
        }
    }
}

#[test]
fn a_secret_is_in_no_output_of_any_command() {
    let Some(scene) = Scene::new("secret") else {
        return;
    };
    for arguments in [
        &["--dry-run"][..],
        &["--dry-run", "--format", "json"],
        &["--dry-run", "-v", "--progress", "json"],
    ] {
        let ran = start(&scene, arguments).succeeds();
        assert_silent("a dry run", &ran);
        assert!(ran.stdout.contains("/etc/app.key"), "{}", ran.stdout);
    }
    let started = start(&scene, &["-v", "--progress", "json"]).succeeds();
    assert_silent("start", &started);
    for text in [
        "the password is ***, or ***",
        "logged *** and ***",
        "printed ***",
        "shown ***",
    ] {
        assert!(
            started.stderr.contains(text),
            "no `{text}` in:\n{}",
            started.stderr
        );
    }
    let named = |command: &'static str| [command.to_string(), scene.name.clone()];
    let quoted = [
        named("inspect").to_vec(),
        vec!["inspect".into(), scene.fqdn("node-1")],
        named("env").to_vec(),
        named("logs").to_vec(),
        vec!["ps".into(), "--format".into(), "json".into()],
        vec!["ls".into(), "--format".into(), "json".into()],
        vec!["port".into(), scene.fqdn("node-1")],
        [named("restart").to_vec(), vec!["-v".into()]].concat(),
        named("wait").to_vec(),
        [named("stop").to_vec(), vec!["--dry-run".into()]].concat(),
    ];
    for arguments in &quoted {
        let ran = scene.run(arguments).run();
        assert_silent(&arguments.join(" "), &ran);
    }
    let env = scene.run(["env", &scene.name]).succeeds().stdout;
    assert!(env.contains("CLUSTERDOCK_OUTPUT_USER=admin"), "{env}");

    // What the engine shows of the node, and the cluster's record in it.
    let engine = scene.docker_says(&["inspect", &scene.fqdn("node-1")]);
    assert!(!engine.contains(CANARY), "{engine}");
    let record = scene.on_node("node-1", "cat /.clusterdock/record.json");
    assert!(
        !record.contains(CANARY) && record.contains("admin"),
        "{record}"
    );
    let processes = scene.on_node("node-1", "cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ");
    assert!(!processes.contains(CANARY), "{processes}");
    assert_silent_files(scene.config());
    // The places that it is for.
    for path in ["/etc/app.key", "/etc/copy.key"] {
        assert_eq!(scene.on_node("node-1", &format!("cat {path}")), CANARY);
    }
    assert_eq!(
        scene.on_node("node-1", "stat -c %a:%u /etc/app.key"),
        "600:0"
    );
}

#[test]
fn a_failure_does_not_give_a_secret_away() {
    let Some(scene) = Scene::new("leak") else {
        return;
    };
    for (leak, code, text) in [
        (
            "environment",
            10,
            "the secret `--password` is in `settings.environment.PASSWORD` of node `node-1`",
        ),
        (
            "command",
            10,
            "the secret `--password` is in `settings.command` of node `node-1`",
        ),
        (
            "label",
            10,
            "the secret `--password` is in `settings.labels.example.password` of node `node-1`",
        ),
        (
            "probe",
            10,
            "the secret `--password` is in `ready.command` of node `node-1`",
        ),
        ("nodes-error", 2, "password *** is weak"),
        ("output", 10, "it contains a secret"),
        ("hook-error", 10, "wrong password ***"),
        ("command-error", 10, "***"),
        ("panic", 10, "panicked with ***"),
    ] {
        for progress in ["plain", "json"] {
            let run = start(&scene, &["-v", "--progress", progress]).args(["--leak", leak]);
            let ran = run.run();
            assert_silent(leak, &ran);
            assert_eq!(ran.code, code, "{leak}: {}", ran.stderr);
            assert!(ran.stderr.contains(text), "no `{text}` in:\n{}", ran.stderr);
        }
    }
    assert_silent_files(scene.config());
    scene.assert_empty();
}

#[test]
fn a_secret_can_be_read_from_a_file() {
    let Some(scene) = Scene::new("secretfile") else {
        return;
    };
    let file = scene.config().join("password");
    fs::write(&file, format!("{CANARY}\n")).unwrap();
    let given = format!("@{}", file.display());
    let run = scene.run(["start", "-c", &scene.name, "-n", &scene.name]);
    let run = run.args([plugins::library("topology_secrets")]);
    let ran = run.args(["--password", &given]).succeeds();
    assert_silent("start", &ran);
    assert_eq!(scene.on_node("node-1", "cat /etc/app.key"), CANARY);
    let missing = start(&scene, &[]).args(["--password", "@/nowhere"]);
    missing.fails(
        2,
        &[
            "invalid value for `--password`",
            "failed to read file `/nowhere`",
        ],
    );
}
