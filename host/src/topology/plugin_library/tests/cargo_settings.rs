//! Settings of cargo that a plugin's compilation must not depend on.

use super::*;

#[test]
fn a_configured_target_is_ignored() {
    // Its standard library is not even installed.
    let other = "[build]\ntarget = \"aarch64-unknown-linux-musl\"\ntarget-dir = \"elsewhere\"\nbuild-dir = \"other\"\n";
    for place in ["crate/.cargo/config.toml", ".cargo/config.toml"] {
        let scene = Scene::new();
        scene.write(place, other);
        scene.assert_compiled("no library yet");
        assert!(contains(&scene.library(), "the first text"));
        scene.edit("crate/src/a text.txt", "first", "second");
        scene.assert_compiled("`src/a text.txt` has changed");
        assert!(contains(&scene.library(), "the second text"));
        scene.assert_fresh();
        for folder in ["crate/elsewhere", "elsewhere", "crate/other", "other"] {
            assert!(!scene.path(folder).exists(), "{folder}");
        }
    }
}

#[test]
fn a_target_or_folder_in_the_environment_is_ignored() {
    let scene = Scene::new();
    scene.write(
        "cargo home/config.toml",
        "[build]\ntarget = [\"aarch64-unknown-linux-musl\"]\n",
    );
    let own = std::env::vars_os().filter(|(name, _)| name != "RUSTFLAGS" && name != "CARGO_HOME");
    let with = [
        ("CARGO_HOME", scene.path("cargo home").into_os_string()),
        ("CARGO_BUILD_TARGET", "aarch64-unknown-linux-musl".into()),
        ("CARGO_TARGET_DIR", scene.path("relative").into()),
        ("CARGO_BUILD_BUILD_DIR", scene.path("relative").into()),
        ("CARGO_NET_OFFLINE", "true".into()),
    ];
    let cargo = Cargo::new(
        "cargo",
        own.chain(with.map(|(name, value)| (name.into(), value))),
        BuildFolder::below(&scene.path("config")),
    );
    let found = block_on(find(&scene.folder(), &cargo, &mut |_| {})).unwrap();
    assert_eq!(
        found,
        Library {
            path: scene.library(),
            origin: Origin::Compiled
        }
    );
    assert!(contains(&scene.library(), "the first text"));
    assert!(!scene.path("relative").exists());
}

#[test]
fn shortened_paths_in_dependency_files_are_ignored() {
    let scene = Scene::new();
    scene.write(
        "crate/.cargo/config.toml",
        "[build]\ndep-info-basedir = \".\"\n",
    );
    scene.assert_compiled("no library yet");
    scene.assert_fresh();
    scene.edit("crate/src/a text.txt", "first", "second");
    scene.assert_compiled("`src/a text.txt` has changed");
}
