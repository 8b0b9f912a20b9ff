//! Files that a topology puts into its nodes: either they exist before the commands start, or nothing is left.

use clusterdock::error::Kind;
use clusterdock_plugin_wire::{Contents, File};

use super::{Stage, Wish, engine};

fn file(path: &str, contents: Contents) -> File {
    File {
        path: path.into(),
        contents,
        mode: None,
        owner: "0:0".into(),
    }
}

fn text(path: &str, contents: &str) -> File {
    file(path, Contents::Text(contents.into()))
}

#[tokio::test(start_paused = true)]
async fn files_are_in_the_node_before_its_command_starts() {
    let fake = engine();
    let local = tempfile::tempdir().unwrap();
    std::fs::write(local.path().join("plugin.jar"), "jar").unwrap();
    let key = File {
        mode: Some(0o600),
        owner: "7:8".into(),
        ..text("/etc/deep/key", "secret")
    };
    let bytes = Contents::from_bytes(vec![0xff, 0]);
    let folder = file("/opt/plugins", Contents::Local(local.path().into()));
    let files = [
        text("/etc/a.conf", "a"),
        key,
        file("/etc/raw", bytes),
        folder,
    ];
    let wish = Wish::of(&["a", "b"]).each(|node| {
        files
            .iter()
            .cloned()
            .fold(node, |node, file| node.file(file))
    });
    Stage::new(&fake).start(wish).await.unwrap();
    for node in ["a.cluster", "b.cluster"] {
        let read = |path: &str| fake.read_file(node, path).expect(path);
        assert_eq!(read("/etc/a.conf"), b"a");
        assert_eq!(read("/etc/raw"), [0xff, 0]);
        assert_eq!(read("/opt/plugins/plugin.jar"), b"jar");
        assert_eq!(fake.file_owner(node, "/etc/a.conf"), Some((0o644, 0, 0)));
        assert_eq!(fake.file_owner(node, "/etc/deep/key"), Some((0o600, 7, 8)));
        let calls = fake.calls();
        let of_node = |method: &str| {
            let is_it = |call: &&_| format!("{call}").starts_with(&format!("{method} `{node}`"));
            calls.iter().position(|call| is_it(&call))
        };
        assert!(
            of_node("put_archive") < of_node("start_container"),
            "{calls:?}"
        );
    }
    // The contents of a node take one call, its local folder another one, and the record one.
    assert_eq!(fake.count("put_archive"), 2 * 2 + 1);
}

#[tokio::test(start_paused = true)]
async fn a_file_that_cannot_be_put_fails_the_start_and_leaves_nothing() {
    let fake = engine();
    let before = fake.snapshot();
    let stage = Stage::new(&fake);
    let unknown = File {
        owner: "nobody-here".into(),
        ..text("/etc/x", "x")
    };
    fake.seed();
    let wish = Wish::of(&["a"]).each(|node| node.file(unknown.clone()));
    let error = stage.start(wish).await.unwrap_err();
    assert!(
        error
            .to_string()
            .contains("failed to put `/etc/x` on node `a.cluster`"),
        "{error}"
    );
    assert_eq!(fake.snapshot(), before);

    let missing = file("/etc/x", Contents::Local("/nowhere/at/all".into()));
    let wish = Wish::of(&["a"]).each(|node| node.file(missing.clone()));
    let error = stage.start(wish).await.unwrap_err();
    assert_eq!(error.kind(), Kind::NotFound, "{error}");
    assert_eq!(fake.snapshot(), before);
}
