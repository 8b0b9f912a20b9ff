//! `topology new`: a folder that is written whole, or not at all.

use std::fs;
use std::path::Path;

use clusterdock_tests::run::Run;

fn new(folder: &Path, name: &str) -> Run {
    Run::new(["topology", "new", name])
        .folder(folder)
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
}

#[test]
fn a_new_topology_has_all_that_it_needs() {
    let folder = tempfile::tempdir().unwrap();
    let config = tempfile::tempdir().unwrap();
    let ran = new(folder.path(), "my-demo")
        .config(config.path())
        .succeeds();
    assert!(
        ran.stderr.contains("`clusterdock start ./my-demo`"),
        "{}",
        ran.stderr
    );
    let text = |file: &str| fs::read_to_string(folder.path().join("my-demo").join(file)).unwrap();
    let sources = fs::read_dir(config.path().join("plugin-api")).unwrap();
    let sources: Vec<_> = sources.map(|entry| entry.unwrap().path()).collect();
    assert_eq!(sources.len(), 1);
    for (file, wanted) in [
        ("Cargo.toml", "name = \"topology_my_demo\""),
        ("Cargo.toml", &*sources[0].display().to_string()),
        ("topology.toml", "name = \"my-demo\""),
        ("src/lib.rs", "impl Topology for MyDemoTopology"),
        ("README.md", "# my-demo"),
        (".gitignore", "/lib"),
    ] {
        let text = text(file);
        assert!(text.contains(wanted), "no `{wanted}` in {file}:\n{text}");
        assert!(!text.contains("{{"), "{file}:\n{text}");
    }
    // All that is missing is the library.
    let inspected = Run::new(["topology", "inspect", "my-demo"])
        .folder(folder.path())
        .succeeds();
    assert!(
        inspected.stdout.contains("not compiled"),
        "{}",
        inspected.stdout
    );
}

#[test]
fn an_existing_folder_is_left_as_it_is() {
    let folder = tempfile::tempdir().unwrap();
    for (name, file) in [("empty", None), ("full", Some("full/topology.toml"))] {
        fs::create_dir(folder.path().join(name)).unwrap();
        if let Some(file) = file {
            fs::write(folder.path().join(file), "mine").unwrap();
        }
        new(folder.path(), name).fails(
            4,
            &[
                &format!("`{name}` already exists"),
                "hint: choose another name",
            ],
        );
    }
    fs::write(folder.path().join("file"), "mine").unwrap();
    new(folder.path(), "file").fails(4, &["`file` already exists"]);
    let text = |file: &str| fs::read_to_string(folder.path().join(file)).unwrap();
    assert_eq!(
        (text("full/topology.toml"), text("file")),
        ("mine".into(), "mine".into())
    );
    let empty = fs::read_dir(folder.path().join("empty")).unwrap();
    assert_eq!(empty.count(), 0);
}

#[test]
fn an_invalid_name_creates_nothing() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["My", "a b", "a---b", "..", "sub/x!"] {
        let ran = new(folder.path(), name).fails(2, &["invalid name `", "lower-case letters"]);
        assert!(!ran.stderr.contains("TOML"), "{}", ran.stderr);
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
}
