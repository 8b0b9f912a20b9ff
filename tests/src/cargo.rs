//! Builds packages while tests run: the program, plugins, and crates that a test has written.

use std::path::{Path, PathBuf};
use std::process::Command;

/// The folder of the workspace.
pub fn workspace() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("the tests are a member of the workspace")
}

/// Runs `cargo build` with these arguments in a folder, without the network, into the workspace's target folder.
/// Gives the files it made, or found made.
///
/// # Panics
/// With what the compiler said, when it does not build.
pub fn build(folder: &Path, arguments: &[&str]) -> Vec<PathBuf> {
    let output = cargo()
        .current_dir(folder)
        .args(["build", "--offline", "--message-format=json-render-diagnostics"])
        .args(arguments)
        .output()
        .expect("cargo runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let messages = output.stdout.split(|byte| *byte == b'\n').filter(|line| !line.is_empty());
    messages.flat_map(|line| files(&serde_json::from_slice(line).expect("cargo's messages are JSON"))).collect()
}

/// Cargo without what the cargo that runs these tests has set for them: a build script would see it and run again.
fn cargo() -> Command {
    let mut command = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    for (name, _) in std::env::vars_os() {
        let of_cargo = name.to_str().is_some_and(|name| name.starts_with("CARGO_") && name != "CARGO_HOME");
        if of_cargo || name == "RUSTFLAGS" {
            command.env_remove(name);
        }
    }
    command.env("CARGO_TARGET_DIR", workspace().join("target"));
    command
}

fn files(message: &serde_json::Value) -> Vec<PathBuf> {
    let files = message["filenames"].as_array().map(Vec::as_slice).unwrap_or_default();
    files.iter().filter_map(|file| file.as_str()).map(PathBuf::from).collect()
}
