//! Libraries of a topology folder, compiled by the real cargo.

mod cargo_settings;
mod missing;
mod shared_folder;

use std::sync::mpsc;

use super::*;
use crate::topology::build_folder::BuildFolder;

const MANIFEST: &str = r#"
[topology]
name = "tiny"
version = "1.0.0"
description = "A topology for a test"
plugin = "tiny"
source = "../crate"

[images]
namespace = "clusterdock"
repository = "topology_tiny"
default = "host"
"#;

/// The folder of a topology beside the crate of its plugin, which is compiled by the real cargo.
struct Scene(tempfile::TempDir);

impl Scene {
    fn new() -> Scene {
        let scene = Scene(tempfile::tempdir().unwrap());
        scene.write("topology/topology.toml", MANIFEST);
        scene.write(
            "crate/Cargo.toml",
            "[package]\nname = \"tiny\"\nversion = \"0.1.0\"\nedition = \"2021\"\n\
             [lib]\ncrate-type = [\"cdylib\"]\n[dependencies]\nshared = { path = \"../shared\" }\n\
             [workspace]\n[profile.release]\nopt-level = 0\n",
        );
        scene.write(
            "crate/src/lib.rs",
            "#[no_mangle]\npub static TEXT: &str = include_str!(\"a text.txt\");\n\
             #[no_mangle]\npub extern \"C\" fn number() -> u32 { shared::number() }\n",
        );
        scene.write("crate/src/a text.txt", "the first text");
        scene.write(
            "shared/Cargo.toml",
            "[package]\nname = \"shared\"\nversion = \"0.1.0\"\nedition = \"2021\"\n",
        );
        scene.write("shared/src/lib.rs", "pub fn number() -> u32 { 1 }\n");
        scene
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().canonicalize().unwrap().join(path)
    }

    fn write(&self, path: &str, content: &str) {
        fs::create_dir_all(self.path(path).parent().unwrap()).unwrap();
        fs::write(self.path(path), content).unwrap();
    }

    /// Replaces `old` in the file `path`.
    fn edit(&self, path: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(old), "{text}");
        self.write(path, &text.replace(old, new));
    }

    fn folder(&self) -> Folder {
        Folder::open(&self.path("topology"), Path::new("topology")).unwrap()
    }

    /// Where a compiled library is put.
    fn library(&self) -> PathBuf {
        self.path("topology/lib").join(target()).join("libtiny.so")
    }

    /// Finds the library, and returns the reasons for which cargo was called.
    fn find(&self) -> (Result<Library>, Vec<String>) {
        let mut reasons = Vec::new();
        let found = block_on(find(&self.folder(), &self.cargo(), &mut |event| {
            if let Event::Compiling { why, .. } = event {
                reasons.push(why.to_owned());
            }
        }));
        (found, reasons)
    }

    /// Finds the library and asserts that it was compiled for the reason `why`.
    fn assert_compiled(&self, why: &str) {
        let (found, reasons) = self.find();
        assert_eq!(
            found.unwrap(),
            Library {
                path: self.library(),
                origin: Origin::Compiled
            }
        );
        assert_eq!(reasons, [why]);
    }

    /// Finds the library; calling cargo is an error.
    fn found_without_cargo(&self) -> Library {
        block_on(find(&self.folder(), &self.no_cargo(), &mut |event| {
            panic!("{event:?}")
        }))
        .unwrap()
    }

    fn assert_fresh(&self) {
        assert_eq!(
            self.found_without_cargo(),
            Library {
                path: self.library(),
                origin: Origin::Fresh
            }
        );
    }

    fn cargo(&self) -> Cargo {
        cargo_in(&self.path("config"))
    }

    fn no_cargo(&self) -> Cargo {
        let folder = BuildFolder::below(&self.path("config"));
        Cargo::new("cargo", [("PATH".into(), "/nowhere".into())], folder)
    }

    fn failure(&self) -> Error {
        let error = self.find().0.unwrap_err();
        assert_eq!(error.kind(), Kind::Plugin);
        error
    }
}

/// The real cargo, which compiles below this config directory.
fn cargo_in(config: &Path) -> Cargo {
    let own = std::env::vars_os().filter(|(name, _)| name != "RUSTFLAGS");
    let offline = [("CARGO_NET_OFFLINE".into(), "true".into())];
    Cargo::new("cargo", own.chain(offline), BuildFolder::below(config))
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap()
        .block_on(work)
}

fn contains(file: &Path, text: &str) -> bool {
    fs::read(file)
        .unwrap()
        .windows(text.len())
        .any(|window| window == text.as_bytes())
}

#[test]
fn a_library_is_compiled_once_and_then_found_without_cargo() {
    let scene = Scene::new();
    scene.assert_compiled("no library yet");
    assert!(contains(&scene.library(), "the first text"));
    let kept: Vec<_> = fs::read_dir(scene.library().parent().unwrap())
        .unwrap()
        .flatten()
        .collect();
    assert_eq!(
        kept.len(),
        4,
        "the library, its fingerprint, the lock and .gitignore: {kept:?}"
    );
    let names = |folder: &str| {
        let entries = fs::read_dir(scene.path(folder)).unwrap().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name()).collect();
        names.sort();
        names
    };
    assert_eq!(names("topology"), ["lib", "topology.toml"]);
    assert_eq!(names("crate"), ["Cargo.lock", "Cargo.toml", "src"]);
    scene.assert_fresh();
}

#[test]
fn files_saved_without_changes_compile_nothing() {
    let scene = Scene::new();
    scene.assert_compiled("no library yet");
    scene.edit("crate/src/lib.rs", "number", "number");
    scene.write("crate/src/unused.rs", "a file that no other mentions");
    scene.assert_fresh();
}

#[test]
fn a_topology_and_its_crate_may_be_moved_together() {
    let scene = Scene::new();
    scene.assert_compiled("no library yet");
    let moved = Scene(tempfile::tempdir().unwrap());
    for part in ["topology", "crate", "shared"] {
        fs::rename(scene.path(part), moved.path(part)).unwrap();
    }
    moved.assert_fresh();
}

#[test]
fn changed_sources_are_compiled_and_named() {
    let scene = Scene::new();
    scene.assert_compiled("no library yet");
    scene.edit("crate/src/a text.txt", "first", "second");
    scene.assert_compiled("`src/a text.txt` has changed");
    assert!(contains(&scene.library(), "the second text"));
    scene.edit("crate/src/lib.rs", "fn number", "fn another_number");
    scene.assert_compiled("`src/lib.rs` has changed");
    assert!(contains(&scene.library(), "another_number"));
    scene.edit("shared/src/lib.rs", "1", "2");
    scene.assert_compiled("`../shared/src/lib.rs` has changed");
    scene.edit("crate/Cargo.toml", "0.1.0", "0.2.0");
    scene.assert_compiled("`Cargo.toml` has changed");
    scene.assert_fresh();
}

#[test]
fn a_change_with_an_old_time_is_compiled() {
    let scene = Scene::new();
    scene.assert_compiled("no library yet");
    scene.edit("crate/src/a text.txt", "first", "unpacked");
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::options()
        .write(true)
        .open(scene.path("crate/src/a text.txt"))
        .unwrap()
        .set_modified(long_ago)
        .unwrap();
    scene.assert_compiled("`src/a text.txt` has changed");
    assert!(contains(&scene.library(), "the unpacked text"));
    scene.assert_fresh();
}

#[test]
fn a_library_without_a_fingerprint_is_used_as_it_is() {
    let scene = Scene::new();
    let in_folder = scene.path("topology/libtiny.so");
    fs::write(&in_folder, "prebuilt").unwrap();
    assert_eq!(
        scene.found_without_cargo(),
        Library {
            path: in_folder,
            origin: Origin::Given
        }
    );
    scene.write(
        &format!("topology/lib/{}/libtiny.so", target()),
        "prebuilt for this machine",
    );
    assert_eq!(
        scene.found_without_cargo(),
        Library {
            path: scene.library(),
            origin: Origin::Given
        }
    );
}

#[test]
fn a_library_put_over_the_compiled_one_is_used_as_it_is() {
    let scene = Scene::new();
    scene.assert_compiled("no library yet");
    fs::write(scene.library(), "my own").unwrap();
    scene.edit("crate/src/a text.txt", "first", "second");
    assert_eq!(scene.found_without_cargo().origin, Origin::Given);
    assert_eq!(fs::read(scene.library()).unwrap(), b"my own");
}

#[test]
fn a_compiled_library_without_its_crate_is_used_as_it_is() {
    let scene = Scene::new();
    scene.assert_compiled("no library yet");
    fs::remove_dir_all(scene.path("crate")).unwrap();
    assert_eq!(scene.found_without_cargo().origin, Origin::Given);
}

#[test]
fn an_incomplete_fingerprint_leads_to_compilation() {
    let scene = Scene::new();
    scene.assert_compiled("no library yet");
    fs::write(fingerprint::path_of(&scene.library()), "").unwrap();
    scene.assert_compiled("the sources of the library are unknown");
    scene.assert_fresh();
}

#[test]
fn compilation_can_be_requested() {
    let scene = Scene::new();
    for _ in 0..2 {
        let mut took = None;
        let library = block_on(compile(&scene.folder(), &scene.cargo(), &mut |event| {
            if let Event::Compiled { took: time, .. } = event {
                took = Some(time);
            }
        }));
        assert_eq!(library.unwrap().origin, Origin::Compiled);
        assert!(took.unwrap() > Duration::ZERO);
    }
}

#[test]
fn of_two_processes_the_second_waits() {
    let scene = Scene::new();
    let (begun, compiling) = mpsc::channel();
    let (second_waits, waiting) = mpsc::channel();
    let (first, first_cargo) = (scene.folder(), scene.cargo());
    std::thread::scope(|threads| {
        threads.spawn(move || {
            block_on(find(&first, &first_cargo, &mut |event| {
                if let Event::Compiling { .. } = event {
                    begun.send(()).unwrap();
                    waiting.recv_timeout(Duration::from_secs(60)).unwrap();
                }
            }))
            .unwrap()
        });
        compiling.recv_timeout(Duration::from_secs(60)).unwrap();
        let second = block_on(find(&scene.folder(), &scene.no_cargo(), &mut |event| {
            let plugin = Some("tiny");
            assert_eq!(event, Event::Waiting { plugin });
            second_waits.send(()).unwrap();
        }));
        assert_eq!(
            second.unwrap(),
            Library {
                path: scene.library(),
                origin: Origin::Fresh
            }
        );
    });
}

#[test]
fn a_failed_compilation_keeps_the_older_library() {
    let scene = Scene::new();
    scene.assert_compiled("no library yet");
    scene.edit("crate/src/lib.rs", "pub extern", "pub extrn");
    for _ in 0..2 {
        let error = scene.failure();
        assert_eq!(error.message(), "failed to compile plugin `tiny`");
        let command = format!(
            "cargo build --release --manifest-path {}",
            scene.path("crate/Cargo.toml").display()
        );
        assert!(error.next_step().unwrap().contains(&command), "{error:?}");
    }
    assert!(contains(&scene.library(), "the first text"));
    scene.edit("crate/src/lib.rs", "pub extrn", "pub extern");
    scene.assert_fresh();
}

#[test]
fn a_crate_without_the_library_gets_a_hint() {
    let scene = Scene::new();
    scene.edit("crate/Cargo.toml", "[\"cdylib\"]", "[\"rlib\"]");
    let error = scene.failure();
    assert!(
        error
            .message()
            .ends_with("/crate/Cargo.toml` does not build `libtiny.so`"),
        "{error}"
    );
    assert_eq!(error.causes(), ["`tiny` is compiled as rlib"]);
    assert!(
        error
            .next_step()
            .unwrap()
            .contains("`crate-type = [\"cdylib\"]`")
    );
    scene.edit("crate/Cargo.toml", "[\"rlib\"]", "[\"cdylib\"]");
    scene.edit(
        "topology/topology.toml",
        "plugin = \"tiny\"",
        "plugin = \"huge\"",
    );
    let error = scene.failure();
    assert_eq!(error.causes(), ["it builds `libtiny.so`"]);
    assert!(error.next_step().unwrap().contains("`plugin = \"tiny\"`"));
}
