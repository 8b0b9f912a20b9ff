//! A hook's calls against the fake engine: no unnecessary call to the engine, and no trust in what a node sends.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;

use clusterdock::cancellation::Cancellation;
use clusterdock::engine::GuardedEngine;
use clusterdock::error::Kind;
use clusterdock::execution::retired::Retired;
use clusterdock::image::Provider;
use clusterdock::image::pull::Pull;
use clusterdock::start::hook_calls::HookCalls;
use clusterdock_plugin_wire::ops::{self, FileFacts, Operation};
use clusterdock_plugin_wire::{Code, Command, Exec, Result};
use clusterdock_tests::fake::{ExecAnswer, FakeEngine};
use tar::{Builder, EntryType, Header};

use super::{LabHook, Stage, Wish, engine, engine_with_sshd};

const NODES: [&str; 2] = ["a.cluster", "b.cluster"];

async fn two_nodes() -> FakeEngine {
    let fake = engine();
    Stage::new(&fake)
        .start(Wish::of(&["a", "b"]))
        .await
        .unwrap();
    let users = "root:x:0:0::/:\napp:x:1000:1001::/:\n";
    NODES
        .iter()
        .for_each(|node| fake.write_file(node, "/etc/passwd", users));
    fake
}

/// Makes a call as a hook does; returns its answer and its bytes.
async fn call<O: Operation>(
    fake: &FakeEngine,
    operation: &O,
    payload: &[u8],
) -> Result<(O::Output, Vec<u8>)> {
    let stage = Stage::new(fake);
    let ids: BTreeMap<String, String> = NODES
        .iter()
        .map(|node| (node.to_string(), node.to_string()))
        .collect();
    let (cancellation, events) = (Cancellation::new(), |_| ());
    let registries = stage.session().session.registries;
    let retired = Retired::default();
    let provider = Provider {
        engine: GuardedEngine::new(fake),
        registries: &registries,
        pull: Pull::Never,
        cancellation: &cancellation,
        events: &events,
    };
    let calls = HookCalls::new(provider, &ids, &retired, &stage.sink, "1.7.0");
    let input = serde_json::to_string(operation).unwrap();
    let (output, bytes) = calls.dispatch(O::NAME, &input, payload).await?;
    Ok((serde_json::from_str(&output).unwrap(), bytes))
}

fn nodes() -> Vec<String> {
    NODES.map(String::from).to_vec()
}

#[tokio::test]
async fn a_file_gets_an_owner_known_to_the_node() {
    let fake = two_nodes().await;
    fake.write_file("b.cluster", "/etc/passwd", "app:x:5:6::/:\n");
    let put = ops::PutFile {
        nodes: nodes(),
        path: "/srv/x".into(),
        mode: 0o4640,
        owner: "app".into(),
    };
    call(&fake, &put, b"x").await.unwrap();
    assert_eq!(
        fake.file_owner("a.cluster", "/srv/x"),
        Some((0o4640, 1000, 1001))
    );
    assert_eq!(fake.file_owner("b.cluster", "/srv/x"), Some((0o4640, 5, 6)));
    let (facts, bytes) = call(
        &fake,
        &ops::GetFile {
            node: "b.cluster".into(),
            path: "/srv/x".into(),
        },
        b"",
    )
    .await
    .unwrap();
    assert_eq!(
        facts,
        FileFacts {
            path: "/srv/x".into(),
            mode: 0o4640,
            owner: (5, 6)
        }
    );
    assert_eq!(bytes, b"x");
    let put = ops::PutFile {
        owner: "nobody".into(),
        ..put
    };
    let error = call(&fake, &put, b"x").await.unwrap_err();
    assert_eq!(
        error.chain()[..2],
        [
            "failed to put `/srv/x` on node `a.cluster`",
            "no user `nobody`"
        ]
    );
}

#[tokio::test]
async fn a_local_folder_is_copied_to_the_node() {
    let fake = two_nodes().await;
    let local = tempfile::tempdir().unwrap();
    fs::create_dir(local.path().join("sub")).unwrap();
    fs::write(local.path().join("sub/run"), "run").unwrap();
    fs::set_permissions(
        local.path().join("sub/run"),
        fs::Permissions::from_mode(0o4755),
    )
    .unwrap();
    let put = ops::PutLocal {
        nodes: nodes(),
        local: local.path().into(),
        path: "/srv/deep/app".into(),
        mode: None,
        owner: "app:9".into(),
    };
    for (mode, expected) in [(None, 0o755), (Some(0o600), 0o600)] {
        call(
            &fake,
            &ops::PutLocal {
                mode,
                ..put.clone()
            },
            b"",
        )
        .await
        .unwrap();
        for node in NODES {
            assert_eq!(
                fake.read_file(node, "/srv/deep/app/sub/run").unwrap(),
                b"run"
            );
            assert_eq!(
                fake.file_owner(node, "/srv/deep/app/sub/run"),
                Some((expected, 1000, 9))
            );
        }
    }
    let missing = ops::PutLocal {
        local: local.path().join("nowhere"),
        ..put
    };
    let error = call(&fake, &missing, b"").await.unwrap_err();
    assert!(error.to_string().contains("nowhere"), "{error}");
}

#[tokio::test]
async fn a_folder_from_a_node_stays_inside_its_destination() {
    let fake = two_nodes().await;
    fake.write_file("a.cluster", "/data/file", "contents");
    let here = tempfile::tempdir().unwrap();
    let (outside, local) = (here.path().join("outside"), here.path().join("in/deep"));
    fs::create_dir(&outside).unwrap();
    let get = ops::GetFolder {
        node: "a.cluster".into(),
        path: "/data/".into(),
        local: local.clone(),
    };
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
    assert_eq!(
        error.chain()[0],
        "failed to get folder `/data/` from node `a.cluster`"
    );
    assert_eq!(fs::read_dir(&outside).unwrap().count(), 0);
}

/// What a newer plugin would send: an operation, a field of one, and a value in one.
#[tokio::test]
async fn what_a_newer_plugin_calls_is_refused_by_name() {
    let stage = Stage::new(&two_nodes().await);
    let ids = BTreeMap::from([("a.cluster".to_string(), "a.cluster".to_string())]);
    let (cancellation, events) = (Cancellation::new(), |_| ());
    let (registries, retired) = (stage.session().session.registries, Retired::default());
    let provider = Provider {
        engine: GuardedEngine::new(&stage.fake),
        registries: &registries,
        pull: Pull::Never,
        cancellation: &cancellation,
        events: &events,
    };
    let calls = HookCalls::new(provider, &ids, &retired, &stage.sink, "1.7.0");
    let before = stage.fake.snapshot();
    for (name, input, feature) in [
        ("turn-green", "{}", "operation `turn-green`"),
        (
            "stop",
            r#"{"nodes":["a.cluster"],"grace_ms":1}"#,
            "field `grace_ms` of the operation `stop`",
        ),
        (
            "wait-for",
            r#"{"nodes":["a.cluster"],"probe":{"grpc":1},"timeout_ms":1}"#,
            "value `grpc` of `probe` of the operation `wait-for`",
        ),
    ] {
        let error = calls.dispatch(name, input, b"").await.unwrap_err();
        assert_eq!(error.code(), Code::Unsupported, "{error}");
        assert_eq!(
            error.chain(),
            [
                format!("the plugin uses the {feature}, which this clusterdock does not know"),
                "the plugin was built with plugin-api 1.7.0, this clusterdock has 1.0.0: upgrade \
                 clusterdock"
                    .into(),
            ]
        );
    }
    assert_eq!(stage.fake.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn a_pause_ends_with_the_start() {
    let fake = two_nodes().await;
    let began = tokio::time::Instant::now();
    let pause = ops::Pause {
        time_ms: 1_500,
        waiting_for: None,
    };
    call(&fake, &pause, b"").await.unwrap();
    assert_eq!(began.elapsed().as_millis(), 1_500);
}

#[tokio::test]
async fn output_returned_by_a_call_is_bounded() {
    const HALF: usize = 9 << 20;
    let fake = two_nodes().await;
    fake.on_exec(|_| ExecAnswer::success().stdout(vec![b'x'; HALF]));
    let on = |nodes: &[&str]| ops::ExecOn {
        nodes: nodes.iter().map(ToString::to_string).collect(),
        exec: Exec::new(Command::shell("dump everything")),
    };
    let (outputs, bytes) = call(&fake, &on(&NODES[..1]), b"").await.unwrap();
    let lengths = outputs[0].chunks.iter().map(|chunk| chunk.length as usize);
    assert_eq!((lengths.sum::<usize>(), bytes.len()), (HALF, HALF));
    let error = call(&fake, &on(&NODES), b"").await.unwrap_err();
    let message = error.chain().join(": ");
    assert!(
        message.contains("failed to run `dump everything` on node `"),
        "{message}"
    );
    assert!(
        message.contains("the output is longer than 16 MiB"),
        "{message}"
    );
    fake.write_file("a.cluster", "/big", "x".repeat(17 << 20));
    let error = call(
        &fake,
        &ops::GetFile {
            node: NODES[0].into(),
            path: "/big".into(),
        },
        b"",
    )
    .await
    .unwrap_err();
    let message = error.chain().join(": ");
    assert!(
        message.contains("failed to get `/big` from node `a.cluster`")
            && message.contains("longer than 16 MiB"),
        "{message}"
    );
}

#[tokio::test]
async fn a_node_whose_keys_were_copied_is_not_committed() {
    let fake = engine_with_sshd();
    Stage::new(&fake)
        .start(Wish::of(&["a", "b"]))
        .await
        .unwrap();
    let commit = ops::Commit {
        node: "a.cluster".into(),
        image: "lab/x:1".into(),
        push: false,
    };
    call(&fake, &commit, b"").await.unwrap();
    let kept = |name: &str| {
        fake.read_file("a.cluster", &format!("/var/lib/clusterdock/ssh/{name}"))
            .unwrap()
    };
    let places = [
        ("/root/.ssh/id_ed25519", "id_ed25519"),
        ("/root/.ssh/authorized_keys", "authorized_keys"),
        ("/etc/ssh/ssh_host_ed25519_key", "ssh_host_ed25519_key"),
        (
            "/etc/ssh/ssh_host_ed25519_key.pub",
            "ssh_host_ed25519_key.pub",
        ),
        ("/etc/ssh/ssh_known_hosts", "ssh_known_hosts"),
    ];
    for (place, name) in places {
        let edited = [b"# edited\n".to_vec(), kept(name)].concat();
        fake.write_file("a.cluster", place, edited);
        let error = call(&fake, &commit, b"").await.unwrap_err();
        assert_eq!(
            error.chain()[0],
            "an image of node `a.cluster` would have its ssh keys"
        );
        assert!(
            error.chain()[1].starts_with(&format!("`{place}` was a link to ")),
            "{error:?}"
        );
        // Files without anything of the cluster belong to the image.
        fake.write_file("a.cluster", place, "ssh-ed25519 AAAA someone@else\n");
        call(&fake, &commit, b"").await.unwrap();
    }
    assert_eq!(fake.count("commit_container"), 6);
}

/// Host keys that a node has generated, as many images do when they start; with keys of the cluster, and without.
#[tokio::test(start_paused = true)]
async fn a_node_with_a_host_key_of_its_own_is_not_committed() {
    for seed in [engine, engine_with_sshd] {
        let fake = seed();
        let started = Stage::new(&fake).start(Wish::of(&["a", "b"])).await;
        started.unwrap();
        let commit = ops::Commit {
            node: "a.cluster".into(),
            image: "lab/x:1".into(),
            push: false,
        };
        for (kind, begins) in [
            ("rsa", "-----BEGIN OPENSSH PRIVATE KEY-----\n"),
            ("ecdsa", "-----BEGIN OPENSSH PRIVATE KEY-----\n"),
            ("ed25519", "-----BEGIN OPENSSH PRIVATE KEY-----\n"),
            ("dsa", "-----BEGIN DSA PRIVATE KEY-----\n"),
            ("rsa", "# mine\n-----BEGIN RSA PRIVATE KEY-----\n"),
        ] {
            let place = format!("/etc/ssh/ssh_host_{kind}_key");
            fake.write_file("a.cluster", &place, begins);
            let before = fake.count("commit_container");
            let error = call(&fake, &commit, b"").await.unwrap_err();
            assert_eq!(
                error.chain()[..2],
                [
                    "an image of node `a.cluster` would have its ssh keys".to_string(),
                    format!("`{place}` is a private host key")
                ]
            );
            assert_eq!(fake.count("commit_container"), before);
            // What has no private key in it harms nobody.
            fake.write_file("a.cluster", &place, "");
            call(&fake, &commit, b"").await.unwrap();
        }
    }
}

#[tokio::test(start_paused = true)]
async fn a_hook_out_of_time_says_what_it_waited_for() {
    let fake = engine();
    fake.on_exec(|_| ExecAnswer::endless());
    let wish = Wish::of(&["a"]).hook(LabHook::FailsByCommand);
    let error = Stage::new(&fake).start(wish).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::Timeout, "the start hook of topology `lab` timed out")
    );
    let waited = "it was waiting for `true` on a.cluster, for 1m";
    assert_eq!(error.causes(), ["after 1m", waited]);
}
