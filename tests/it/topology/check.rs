//! `topology check`: what is missing before a topology is given to others.

use std::fs;

use clusterdock_tests::elf;

use super::{Prebuilt, json, topology};

#[test]
fn a_complete_topology_passes() {
    let prebuilt = Prebuilt::new();
    let shown = topology("check", prebuilt.folder()).succeeds().stdout;
    for line in [
        "manifest     ok: ",
        "library      ok: ",
        "note         ok: topology_nodebase 1.0.0, plugin-api 1.",
        "declaration  ok: 1 node groups (nodes)",
        "image        ok: debian12: built from Dockerfile as clusterdock/topology_nodebase:debian12",
        "image        ok: host: assembled",
        "readme       ok: ",
        "license      ok: ",
    ] {
        assert!(shown.contains(line), "no `{line}` in:\n{shown}");
    }
    let answer = topology("check", prebuilt.folder())
        .args(["--format", "json"])
        .succeeds();
    let answer = json(&answer.stdout);
    assert_eq!(
        (&answer["errors"], &answer["schema_version"]),
        (&0.into(), &1.into())
    );
    let checks = answer["checks"].as_array().unwrap();
    let names: Vec<_> = checks
        .iter()
        .map(|check| check["check"].as_str().unwrap())
        .collect();
    assert_eq!(
        names,
        [
            "manifest",
            "library",
            "note",
            "glibc",
            "declaration",
            "image",
            "image",
            "readme",
            "license"
        ]
    );
}

#[test]
fn what_is_missing_is_a_warning_with_a_next_step() {
    let prebuilt = Prebuilt::new();
    fs::remove_file(prebuilt.path("README.md")).unwrap();
    fs::remove_file(prebuilt.path("LICENSE")).unwrap();
    let shown = topology("check", prebuilt.folder()).succeeds().stdout;
    for text in [
        "readme       warning: no README.md in the folder\n             hint: ",
        "license      warning: no license in the folder or the crate\n             hint: ",
    ] {
        assert!(shown.contains(text), "no `{text}` in:\n{shown}");
    }
}

#[test]
fn faults_of_the_library_fail_with_its_exit_code() {
    let prebuilt = Prebuilt::new();
    let bytes = fs::read(prebuilt.library()).unwrap();
    let newer_api = elf::patched(&bytes, br#""api":"1."#, br#""api":"9."#);
    fs::write(prebuilt.library(), newer_api).unwrap();
    let ran = topology("check", prebuilt.folder()).fails(
        9,
        &[
            "topology `nodebase` failed 1 of ",
            "hint: fix the listed problems",
        ],
    );
    assert!(ran.stdout.contains("error: plugin `"), "{}", ran.stdout);
    assert!(
        ran.stdout.contains("hint: rebuild the plugin"),
        "{}",
        ran.stdout
    );

    fs::write(prebuilt.library(), elf::with_damaged_text(&bytes)).unwrap();
    let ran = topology("check", prebuilt.folder()).fails(9, &["failed 1 of "]);
    assert!(
        ran.stdout.contains("declaration  error: "),
        "{}",
        ran.stdout
    );

    fs::remove_file(prebuilt.library()).unwrap();
    let ran = topology("check", prebuilt.folder()).fails(9, &["failed 1 of "]);
    assert!(
        ran.stdout.contains("error: no library of plugin"),
        "{}",
        ran.stdout
    );
}

#[test]
fn a_library_with_another_manifest_is_noticed() {
    let prebuilt = Prebuilt::new();
    prebuilt.edit("topology.toml", "with n nodes", "with some nodes");
    prebuilt.edit(
        "topology.toml",
        "version = \"1.0.0\"",
        "version = \"1.1.0\"",
    );
    let ran = topology("check", prebuilt.folder()).fails(9, &[]);
    let text = "note         error: the library contains a different manifest: `version`, `description` differ\n";
    assert!(ran.stdout.contains(text), "{}", ran.stdout);
}

#[test]
fn an_image_that_cannot_be_built_is_noticed() {
    let prebuilt = Prebuilt::new();
    fs::remove_file(prebuilt.path("images/debian12/Dockerfile")).unwrap();
    let ran = topology("check", prebuilt.folder())
        .args(["--format", "json"])
        .fails(9, &["failed 1 of "]);
    let answer = json(&ran.stdout);
    let checks = answer["checks"].as_array().unwrap();
    let failed: Vec<_> = checks
        .iter()
        .filter(|check| check["outcome"] == "error")
        .collect();
    assert_eq!(failed.len(), 1, "{answer:#}");
    assert_eq!(failed[0]["message"], "image `debian12`");
    assert!(
        failed[0]["causes"][0]
            .as_str()
            .unwrap()
            .contains("Dockerfile"),
        "{answer:#}"
    );
}

#[test]
fn what_is_not_a_folder_of_a_topology_is_refused() {
    let prebuilt = Prebuilt::new();
    topology("check", &prebuilt.library()).fails(2, &["is a library", "topology inspect"]);
    let empty = tempfile::tempdir().unwrap();
    topology("check", empty.path()).fails(3, &["no topology at", "has no topology.toml"]);
}
