//! The machine's /etc/hosts: one block per cluster, and the original file once the cluster is gone.

use std::fs::{self, File};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;

use clusterdock_tests::dockerd::{EngineBuild, OwnEngine};
use clusterdock_tests::plugins;
use clusterdock_tests::run::{Ran, Run};
use clusterdock_tests::scene::{NODEBASE, Scene, skipped};
use rustix::process::{Pid, Signal, kill_process};

/// A hosts file that no other test writes to; without a final line end, it is harder to restore.
const HOSTS: &str = "127.0.0.1 localhost\n# the last line";

/// Whether this process may mount a hosts file over the machine's; otherwise a note says what is skipped.
fn may_mount(what: &str) -> bool {
    let unshared = Command::new("unshare").args(["--mount", "true"]).status();
    let may = unshared.is_ok_and(|status| status.success());
    if !may {
        skipped(&format!("{what}: no mounts of our own here"));
    }
    may
}

/// Runs where `hosts` is the machine's hosts file.
fn with_hosts(hosts: &Path, run: &Run) -> Ran {
    Ran::from(in_place(hosts, run).output().unwrap())
}

/// The process of a run where `hosts` is the machine's hosts file.
fn in_place(hosts: &Path, run: &Run) -> Command {
    let ours = run.command();
    let mut command = Command::new("unshare");
    command
        .args([
            "--mount",
            "sh",
            "-c",
            r#"mount --bind "$0" /etc/hosts && exec "$@""#,
        ])
        .arg(hosts);
    command.arg(ours.get_program()).args(ours.get_args());
    for (name, value) in ours.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .current_dir(ours.get_current_dir().unwrap())
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    command
}

#[test]
fn nodes_are_reached_by_name_while_the_cluster_exists() {
    let Some(scene) = Scene::new("hosts") else {
        return;
    };
    if fs::OpenOptions::new()
        .append(true)
        .open("/etc/hosts")
        .is_err()
    {
        return;
    }
    let ours = |text: &str| {
        text.lines()
            .filter(|line| line.contains(&scene.name))
            .map(str::to_string)
            .collect::<Vec<_>>()
    };
    let start = scene
        .start()
        .env("CLUSTERDOCK_START_UPDATE_ETC_HOSTS", "always");
    start.succeeds();
    let text = fs::read_to_string("/etc/hosts").unwrap();
    let address = scene.on_node("node-1", "getent hosts node-1 | cut -d' ' -f1");
    assert!(
        text.contains(&format!("{address} {}\n", scene.fqdn("node-1"))),
        "{text}"
    );
    assert_eq!(ours(&text).len(), 4, "{text}");
    scene.run(["rm", &scene.fqdn("node-2")]).succeeds();
    assert_eq!(ours(&fs::read_to_string("/etc/hosts").unwrap()).len(), 3);
    scene.run(["rm", &scene.name]).succeeds();
    assert_eq!(
        ours(&fs::read_to_string("/etc/hosts").unwrap()),
        Vec::<String>::new()
    );
    // A failed start removes its names, too.
    scene
        .start()
        .env("CLUSTERDOCK_START_UPDATE_ETC_HOSTS", "always")
        .args(["--timeout", "1ms"])
        .fails(7, &[]);
    assert_eq!(
        ours(&fs::read_to_string("/etc/hosts").unwrap()),
        Vec::<String>::new()
    );
}

/// Up to 20.10, all engines of a machine have one id.
#[test]
fn an_engine_leaves_blocks_of_others_on_this_machine() {
    let Some(scene) = Scene::new("engines") else {
        return;
    };
    let other = match OwnEngine::start(EngineBuild::Installed) {
        Ok(other) => other,
        Err(missing) => return skipped(&format!("another engine: {}", missing.reason)),
    };
    let elsewhere = Scene::on(&other.host(), "elsewhere");
    let hosts = scene.config().join("hosts");
    fs::write(&hosts, HOSTS).unwrap();
    let run = |run: Run| {
        let ran = with_hosts(&hosts, &run);
        (ran.code, fs::read_to_string(&hosts).unwrap())
    };
    let always = |start: Run| start.env("CLUSTERDOCK_START_UPDATE_ETC_HOSTS", "always");
    let (code, with_ours) = run(always(scene.start()));
    assert!(code == 0 && with_ours.contains(&scene.fqdn("node-1")));
    // Each of these sweeps, on an engine without this cluster.
    let (code, left) = run(elsewhere.run(["rm", "unknown"]));
    assert_eq!((code, &left), (3, &with_ours));
    let (code, left) = run(elsewhere.run(["manage", "nuke"]));
    assert_eq!((code, &left), (0, &with_ours));
    let (code, left) = run(always(elsewhere.start()));
    assert!(code == 0 && left.starts_with(&with_ours), "{left}");
    let (code, left) = run(elsewhere.run(["rm", &elsewhere.name]));
    assert_eq!((code, &left), (0, &with_ours));
    let (code, left) = run(scene.run(["rm", &scene.name]));
    assert_eq!((code, &*left), (0, HOSTS));
}

#[test]
fn twenty_parallel_starts_and_removals_restore_the_file() {
    let Some(scene) = Scene::new("twenty") else {
        return;
    };
    if !may_mount("twenty starts at once and a hosts file of their own") {
        return;
    }
    plugins::library("topology_nodebase");
    let hosts = scene.config().join("hosts");
    fs::write(&hosts, HOSTS).unwrap();
    let names: Vec<String> = (1..=20)
        .map(|number| format!("{}-{number}", scene.name))
        .collect();
    let at_once = |run: &(dyn Fn(&str) -> Run + Sync)| {
        thread::scope(|threads| {
            let runs = names
                .iter()
                .map(|name| threads.spawn(|| with_hosts(&hosts, &run(name))));
            for ran in runs.collect::<Vec<_>>() {
                let ran = ran.join().unwrap();
                assert_eq!(ran.code, 0, "{}", ran.stderr);
            }
        });
    };
    let start = |name: &str| {
        let options = [
            "start",
            "-c",
            name,
            "-n",
            name,
            "--update-etc-hosts",
            "always",
            NODEBASE,
            "--nodes",
            "a",
        ];
        scene.run(options)
    };
    // One alone, so that the others find library and image.
    assert_eq!(with_hosts(&hosts, &start(&scene.name)).code, 0);
    assert_eq!(with_hosts(&hosts, &scene.run(["rm", &scene.name])).code, 0);
    assert_eq!(fs::read_to_string(&hosts).unwrap(), HOSTS);
    at_once(&start);
    let text = fs::read_to_string(&hosts).unwrap();
    for name in &names {
        assert_eq!(text.matches(&format!(" a.{name}\n")).count(), 1, "{text}");
    }
    at_once(&|name| scene.run(["rm", name]));
    assert_eq!(fs::read_to_string(&hosts).unwrap(), HOSTS);
    scene.assert_empty();
}

/// Anybody who may read the file can lock it, for ever.
#[test]
fn a_lock_on_the_file_holds_up_no_command() {
    let Some(scene) = Scene::new("locked") else {
        return;
    };
    if !may_mount("a locked hosts file") {
        return;
    }
    plugins::library("topology_nodebase");
    let hosts = scene.config().join("hosts");
    fs::write(&hosts, HOSTS).unwrap();
    let start_and = |update| scene.start().args(["--update-etc-hosts", update]);
    let start = start_and("auto");
    let waited = "locked by another program for 2s";
    let locks: [fn(&File) -> std::io::Result<()>; 2] = [File::lock, File::lock_shared];
    for lock in locks {
        let held = File::open(&hosts).unwrap();
        lock(&held).unwrap();
        let ran = with_hosts(&hosts, &start);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        assert!(ran.stderr.contains(waited), "{}", ran.stderr);
        let ran = with_hosts(&hosts, &scene.run(["rm", &scene.name]));
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        scene.assert_empty();
        let ran = with_hosts(&hosts, &start_and("always"));
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        assert!(ran.stderr.contains(waited), "{}", ran.stderr);
        scene.assert_empty();
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let mut child = in_place(&hosts, &start).spawn().unwrap();
            let mut story = BufReader::new(child.stderr.take().unwrap()).lines();
            let begun = |line: &std::io::Result<String>| {
                line.as_ref()
                    .is_ok_and(|line| line.contains("Running the start hook"))
            };
            assert!(story.by_ref().any(|line| begun(&line)), "the nodes run");
            kill_process(Pid::from_child(&child), signal).unwrap();
            let rest: Vec<String> = story.map_while(Result::ok).collect();
            assert_eq!(child.wait().unwrap().code(), Some(code), "{rest:?}");
            scene.assert_empty();
        }
        assert_eq!(fs::read_to_string(&hosts).unwrap(), HOSTS);
    }
}
