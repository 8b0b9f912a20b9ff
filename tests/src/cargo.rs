//! Builds packages while tests run: the program, plugins, and crates that a test has written.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use crate::run::assert_success;

/// The folder of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
        .parent()
        .expect("the tests are a member of the workspace")
}

/// The folder that cargo builds into.
pub fn target() -> PathBuf {
    std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| workspace().join("target"), PathBuf::from)
}

/// Runs `cargo build` with these arguments in a folder, without the network, into the workspace's target folder.
/// Returns the files that it built or that were up to date.
///
/// # Panics
/// If it does not build; shows the compiler's output.
pub fn build(folder: &Path, arguments: &[&str]) -> Vec<PathBuf> {
    let output = cargo(
        folder,
        &[
            &["build", "--message-format=json-render-diagnostics"],
            arguments,
        ]
        .concat(),
    );
    assert_success(&output);
    let messages = output
        .stdout
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty());
    messages
        .flat_map(|line| files(&serde_json::from_slice(line).expect("cargo's messages are JSON")))
        .collect()
}

/// Runs cargo with these arguments in a folder and expects it to fail. Returns the compiler's output.
///
/// # Panics
/// If it succeeds.
pub fn build_failure(folder: &Path, arguments: &[&str]) -> String {
    let output = cargo(folder, arguments);
    assert!(
        !output.status.success(),
        "cargo {} succeeds",
        arguments.join(" ")
    );
    String::from_utf8_lossy(&output.stderr).into()
}

/// Removes what the outer cargo has set for these tests: a build script would see it and run again.
fn cargo(folder: &Path, arguments: &[&str]) -> Output {
    const SET_FOR_TESTS: [&str; 5] = [
        "CARGO_PKG_",
        "CARGO_MANIFEST_",
        "CARGO_BIN_",
        "CARGO_CRATE_",
        "CARGO_PRIMARY_",
    ];
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        if name
            .to_str()
            .is_some_and(|name| SET_FOR_TESTS.iter().any(|prefix| name.starts_with(prefix)))
        {
            command.env_remove(name);
        }
    }
    command
        .current_dir(folder)
        .args(arguments)
        .env("CARGO_NET_OFFLINE", "true")
        .env("CARGO_TARGET_DIR", target());
    command.output().expect("cargo runs")
}

fn files(message: &serde_json::Value) -> Vec<PathBuf> {
    let files = message["filenames"]
        .as_array()
        .map(Vec::as_slice)
        .unwrap_or_default();
    files
        .iter()
        .filter_map(|file| file.as_str())
        .map(PathBuf::from)
        .collect()
}
