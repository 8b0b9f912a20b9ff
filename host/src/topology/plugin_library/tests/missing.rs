//! What is missing to find or compile a library, and what the errors say.

use super::*;

#[test]
fn without_cargo_the_error_has_a_hint() {
    let scene = Scene::new();
    let error = block_on(find(&scene.folder(), &scene.no_cargo(), &mut |_| {})).unwrap_err();
    assert_eq!(error.kind(), Kind::Plugin);
    assert_eq!(
        error.message(),
        "cannot compile plugin `tiny`: cargo not found"
    );
    assert!(
        error
            .next_step()
            .unwrap()
            .contains(&format!("`lib/{}/libtiny.so`", target())),
        "{error:?}"
    );
    scene.write("home/.cargo/bin/cargo", "");
    let beside = Cargo::new(
        "cargo",
        [
            ("PATH".into(), "/nowhere".into()),
            ("HOME".into(), scene.path("home").into()),
        ],
        BuildFolder::below(&scene.path("config")),
    );
    let error = block_on(find(&scene.folder(), &beside, &mut |_| {})).unwrap_err();
    assert!(
        error
            .next_step()
            .unwrap()
            .contains("/home/.cargo/bin:$PATH`"),
        "{error:?}"
    );
}

#[test]
fn a_missing_library_lists_the_places_searched() {
    let scene = Scene::new();
    fs::remove_dir_all(scene.path("crate")).unwrap();
    scene.write(
        "topology/lib/pdp11-unknown-linux-gnu/libtiny.so",
        "for another machine",
    );
    let error = scene.failure();
    assert_eq!(
        error.message(),
        "no library of plugin `tiny` for topology `tiny`"
    );
    let causes = [
        format!("searched `{}`", scene.library().display()),
        format!("searched `{}`", scene.path("topology/libtiny.so").display()),
        format!(
            "there is one for pdp11-unknown-linux-gnu, but the local machine is {}",
            target()
        ),
        format!(
            "no Cargo.toml in `{}`, its `source`",
            scene.path("topology/../crate").display()
        ),
    ];
    assert_eq!(error.causes(), causes);
    scene.edit("topology/topology.toml", "source = \"../crate\"\n", "");
    let error = scene.failure();
    assert_eq!(
        error.causes().last().unwrap(),
        "its topology.toml names no `source` to compile it from"
    );
    assert!(error.next_step().unwrap().contains("`source = \"...\"`"));
}

#[test]
fn an_unwritable_folder_is_reported_before_cargo_is_called() {
    let scene = Scene::new();
    fs::write(scene.path("topology/lib"), "in the way").unwrap();
    let error = block_on(find(&scene.folder(), &scene.no_cargo(), &mut |_| {})).unwrap_err();
    assert_eq!(error.kind(), Kind::Plugin);
    assert!(
        error
            .message()
            .starts_with("cannot compile plugin `tiny` into"),
        "{error}"
    );
}
