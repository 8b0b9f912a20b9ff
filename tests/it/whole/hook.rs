//! A hook's calls, against the fake engine: no more calls to the engine than it takes, and no trust in what a node sends.

use super::{Stage, Wish, engine};
use clusterdock::cli::start::Pull;
use clusterdock::execution::Stop;
use clusterdock::execution::hook::HookCalls;
use clusterdock::image::Provider;
use clusterdock_plugin_api::ops::{self, FileFacts, Operation};
use clusterdock_plugin_api::{Code, Result};
use clusterdock_tests::fake::FakeEngine;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::sync::Mutex;
use tar::{Builder, EntryType, Header};

const NODES: [&str; 2] = ["a.cluster", "b.cluster"];

async fn two_nodes() -> FakeEngine {
    let fake = engine();
    Stage::new(&fake).start(Wish::of(&["a", "b"])).await.unwrap();
    let users = "root:x:0:0::/:\napp:x:1000:1001::/:\n";
    NODES.iter().for_each(|node| fake.write_file(node, "/etc/passwd", users));
    fake
}

/// Makes a call as a hook does; gives its answer and its bytes.
async fn call<O: Operation>(fake: &FakeEngine, operation: &O, payload: &[u8]) -> Result<(O::Output, Vec<u8>)> {
    let stage = Stage::new(fake);
    let ids: BTreeMap<String, String> = NODES.iter().map(|node| (node.to_string(), node.to_string())).collect();
    let (stop, events) = (Stop::new(), |_| ());
    let registries = stage.session().registries;
    let calls = HookCalls {
        engine: fake,
        provider: Provider { engine: fake, registries: &registries, pull: Pull::Never, stop: &stop, events: &events },
        ids: &ids,
        stop: &stop,
        report: &stage.report,
        events: &events,
        closing: Mutex::default(),
        stopped: Mutex::default(),
        made: Mutex::default(),
    };
    let input = serde_json::to_string(operation).unwrap();
    let (output, bytes) = calls.carry_out(O::NAME, &input, payload).await?;
    Ok((serde_json::from_str(&output).unwrap(), bytes))
}

fn nodes() -> Vec<String> {
    NODES.map(String::from).to_vec()
}

#[tokio::test]
async fn a_file_is_given_to_whom_the_node_knows() {
    let fake = two_nodes().await;
    fake.write_file("b.cluster", "/etc/passwd", "app:x:5:6::/:\n");
    let put = ops::PutFile { nodes: nodes(), path: "/srv/x".into(), mode: 0o4640, owner: "app".into() };
    call(&fake, &put, b"x").await.unwrap();
    assert_eq!(fake.file_owner("a.cluster", "/srv/x"), Some((0o4640, 1000, 1001)));
    assert_eq!(fake.file_owner("b.cluster", "/srv/x"), Some((0o4640, 5, 6)));
    let (facts, bytes) =
        call(&fake, &ops::GetFile { node: "b.cluster".into(), path: "/srv/x".into() }, b"").await.unwrap();
    assert_eq!(facts, FileFacts { path: "/srv/x".into(), mode: 0o4640, owner: (5, 6) });
    assert_eq!(bytes, b"x");
    let put = ops::PutFile { owner: "nobody".into(), ..put };
    let error = call(&fake, &put, b"x").await.unwrap_err();
    assert_eq!(error.chain()[..2], ["failed to put `/srv/x` on node `a.cluster`", "no user `nobody`"]);
}

#[tokio::test]
async fn a_folder_of_this_machine_becomes_one_of_the_node() {
    let fake = two_nodes().await;
    let local = tempfile::tempdir().unwrap();
    fs::create_dir(local.path().join("sub")).unwrap();
    fs::write(local.path().join("sub/run"), "run").unwrap();
    fs::set_permissions(local.path().join("sub/run"), fs::Permissions::from_mode(0o4755)).unwrap();
    let put = ops::PutLocal {
        nodes: nodes(),
        local: local.path().into(),
        path: "/srv/deep/app".into(),
        mode: None,
        owner: "app:9".into(),
    };
    for (mode, expected) in [(None, 0o755), (Some(0o600), 0o600)] {
        call(&fake, &ops::PutLocal { mode, ..put.clone() }, b"").await.unwrap();
        for node in NODES {
            assert_eq!(fake.read_file(node, "/srv/deep/app/sub/run").unwrap(), b"run");
            assert_eq!(fake.file_owner(node, "/srv/deep/app/sub/run"), Some((expected, 1000, 9)));
        }
    }
    let missing = ops::PutLocal { local: local.path().join("nowhere"), ..put };
    let error = call(&fake, &missing, b"").await.unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[tokio::test]
async fn what_a_node_sends_for_a_folder_stays_in_the_folder() {
    let fake = two_nodes().await;
    fake.write_file("a.cluster", "/data/file", "contents");
    let here = tempfile::tempdir().unwrap();
    let (outside, local) = (here.path().join("outside"), here.path().join("in/deep"));
    fs::create_dir(&outside).unwrap();
    let get = ops::GetFolder { node: "a.cluster".into(), path: "/data/".into(), local: local.clone() };
    call(&fake, &get, b"").await.unwrap();
    assert_eq!(fs::read_to_string(local.join("file")).unwrap(), "contents");

    let mut forged = Builder::new(Vec::new());
    let mut add = |kind, name: &str, target: &str, contents: &[u8]| {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_mode(0o755);
        header.set_size(contents.len() as u64);
        header.as_gnu_mut().unwrap().name[..name.len()].copy_from_slice(name.as_bytes());
        if !target.is_empty() {
            header.set_link_name(target).unwrap();
        }
        header.set_cksum();
        forged.append(&header, contents).unwrap();
    };
    add(EntryType::Directory, "./", "", b"");
    add(EntryType::Symlink, "./link", outside.to_str().unwrap(), b"");
    add(EntryType::Regular, "./link/evil", "", b"evil");
    add(EntryType::Regular, "./../outside/evil", "", b"evil");
    fake.forge_archive("a.cluster", "/data", forged.into_inner().unwrap());
    let error = call(&fake, &get, b"").await.unwrap_err();
    assert_eq!(error.chain()[0], "failed to get folder `/data/` from node `a.cluster`");
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

#[tokio::test]
async fn what_a_newer_plugin_asks_for_is_unsupported() {
    #[derive(serde::Serialize, serde::Deserialize)]
    struct Newer;
    impl Operation for Newer {
        const NAME: &'static str = "turn-green";
        type Output = ();
    }
    let fake = two_nodes().await;
    assert_eq!(call(&fake, &Newer, b"").await.unwrap_err().code(), Code::Unsupported);
}

#[tokio::test(start_paused = true)]
async fn a_pause_lasts_as_long_as_it_says_and_no_longer_than_the_start() {
    let fake = two_nodes().await;
    let began = tokio::time::Instant::now();
    call(&fake, &ops::Pause { time_ms: 1_500 }, b"").await.unwrap();
    assert_eq!(began.elapsed().as_millis(), 1_500);
}
