//! Keys with real ssh: between nodes and from this machine, without prompts, and for no one else.

use std::path::PathBuf;
use std::process::{Command, Output};

use clusterdock_tests::dockerd::EngineBuild;
use clusterdock_tests::scene::{Scene, skipped};

use crate::images::base;
use crate::own_engine;
use crate::real::remote::tcp_engine;

/// Debian nodes whose sshd listens; `None`, with a note, if they or ssh are unavailable.
fn started(scene: &Scene, options: &[&str]) -> Option<()> {
    if !base() {
        return None;
    }
    if Command::new("ssh").arg("-V").output().is_err() {
        skipped("plain ssh to nodes: this machine has no ssh");
        return None;
    }
    scene
        .start()
        .args(["-o", "debian12"])
        .args(options)
        .succeeds();
    Some(())
}

/// The one folder of keys in a scene's config directory.
fn keys(scene: &Scene) -> PathBuf {
    let folders: Vec<_> = scene
        .config()
        .join("keys")
        .read_dir()
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    assert_eq!(folders.len(), 1, "{folders:?}");
    folders[0].clone()
}

/// `ssh ARGUMENTS` with what `ssh-config` prints.
fn ssh(scene: &Scene, arguments: &[&str]) -> Output {
    let config = scene.config().join("ssh-config");
    std::fs::write(
        &config,
        scene.run(["ssh-config", &scene.name]).succeeds().stdout,
    )
    .unwrap();
    let ssh = Command::new("ssh")
        .arg("-F")
        .arg(config)
        .args(["-o", "BatchMode=yes"])
        .args(arguments)
        .output();
    ssh.unwrap()
}

#[track_caller]
fn assert_prints(output: &Output, expected: &str) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        String::from_utf8_lossy(&output.stdout).trim(),
        expected,
        "{stderr}"
    );
    assert_eq!((stderr.as_ref(), output.status.code()), ("", Some(0)));
}

#[test]
fn ssh_needs_no_prompt_between_nodes_and_this_machine() {
    let Some(scene) = Scene::new("keys") else {
        return;
    };
    let Some(()) = started(&scene, &[]) else {
        return;
    };
    let (one, two) = (scene.fqdn("node-1"), scene.fqdn("node-2"));
    let from_everywhere = || {
        let address = scene.on_node("node-2", "hostname -i | cut -d' ' -f1");
        for name in ["node-2", &two, &address] {
            let login = format!("ssh -o BatchMode=yes {name} hostname -f 2>&1");
            assert_eq!(scene.on_node("node-1", &login), two, "{login}");
        }
        assert_eq!(
            scene.on_node("node-2", "ssh -o BatchMode=yes node-1 hostname -f 2>&1"),
            one
        );
        assert_prints(&ssh(&scene, &[&one, "hostname -f"]), &one);
        assert_prints(
            &ssh(&scene, &[&format!("{}/node-2", scene.name), "hostname -f"]),
            &two,
        );
    };
    from_everywhere();
    scene.run(["restart", &scene.name]).succeeds();
    from_everywhere();
    let keys = keys(&scene);
    scene.run(["rm", &one]).succeeds();
    assert!(keys.exists());
    scene.run(["rm", &scene.name]).succeeds();
    assert!(!keys.exists());
    scene.assert_empty();
}

/// Newer engines get the image from the machine's.
#[test]
fn nodes_on_the_sid_engine_log_in_to_each_other() {
    let Some(local) = Scene::new("keys") else {
        return;
    };
    let Some(()) = started(&local, &[]) else {
        return;
    };
    let Some((scene, _)) = own_engine::scene(EngineBuild::Sid, "keys") else {
        return;
    };
    let image = local.docker_says(&["inspect", "-f", "{{.Config.Image}}", &local.fqdn("node-1")]);
    let archive = scene.config().join("image.tar").display().to_string();
    local.docker_says(&["save", "-o", &archive, &image]);
    scene.docker_says(&["load", "-i", &archive]);
    scene
        .start()
        .args(["-o", "debian12", "--pull", "never"])
        .succeeds();
    for _ in 0..2 {
        let login = "ssh -o BatchMode=yes node-2 hostname -f 2>&1";
        assert_eq!(scene.on_node("node-1", login), scene.fqdn("node-2"));
        scene.run(["restart", &scene.name]).succeeds();
    }
    let keys = keys(&scene);
    scene.run(["rm", &scene.name]).succeeds();
    assert!(!keys.exists());
    scene.assert_empty();
}

#[test]
fn keys_of_one_cluster_do_not_work_in_another() {
    let (Some(scene), Some(other)) = (Scene::new("keys"), Scene::new("keys")) else {
        return;
    };
    let (Some(()), Some(())) = (started(&scene, &[]), started(&other, &[])) else {
        return;
    };
    let refused = |arguments: &[&str], why: &str| {
        let output = ssh(&scene, arguments);
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.code() == Some(255) && stderr.contains(why),
            "{stderr}"
        );
    };
    let option = |name: &str, file: &str| format!("-o{name}={}", keys(&other).join(file).display());
    let node = scene.fqdn("node-1");
    let bare = keys(&scene).join("known_hosts").display().to_string();
    let known = format!("-oUserKnownHostsFile={bare}");
    let alias = format!("-oHostKeyAlias={node}");
    let address = scene.on_node("node-1", "hostname -i | cut -d' ' -f1");
    let root = format!("root@{address}");
    refused(
        &[
            "-F/dev/null",
            "-oIdentitiesOnly=yes",
            &option("IdentityFile", "id_ed25519"),
            &known,
            &alias,
            &root,
            "true",
        ],
        "Permission denied",
    );
    // A node of the other cluster at the address of the first.
    let theirs = other.on_node("node-1", "hostname -i | cut -d' ' -f1");
    refused(
        &[&format!("-oHostName={theirs}"), &node, "true"],
        "Host key verification failed",
    );
}

#[test]
fn remote_nodes_are_reached_by_ssh_jump_or_published_port() {
    let Some(_local) = Scene::new("keys") else {
        return;
    };
    let scene = Scene::on(&tcp_engine(), "keys");
    let Some(()) = started(&scene, &["-p", "node-2:22"]) else {
        return;
    };
    let config = scene.run(["ssh-config", &scene.name]).succeeds().stdout;
    assert!(
        config.contains(&format!(
            "exec -i {} -- /usr/sbin/sshd -i",
            scene.fqdn("node-1")
        )),
        "{config}"
    );
    assert_eq!(config.matches("ProxyCommand").count(), 1, "{config}");
    for node in ["node-1", "node-2"] {
        assert_prints(
            &ssh(&scene, &[&scene.fqdn(node), "hostname -f"]),
            &scene.fqdn(node),
        );
    }
    let output = ssh(&scene, &[&scene.fqdn("node-1"), "exit 7"]);
    assert_eq!(output.status.code(), Some(7));
    scene.run(["rm", &scene.name]).succeeds();
    scene.assert_empty();
}

/// The lines of a text that are some key's alone: not those that all files of its kind begin and end with.
fn own_lines(text: &str) -> Vec<String> {
    let common = ["-----", "b3BlbnNzaC1rZXktdjEAAAAA"];
    let lines = text
        .lines()
        .filter(|line| line.len() > 20 && !common.iter().any(|common| line.starts_with(common)));
    lines.map(str::to_string).collect()
}

/// A container of the image without a cluster, as a node of which an image is built: sshd runs, and an image of it has no
/// host key either.
#[track_caller]
fn assert_has_no_host_key_when_it_runs_alone(scene: &Scene, image: &str) {
    let (alone, again) = (format!("{}-alone", scene.name), format!("{image}-again"));
    scene.docker_says(&["run", "-d", "--name", &alone, "--network", "none", image]);
    let listens = "timeout 60 sh -c 'until ss -ltn | grep -q :22; do sleep 0.2; done' && ssh-keyscan -t rsa,ecdsa,ed25519 127.0.0.1 2>/dev/null | wc -l";
    assert_eq!(
        scene.docker_says(&["exec", &alone, "sh", "-c", listens]),
        "1"
    );
    scene.docker_says(&["commit", &alone, &again]);
    let private =
        "grep -rl 'PRIVATE KEY-----' /etc/ssh /root /dev/ssh_host_ed25519_key 2>/dev/null || true";
    let run = [
        "run",
        "--rm",
        "--network",
        "none",
        "--entrypoint",
        "sh",
        &again,
        "-c",
        private,
    ];
    assert_eq!(scene.docker_says(&run), "");
    scene.docker_says(&["rm", "-f", &alone]);
    scene.docker_says(&["rmi", &again]);
}

#[test]
fn an_image_committed_from_a_node_has_no_keys() {
    let Some(scene) = Scene::new("keys") else {
        return;
    };
    let Some(()) = started(&scene, &[]) else {
        return;
    };
    let image = format!("{}:committed", scene.name);
    let kept = |name: &str| std::fs::read_to_string(keys(&scene).join(name)).unwrap();
    let host_keys = "cat /etc/ssh/ssh_host_ed25519_key /etc/ssh/ssh_host_ed25519_key.pub";
    let texts = [
        kept("id_ed25519"),
        kept("id_ed25519.pub"),
        kept("known_hosts"),
        scene.on_node("node-1", host_keys),
    ];
    let secrets: Vec<String> = texts.iter().flat_map(|text| own_lines(text)).collect();
    assert!(secrets.len() > 10, "{secrets:?}");
    // A program that adds to a file goes where the link leads.
    scene.on_node(
        "node-1",
        "echo 'ssh-ed25519 AAAAtestkeyofsomeoneelse me' >> /root/.ssh/authorized_keys",
    );
    scene.docker_says(&["commit", &scene.fqdn("node-1"), &image]);
    let archive = scene.config().join("committed.tar");
    scene.docker_says(&["save", "-o", archive.to_str().unwrap(), &image]);
    // Layers of this machine's engine are plain in there.
    let saved = std::fs::read(&archive).unwrap();
    let text = String::from_utf8_lossy(&saved);
    assert!(
        text.contains("root/.ssh/id_ed25519"),
        "the node's own layer is not in the archive as it is"
    );
    for secret in secrets
        .iter()
        .chain([&"AAAAtestkeyofsomeoneelse".to_string()])
    {
        assert!(!text.contains(secret), "{secret}");
    }
    let looks = "for file in /root/.ssh/id_ed25519 /root/.ssh/authorized_keys /etc/ssh/ssh_host_ed25519_key \
                 /etc/ssh/ssh_host_ed25519_key.pub /etc/ssh/ssh_known_hosts; do test ! -e $file || echo $file; done
                 find /etc/ssh /root/.ssh -type f -exec grep -l 'PRIVATE KEY-----' {} +
                 ls -A /var/lib/clusterdock/ssh";
    assert_eq!(
        scene.docker_says(&[
            "run",
            "--rm",
            "--network",
            "none",
            "--entrypoint",
            "sh",
            &image,
            "-c",
            looks
        ]),
        ""
    );
    assert_has_no_host_key_when_it_runs_alone(&scene, &image);
    let volumes = scene.docker_says(&["inspect", "-f", "{{json .Config.Volumes}}", &image]);
    assert_eq!(volumes, "null", "no image knows of the volume");
    scene.docker_says(&["rmi", &image]);
    let volume = "{{range .Mounts}}{{if eq .Destination \"/var/lib/clusterdock/ssh\"}}{{.Name}}{{end}}{{end}}";
    let volume = scene.docker_says(&["inspect", "-f", volume, &scene.fqdn("node-1")]);
    scene.run(["rm", &scene.name]).succeeds();
    assert!(
        !scene
            .docker(&["volume", "inspect", &volume])
            .status
            .success(),
        "the volume goes with its node"
    );
}
