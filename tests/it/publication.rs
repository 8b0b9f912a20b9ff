//! The crates that authors of topologies get from a registry: what it shows of them, and what their packages contain.

use std::fs;
use std::path::Path;
use std::process::Command;

use clusterdock_tests::cargo::{self, workspace};
use serde_json::Value;

/// Each with its folder in the workspace.
const PUBLISHED: [(&str, &str); 4] = [
    ("clusterdock-plugin-api", "plugin-api"),
    ("clusterdock-plugin-wire", "plugin-api/wire"),
    ("clusterdock-plugin-derive", "plugin-api/derive"),
    ("clusterdock-config-edit", "plugin-api/config-edit"),
];

fn cargo_says(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .arg("--offline")
        .current_dir(workspace())
        .output()
        .unwrap();
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
    assert!(!stderr.contains("warning"), "{stderr}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn published_crates_describe_themselves() {
    let metadata = cargo_says(&["metadata", "--format-version", "1", "--no-deps"]);
    let metadata: Value = serde_json::from_str(&metadata).unwrap();
    let packages = metadata["packages"].as_array().unwrap();
    for (name, folder) in PUBLISHED {
        let package = packages.iter().find(|package| package["name"] == name);
        let package = package.unwrap();
        for field in [
            "description",
            "license",
            "repository",
            "readme",
            "rust_version",
        ] {
            assert!(package[field].is_string(), "{name} has no {field}");
        }
        for field in ["keywords", "categories"] {
            let count = package[field].as_array().unwrap().len();
            assert!((1..=5).contains(&count), "{name} has {count} {field}");
        }
        // Cargo refuses to publish a crate whose dependency has a path alone.
        for dependency in package["dependencies"].as_array().unwrap() {
            assert_ne!(dependency["req"], "*", "{name}: {}", dependency["name"]);
        }
        let readme = fs::read_to_string(workspace().join(folder).join("README.md")).unwrap();
        assert!(readme.starts_with(&format!("# {name}\n")), "{readme}");
    }
}

#[test]
fn packages_contain_sources_and_documents_alone() {
    for (name, folder) in PUBLISHED {
        let list = cargo_says(&["package", "--list", "--allow-dirty", "-p", name]);
        let files: Vec<&str> = list.lines().collect();
        for file in ["README.md", "src/lib.rs"] {
            assert!(files.contains(&file), "{name} has no {file}: {files:?}");
        }
        // What cargo adds by itself aside.
        let own = files
            .iter()
            .filter(|file| workspace().join(folder).join(file).exists());
        let odd: Vec<_> = own
            .filter(|file| {
                let plain = ["build.rs", "Cargo.toml", "CHANGELOG.md", "README.md"];
                !plain.contains(file) && !(file.starts_with("src/") && file.ends_with(".rs"))
            })
            .collect();
        assert!(odd.is_empty(), "{name}: {odd:?}");
    }
    assert!(workspace().join("plugin-api/CHANGELOG.md").is_file());
}

/// The code blocks of a text that are Rust or TOML.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let opening = format!("```{language}\n");
    let after = text.split(&opening).skip(1);
    after
        .map(|rest| rest.split("```").next().unwrap_or_default())
        .collect()
}

#[test]
fn the_readmes_example_is_a_topology() {
    let readme = fs::read_to_string(workspace().join("plugin-api/README.md")).unwrap();
    let [code] = blocks(&readme, "rust")[..] else {
        panic!("one example is expected");
    };
    let folder = tempfile::tempdir().unwrap();
    let plugin_api = workspace().join("plugin-api");
    write(
        folder.path(),
        "Cargo.toml",
        &format!(
            "[package]\nname = \"readme_example\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n\
             [lib]\ncrate-type = [\"cdylib\"]\n\n\
             [dependencies]\nclusterdock-plugin-api = {{ path = {plugin_api:?} }}\n\n[workspace]\n"
        ),
    );
    write(folder.path(), "topology.toml", "");
    write(folder.path(), "src/lib.rs", code);
    fs::copy(
        workspace().join("Cargo.lock"),
        folder.path().join("Cargo.lock"),
    )
    .unwrap();
    cargo::build(folder.path(), &[]);
}

fn write(folder: &Path, file: &str, text: &str) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
