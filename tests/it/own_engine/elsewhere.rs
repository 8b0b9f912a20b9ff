//! Engines elsewhere, with which neither loopback nor files are shared: over tcp, by TLS, by ssh.

use super::{available, names_resolve_both_ways, nuke, remove, undo};
use crate::images::topology;
use clusterdock_tests::dockerd::EngineBuild;
use clusterdock_tests::elsewhere::{Door, Elsewhere};
use clusterdock_tests::plugins;
use clusterdock_tests::scene::{NODEBASE, Scene};
use clusterdock_tests::terminal::Terminal;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::process::{Pid, PidfdFlags, pidfd_open};
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
    let processes =
        fs::read_dir("/proc").unwrap().filter_map(|entry| fs::read(entry.unwrap().path().join("cmdline")).ok());
    let ours = processes.filter(|line| is_ours(engine, line));
    ours.map(|line| String::from_utf8_lossy(&line).replace('\0', " ")).collect()
}

/// They have been told to end; each is awaited as a process.
fn await_no_program(engine: &Elsewhere) {
    let files = fs::read_dir("/proc").unwrap().map(|entry| entry.unwrap().path());
    for process in files.filter(|path| fs::read(path.join("cmdline")).is_ok_and(|line| is_ours(engine, &line))) {
        let number = process.file_name().unwrap().to_str().unwrap().parse().ok();
        let Ok(file) = pidfd_open(Pid::from_raw(number.unwrap()).unwrap(), PidfdFlags::empty()) else { continue };
        let limit = Timespec { tv_sec: 30, tv_nsec: 0 };
        assert_eq!(poll(&mut [PollFd::new(&file, PollFlags::IN)], Some(&limit)).unwrap(), 1, "{process:?} goes on");
    }
    assert_eq!(programs(engine), Vec::<String>::new());
}

fn is_ours(engine: &Elsewhere, line: &[u8]) -> bool {
    let line = String::from_utf8_lossy(line);
    // Those of the engine's side have no address in their arguments.
    line.contains(&engine.address.to_string()) && line.contains("ssh")
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
    volumes(&engine, &scene);
    images(&scene);
    undo(&scene);
    remove(&scene);
    nuke(&scene);
    await_no_program(&engine);
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
    // What is typed may overtake the size, which has a connection of its own.
    terminal.types("until stty size | grep -q '40 120'; do sleep 0.1; done; stty size\r");
    terminal.shows("40 120\r\n");
    // Ctrl-C is for the node, and takes no connection away.
    terminal.types("bash -c 'echo $((41 + 1)); sleep 1000'\r");
    terminal.shows("42\r\n");
    terminal.types("\x03");
    terminal.shows("^C\r\n");
    terminal.types("echo ended by $?\r");
    terminal.shows("ended by 130\r\n");
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

/// A Dockerfile of this machine is built there.
fn images(scene: &Scene) {
    let folder = tempfile::tempdir().unwrap();
    let base = scene.docker_says(&["inspect", "-f", "{{.Config.Image}}", &scene.fqdn("node-1")]);
    topology(scene, folder.path(), &format!("FROM {base}\nCOPY . /context\nRUN ls /context >/listed\n"));
    let cluster = format!("{}-built", scene.name);
    let options = ["start", "-c", &cluster, "-n", &cluster, "-o", "debian12"];
    scene.run(options).args([folder.path().as_os_str()]).args(["--nodes", "a"]).succeeds();
    let listed = scene.run(["exec", &format!("a.{cluster}"), "--", "cat", "/listed"]).succeeds().stdout;
    assert_eq!(listed, "Dockerfile\n");
    scene.run(["rm", &cluster]).succeeds();
}

/// Paths of volumes are the engine's: one that is there alone is used, one that is here alone is refused, not made.
fn volumes(engine: &Elsewhere, scene: &Scene) {
    let cluster = format!("{}-bound", scene.name);
    let library = plugins::library("topology_calls");
    let start = |folder: &str| {
        let options = ["start", "-c", &cluster, "-n", &cluster, "--timeout", "2m"];
        scene.run(options).args([library.as_os_str()]).args(["--bound", folder])
    };
    let here = tempfile::tempdir_in("/run").unwrap();
    let hint = format!("paths of volumes are those of the engine's machine, `{}`", scene.engine());
    start(here.path().to_str().unwrap()).fails(2, &["bind source path does not exist", &hint]);
    assert!(!scene.things().iter().any(|thing| thing.contains(&cluster)), "{:?}", scene.things());
    engine.make_there("/run/only-there");
    // Every call of a hook goes there, too.
    let ran = start("/run/only-there").succeeds();
    assert!(ran.stderr.contains(&format!("the master is at http://{}:", engine.address)), "{}", ran.stderr);
    scene.run(["rm", &cluster]).succeeds();
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

#[test]
fn an_engine_that_is_not_trusted_or_does_not_trust_us_is_told_with_the_reason() {
    let Some((engine, scene)) = elsewhere(EngineBuild::Installed, Door::Tls, "trust") else { return };
    let ls = |folder: &str| scene.run(["ls"]).env("DOCKER_CERT_PATH", engine.files(folder));
    ls("client").succeeds();
    let url = engine.url();
    let named = format!("engine `{url}` (named by DOCKER_HOST) cannot be reached");
    ls("lost").fails(5, &[&named, "is not signed by a CA that is trusted here", "hint: the CA that signed it"]);
    ls("anonymous").fails(5, &[&named, "client certificate", "cert.pem and key.pem"]);
    ls("stranger").fails(5, &[&named, "does not accept our client certificate", "cert.pem and key.pem"]);
    ls("nowhere").fails(5, &[&named, "nowhere/ca.pem: no such file", "DOCKER_CERT_PATH"]);
    // A certificate without its key.
    let half = engine.files("half");
    fs::create_dir(&half).unwrap();
    fs::copy(engine.files("client").join("ca.pem"), half.join("ca.pem")).unwrap();
    fs::write(half.join("cert.pem"), "").unwrap();
    ls("half").fails(5, &[&named, "half/key.pem: no such file"]);
    // The right engine by a name that it does not have.
    let other = engine.url_at(engine.other_address);
    let ran = ls("client").env("DOCKER_HOST", &other).fails(5, &[&other, "its certificate is for"]);
    let presented =
        format!("its certificate is for {}, engine.example, not for {}", engine.address, engine.other_address);
    assert!(ran.stderr.contains(&presented), "{}", ran.stderr);
    // Where the user wants no verification, there is none; the client's certificate is needed all the same.
    let unverified = |folder| ls(folder).env("DOCKER_TLS_VERIFY", "").env("DOCKER_TLS", "1").env("DOCKER_HOST", &other);
    unverified("stranger").fails(5, &["does not accept our client certificate"]);
    unverified("client").succeeds();
    // Plain text where TLS is spoken, and the other way round.
    ls("client").env("DOCKER_TLS_VERIFY", "").fails(5, &[&named, "HTTPS server", "DOCKER_TLS_VERIFY=1"]);
    ls("client").env("DOCKER_TLS_VERIFY", "").env("DOCKER_HOST", url.replace("tcp:", "https:")).succeeds();
}

#[test]
fn a_context_of_dockers_command_line_carries_its_certificates() {
    let Some((engine, scene)) = elsewhere(EngineBuild::Installed, Door::Tls, "context") else { return };
    let configuration = tempfile::tempdir().unwrap();
    let docker = |arguments: &[&str]| {
        let mut command = Command::new("docker");
        let output = command.arg("--config").arg(configuration.path()).args(arguments).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    };
    let client = engine.files("client").display().to_string();
    let material = format!("ca={client}/ca.pem,cert={client}/cert.pem,key={client}/key.pem");
    docker(&["context", "create", "lab", "--docker", &format!("host={},{material}", engine.url())]);
    let other = engine.url_at(engine.other_address);
    let skips = format!("host={other},cert={client}/cert.pem,key={client}/key.pem,skip-tls-verify=true");
    docker(&["context", "create", "careless", "--docker", &skips]);
    docker(&["context", "create", "named", "--docker", &format!("host={other},{material}")]);
    docker(&["context", "use", "lab"]);
    let ls = || scene.run(["ls"]).env("DOCKER_HOST", "").env("DOCKER_CONFIG", configuration.path());
    // What the environment says of TLS is not for contexts.
    let ls = || ls().env("DOCKER_TLS_VERIFY", "").env("DOCKER_CERT_PATH", "");
    ls().succeeds();
    ls().env("DOCKER_CONTEXT", "careless").succeeds();
    ls().env("DOCKER_CONTEXT", "named").fails(5, &["named by Docker's context `named`", "its certificate is for"]);
}

#[test]
fn what_ssh_says_is_told() {
    let Some((engine, scene)) = elsewhere(EngineBuild::Installed, Door::Ssh, "sshd") else { return };
    scene.run(["ls"]).succeeds();
    let url = engine.url();
    let host = format!("root@{}", engine.address);
    let named = format!("engine `{url}` (named by DOCKER_HOST) cannot be reached");
    let at = |url: &str| scene.run(["ls"]).env("DOCKER_HOST", url);
    // An engine's socket that is not there, by what the far side's own command line says of it.
    at(&format!("ssh://{host}/run/nothing.sock"))
        .fails(5, &["/run/nothing.sock", &format!("ssh {host} docker version")]);
    at(&url.replace("root@", "nobody@")).fails(5, &["Permission denied", "without a question"]);
    at(&url.replace("ssh://root@", "ssh://-oProxyCommand=true@")).fails(2, &["begin with `-`"]);
    // A name of ssh's own configuration.
    at(&url.replace(&host, "root@elsewhere")).succeeds();
    scene.run(["ls"]).env("PATH", engine.files("nothing")).fails(5, &["no `ssh` is on the PATH", "hint: install"]);
    let configuration = fs::read_to_string(engine.sshd().configuration()).unwrap();
    fs::write(engine.files("known_hosts"), "").unwrap();
    scene.run(["ls"]).fails(5, &[&named, "Host key verification failed", "without a question"]);
    fs::write(engine.sshd().configuration(), configuration.replace("yes\n", "no\n")).unwrap();
    scene.run(["ls"]).succeeds();
    await_no_program(&engine);
}

#[test]
fn no_ssh_outlives_the_program_however_it_ends() {
    let Some((engine, scene)) = elsewhere(EngineBuild::Installed, Door::Ssh, "outlive") else { return };
    scene.start().succeeds();
    let node = scene.fqdn("node-1");
    let mut command = scene.run(["exec", &node, "--", "sh", "-c", "echo it runs; exec sleep 1000"]).command();
    let mut child = command.spawn().unwrap();
    let mut said = [0; 8];
    child.stdout.as_mut().unwrap().read_exact(&mut said).unwrap();
    let ours = programs(&engine);
    assert!(!ours.is_empty());
    child.kill().unwrap();
    child.wait().unwrap();
    await_no_program(&engine);
    // Many at once: an sshd takes ten that are not logged in yet, and not all of eleven.
    let nodes: Vec<String> = (0..14).map(|number| format!("n{number}")).collect();
    let other = format!("{}-many", scene.name);
    scene.run(["start", "-c", &other, "-n", &other, NODEBASE, "--nodes"]).args(&nodes).succeeds();
    let lines = scene.run(["exec", "--all", "-c", &other, "--", "hostname"]).succeeds().stdout;
    assert_eq!(lines.lines().count(), 14, "{lines}");
    scene.run(["rm", &other]).succeeds();
    await_no_program(&engine);
}
