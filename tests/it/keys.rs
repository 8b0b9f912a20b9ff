//! Keys for real: plain ssh from node to node and from this machine, without questions and without anybody else.

use crate::images::base;
use crate::own_engine;
use crate::real::remote::tcp_engine;
use clusterdock_tests::dockerd::EngineBuild;
use clusterdock_tests::scene::{Scene, skipped};
use std::path::PathBuf;
use std::process::{Command, Output};

/// Nodes of Debian, whose sshd listens; none, and said so, where they or ssh are not to be had.
fn started(scene: &Scene, options: &[&str]) -> Option<()> {
    if !base() {
        return None;
    }
    if Command::new("ssh").arg("-V").output().is_err() {
        skipped("plain ssh to nodes: this machine has no ssh");
        return None;
    }
    scene.start().args(["-o", "debian12"]).args(options).succeeds();
    Some(())
}

/// The one folder of keys in a scene's config directory.
fn keys(scene: &Scene) -> PathBuf {
    let folders: Vec<_> = scene.config().join("keys").read_dir().unwrap().map(|entry| entry.unwrap().path()).collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders[0].clone()
}

/// `ssh ARGUMENTS` with what `ssh-config` prints.
fn ssh(scene: &Scene, arguments: &[&str]) -> Output {
    let config = scene.config().join("ssh-config");
    std::fs::write(&config, scene.run(["ssh-config", &scene.name]).succeeds().stdout).unwrap();
    let ssh = Command::new("ssh").arg("-F").arg(config).args(["-o", "BatchMode=yes"]).args(arguments).output();
    ssh.unwrap()
}

#[track_caller]
fn says(output: &Output, expected: &str) {
    let told = String::from_utf8_lossy(&output.stderr);
    assert_eq!(String::from_utf8_lossy(&output.stdout).trim(), expected, "{told}");
    assert_eq!((told.as_ref(), output.status.code()), ("", Some(0)));
}

#[test]
fn nodes_and_this_machine_log_in_by_plain_ssh_without_questions() {
    let Some(scene) = Scene::new("keys") else { return };
    let Some(()) = started(&scene, &[]) else { return };
    let (one, two) = (scene.fqdn("node-1"), scene.fqdn("node-2"));
    let from_everywhere = || {
        let address = scene.on_node("node-2", "hostname -i | cut -d' ' -f1");
        for name in ["node-2", &two, &address] {
            let login = format!("ssh -o BatchMode=yes {name} hostname -f 2>&1");
            assert_eq!(scene.on_node("node-1", &login), two, "{login}");
        }
        assert_eq!(scene.on_node("node-2", "ssh -o BatchMode=yes node-1 hostname -f 2>&1"), one);
        says(&ssh(&scene, &[&one, "hostname -f"]), &one);
        says(&ssh(&scene, &[&format!("{}/node-2", scene.name), "hostname -f"]), &two);
    };
    from_everywhere();
    scene.run(["restart", &scene.name]).succeeds();
    from_everywhere();
    let keys = keys(&scene);
    scene.run(["rm", &one]).succeeds();
    assert!(keys.exists());
    scene.run(["rm", &scene.name]).succeeds();
    assert!(!keys.exists());
    scene.is_empty();
}

/// Newer engines get the image from the machine's.
#[test]
fn nodes_of_sids_engine_log_in_to_each_other() {
    let Some(local) = Scene::new("keys") else { return };
    let Some(()) = started(&local, &[]) else { return };
    let Some((scene, _)) = own_engine::scene(EngineBuild::Sid, "keys") else { return };
    let image = local.docker_says(&["inspect", "-f", "{{.Config.Image}}", &local.fqdn("node-1")]);
    let archive = scene.config().join("image.tar").display().to_string();
    local.docker_says(&["save", "-o", &archive, &image]);
    scene.docker_says(&["load", "-i", &archive]);
    scene.start().args(["-o", "debian12", "--pull", "never"]).succeeds();
    for _ in 0..2 {
        let login = "ssh -o BatchMode=yes node-2 hostname -f 2>&1";
        assert_eq!(scene.on_node("node-1", login), scene.fqdn("node-2"));
        scene.run(["restart", &scene.name]).succeeds();
    }
    let keys = keys(&scene);
    scene.run(["rm", &scene.name]).succeeds();
    assert!(!keys.exists());
    scene.is_empty();
}

#[test]
fn keys_of_another_cluster_open_nothing_and_its_nodes_are_not_taken_for_ours() {
    let (Some(scene), Some(other)) = (Scene::new("keys"), Scene::new("keys")) else { return };
    let (Some(()), Some(())) = (started(&scene, &[]), started(&other, &[])) else { return };
    let refused = |arguments: &[&str], why: &str| {
        let output = ssh(&scene, arguments);
        let told = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(255) && told.contains(why), "{told}");
    };
    let option = |name: &str, file: &str| format!("-o{name}={}", keys(&other).join(file).display());
    let node = scene.fqdn("node-1");
    let bare = keys(&scene).join("known_hosts").display().to_string();
    let known = format!("-oUserKnownHostsFile={bare}");
    let alias = format!("-oHostKeyAlias={node}");
    let address = scene.on_node("node-1", "hostname -i | cut -d' ' -f1");
    let root = format!("root@{address}");
    refused(
        &["-F/dev/null", "-oIdentitiesOnly=yes", &option("IdentityFile", "id_ed25519"), &known, &alias, &root, "true"],
        "Permission denied",
    );
    // A node of the other cluster at the address of ours.
    let theirs = other.on_node("node-1", "hostname -i | cut -d' ' -f1");
    refused(&[&format!("-oHostName={theirs}"), &node, "true"], "Host key verification failed");
}

#[test]
fn nodes_of_an_engine_elsewhere_are_reached_through_it_or_by_their_published_port() {
    let Some(_local) = Scene::new("keys") else { return };
    let scene = Scene::on(&tcp_engine(), "keys");
    let Some(()) = started(&scene, &["-p", "node-2:22"]) else { return };
    let config = scene.run(["ssh-config", &scene.name]).succeeds().stdout;
    assert!(config.contains(&format!("exec -T {} -- /usr/sbin/sshd -i", scene.fqdn("node-1"))), "{config}");
    assert_eq!(config.matches("ProxyCommand").count(), 1, "{config}");
    for node in ["node-1", "node-2"] {
        says(&ssh(&scene, &[&scene.fqdn(node), "hostname -f"]), &scene.fqdn(node));
    }
    let output = ssh(&scene, &[&scene.fqdn("node-1"), "exit 7"]);
    assert_eq!(output.status.code(), Some(7));
    scene.run(["rm", &scene.name]).succeeds();
    scene.is_empty();
}
