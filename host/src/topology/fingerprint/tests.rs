use std::time::Duration;

use super::*;

/// A workspace of two crates and a library, as a compiler would leave them.
struct Sources {
    root: tempfile::TempDir,
    files: Vec<PathBuf>,
}

impl Sources {
    fn new() -> Sources {
        let root = tempfile::tempdir().unwrap();
        let all = [
            ("Cargo.toml", "[workspace]"),
            ("plugin/Cargo.toml", "[package]"),
            ("plugin/src/lib.rs", "mod node;"),
            ("plugin/src/node.rs", ""),
            ("plugin/src/text.txt", "hello"),
            ("shared/Cargo.toml", "[package]"),
            ("shared/src/lib.rs", "pub fn shared() {}"),
            ("lib.so", "library"),
        ];
        for (path, content) in all {
            write(&root.path().join(path), content);
        }
        let files = [
            "plugin/src/lib.rs",
            "plugin/src/node.rs",
            "plugin/src/text.txt",
            "shared/src/lib.rs",
        ];
        let files = files.iter().map(|file| root.path().join(file)).collect();
        Sources { root, files }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn fingerprint(&self) -> Fingerprint {
        let later = SystemTime::now() + Duration::from_secs(60);
        Fingerprint::take(
            &self.path("plugin"),
            &self.files,
            &self.path("lib.so"),
            later,
        )
        .unwrap()
    }
}

fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn sources_and_manifests_are_recorded_by_relative_path() {
    let recorded: Vec<_> = Sources::new().fingerprint().sources.into_keys().collect();
    let expected = [
        "../shared/Cargo.toml",
        "../shared/src/lib.rs",
        "Cargo.toml",
        "src/lib.rs",
        "src/node.rs",
        "src/text.txt",
    ];
    assert_eq!(recorded, expected.map(PathBuf::from));
}

#[test]
fn the_lock_file_counts_if_it_is_the_crates_own() {
    let sources = Sources::new();
    write(&sources.path("Cargo.lock"), "of the workspace");
    write(&sources.path("plugin/Cargo.lock"), "of the crate");
    let fingerprint = sources.fingerprint();
    write(&sources.path("Cargo.lock"), "changed");
    assert_eq!(fingerprint.changed(&sources.path("plugin")), None);
    write(&sources.path("plugin/Cargo.lock"), "changed");
    assert_eq!(
        fingerprint.changed(&sources.path("plugin")),
        Some(Path::new("Cargo.lock"))
    );
}

#[test]
fn the_changed_or_removed_file_is_named() {
    let sources = Sources::new();
    let fingerprint = sources.fingerprint();
    assert_eq!(fingerprint.changed(&sources.path("plugin")), None);
    write(&sources.path("shared/src/lib.rs"), "");
    assert_eq!(
        fingerprint.changed(&sources.path("plugin")),
        Some(Path::new("../shared/src/lib.rs"))
    );
    write(&sources.path("shared/src/lib.rs"), "pub fn shared() {}");
    assert_eq!(fingerprint.changed(&sources.path("plugin")), None);
    fs::remove_file(sources.path("plugin/src/text.txt")).unwrap();
    assert_eq!(
        fingerprint.changed(&sources.path("plugin")),
        Some(Path::new("src/text.txt"))
    );
}

#[test]
fn a_file_saved_while_the_compiler_ran_counts_as_changed() {
    let sources = Sources::new();
    let since = SystemTime::now() - Duration::from_secs(60);
    let fingerprint = Fingerprint::take(
        &sources.path("plugin"),
        &sources.files,
        &sources.path("lib.so"),
        since,
    )
    .unwrap();
    assert!(fingerprint.changed(&sources.path("plugin")).is_some());
}

#[test]
fn a_watched_folder_changes_with_its_contents() {
    let mut sources = Sources::new();
    write(&sources.path("plugin/proto/deep/a.proto"), "a");
    std::os::unix::fs::symlink("..", sources.path("plugin/proto/up")).unwrap();
    sources.files.push(sources.path("plugin/proto"));
    let fingerprint = sources.fingerprint();
    assert_eq!(fingerprint.changed(&sources.path("plugin")), None);
    write(&sources.path("plugin/proto/deep/b.proto"), "");
    assert_eq!(
        fingerprint.changed(&sources.path("plugin")),
        Some(Path::new("proto"))
    );
}

#[test]
fn a_missing_watched_file_changes_when_it_appears() {
    let mut sources = Sources::new();
    sources.files.push(sources.path("plugin/optional.txt"));
    let fingerprint = sources.fingerprint();
    assert_eq!(fingerprint.changed(&sources.path("plugin")), None);
    write(&sources.path("plugin/optional.txt"), "");
    assert_eq!(
        fingerprint.changed(&sources.path("plugin")),
        Some(Path::new("optional.txt"))
    );
}

#[test]
fn a_replaced_library_is_detected() {
    let sources = Sources::new();
    let fingerprint = sources.fingerprint();
    assert!(fingerprint.is_of(&sources.path("lib.so")).unwrap());
    write(&sources.path("lib.so"), "another library");
    assert!(!fingerprint.is_of(&sources.path("lib.so")).unwrap());
}

#[test]
fn a_fingerprint_is_read_back_only_if_complete() {
    let fingerprint = Sources::new().fingerprint();
    let mut text = Vec::new();
    fingerprint.write(&mut text).unwrap();
    assert_eq!(Fingerprint::parse(&text[..text.len() / 2]), None);
    assert_eq!(Fingerprint::parse(b""), None);
    let newer = String::from_utf8(text.clone())
        .unwrap()
        .replace("\"schema\": 1", "\"schema\": 2");
    assert_eq!(Fingerprint::parse(newer.as_bytes()), None);
    assert_eq!(Fingerprint::parse(&text), Some(fingerprint));
}

#[test]
fn relative_paths_go_up_if_necessary() {
    let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
    assert_eq!(way("/a/b", "/a/b/c/d"), Path::new("c/d"));
    assert_eq!(way("/a/b", "/a/c"), Path::new("../c"));
    assert_eq!(way("/a/b/c", "/x"), Path::new("../../../x"));
}
