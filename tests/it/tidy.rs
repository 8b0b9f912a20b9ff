//! The invariants of README's last section, as far as text shows them.

use clusterdock_tests::cargo::workspace;
use std::fs;
use std::path::{Path, PathBuf};

/// Rust sources below a folder of the workspace.
fn sources(folder: &str) -> Vec<(PathBuf, String)> {
    let mut found = Vec::new();
    let mut folders = vec![workspace().join(folder)];
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                found.push((path.clone(), fs::read_to_string(&path).unwrap()));
            }
        }
    }
    assert!(!found.is_empty(), "no sources below {folder}");
    found
}

/// Lines of code (no comments, nothing after the first test module) that contain one of the words, outside of the
/// places that may.
fn offenders(folder: &str, words: &[&str], allowed: &[&str]) -> Vec<String> {
    let mut found = Vec::new();
    for (path, text) in sources(folder) {
        let shown = path.strip_prefix(workspace()).unwrap().display().to_string();
        if allowed.iter().any(|place| shown.starts_with(place)) || is_test(&path) {
            continue;
        }
        let code = text.split("#[cfg(test)]\nmod tests {").next().unwrap_or_default();
        for line in code.lines().filter(|line| !line.trim_start().starts_with("//")) {
            if let Some(word) = words.iter().find(|word| line.contains(**word)) {
                found.push(format!("{shown}: `{word}` in `{}`", line.trim()));
            }
        }
    }
    found
}

fn is_test(path: &Path) -> bool {
    let name = path.file_name().unwrap().to_string_lossy();
    name == "tests.rs" || name == "pretend.rs" || path.components().any(|part| part.as_os_str() == "tests")
}

#[track_caller]
fn none(offenders: &[String]) {
    assert!(offenders.is_empty(), "{}", offenders.join("\n"));
}

#[test]
fn only_the_engines_docker_module_names_its_client_library() {
    none(&offenders("host", &["bollard"], &["host/src/engine/docker"]));
    // `create_body` is JSON; everything else that is public there speaks our types.
    let public: Vec<String> = sources("host/src/engine")
        .into_iter()
        .flat_map(|(_, text)| text.lines().map(str::to_string).collect::<Vec<_>>())
        .filter(|line| line.trim_start().starts_with("pub ") && line.contains("bollard"))
        .collect();
    none(&public);
}

#[test]
fn the_plan_is_pure() {
    let words = [
        "async ",
        ".await",
        "std::fs",
        "std::process",
        "std::net::Tcp",
        "Instant",
        "SystemTime",
        "Timestamp",
        "fastrand",
        "uuid",
        "tokio",
    ];
    none(&offenders("host/src/plan", &words, &[]));
}

#[test]
fn one_module_writes_and_only_main_ends_the_process() {
    none(&offenders(
        "host/src",
        &["println!", "eprint", "std::io::stdout()", "std::io::stderr()"],
        &["host/src/report", "host/src/terminal.rs"],
    ));
    none(&offenders("host/src", &["process::exit", "abort()"], &["host/src/topology/serve.rs"]));
}

#[test]
fn unsafe_code_is_at_the_plugin_boundary_alone() {
    none(&offenders("host/src", &["unsafe "], &["host/src/topology/"]));
    none(&offenders("plugins", &["unsafe "], &[]));
}

#[test]
fn plugin_api_and_plugins_stand_on_little() {
    let manifest = fs::read_to_string(workspace().join("plugin-api/Cargo.toml")).unwrap();
    for crate_name in ["tokio", "bollard", "clap", "clusterdock ="] {
        assert!(!manifest.contains(crate_name), "plugin-api depends on {crate_name}");
    }
    for plugin in fs::read_dir(workspace().join("plugins")).unwrap() {
        let manifest = fs::read_to_string(plugin.unwrap().path().join("Cargo.toml")).unwrap();
        assert!(manifest.contains("clusterdock-plugin-api"));
        assert!(!manifest.contains("clusterdock =") && !manifest.contains("path = \"../../host\""), "{manifest}");
    }
}

#[test]
fn every_module_of_the_host_opens_with_what_it_is_for() {
    let silent: Vec<String> = sources("host/src")
        .into_iter()
        .filter(|(path, text)| !is_test(path) && !text.starts_with("//!"))
        .map(|(path, _)| path.display().to_string())
        .collect();
    none(&silent);
}
