//! A wrong topology does not compile, and the compiler reports why and where.

use std::fs;

use clusterdock_tests::cargo::{build_failure, workspace};

const SOURCE: &str = r#"#![allow(dead_code)]
use clusterdock_plugin_api::prelude::*;

#[derive(Args)]
struct OfNoKind {
    address: std::net::IpAddr,
}

#[derive(Args)]
struct DefaultOfAFlag {
    #[arg(default = true)]
    fast: bool,
}

#[derive(Args)]
struct DefaultOfAnOption {
    #[arg(default = 1)]
    count: Option<u16>,
}

#[derive(Args)]
struct UnknownKey {
    #[arg(defualt = 1)]
    count: u16,
}

#[derive(Args)]
struct Twice {
    count: u16,
    #[arg(name = "count")]
    number: u16,
}

#[derive(Args)]
struct InvalidName {
    #[arg(name = "two words")]
    count: u16,
}

#[derive(Args)]
enum NotAStruct {}

#[derive(Choice)]
enum WithFields {
    Fast(u8),
}

const IMPOSSIBLE: Group = Group::new("nodes").min(3).max(2);

struct NoManifest;

#[topology]
impl Topology for NoManifest {
    type Args = ();
    const GROUPS: &'static [Group] = &[IMPOSSIBLE];
}
"#;

/// The message, and the words of the source that it points to.
const EXPECTED: [(&str, &str); 10] = [
    (
        "`IpAddr` cannot be the type of an argument",
        "std::net::IpAddr",
    ),
    ("a flag is given or not: it has no default", "true)]"),
    (
        "an argument with a default always has a value: remove `Option`",
        "1)]\n    count: Option",
    ),
    ("expected `default`, `range`, `pattern`", "defualt"),
    ("argument `--count` is declared twice", "\"count\""),
    ("invalid name `two words` of an argument", "\"two words\""),
    (
        "expected a struct with one named field per argument",
        "NotAStruct",
    ),
    ("a value to choose has no fields", "Fast(u8)"),
    (
        "a group's minimum is above its maximum",
        "Group::new(\"nodes\").min(3)",
    ),
    ("expected `manifest = \"..\"`", "#[topology]"),
];

#[test]
fn a_wrong_topology_does_not_compile_and_is_told_where() {
    let folder = tempfile::tempdir().unwrap();
    let api = workspace().join("plugin-api");
    let manifest = format!(
        "[workspace]\n[package]\nname = \"wrong_topology\"\nversion = \"1.0.0\"\nedition = \"2021\"\n\
         [dependencies]\nclusterdock-plugin-api = {{ path = \"{}\" }}\n",
        api.display()
    );
    fs::create_dir(folder.path().join("src")).unwrap();
    fs::write(folder.path().join("Cargo.toml"), manifest).unwrap();
    fs::write(folder.path().join("src/lib.rs"), SOURCE).unwrap();
    fs::copy(
        workspace().join("Cargo.lock"),
        folder.path().join("Cargo.lock"),
    )
    .unwrap();
    let complaints = build_failure(folder.path(), &["check"]);
    for (message, place) in EXPECTED {
        let at = SOURCE.find(place).unwrap();
        let line = SOURCE[..at].lines().count() + usize::from(SOURCE[..at].ends_with('\n'));
        let message = complaints
            .find(message)
            .unwrap_or_else(|| panic!("no `{message}` in:\n{complaints}"));
        let pointer = complaints[message..].lines().nth(1).unwrap();
        let expected = format!("src/lib.rs:{line}:");
        assert!(
            pointer.contains(&expected),
            "`{place}` is line {line}, but {pointer}"
        );
    }
}
