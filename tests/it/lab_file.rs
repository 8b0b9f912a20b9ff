//! A `lab.toml` that cannot be used: a clear error, before any engine is asked.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use clusterdock_tests::cargo::workspace;
use clusterdock_tests::run::Run;

const NODEBASE: &str = "topologies/topology_nodebase";

fn offline(folder: &Path, words: &[&str]) -> Run {
    Run::new(words.iter().copied())
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
        .folder(folder)
}

/// A folder with such a `lab.toml`, in which `TOPOLOGY` is the path of nodebase.
fn project(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let topology = workspace().join(NODEBASE);
    let text = text.replace("TOPOLOGY", &topology.display().to_string());
    fs::write(folder.path().join("lab.toml"), text).unwrap();
    folder
}

#[test]
fn without_topology_and_file_the_usage_is_shown() {
    let folder = tempfile::tempdir().unwrap();
    offline(folder.path(), &["up"]).fails(2, &["no topology given", "lab.toml", "up TOPOLOGY"]);
    offline(folder.path(), &["up", "--nodes", "3"]).fails(2, &["no topology given"]);
    offline(folder.path(), &["down"]).fails(2, &["lab.toml", "down NAME"]);
    offline(folder.path(), &["up", "-f", "x.toml"]).fails(3, &["`x.toml`"]);
    offline(folder.path(), &["down", "-f", "x.toml"]).fails(3, &["`x.toml`"]);
    let help = offline(folder.path(), &["up", "-h"]).succeeds().stdout;
    assert!(
        help.contains("--recreate") && help.contains("lab.toml"),
        "{help}"
    );
}

#[test]
fn an_invalid_file_is_refused_with_its_line() {
    for (text, words) in [
        ("topology = ", vec!["lab.toml:1"]),
        (
            "topolgy = \"TOPOLOGY\"",
            vec!["`topolgy`", "lab.toml:1", "`topology`"],
        ),
        (
            "schema = 2\ntopology = \"TOPOLOGY\"",
            vec!["lab.toml:1", "its schema is 2"],
        ),
        (
            "topology = \"TOPOLOGY\"\n[options]\nnetwrok = \"a\"",
            vec!["`netwrok`", "lab.toml:3", "`network`"],
        ),
        (
            "topology = \"TOPOLOGY\"\n[arguments]\nnode = 3",
            vec!["`node`", "lab.toml:3", "`nodes`"],
        ),
        (
            "topology = \"TOPOLOGY\"\n[options]\nmemory = \"lots\"",
            vec!["`memory`", "lab.toml:3", "`lots`"],
        ),
    ] {
        let folder = project(text);
        offline(folder.path(), &["up"]).fails(2, &words);
        offline(folder.path(), &["up", "--dry-run"]).fails(2, &words);
        offline(folder.path(), &["start", "-f", "lab.toml"]).fails(2, &words);
    }
    let folder = project("topology = \"./missing\"");
    offline(folder.path(), &["up"]).fails(3, &["./missing"]);
    offline(folder.path(), &["down"]).fails(3, &["./missing"]);
    let folder = project("topology = \"TOPOLOGY\"\n[arguments]\nnodes = \"a_b\"");
    offline(folder.path(), &["up"]).fails(2, &["a_b"]);
}

#[test]
fn a_file_is_opened_with_care() {
    let folder = project("topology = \"TOPOLOGY\"");
    let path = folder.path().join("lab.toml");
    fs::set_permissions(&path, fs::Permissions::from_mode(0o666)).unwrap();
    for words in [&["up"][..], &["down"]] {
        offline(folder.path(), words).fails(1, &["lab.toml", "--trust"]);
    }
    // With --trust, it gets as far as the engine.
    offline(folder.path(), &["--trust", "up"]).fails(5, &["/nowhere/docker.sock"]);
    fs::remove_file(&path).unwrap();
    fs::create_dir(&path).unwrap();
    offline(folder.path(), &["up"]).fails(1, &["lab.toml"]);
    fs::remove_dir(&path).unwrap();
    fs::write(&path, "#".repeat(2 << 20)).unwrap();
    offline(folder.path(), &["up"]).fails(1, &["lab.toml", "larger than 1 MiB"]);
    fs::write(&path, b"topology = \"\xff\"").unwrap();
    offline(folder.path(), &["up"]).fails(2, &["lab.toml", "not UTF-8"]);
}

#[test]
fn topology_and_file_exclude_each_other() {
    let folder = project("topology = \"TOPOLOGY\"");
    let nodebase = workspace().join(NODEBASE);
    let nodebase = nodebase.to_str().unwrap();
    for words in [
        ["start", "-f", "lab.toml", nodebase],
        ["up", nodebase, "-f", "lab.toml"],
    ] {
        offline(folder.path(), &words).fails(2, &["--file", "cannot be used with"]);
    }
    offline(folder.path(), &["build", "--file", "lab.toml"]).fails(2, &["--file"]);
    offline(folder.path(), &["down", "-f", "lab.toml", "x"]).fails(2, &["--file"]);
    for flag in ["--reuse", "--recreate"] {
        offline(folder.path(), &["build", nodebase, flag]).fails(2, &[flag]);
    }
}
