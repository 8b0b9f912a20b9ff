//! Several topologies that are compiled in one folder.

use super::*;

/// Compiles the library of a scene below a config directory that it shares with others.
fn compile_in(config: &Path, scene: &Scene, on: &mut dyn FnMut(Event<'_>)) {
    let found = block_on(find(&scene.folder(), &cargo_in(config), on));
    assert_eq!(found.unwrap().origin, Origin::Compiled);
}

#[test]
fn crates_of_one_name_keep_their_own_libraries() {
    let config = tempfile::tempdir().unwrap();
    let (one, other) = (Scene::new(), Scene::new());
    other.edit("crate/src/a text.txt", "first", "other");
    // The second round finds both libraries up to date for cargo.
    for _ in 0..2 {
        for (scene, text) in [(&one, "the first text"), (&other, "the other text")] {
            let library = block_on(compile(
                &scene.folder(),
                &cargo_in(config.path()),
                &mut |_| {},
            ));
            assert!(contains(&library.unwrap().path, text), "{text}");
        }
    }
    one.edit("crate/src/a text.txt", "first", "last");
    compile_in(config.path(), &one, &mut |_| {});
    assert!(contains(&one.library(), "the last text"));
    assert!(contains(&other.library(), "the other text"));
}

#[test]
fn a_dependency_changed_with_an_old_time_is_compiled() {
    let config = tempfile::tempdir().unwrap();
    let (one, other) = (Scene::new(), Scene::new());
    for scene in [&one, &other] {
        scene.write("shared/src/lib.rs", "pub fn number() -> u32 { 17777 }\n");
        compile_in(config.path(), scene, &mut |_| {});
    }
    let source = one.path("shared/src/lib.rs");
    one.edit("shared/src/lib.rs", "17777", "19999");
    let long_ago = SystemTime::UNIX_EPOCH + Duration::from_secs(1_000_000_000);
    let file = File::options().write(true).open(source).unwrap();
    file.set_modified(long_ago).unwrap();
    let before = fs::read(one.library()).unwrap();
    compile_in(config.path(), &one, &mut |_| {});
    assert!(fs::read(one.library()).unwrap() != before);
}

#[test]
fn what_is_shared_is_compiled_once() {
    let config = tempfile::tempdir().unwrap();
    let scene = Scene::new();
    compile_in(config.path(), &scene, &mut |_| {});
    let shared = || {
        let built = fs::read_dir(config.path().join("target/release/deps")).unwrap();
        let names = built.map(|entry| entry.unwrap().file_name().into_string().unwrap());
        names
            .filter(|name| name.starts_with("libshared") && name.ends_with(".rlib"))
            .count()
    };
    assert_eq!(shared(), 1);
    let second = scene.path("second");
    fs::create_dir(&second).unwrap();
    scene.write(
        "second/topology.toml",
        &MANIFEST
            .replace("tiny", "second")
            .replace("crate", "crate2"),
    );
    for file in ["Cargo.toml", "src/lib.rs", "src/a text.txt"] {
        let text = fs::read_to_string(scene.path("crate").join(file)).unwrap();
        scene.write(&format!("crate2/{file}"), &text.replace("tiny", "second"));
    }
    let folder = Folder::open(&second, Path::new("second")).unwrap();
    let found = block_on(find(&folder, &cargo_in(config.path()), &mut |_| {}));
    assert_eq!(found.unwrap().origin, Origin::Compiled);
    assert_eq!(shared(), 1);
}

#[test]
fn another_compilation_is_awaited() {
    let config = tempfile::tempdir().unwrap();
    let (one, other) = (Scene::new(), Scene::new());
    let (begun, compiling) = mpsc::channel();
    let (second_waits, waiting) = mpsc::channel();
    let shared = config.path();
    std::thread::scope(|threads| {
        threads.spawn(move || {
            compile_in(shared, &one, &mut |event| {
                if let Event::Compiling { .. } = event {
                    begun.send(()).unwrap();
                    waiting.recv_timeout(Duration::from_secs(60)).unwrap();
                }
            });
        });
        compiling.recv_timeout(Duration::from_secs(60)).unwrap();
        let mut events = Vec::new();
        compile_in(shared, &other, &mut |event| match event {
            Event::Waiting { plugin } => {
                events.push(format!("waiting for {plugin:?}"));
                second_waits.send(()).unwrap();
            }
            Event::Compiling { plugin, .. } => events.push(format!("compiling {plugin}")),
            Event::Compiled { .. } => {}
        });
        assert_eq!(events, ["waiting for None", "compiling tiny"]);
    });
}

#[test]
fn a_build_folder_that_cannot_be_created_is_reported() {
    let scene = Scene::new();
    scene.write("config", "in the way");
    let error = scene.failure();
    let message = format!(
        "cannot compile plugin `tiny` in `{}`",
        scene.path("config/target").display()
    );
    assert_eq!(error.message(), message);
    assert!(error.next_step().unwrap().contains("config-directory"));
}

#[test]
fn dependencies_of_one_name_are_told_apart() {
    let config = tempfile::tempdir().unwrap();
    let (one, other) = (Scene::new(), Scene::new());
    // Cargo gives such a library no hash in its name.
    let kinds = "[lib]\ncrate-type = [\"rlib\", \"cdylib\"]\n";
    for (scene, word) in [(&one, "the one word"), (&other, "the other word")] {
        let manifest = fs::read_to_string(scene.path("shared/Cargo.toml")).unwrap();
        scene.write("shared/Cargo.toml", &format!("{manifest}{kinds}"));
        let code = format!(
            "pub fn number() -> u32 {{ WORD.len() as u32 }}\npub static WORD: &str = \"{word}\";\n"
        );
        scene.write("shared/src/lib.rs", &code);
        scene.edit(
            "crate/src/lib.rs",
            "include_str!(\"a text.txt\")",
            "shared::WORD",
        );
        compile_in(config.path(), scene, &mut |_| {});
        assert!(contains(&scene.library(), word));
    }
    one.edit("crate/src/lib.rs", "number()", "new_number()");
    one.edit(
        "crate/src/lib.rs",
        "shared::new_number()",
        "shared::number()",
    );
    compile_in(config.path(), &one, &mut |_| {});
    assert!(contains(&one.library(), "the one word"));
}
