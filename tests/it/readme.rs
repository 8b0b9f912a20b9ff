//! README's console blocks, run as they stand, in order, on an engine of the test's own (one of them is `manage nuke`).

use clusterdock_tests::cargo::workspace;
use clusterdock_tests::dockerd::{EngineBuild, OwnEngine};
use clusterdock_tests::program::clusterdock;
use clusterdock_tests::scene::Scene;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::process::Command;

/// The commands of all console blocks, each with what it is said to write.
fn commands() -> Vec<(String, String)> {
    let readme = fs::read_to_string(workspace().join("README.md")).unwrap();
    let blocks = readme.split("```console\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    let mut commands: Vec<(String, String)> = Vec::new();
    for line in blocks.flat_map(str::lines) {
        match (line.strip_prefix("$ "), commands.last_mut()) {
            (Some(command), _) => commands.push((command.into(), String::new())),
            (None, Some((_, output))) => output.push_str(&format!("{line}\n")),
            (None, None) => panic!("a console block begins without a command"),
        }
    }
    commands
}

/// A folder that looks like a checkout in which the program has been built.
fn checkout() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("target")).unwrap();
    symlink(clusterdock().parent().unwrap(), folder.path().join("target/release")).unwrap();
    for part in ["topologies", "plugins", "tests"] {
        symlink(workspace().join(part), folder.path().join(part)).unwrap();
    }
    folder
}

fn shell(folder: &Path, engine: &OwnEngine, config: &Path, script: &str) -> (bool, String) {
    let output = Command::new("bash")
        .args(["-c", &format!("exec 2>&1\n{script}")])
        .env("DOCKER_HOST", engine.host())
        .env("CLUSTERDOCK_CONFIG_DIRECTORY", config)
        .current_dir(folder)
        .output()
        .unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_readmes_console_blocks_are_true() {
    if Scene::new("readme").is_none() {
        return;
    }
    let engine = OwnEngine::start(EngineBuild::Installed).unwrap();
    let (folder, config) = (checkout(), tempfile::tempdir().unwrap());
    let first = "target/release/clusterdock start ./topologies/topology_nodebase";
    let (started, output) = shell(folder.path(), &engine, config.path(), first);
    assert!(started, "{output}");
    let mut exports = String::new();
    let commands = commands();
    assert!(commands.len() > 8, "only {} commands were found", commands.len());
    for (command, expected) in commands {
        if command.starts_with("export ") {
            exports.push_str(&format!("{command}\n"));
            continue;
        }
        let (succeeded, output) = shell(folder.path(), &engine, config.path(), &format!("{exports}{command}"));
        assert!(succeeded, "$ {command}\n{output}");
        snapbox::assert_data_eq!(format!("$ {command}\n{output}"), format!("$ {command}\n{expected}"));
    }
}
