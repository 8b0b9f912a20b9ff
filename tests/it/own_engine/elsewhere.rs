//! Remote engines, which share neither loopback nor files: over TCP, TLS and ssh.

mod connection;

use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

use clusterdock_tests::dockerd::EngineBuild;
use clusterdock_tests::elsewhere::{Door, Elsewhere};
use clusterdock_tests::plugins;
use clusterdock_tests::scene::Scene;
use clusterdock_tests::terminal::Terminal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};

use super::{assert_names_resolve, assert_rolls_back, available, nuke, remove};
use crate::images::topology;

/// A program that reports when it listens, and answers once.
const SERVER: &str = r#"use std::io::Write;

fn main() {
    let listener = std::net::TcpListener::bind("0.0.0.0:8000").unwrap();
    println!("it does.");
    listener.accept().unwrap().0.write_all(b"from the node").unwrap();
}

"#;

fn elsewhere(build: EngineBuild, door: Door, what: &str) -> Option<(Elsewhere, Scene)> {
    let engine = available(what, || Elsewhere::start(build, door))?;
    let scene = engine.scene(what);
    Some((engine, scene))
}

/// Programs of this machine that have to do with a scene's engine, as ssh to it.
fn programs(engine: &Elsewhere) -> Vec<String> {
    let processes = fs::read_dir("/proc")
        .unwrap()
        .filter_map(|entry| fs::read(entry.unwrap().path().join("cmdline")).ok());
    let ours = processes.filter(|line| is_ours(engine, line));
    ours.map(|line| String::from_utf8_lossy(&line).replace('\0', " "))
        .collect()
}

/// Waits for each process, which has been asked to end.
fn await_no_program(engine: &Elsewhere) {
    let files = fs::read_dir("/proc")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    for process in
        files.filter(|path| fs::read(path.join("cmdline")).is_ok_and(|line| is_ours(engine, &line)))
    {
        let number = process.file_name().unwrap().to_str().unwrap().parse().ok();
        let Ok(file) = pidfd_open(Pid::from_raw(number.unwrap()).unwrap(), PidfdFlags::empty())
        else {
            continue;
        };
        let limit = Timespec {
            tv_sec: 30,
            tv_nsec: 0,
        };
        assert_eq!(
            poll(&mut [PollFd::new(&file, PollFlags::IN)], Some(&limit)).unwrap(),
            1,
            "{process:?} goes on"
        );
    }
    assert_eq!(programs(engine), Vec::<String>::new());
}

fn is_ours(engine: &Elsewhere, line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    // Those of the engine's side have no address in their arguments.
    line.contains(&engine.address.to_string()) && line.contains("ssh")
}

fn tour(build: EngineBuild, door: Door) {
    let Some((engine, scene)) = elsewhere(build, door, "far") else {
        return;
    };
    let hosts = fs::read_to_string("/etc/hosts").unwrap();
    scene
        .start()
        .env("CLUSTERDOCK_START_UPDATE_ETC_HOSTS", "auto")
        .args(["-p", "node-1:8000"])
        .succeeds();
    let ours = |text: &str| text.contains(&scene.name);
    assert!(!ours(&hosts) && !ours(&fs::read_to_string("/etc/hosts").unwrap()));
    assert_names_resolve(&scene, 0);
    scene.run(["restart", &scene.name]).succeeds();
    assert_names_resolve(&scene, 1);
    assert_published_ports_are_reachable(&engine, &scene);
    commands(&scene);
    files(&scene);
    volumes(&engine, &scene);
    images(&scene);
    assert_rolls_back(&scene);
    remove(&scene);
    nuke(&scene);
    await_no_program(&engine);
}

fn assert_published_ports_are_reachable(engine: &Elsewhere, scene: &Scene) {
    let node = scene.fqdn("node-1");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("serve.rs"), SERVER).unwrap();
    let compiled = Command::new("rustc")
        .args(["-O", "serve.rs"])
        .current_dir(folder.path())
        .status()
        .unwrap();
    assert!(compiled.success());
    scene
        .run([
            "cp",
            folder.path().join("serve").to_str().unwrap(),
            &format!("{node}:/root/serve"),
        ])
        .succeeds();
    let mut serving = scene
        .run(["exec", &node, "--", "/root/serve"])
        .command()
        .spawn()
        .unwrap();
    let mut line = [0; 9];
    serving
        .stdout
        .as_mut()
        .unwrap()
        .read_exact(&mut line)
        .unwrap();
    assert_eq!(&line, b"it does.\n");
    let variables = scene.run(["env", &scene.name]).succeeds().stdout;
    let line = variables
        .lines()
        .find_map(|line| line.strip_prefix("export CLUSTERDOCK_NODE_1_PORT_8000_TCP="));
    let address = line.unwrap();
    assert!(
        address.starts_with(&format!("{}:", engine.address)),
        "{variables}"
    );
    let ps = scene.run(["ps"]).succeeds().stdout;
    assert!(ps.contains("->8000/tcp"), "{ps}");
    let mut connection = TcpStream::connect(address).unwrap();
    connection
        .set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    let mut text = [0; 13];
    connection.read_exact(&mut text).unwrap();
    assert_eq!(&text, b"from the node");
    assert!(serving.wait().unwrap().success());
}

fn commands(scene: &Scene) {
    let node = scene.fqdn("node-1");
    let mut terminal = Terminal::new(&scene.run(["ssh", &node]), 30, 100);
    terminal.shows("root@node-1");
    terminal.types("stty size\r");
    terminal.shows("30 100\r\n");
    terminal.resize(40, 120);
    // Input may overtake the new size, which travels on a separate connection.
    terminal.types("until stty size | grep -q '40 120'; do sleep 0.1; done; stty size\r");
    terminal.shows("40 120\r\n");
    // Ctrl-C goes to the node and closes no connection.
    terminal.types("bash -c 'echo $((41 + 1)); sleep 1000'\r");
    terminal.shows("42\r\n");
    terminal.types("\x03");
    terminal.shows("^C\r\n");
    terminal.types("echo ended by $?\r");
    terminal.shows("ended by 130\r\n");
    terminal.types("exit 7\r");
    assert_eq!(terminal.ends(), 7);
    scene
        .run(["exec", &node, "--", "sh", "-c", "exit 7"])
        .fails(7, &[]);
    let lines = scene
        .run(["exec", "--all", "-c", &scene.name, "--", "hostname", "-f"])
        .succeeds()
        .stdout;
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let mut command = scene.run(["exec", "-i", &node, "--", "md5sum"]).command();
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&vec![b'x'; 3_000_000]).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(
        String::from_utf8_lossy(&output.stdout),
        "8e32e22642bddc89698e25a4e9bf528b  -\n"
    );
}

fn files(scene: &Scene) {
    let folder = tempfile::tempdir().unwrap();
    let (file, back) = (folder.path().join("file"), folder.path().join("back"));
    fs::write(&file, vec![b'y'; 2_000_000]).unwrap();
    let place = |node: &str, path: &str| format!("{}:{path}", scene.fqdn(node));
    scene
        .run(["cp", file.to_str().unwrap(), &place("node-1", "/root/file")])
        .succeeds();
    scene
        .run([
            "cp",
            &place("node-1", "/root/file"),
            &place("node-2", "/root/too"),
        ])
        .succeeds();
    scene
        .run(["cp", &place("node-2", "/root/too"), back.to_str().unwrap()])
        .succeeds();
    assert!(fs::read(&back).unwrap() == fs::read(&file).unwrap());
}

/// A Dockerfile of this machine is built there.
fn images(scene: &Scene) {
    let folder = tempfile::tempdir().unwrap();
    let base = scene.docker_says(&["inspect", "-f", "{{.Config.Image}}", &scene.fqdn("node-1")]);
    topology(
        scene,
        folder.path(),
        &format!("FROM {base}\nCOPY . /context\nRUN ls /context >/listed\n"),
    );
    let cluster = format!("{}-built", scene.name);
    let options = ["start", "-c", &cluster, "-n", &cluster, "-o", "debian12"];
    scene
        .run(options)
        .args([folder.path().as_os_str()])
        .args(["--nodes", "a"])
        .succeeds();
    let listed = scene
        .run(["exec", &format!("a.{cluster}"), "--", "cat", "/listed"])
        .succeeds()
        .stdout;
    assert_eq!(listed, "Dockerfile\n");
    scene.run(["rm", &cluster]).succeeds();
}

/// Paths of volumes belong to the engine's machine: one that exists only there is used, one that exists only here is
/// refused.
fn volumes(engine: &Elsewhere, scene: &Scene) {
    let cluster = format!("{}-bound", scene.name);
    let library = plugins::library("topology_calls");
    let start = |folder: &str| {
        let options = ["start", "-c", &cluster, "-n", &cluster, "--timeout", "2m"];
        scene
            .run(options)
            .args([library.as_os_str()])
            .args(["--bound", folder])
    };
    let here = tempfile::tempdir_in("/run").unwrap();
    let hint = format!(
        "volume paths refer to the engine's machine, `{}`",
        scene.engine()
    );
    start(here.path().to_str().unwrap()).fails(2, &["bind source path does not exist", &hint]);
    assert!(
        !scene.things().iter().any(|thing| thing.contains(&cluster)),
        "{:?}",
        scene.things()
    );
    engine.make_there("/run/only-there");
    // Every call of a hook goes there, too.
    let ran = start("/run/only-there").succeeds();
    assert!(
        ran.stderr
            .contains(&format!("the master is at http://{}:", engine.address)),
        "{}",
        ran.stderr
    );
    scene.run(["rm", &cluster]).succeeds();
}

#[test]
fn the_tour_on_a_remote_engine_over_tcp() {
    tour(EngineBuild::Installed, Door::Tcp);
}

#[test]
fn the_tour_on_the_newest_remote_engine_over_tls() {
    tour(EngineBuild::Sid, Door::Tls);
}

#[test]
fn the_tour_on_the_newest_remote_engine_over_ssh() {
    tour(EngineBuild::Sid, Door::Ssh);
}
