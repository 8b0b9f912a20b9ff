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
        let is_expected = |file: &str| {
            let documents = ["build.rs", "Cargo.toml", "CHANGELOG.md", "README.md"];
            documents.contains(&file) || file.starts_with("src/") && file.ends_with(".rs")
        };
        let odd: Vec<_> = own.filter(|file| !is_expected(file)).collect();
        assert!(odd.is_empty(), "{name}: {odd:?}");
    }
    assert!(workspace().join("plugin-api/CHANGELOG.md").is_file());
}

/// The code blocks of a text in this language.
fn blocks<'a>(text: &'a str, language: &str) -> Vec<&'a str> {
    let mut blocks = Vec::new();
    let mut rest = text;
    while let Some((_, block)) = rest.split_once("```") {
        let (name, block) = block.split_once('\n').unwrap_or_default();
        let (code, after) = block.split_once("```").unwrap_or_default();
        if name == language {
            blocks.push(code);
        }
        rest = after;
    }
    blocks
}

/// What an author would type: without the lines that only the test of the crate has.
fn as_typed(example: &str) -> String {
    let lines = example.lines().filter(|line| !line.starts_with("# "));
    let code: String = lines.map(|line| format!("{line}\n")).collect();
    // A unit test stands in a module of its own.
    let topology = code.split("use clusterdock_plugin_api::testing").next();
    topology.unwrap_or_default().into()
}

/// Compiles sources of topologies, each in a crate of its own.
fn compile(sources: &[String]) {
    let folder = tempfile::tempdir().unwrap();
    let plugin_api = workspace().join("plugin-api");
    for (number, source) in sources.iter().enumerate() {
        let manifest = format!(
            "[package]\nname = \"documented_{number}\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\n\
             [lib]\ncrate-type = [\"cdylib\"]\n\n\
             [dependencies]\nclusterdock-plugin-api = {{ path = {plugin_api:?} }}\n"
        );
        let file = |name: &str| format!("{number}/{name}");
        write(folder.path(), &file("Cargo.toml"), &manifest);
        write(folder.path(), &file("topology.toml"), "");
        write(folder.path(), &file("src/lib.rs"), source);
    }
    let members: Vec<String> = (0..sources.len())
        .map(|number| number.to_string())
        .collect();
    // The profile of this workspace, so that dependencies are not compiled again.
    let profile =
        "[profile.dev]\ndebug = \"line-tables-only\"\n[profile.dev.package.\"*\"]\ndebug = false\n";
    let manifest = format!("[workspace]\nresolver = \"2\"\nmembers = {members:?}\n{profile}");
    write(folder.path(), "Cargo.toml", &manifest);
    let lock = folder.path().join("Cargo.lock");
    fs::copy(workspace().join("Cargo.lock"), lock).unwrap();
    cargo::build(folder.path(), &["--workspace"]);
}

#[test]
fn documented_topologies_compile_as_they_are_typed() {
    let readme = fs::read_to_string(workspace().join("plugin-api/README.md")).unwrap();
    let tutorial = fs::read_to_string(workspace().join("plugin-api/src/tutorial.rs")).unwrap();
    let lines = tutorial.lines().map(|line| line.strip_prefix("//!"));
    let lines = lines.map(|line| line.map(|line| line.strip_prefix(' ').unwrap_or(line)));
    let tutorial: Vec<&str> = lines.map(Option::unwrap_or_default).collect();
    let tutorial = tutorial.join("\n");
    let steps = blocks(&tutorial, "");
    let mut sources: Vec<String> = steps.into_iter().map(as_typed).collect();
    assert_eq!(sources.len(), 5, "the tutorial has five steps");
    sources.extend(blocks(&readme, "rust").into_iter().map(String::from));
    assert_eq!(sources.len(), 6, "the README has one example");
    let exported = |source: &String| source.contains("#[topology(manifest = ");
    assert!(sources.iter().all(exported), "{sources:#?}");
    compile(&sources);
}

fn write(folder: &Path, file: &str, text: &str) {
    let path = folder.join(file);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, text).unwrap();
}
