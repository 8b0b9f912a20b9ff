//! Keys of clusters: installed before nodes start, kept as long as one of the nodes exists, and used by ssh.

use std::fs;
use std::path::{Path, PathBuf};

use clusterdock::cli::lifecycle_args::SshConfig;
use clusterdock::commands::ssh_config;
use clusterdock::error::{Kind, Result};
use clusterdock::plan::node_keys::FILES;
use clusterdock_plugin_wire::Port;

use super::{CLUSTER, LabHook, Stage, Wish, engine, engine_with_sshd};

const IDENTITY: &str = "/var/lib/clusterdock/ssh/id_ed25519";
const HOST_KEY: &str = "/var/lib/clusterdock/ssh/ssh_host_ed25519_key";

impl Stage {
    /// The clusters whose keys are kept, without their runs.
    pub(super) fn kept_keys(&self) -> Vec<String> {
        let name = |folder: &PathBuf| {
            folder
                .file_name()
                .unwrap()
                .to_str()
                .unwrap()
                .rsplit_once('-')
                .unwrap()
                .0
                .into()
        };
        self.key_folders().iter().map(name).collect()
    }

    fn key_folders(&self) -> Vec<PathBuf> {
        let Ok(folders) = fs::read_dir(self.paths.config.join("keys")) else {
            return Vec::new();
        };
        let mut folders: Vec<PathBuf> = folders.map(|entry| entry.unwrap().path()).collect();
        folders.sort();
        folders
    }

    /// `clusterdock ssh-config CLUSTER`: its answer and its story.
    pub(super) async fn ssh_config(&self) -> Result<String> {
        let before = self.story.text().len();
        let args = SshConfig {
            cluster: CLUSTER.into(),
        };
        ssh_config::ssh_config(&self.session(), &args)
            .await
            .map(|()| self.story.text()[before..].to_string())
    }
}

/// The calls by which a completed start writes its record.
const RECORD: usize = 1;

#[tokio::test(start_paused = true)]
async fn keys_are_installed_in_one_call_before_the_start() {
    let fake = engine_with_sshd();
    let stage = Stage::new(&fake);
    stage.start(Wish::of(&["a", "b"])).await.unwrap();
    assert_eq!(
        (fake.count("put_archive"), fake.count("start_container")),
        (2 + RECORD, 2)
    );
    let first = |method: &str| {
        fake.calls()
            .iter()
            .position(|call| call.method == method)
            .unwrap()
    };
    assert!(first("put_archive") < first("start_container"));
    let read = |node: &str, path: &str| {
        String::from_utf8(fake.read_file(node, path).expect(path)).unwrap()
    };
    assert_eq!(read("a.cluster", IDENTITY), read("b.cluster", IDENTITY));
    assert_ne!(read("a.cluster", HOST_KEY), read("b.cluster", HOST_KEY));
    assert_eq!(fake.file_owner("a.cluster", IDENTITY), Some((0o600, 0, 0)));
    assert_eq!(
        fake.file_owner("a.cluster", "/root/.ssh"),
        Some((0o700, 0, 0))
    );
    let [folder] = &stage.key_folders()[..] else {
        panic!("one start has one folder")
    };
    let kept = |name: &str| fs::read_to_string(folder.join(name)).unwrap();
    assert_eq!(kept("id_ed25519"), read("a.cluster", IDENTITY));
    assert_eq!(
        kept("id_ed25519.pub"),
        read("b.cluster", "/var/lib/clusterdock/ssh/authorized_keys")
    );
    let known = kept("known_hosts");
    assert_eq!(
        known,
        read("a.cluster", "/var/lib/clusterdock/ssh/ssh_known_hosts")
    );
    for (line, node) in known.lines().zip(["a", "b"]) {
        let public = read(&format!("{node}.cluster"), &format!("{HOST_KEY}.pub"));
        let key = public.rsplit_once(' ').unwrap().0;
        assert!(
            line.starts_with(&format!("{node}.cluster,{node},10.")) && line.ends_with(key),
            "{line}\n{public}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn nodes_without_sshd_cost_no_call() {
    let fake = engine();
    let stage = Stage::new(&fake);
    stage.start(Wish::of(&["a", "b"])).await.unwrap();
    assert_eq!(fake.count("put_archive"), RECORD);
    assert_eq!(stage.kept_keys(), Vec::<String>::new());
    let error = stage.ssh_config().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::NotFound, "no node of cluster `lab` has ssh keys")
    );
}

#[tokio::test(start_paused = true)]
async fn keys_go_with_the_last_node_or_a_new_cluster() {
    let fake = engine_with_sshd();
    let stage = Stage::new(&fake);
    stage.start(Wish::of(&["a", "b"])).await.unwrap();
    stage.rm(&["a.cluster"]).await.unwrap();
    assert_eq!(stage.kept_keys(), ["lab"]);
    stage.rm(&["lab"]).await.unwrap();
    assert_eq!(stage.kept_keys(), Vec::<String>::new());
    stage.start(Wish::of(&["a"])).await.unwrap();
    let before = stage.key_folders();
    // The cluster is removed without clusterdock.
    Stage::new(&fake).rm(&["lab"]).await.unwrap();
    assert_eq!(stage.key_folders(), before);
    stage.start(Wish::of(&["a"])).await.unwrap();
    assert_eq!(stage.kept_keys(), ["lab"]);
    assert_ne!(stage.key_folders(), before);
}

#[tokio::test(start_paused = true)]
async fn a_retained_failed_start_is_reachable_by_ssh() {
    let stage = Stage::new(&engine_with_sshd());
    stage
        .start(Wish::of(&["a"]).hook(LabHook::Fails).keep())
        .await
        .unwrap_err();
    assert_eq!(stage.kept_keys(), ["lab"]);
    assert!(
        stage
            .ssh_config()
            .await
            .unwrap()
            .starts_with("Host a.cluster lab/a a\n")
    );
}

#[tokio::test(start_paused = true)]
async fn ssh_reaches_nodes_by_address_or_published_port() {
    let fake = engine_with_sshd();
    let stage = Stage::new(&fake);
    let wish = Wish::of(&["a", "b"]).each(|node| {
        if node.hostname == "b" {
            node.port(Port::tcp(22))
        } else {
            node
        }
    });
    let started = stage.start(wish).await.unwrap();
    let nodes = &started.cluster.nodes;
    let keys = stage.key_folders()[0].display().to_string();
    let block = |names: &str, fqdn: &str, host: &str, port: u16| {
        format!(
            "Host {names}
  HostName {host}
  Port {port}
  User root
  HostKeyAlias {fqdn}
  StrictHostKeyChecking yes
  UserKnownHostsFile \"{keys}/known_hosts\"
  IdentityFile \"{keys}/id_ed25519\"
  IdentitiesOnly yes
  PasswordAuthentication no

"
        )
    };
    let address = nodes[0].address.unwrap().to_string();
    let expected = [
        block("a.cluster lab/a a", "a.cluster", &address, 22),
        block(
            "b.cluster lab/b b",
            "b.cluster",
            "127.0.0.1",
            nodes[1].ports()[0].host_port,
        ),
    ];
    assert_eq!(stage.ssh_config().await.unwrap(), expected.concat());
}

#[tokio::test(start_paused = true)]
async fn another_user_does_not_have_the_keys() {
    let fake = engine_with_sshd();
    Stage::new(&fake).start(Wish::of(&["a"])).await.unwrap();
    let error = Stage::new(&fake).ssh_config().await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::NotFound, "ssh keys of cluster `lab` not found")
    );
    assert_eq!(
        error.next_step(),
        Some("`clusterdock ssh NODE` requires no keys")
    );
}

#[tokio::test(start_paused = true)]
async fn a_committed_image_contains_no_key() {
    let fake = engine_with_sshd();
    let stage = Stage::new(&fake);
    stage.start(Wish::of(&["a"]).for_a_build()).await.unwrap();
    assert_eq!(fake.count("put_archive"), RECORD);
    assert_eq!(stage.kept_keys(), Vec::<String>::new());
}

#[tokio::test(start_paused = true)]
async fn a_commit_keeps_links_to_keys_but_no_key() {
    let fake = engine_with_sshd();
    let stage = Stage::new(&fake);
    stage.start(Wish::of(&["a", "b"])).await.unwrap();
    let [folder] = &stage.key_folders()[..] else {
        panic!("one start has one folder")
    };
    let private = fs::read_to_string(folder.join("id_ed25519")).unwrap();
    let host_key = String::from_utf8(fake.read_file("a.cluster", HOST_KEY).unwrap()).unwrap();
    let files = fake.own_files("a.cluster");
    for place in FILES {
        assert_eq!(
            files.get(Path::new(place)),
            Some(&Vec::new()),
            "{place} is a link"
        );
    }
    let known = fs::read_to_string(folder.join("known_hosts")).unwrap();
    for secret in [&private, &host_key, &known] {
        for line in secret
            .lines()
            .filter(|line| line.len() > 20 && !line.starts_with("-----"))
        {
            let has =
                |(_, contents): &(_, &Vec<u8>)| String::from_utf8_lossy(contents).contains(line);
            assert_eq!(files.iter().find(has).map(|(path, _)| path), None, "{line}");
        }
    }
    // The volume goes with its node.
    stage.rm(&["lab"]).await.unwrap();
    assert_eq!(fake.snapshot().matches("volume ").count(), 0);
}
