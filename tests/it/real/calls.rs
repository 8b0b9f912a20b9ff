//! Every call that a hook can make, made by a topology on a real engine.

use std::fs;
use std::io::{BufRead, BufReader, Read};
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use clusterdock_tests::plugins;
use clusterdock_tests::run::Run;
use clusterdock_tests::scene::Scene;
use rustix::process::{Pid, Signal, kill_process};

#[test]
fn every_call_of_a_hook_works() {
    let Some(scene) = Scene::new("calls") else {
        return;
    };
    let library = plugins::library("topology_calls");
    let start = scene
        .run(["start", "-c", &scene.name, "-n", &scene.name])
        .args([library]);
    let ran = start.args(["--greeting", "salve"]).succeeds();
    assert!(
        ran.stderr.contains("the master is at http://127.0.0.1:"),
        "{}",
        ran.stderr
    );
    for (text, is_told) in [("said aloud", true), ("said quietly", false)] {
        assert_eq!(ran.stderr.contains(text), is_told, "{text}: {}", ran.stderr);
    }
    assert_eq!(
        scene.docker_says(&[
            "inspect",
            "-f",
            "{{.State.Status}}",
            &scene.fqdn("worker-2")
        ]),
        "exited"
    );
    assert_eq!(
        scene.on_node("worker-1", "cat /etc/calls/deep/calls.conf"),
        "salve = 1"
    );
    let owner = scene.docker_says(&[
        "inspect",
        "-f",
        "{{index .Config.Labels \"example.owner\"}}",
        &scene.fqdn("master"),
    ]);
    assert_eq!(owner, "tests");
}

#[test]
fn a_build_hook_creates_an_image_and_leaves_no_cluster() {
    let Some(scene) = Scene::new("bake") else {
        return;
    };
    let library = plugins::library("topology_calls");
    let build = scene
        .run([
            "build",
            "-n",
            &scene.name,
            "-r",
            &format!("docker.io/{}", scene.name),
        ])
        .args([library]);
    let ran = build.args(["--tag", "v7"]).succeeds();
    let image = format!("{}/topology_calls:v7", scene.name);
    assert!(
        ran.stderr.contains(&format!("made {image}")),
        "{}",
        ran.stderr
    );
    let file = scene.docker_says(&[
        "run",
        "--rm",
        "--network",
        "none",
        &image,
        "cat",
        "/etc/built",
    ]);
    assert_eq!(file, "by the hook");
    scene.docker_says(&["rmi", &image]);
    scene.assert_empty();
    // The node that the hook removed itself is forgotten, too.
    let hosts = fs::read_to_string("/etc/hosts").unwrap();
    assert!(!hosts.contains(&scene.name), "{hosts}");
}

/// What a topology of the fixtures does in its hook, with these arguments.
fn start(scene: &Scene, plugin: &str) -> Run {
    scene
        .run(["start", "-c", &scene.name, "-n", &scene.name])
        .args([plugins::library(plugin)])
}

#[test]
fn files_and_folders_are_copied_to_nodes_and_back() {
    let Some(scene) = Scene::new("transfers") else {
        return;
    };
    let folder = tempfile::tempdir().unwrap();
    let (from, to) = (folder.path().join("from"), folder.path().join("to"));
    fs::create_dir_all(from.join("conf/bin")).unwrap();
    fs::write(from.join("conf/app.yml"), "port: 80\n").unwrap();
    fs::write(from.join("conf/bin/run"), "#!/bin/sh\n").unwrap();
    fs::set_permissions(from.join("conf/bin/run"), fs::Permissions::from_mode(0o755)).unwrap();
    symlink("app.yml", from.join("conf/link")).unwrap();
    let large: Vec<u8> = (0..5_000_000_u32)
        .map(|number| (number % 251) as u8)
        .collect();
    fs::write(from.join("large"), large).unwrap();
    start(&scene, "topology_transfers")
        .args(["--from".as_ref(), from.as_os_str()])
        .args(["--to".as_ref(), to.as_os_str()])
        .succeeds();
    for node in ["node-1", "node-2"] {
        let got = to.join(node);
        assert_eq!(
            fs::read_to_string(got.join("app.yml")).unwrap(),
            "port: 80\n"
        );
        assert_eq!(fs::read_to_string(got.join("own")).unwrap(), "of the node");
        assert_eq!(
            fs::metadata(got.join("bin/run")).unwrap().mode() & 0o7777,
            0o640
        );
        assert_eq!(
            fs::read_link(got.join("leads-out")).unwrap(),
            Path::new("/etc/passwd")
        );
        assert_eq!(scene.on_node(node, "cat /etc/keys/named"), "named");
    }
}

#[test]
fn configuration_files_are_edited_in_place() {
    let Some(scene) = Scene::new("editing") else {
        return;
    };
    let ran = start(&scene, "topology_editing").succeeds();
    assert!(ran.stderr.contains("edited"), "{}", ran.stderr);
    let first = scene.fqdn("node-1");
    for (node, id) in [("node-1", 1), ("node-2", 2)] {
        let properties = scene.on_node(node, "cat /etc/kafka/server.properties");
        let expected = format!(
            "# The id of the broker.\r\nbroker.id={id}\r\n\r\nlog.dirs = /a,\\\r\n    /b\r\nzookeeper.connect = {first}:2181"
        );
        assert_eq!(properties, expected);
        assert_eq!(
            scene.on_node(node, "stat -c '%a %u:%g' /etc/kafka/server.properties"),
            "640 7:8"
        );
        assert_eq!(
            scene.on_node(node, "readlink /etc/linked.properties"),
            "kafka/server.properties"
        );
        let ini = format!(
            "; agent\n[agent]\n  host = {first} ; the server\n  port: 7182\n  tls: true\n\n[log]\nlevel = info"
        );
        assert_eq!(scene.on_node(node, "cat /etc/agent.ini"), ini);
        let xml = format!(
            "<?xml version=\"1.0\"?>\n<!-- Site specific. -->\n<configuration>\n\t<property>\n\t\t<name>fs.defaultFS</name>\n\
             \t\t<value>hdfs://{first}:8020</value> <!-- set below -->\n\t</property>\n\
             \t<property>\n\t\t<name>hadoop.proxyuser.&lt;all&gt;</name>\n\t\t<value>a &amp; b</value>\n\t</property>\n\
             </configuration>"
        );
        assert_eq!(scene.on_node(node, "cat /etc/hadoop/core-site.xml"), xml);
    }
}

#[test]
fn every_probe_and_condition_is_awaited() {
    let Some(scene) = Scene::new("waiting") else {
        return;
    };
    start(&scene, "topology_waiting").succeeds();
}

#[test]
fn an_interrupt_ends_a_wait_for_a_condition() {
    let Some(scene) = Scene::new("interrupted") else {
        return;
    };
    let mut child = start(&scene, "topology_waiting")
        .args(["--for-ever"])
        .command()
        .spawn()
        .unwrap();
    let mut story = BufReader::new(child.stderr.take().unwrap());
    let mut output = String::new();
    while !output.contains("waiting for ever") {
        assert!(story.read_line(&mut output).unwrap() > 0, "{output}");
    }
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    story.read_to_string(&mut output).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{output}");
    assert!(output.contains("it ended by Err(Cancelled)"), "{output}");
    scene.assert_empty();
}
