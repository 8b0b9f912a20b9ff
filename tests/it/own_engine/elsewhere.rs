//! Engines elsewhere, with which neither loopback nor files are shared: over tcp, by TLS, by ssh.

use super::{available, names_resolve_both_ways, nuke, remove, undo};
use clusterdock_tests::dockerd::EngineBuild;
use clusterdock_tests::elsewhere::{Door, Elsewhere};
use clusterdock_tests::scene::Scene;
use clusterdock_tests::terminal::Terminal;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::Duration;

/// A program that says when it listens, and answers once.
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
    let processes = fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read(entry.unwrap().path().join("cmdline")).ok());
    let lines = processes.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    // Those of the engine's side have no address in their arguments.
    lines.filter(|line| line.contains(&engine.address.to_string()) && line.contains("ssh")).collect()
}

fn tour(build: EngineBuild, door: Door) {
    let Some((engine, scene)) = elsewhere(build, door, "far") else { return };
    let hosts = fs::read_to_string("/etc/hosts").unwrap();
    scene.start().env("CLUSTERDOCK_START_UPDATE_ETC_HOSTS", "auto").args(["-p", "node-1:8000"]).succeeds();
    let ours = |text: &str| text.contains(&scene.name);
    assert!(!ours(&hosts) && !ours(&fs::read_to_string("/etc/hosts").unwrap()));
    names_resolve_both_ways(&scene, 0);
    scene.run(["restart", &scene.name]).succeeds();
    names_resolve_both_ways(&scene, 1);
    published_ports_are_reached(&engine, &scene);
    commands(&scene);
    files(&scene);
    undo(&scene);
    remove(&scene);
    nuke(&scene);
    assert_eq!(programs(&engine), Vec::<String>::new());
}

fn published_ports_are_reached(engine: &Elsewhere, scene: &Scene) {
    let node = scene.fqdn("node-1");
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("serve.rs"), SERVER).unwrap();
    let compiled = Command::new("rustc").args(["-O", "serve.rs"]).current_dir(folder.path()).status().unwrap();
    assert!(compiled.success());
    scene.run(["cp", folder.path().join("serve").to_str().unwrap(), &format!("{node}:/root/serve")]).succeeds();
    let mut serving = scene.run(["exec", &node, "--", "/root/serve"]).command().spawn().unwrap();
    let mut said = [0; 9];
    serving.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
    assert_eq!(&said, b"it does.\n");
    let variables = scene.run(["env", &scene.name]).succeeds().stdout;
    let line = variables.lines().find_map(|line| line.strip_prefix("export CLUSTERDOCK_NODE_1_PORT_8000_TCP="));
    let address = line.unwrap();
    assert!(address.starts_with(&format!("{}:", engine.address)), "{variables}");
    let ps = scene.run(["ps"]).succeeds().stdout;
    assert!(ps.contains("->8000/tcp"), "{ps}");
    let mut connection = TcpStream::connect(address).unwrap();
    connection.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
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
    terminal.types("stty size\r");
    terminal.shows("40 120\r\n");
    // Ctrl-C is for the node, and takes no connection away.
    terminal.types("sleep 1000; echo interrupted by $?\r");
    terminal.shows("$?\r\n");
    terminal.types("\x03");
    terminal.shows("root@node-1");
    terminal.types("exit 7\r");
    assert_eq!(terminal.ends(), 7);
    scene.run(["exec", &node, "--", "sh", "-c", "exit 7"]).fails(7, &[]);
    let lines = scene.run(["exec", "--all", "-c", &scene.name, "--", "hostname", "-f"]).succeeds().stdout;
    assert_eq!(lines.lines().count(), 2, "{lines}");
    let mut command = scene.run(["exec", &node, "--", "md5sum"]).command();
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&vec![b'x'; 3_000_000]).unwrap();
    drop(input);
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "8e32e22642bddc89698e25a4e9bf528b  -\n");
}

fn files(scene: &Scene) {
    let folder = tempfile::tempdir().unwrap();
    let (file, back) = (folder.path().join("file"), folder.path().join("back"));
    fs::write(&file, vec![b'y'; 2_000_000]).unwrap();
    let place = |node: &str, path: &str| format!("{}:{path}", scene.fqdn(node));
    scene.run(["cp", file.to_str().unwrap(), &place("node-1", "/root/file")]).succeeds();
    scene.run(["cp", &place("node-1", "/root/file"), &place("node-2", "/root/too")]).succeeds();
    scene.run(["cp", &place("node-2", "/root/too"), back.to_str().unwrap()]).succeeds();
    assert!(fs::read(&back).unwrap() == fs::read(&file).unwrap());
}

#[test]
fn the_tour_on_an_engine_elsewhere_over_tcp() {
    tour(EngineBuild::Installed, Door::Tcp);
}

#[test]
fn the_tour_on_the_newest_engine_elsewhere_by_tls() {
    tour(EngineBuild::Sid, Door::Tls);
}

#[test]
fn the_tour_on_the_newest_engine_elsewhere_by_ssh() {
    tour(EngineBuild::Sid, Door::Ssh);
}
