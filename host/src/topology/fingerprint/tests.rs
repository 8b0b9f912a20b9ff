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
        let files = ["plugin/src/lib.rs", "plugin/src/node.rs", "plugin/src/text.txt", "shared/src/lib.rs"];
        let files = files.iter().map(|file| root.path().join(file)).collect();
        Sources { root, files }
    }

    fn path(&self, path: &str) -> PathBuf {
        self.root.path().join(path)
    }

    fn fingerprint(&self) -> Fingerprint {
        let later = SystemTime::now() + Duration::from_secs(60);
        Fingerprint::take(&self.path("plugin"), &self.files, &self.path("lib.so"), later).unwrap()
    }
}

fn write(path: &Path, content: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, content).unwrap();
}

#[test]
fn files_and_the_manifests_of_their_crates_are_recorded_by_paths_from_the_crate() {
    let recorded: Vec<_> = Sources::new().fingerprint().sources.into_keys().collect();
    let expected =
        ["../shared/Cargo.toml", "../shared/src/lib.rs", "Cargo.toml", "src/lib.rs", "src/node.rs", "src/text.txt"];
    assert_eq!(recorded, expected.map(PathBuf::from));
}

#[test]
fn the_lock_file_counts_where_it_is_the_crates_own() {
    let sources = Sources::new();
    write(&sources.path("Cargo.lock"), "of the workspace");
    write(&sources.path("plugin/Cargo.lock"), "of the crate");
    let fingerprint = sources.fingerprint();
    write(&sources.path("Cargo.lock"), "changed");
    assert_eq!(fingerprint.changed(&sources.path("plugin")), None);
    write(&sources.path("plugin/Cargo.lock"), "changed");
    assert_eq!(fingerprint.changed(&sources.path("plugin")), Some(Path::new("Cargo.lock")));
}

#[test]
fn the_file_that_changed_or_went_is_named() {
    let sources = Sources::new();
    let fingerprint = sources.fingerprint();
    assert_eq!(fingerprint.changed(&sources.path("plugin")), None);
    write(&sources.path("shared/src/lib.rs"), "");
    assert_eq!(fingerprint.changed(&sources.path("plugin")), Some(Path::new("../shared/src/lib.rs")));
    write(&sources.path("shared/src/lib.rs"), "pub fn shared() {}");
    assert_eq!(fingerprint.changed(&sources.path("plugin")), None);
    fs::remove_file(sources.path("plugin/src/text.txt")).unwrap();
    assert_eq!(fingerprint.changed(&sources.path("plugin")), Some(Path::new("src/text.txt")));
}

#[test]
fn a_file_saved_while_the_compiler_ran_counts_as_changed() {
    let sources = Sources::new();
    let since = SystemTime::now() - Duration::from_secs(60);
    let fingerprint =
        Fingerprint::take(&sources.path("plugin"), &sources.files, &sources.path("lib.so"), since).unwrap();
    assert!(fingerprint.changed(&sources.path("plugin")).is_some());
}

#[test]
fn a_folder_that_a_build_script_watches_changes_with_what_is_in_it() {
    let mut sources = Sources::new();
    write(&sources.path("plugin/proto/deep/a.proto"), "a");
    std::os::unix::fs::symlink("..", sources.path("plugin/proto/up")).unwrap();
    sources.files.push(sources.path("plugin/proto"));
    let fingerprint = sources.fingerprint();
    assert_eq!(fingerprint.changed(&sources.path("plugin")), None);
    write(&sources.path("plugin/proto/deep/b.proto"), "");
    assert_eq!(fingerprint.changed(&sources.path("plugin")), Some(Path::new("proto")));
}

#[test]
fn a_watched_file_that_is_not_there_changes_when_it_appears() {
    let mut sources = Sources::new();
    sources.files.push(sources.path("plugin/optional.txt"));
    let fingerprint = sources.fingerprint();
    assert_eq!(fingerprint.changed(&sources.path("plugin")), None);
    write(&sources.path("plugin/optional.txt"), "");
    assert_eq!(fingerprint.changed(&sources.path("plugin")), Some(Path::new("optional.txt")));
}

#[test]
fn a_library_that_was_overwritten_is_told_from_the_compiled_one() {
    let sources = Sources::new();
    let fingerprint = sources.fingerprint();
    assert!(fingerprint.is_of(&sources.path("lib.so")).unwrap());
    write(&sources.path("lib.so"), "another library");
    assert!(!fingerprint.is_of(&sources.path("lib.so")).unwrap());
}

#[test]
fn what_was_written_is_read_back_and_half_of_it_is_not() {
    let fingerprint = Sources::new().fingerprint();
    let mut text = Vec::new();
    fingerprint.write(&mut text).unwrap();
    assert_eq!(Fingerprint::parse(&text[..text.len() / 2]), None);
    assert_eq!(Fingerprint::parse(b""), None);
    let newer = String::from_utf8(text.clone()).unwrap().replace("\"schema\": 1", "\"schema\": 2");
    assert_eq!(Fingerprint::parse(newer.as_bytes()), None);
    assert_eq!(Fingerprint::parse(&text), Some(fingerprint));
}

#[test]
fn the_way_between_folders_goes_up_where_it_has_to() {
    let way = |from: &str, to: &str| relative(Path::new(from), Path::new(to));
    assert_eq!(way("/a/b", "/a/b/c/d"), Path::new("c/d"));
    assert_eq!(way("/a/b", "/a/c"), Path::new("../c"));
    assert_eq!(way("/a/b/c", "/x"), Path::new("../../../x"));
}
