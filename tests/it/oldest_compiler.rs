//! Topologies build with compilers as old as plugin-api says. What its own code uses of the standard library is checked
//! by clippy (`incompatible_msrv`); here it is what a fresh lock file brings along, and, on demand, the compiler itself.

use std::path::Path;
use std::process::Command;

use clusterdock_tests::cargo::workspace;
use clusterdock_tests::run::{Run, assert_success};
use serde_json::Value;

const OLDEST: (u64, u64) = (1, 85);

/// A version such as `1.85` or `1.85.0`, without what follows the minor number.
fn version(text: &str) -> (u64, u64) {
    let mut numbers = text.split('.').map(|number| number.parse().unwrap());
    (numbers.next().unwrap(), numbers.next().unwrap())
}

/// Cargo's metadata of a crate that depends on plugin-api, outside of this workspace and without a lock file.
fn metadata(folder: &Path) -> Value {
    let manifest = format!(
        "[package]\nname = \"probe\"\nversion = \"1.0.0\"\nedition = \"2021\"\nrust-version = \"1.85\"\n\n\
         [dependencies]\nclusterdock-plugin-api = {{ path = {:?} }}\n\n[workspace]\n",
        workspace().join("plugin-api")
    );
    std::fs::create_dir(folder.join("src")).unwrap();
    std::fs::write(folder.join("src/lib.rs"), "").unwrap();
    std::fs::write(folder.join("Cargo.toml"), manifest).unwrap();
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1"])
        .env("CARGO_RESOLVER_INCOMPATIBLE_RUST_VERSIONS", "fallback")
        .current_dir(folder)
        .output()
        .unwrap();
    assert_success(&output);
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn a_fresh_lock_file_resolves_to_crates_of_the_oldest_compiler() {
    let folder = tempfile::tempdir().unwrap();
    let metadata = metadata(folder.path());
    let packages = metadata["packages"].as_array().unwrap();
    let own: Vec<&Value> = packages
        .iter()
        .filter(|package| package["source"].is_null() && package["name"] != "probe")
        .collect();
    assert!(!own.is_empty());
    for package in own {
        let stated = package["rust_version"].as_str().map(version);
        assert_eq!(stated, Some(OLDEST), "{}", package["name"]);
    }
    let newer: Vec<String> = packages
        .iter()
        .filter(|package| {
            let wanted = package["rust_version"].as_str().map(version);
            wanted.is_some_and(|wanted| wanted > OLDEST)
        })
        .map(|package| format!("{} {}", package["name"], package["rust_version"]))
        .collect();
    assert!(newer.is_empty(), "{newer:?}");
}

#[test]
#[ignore = "takes minutes; run it by its name"]
fn debians_compiler_builds_a_topology_that_loads() {
    let folder = std::env::temp_dir().join("clusterdock-oldest-compiler");
    let made = Command::new(workspace().join("tests/oldest-compiler.sh"))
        .arg(&folder)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&made.stdout);
    assert!(
        made.status.success() && said.starts_with("rustc 1.85"),
        "{said}{}",
        String::from_utf8_lossy(&made.stderr)
    );
    let library = folder.join("libtopology_nodebase.so");
    let help = Run::new(["start".into(), library.into_os_string(), "--help".into()]).succeeds();
    assert!(help.stdout.contains("--nodes"), "{}", help.stdout);
}
