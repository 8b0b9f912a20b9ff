use std::sync::mpsc;

use super::*;

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
        scene.write("shared/Cargo.toml", "[package]\nname = \"shared\"\nversion = \"0.1.0\"\nedition = \"2021\"\n");
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

    /// Finds the library by cargo; with it the reasons for which cargo was called.
    fn find(&self) -> (Result<Library>, Vec<String>) {
        let mut reasons = Vec::new();
        let found = block_on(find(&self.folder(), &cargo(), &mut |event| {
            if let Event::Compiling { why, .. } = event {
                reasons.push(why.to_owned());
            }
        }));
        (found, reasons)
    }

    /// Finds the library and has it compiled for the reason `why`.
    fn compiled(&self, why: &str) {
        let (found, reasons) = self.find();
        assert_eq!(found.unwrap(), Library { path: self.library(), origin: Origin::Compiled });
        assert_eq!(reasons, [why]);
    }

    /// Finds the library where calling cargo is an error.
    fn found_without_cargo(&self) -> Library {
        block_on(find(&self.folder(), &no_cargo(), &mut |event| panic!("{event:?}"))).unwrap()
    }

    fn is_fresh(&self) {
        assert_eq!(self.found_without_cargo(), Library { path: self.library(), origin: Origin::Fresh });
    }

    fn fails(&self) -> Error {
        let error = self.find().0.unwrap_err();
        assert_eq!(error.kind(), Kind::Plugin);
        error
    }
}

fn block_on<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap().block_on(work)
}

fn cargo() -> Cargo {
    let own = std::env::vars_os().filter(|(name, _)| name != "CARGO_TARGET_DIR" && name != "RUSTFLAGS");
    Cargo::new("cargo", own.chain([("CARGO_NET_OFFLINE".into(), "true".into())]))
}

fn no_cargo() -> Cargo {
    Cargo::new("cargo", [("PATH".into(), "/nowhere".into())])
}

fn contains(file: &Path, text: &str) -> bool {
    fs::read(file).unwrap().windows(text.len()).any(|window| window == text.as_bytes())
}

#[test]
fn a_library_is_compiled_once_and_then_found_without_cargo() {
    let scene = Scene::new();
    scene.compiled("there is no library yet");
    assert!(contains(&scene.library(), "the first text"));
    let kept: Vec<_> = fs::read_dir(scene.library().parent().unwrap()).unwrap().flatten().collect();
    assert_eq!(kept.len(), 3, "the library, its fingerprint and the lock: {kept:?}");
    scene.is_fresh();
}

#[test]
fn files_saved_without_a_change_compile_nothing() {
    let scene = Scene::new();
    scene.compiled("there is no library yet");
    scene.edit("crate/src/lib.rs", "number", "number");
    scene.write("crate/src/unused.rs", "a file that no other mentions");
    scene.is_fresh();
}

#[test]
fn a_topology_and_its_crate_may_be_moved_together() {
    let scene = Scene::new();
    scene.compiled("there is no library yet");
    let moved = Scene(tempfile::tempdir().unwrap());
    for part in ["topology", "crate", "shared"] {
        fs::rename(scene.path(part), moved.path(part)).unwrap();
    }
    moved.is_fresh();
}

#[test]
fn whatever_changes_in_the_sources_is_compiled_and_named() {
    let scene = Scene::new();
    scene.compiled("there is no library yet");
    scene.edit("crate/src/a text.txt", "first", "second");
    scene.compiled("`src/a text.txt` has changed");
    assert!(contains(&scene.library(), "the second text"));
    scene.edit("crate/src/lib.rs", "fn number", "fn another_number");
    scene.compiled("`src/lib.rs` has changed");
    assert!(contains(&scene.library(), "another_number"));
    scene.edit("shared/src/lib.rs", "1", "2");
    scene.compiled("`../shared/src/lib.rs` has changed");
    scene.edit("crate/Cargo.toml", "0.1.0", "0.2.0");
    scene.compiled("`Cargo.toml` has changed");
    scene.is_fresh();
}

#[test]
fn a_change_that_brings_an_old_time_along_is_compiled() {
    let scene = Scene::new();
    scene.compiled("there is no library yet");
    scene.edit("crate/src/a text.txt", "first", "unpacked");
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    File::options().write(true).open(scene.path("crate/src/a text.txt")).unwrap().set_modified(long_ago).unwrap();
    scene.compiled("`src/a text.txt` has changed");
    assert!(contains(&scene.library(), "the unpacked text"));
    scene.is_fresh();
}

#[test]
fn a_library_without_a_fingerprint_is_used_as_it_is() {
    let scene = Scene::new();
    let in_folder = scene.path("topology/libtiny.so");
    fs::write(&in_folder, "prebuilt").unwrap();
    assert_eq!(scene.found_without_cargo(), Library { path: in_folder, origin: Origin::Given });
    scene.write(&format!("topology/lib/{}/libtiny.so", target()), "prebuilt for this machine");
    assert_eq!(scene.found_without_cargo(), Library { path: scene.library(), origin: Origin::Given });
}

#[test]
fn a_library_put_over_the_compiled_one_is_used_as_it_is() {
    let scene = Scene::new();
    scene.compiled("there is no library yet");
    fs::write(scene.library(), "my own").unwrap();
    scene.edit("crate/src/a text.txt", "first", "second");
    assert_eq!(scene.found_without_cargo().origin, Origin::Given);
    assert_eq!(fs::read(scene.library()).unwrap(), b"my own");
}

#[test]
fn a_compiled_library_whose_crate_is_not_at_hand_is_used_as_it_is() {
    let scene = Scene::new();
    scene.compiled("there is no library yet");
    fs::remove_dir_all(scene.path("crate")).unwrap();
    assert_eq!(scene.found_without_cargo().origin, Origin::Given);
}

#[test]
fn a_fingerprint_that_was_not_written_to_its_end_has_the_library_compiled_again() {
    let scene = Scene::new();
    scene.compiled("there is no library yet");
    fs::write(fingerprint::path_of(&scene.library()), "").unwrap();
    scene.compiled("it is not known what the library was compiled from");
    scene.is_fresh();
}

#[test]
fn compiling_can_be_asked_for() {
    let scene = Scene::new();
    for _ in 0..2 {
        let mut took = None;
        let library = block_on(compile(&scene.folder(), &cargo(), &mut |event| {
            if let Event::Compiled { took: time, .. } = event {
                took = Some(time);
            }
        }));
        assert_eq!(library.unwrap().origin, Origin::Compiled);
        assert!(took.unwrap() > Duration::ZERO);
    }
}

#[test]
fn of_two_at_once_the_second_waits_and_compiles_nothing() {
    let scene = Scene::new();
    let (begun, compiling) = mpsc::channel();
    let (second_waits, waiting) = mpsc::channel();
    let first = scene.folder();
    std::thread::scope(|threads| {
        threads.spawn(move || {
            block_on(find(&first, &cargo(), &mut |event| {
                if let Event::Compiling { .. } = event {
                    begun.send(()).unwrap();
                    waiting.recv_timeout(Duration::from_secs(60)).unwrap();
                }
            }))
            .unwrap()
        });
        compiling.recv_timeout(Duration::from_secs(60)).unwrap();
        let second = block_on(find(&scene.folder(), &no_cargo(), &mut |event| {
            assert_eq!(event, Event::Waiting { plugin: "tiny" });
            second_waits.send(()).unwrap();
        }));
        assert_eq!(second.unwrap(), Library { path: scene.library(), origin: Origin::Fresh });
    });
}

#[test]
fn a_plugin_that_does_not_compile_is_an_error_and_leaves_the_older_library() {
    let scene = Scene::new();
    scene.compiled("there is no library yet");
    scene.edit("crate/src/lib.rs", "pub extern", "pub extrn");
    for _ in 0..2 {
        let error = scene.fails();
        assert_eq!(error.message(), "plugin `tiny` does not compile");
        let command = format!("cargo build --release --manifest-path {}", scene.path("crate/Cargo.toml").display());
        assert!(error.next_step().unwrap().contains(&command), "{error:?}");
    }
    assert!(contains(&scene.library(), "the first text"));
    scene.edit("crate/src/lib.rs", "pub extrn", "pub extern");
    scene.is_fresh();
}

#[test]
fn a_crate_that_makes_no_library_of_the_name_is_told_what_to_write() {
    let scene = Scene::new();
    scene.edit("crate/Cargo.toml", "[\"cdylib\"]", "[\"rlib\"]");
    let error = scene.fails();
    assert!(error.message().ends_with("/crate/Cargo.toml` does not make `libtiny.so`"), "{error}");
    assert_eq!(error.causes(), ["`tiny` is compiled as rlib"]);
    assert!(error.next_step().unwrap().contains("`crate-type = [\"cdylib\"]`"));
    scene.edit("crate/Cargo.toml", "[\"rlib\"]", "[\"cdylib\"]");
    scene.edit("topology/topology.toml", "plugin = \"tiny\"", "plugin = \"huge\"");
    let error = scene.fails();
    assert_eq!(error.causes(), ["it makes `libtiny.so`"]);
    assert!(error.next_step().unwrap().contains("`plugin = \"tiny\"`"));
}

#[test]
fn without_cargo_it_is_told_how_to_go_on() {
    let scene = Scene::new();
    let error = block_on(find(&scene.folder(), &no_cargo(), &mut |_| {})).unwrap_err();
    assert_eq!(error.kind(), Kind::Plugin);
    assert_eq!(error.message(), "plugin `tiny` has to be compiled, but there is no cargo");
    assert!(error.next_step().unwrap().contains(&format!("`lib/{}/libtiny.so`", target())), "{error:?}");
    scene.write("home/.cargo/bin/cargo", "");
    let beside = Cargo::new("cargo", [("PATH".into(), "/nowhere".into()), ("HOME".into(), scene.path("home").into())]);
    let error = block_on(find(&scene.folder(), &beside, &mut |_| {})).unwrap_err();
    assert!(error.next_step().unwrap().contains("/home/.cargo/bin:$PATH`"), "{error:?}");
}

#[test]
fn where_nothing_is_found_the_places_are_listed() {
    let scene = Scene::new();
    fs::remove_dir_all(scene.path("crate")).unwrap();
    scene.write("topology/lib/pdp11-unknown-linux-gnu/libtiny.so", "for another machine");
    let error = scene.fails();
    assert_eq!(error.message(), "no library of plugin `tiny` for topology `tiny`");
    let causes = [
        format!("searched `{}`", scene.library().display()),
        format!("searched `{}`", scene.path("topology/libtiny.so").display()),
        format!("there is one for pdp11-unknown-linux-gnu, but this machine is {}", target()),
        format!("no Cargo.toml in `{}`, its `source`", scene.path("topology/../crate").display()),
    ];
    assert_eq!(error.causes(), causes);
    scene.edit("topology/topology.toml", "source = \"../crate\"\n", "");
    let error = scene.fails();
    assert_eq!(error.causes().last().unwrap(), "its topology.toml names no `source` to compile it from");
    assert!(error.next_step().unwrap().contains("`source = \"...\"`"));
}

#[test]
fn a_folder_that_cannot_take_the_library_is_found_out_before_cargo_is_called() {
    let scene = Scene::new();
    fs::write(scene.path("topology/lib"), "in the way").unwrap();
    let error = block_on(find(&scene.folder(), &no_cargo(), &mut |_| {})).unwrap_err();
    assert_eq!(error.kind(), Kind::Plugin);
    assert!(error.message().starts_with("plugin `tiny` cannot be compiled into"), "{error}");
}

#[test]
fn a_configuration_that_shortens_paths_in_dependency_files_does_not_matter() {
    let scene = Scene::new();
    scene.write("crate/.cargo/config.toml", "[build]\ndep-info-basedir = \".\"\n");
    scene.compiled("there is no library yet");
    scene.is_fresh();
    scene.edit("crate/src/a text.txt", "first", "second");
    scene.compiled("`src/a text.txt` has changed");
}
