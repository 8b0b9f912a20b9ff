//! `topology inspect`: everything about a topology and its library, without running its code.

use std::fs;
use std::path::Path;

use clusterdock_tests::cargo::workspace;
use clusterdock_tests::elf;

use super::{Prebuilt, json, topology};

#[test]
fn a_folder_and_its_library_are_described() {
    let prebuilt = Prebuilt::new();
    let shown = topology("inspect", prebuilt.folder()).succeeds().stdout;
    let digest = clusterdock::topology::inspection::inspect(&prebuilt.library())
        .unwrap()
        .digest;
    for text in [
        "topology     nodebase 1.0.0",
        "description  A basic cluster with n nodes",
        "clusterdock/topology_nodebase:host (default)",
        "prebuilt",
        "plugin       topology_nodebase 1.0.0",
        "plugin-api   1.0.0",
        "rustc        rustc 1.",
        &digest,
        "loadable     yes",
    ] {
        assert!(shown.contains(text), "no `{text}` in:\n{shown}");
    }
    let answer = topology("inspect", prebuilt.folder())
        .args(["--format", "json"])
        .succeeds();
    let answer = json(&answer.stdout);
    assert_eq!(answer["schema_version"], 1);
    assert_eq!(answer["topology"]["name"], "nodebase");
    assert_eq!(answer["library_state"], "given");
    assert_eq!(answer["library"]["sha256"], digest);
    assert_eq!(answer["library"]["loadable"], true);
    assert_eq!(answer["library"]["identity"]["panic"], "unwind");
}

#[test]
fn a_lone_library_is_described_by_its_note() {
    let prebuilt = Prebuilt::new();
    let answer = topology("inspect", &prebuilt.library())
        .args(["--format", "json"])
        .succeeds();
    let answer = json(&answer.stdout);
    assert_eq!(answer["topology"]["name"], "nodebase");
    assert_eq!(answer["topology"]["folder"], serde_json::Value::Null);
    assert_eq!(answer["library"]["loadable"], true);
}

#[test]
fn no_code_of_the_library_runs() {
    let prebuilt = Prebuilt::new();
    let bytes = fs::read(prebuilt.library()).unwrap();
    fs::write(prebuilt.library(), elf::with_damaged_text(&bytes)).unwrap();
    let shown = topology("inspect", prebuilt.folder()).succeeds().stdout;
    assert!(shown.contains("loadable     yes"), "{shown}");
}

#[test]
fn why_a_library_cannot_be_loaded_is_said() {
    let prebuilt = Prebuilt::new();
    let bytes = fs::read(prebuilt.library()).unwrap();
    let mut other_machine = bytes.clone();
    other_machine[18..20].copy_from_slice(&183_u16.to_le_bytes());
    let newer_api = elf::patched(&bytes, br#""api":"1."#, br#""api":"9."#);
    for (library, reasons) in [
        (
            other_machine,
            ["is built for aarch64", "build it with `--target"],
        ),
        (newer_api, ["needs plugin-api 9.", "rebuild the plugin"]),
    ] {
        fs::write(prebuilt.library(), library).unwrap();
        for path in [prebuilt.folder(), &*prebuilt.library()] {
            let shown = topology("inspect", path).succeeds().stdout;
            assert!(shown.contains("topology     nodebase 1.0.0"), "{shown}");
            assert!(shown.contains("plugin       topology_nodebase"), "{shown}");
            assert!(shown.contains("loadable     no: plugin `"), "{shown}");
            for reason in reasons {
                assert!(shown.contains(reason), "no `{reason}` in:\n{shown}");
            }
        }
        let answer = topology("inspect", prebuilt.folder())
            .args(["--format", "json"])
            .succeeds();
        assert_eq!(json(&answer.stdout)["library"]["loadable"], false);
    }
    fs::write(prebuilt.library(), "text").unwrap();
    let shown = topology("inspect", prebuilt.folder()).succeeds().stdout;
    assert!(shown.contains("is not a shared library"), "{shown}");
    topology("inspect", &prebuilt.library()).fails(9, &["is not a shared library"]);
}

#[test]
fn a_folder_without_a_library_says_what_a_start_would_do() {
    let prebuilt = Prebuilt::new();
    fs::remove_file(prebuilt.library()).unwrap();
    let shown = topology("inspect", prebuilt.folder()).succeeds().stdout;
    assert!(
        shown.contains("library      missing: no library of plugin"),
        "{shown}"
    );
    let source = workspace().join("plugins/nodebase");
    let source = format!("source = \"{}\"", source.display());
    prebuilt.edit(
        "topology.toml",
        "source = \"../../plugins/nodebase\"",
        &source,
    );
    let shown = topology("inspect", prebuilt.folder()).succeeds().stdout;
    assert!(
        shown.contains("library      not compiled: no library yet"),
        "{shown}"
    );
}

#[test]
fn what_is_not_a_topology_is_refused() {
    let empty = tempfile::tempdir().unwrap();
    topology("inspect", empty.path()).fails(3, &["no topology at", "has no topology.toml"]);
    topology("inspect", Path::new("no-such-topology"))
        .fails(3, &["no topology `no-such-topology`", "hint:"]);
    fs::write(empty.path().join("topology.toml"), "[topology]\n").unwrap();
    topology("inspect", empty.path()).fails(2, &["invalid manifest"]);
}
