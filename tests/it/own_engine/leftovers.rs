//! What remains of an engine that still has a node, however it ends.

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use clusterdock_tests::dockerd::{EngineBuild, OwnEngine};
use clusterdock_tests::scene::Scene;
use rustix::process::{Pid, Signal, kill_process};

use super::available;

/// Set for the process that is to be killed while it has an engine.
const VICTIM: &str = "CLUSTERDOCK_TEST_VICTIM";

fn folder(host: &str) -> PathBuf {
    Path::new(host.strip_prefix("unix://").unwrap())
        .parent()
        .unwrap()
        .into()
}

/// Starts nodes, and leaves them.
fn inhabit(host: &str) {
    let scene = Scene::on(host, "left");
    scene.start().succeeds();
    // The end of a scene removes its nodes.
    std::mem::forget(scene);
}

/// Processes that have to do with an engine: its folder is in their arguments, or among their mounts.
fn processes(folder: &Path) -> Vec<Pid> {
    let name = folder.file_name().unwrap().to_str().unwrap();
    let named = |process: &Path, file: &str| {
        fs::read(process.join(file)).is_ok_and(|text| String::from_utf8_lossy(&text).contains(name))
    };
    let processes = fs::read_dir("/proc")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let ours = processes.filter(|process| named(process, "cmdline") || named(process, "mountinfo"));
    ours.filter_map(|process| Pid::from_raw(process.file_name()?.to_str()?.parse().ok()?))
        .collect()
}

/// Control groups of an engine's containers.
fn control_groups(folder: &Path) -> usize {
    let all = fs::read_dir("/sys/fs/cgroup")
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let places = all.chain([PathBuf::from("/sys/fs/cgroup")]);
    places
        .filter(|place| place.join(folder.file_name().unwrap()).exists())
        .count()
}

#[track_caller]
fn assert_alive(folder: &Path) {
    // The keeper, its children, the engine, containerd, and the processes of two nodes.
    assert!(processes(folder).len() >= 8, "{:?}", processes(folder));
    assert!(folder.join("data").is_dir() && control_groups(folder) > 0);
}

#[track_caller]
fn assert_nothing_left(folder: &Path) {
    assert_eq!(processes(folder), []);
    assert!(!folder.exists());
    assert_eq!(control_groups(folder), 0);
}

/// The log is locked as long as an engine lives.
#[track_caller]
fn await_end(log: fs::File) {
    let waited = Command::new("flock")
        .args(["--wait", "60", "0"])
        .stdin(log)
        .status()
        .unwrap();
    assert!(waited.success());
}

fn dropped(build: EngineBuild) {
    let Some(engine) = available("drop", || OwnEngine::start(build)) else {
        return;
    };
    let folder = folder(&engine.host());
    inhabit(&engine.host());
    assert_alive(&folder);
    drop(engine);
    assert_nothing_left(&folder);
}

#[test]
fn an_engine_that_is_dropped_leaves_nothing() {
    EngineBuild::ALL.into_iter().for_each(dropped);
}

#[test]
fn an_engine_whose_test_panics_leaves_nothing() {
    let Some(engine) = available("panic", || OwnEngine::start(EngineBuild::Installed)) else {
        return;
    };
    let folder = folder(&engine.host());
    let panicked = std::thread::spawn(move || {
        inhabit(&engine.host());
        assert_alive(&self::folder(&engine.host()));
        std::panic::resume_unwind(Box::new("a test fails"));
    });
    assert_eq!(
        panicked.join().unwrap_err().downcast_ref(),
        Some(&"a test fails")
    );
    assert_nothing_left(&folder);
}

#[test]
fn an_engine_whose_test_is_killed_leaves_nothing() {
    if std::env::var_os(VICTIM).is_some() {
        let engine = OwnEngine::start(EngineBuild::Installed).unwrap();
        inhabit(&engine.host());
        writeln!(std::io::stdout(), "\n{}", engine.host()).unwrap();
        loop {
            std::thread::park();
        }
    }
    // If no engine is available, none can be killed.
    let Some(engine) = available("killed", || OwnEngine::start(EngineBuild::Installed)) else {
        return;
    };
    drop(engine);
    let mut victim = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            "--nocapture",
            "own_engine::leftovers::an_engine_whose_test_is_killed_leaves_nothing",
        ])
        .env(VICTIM, "1")
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let lines = BufReader::new(victim.stdout.take().unwrap())
        .lines()
        .map_while(Result::ok);
    let host = lines
        .into_iter()
        .find(|line| line.starts_with("unix://"))
        .unwrap();
    let folder = folder(&host);
    assert_alive(&folder);
    let log = fs::File::open(folder.join("log")).unwrap();
    victim.kill().unwrap();
    victim.wait().unwrap();
    await_end(log);
    assert_nothing_left(&folder);
}

#[test]
fn leftovers_of_a_kill_go_when_the_next_engine_starts() {
    let Some(engine) = available("swept", || OwnEngine::start(EngineBuild::Installed)) else {
        return;
    };
    let folder = folder(&engine.host());
    inhabit(&engine.host());
    assert_alive(&folder);
    for process in processes(&folder) {
        // Those that come later may be gone with those that came first.
        let _ = kill_process(process, Signal::KILL);
    }
    drop(engine);
    await_end(fs::File::open(folder.join("log")).unwrap());
    assert!(folder.join("data").is_dir() && control_groups(&folder) > 0);
    drop(OwnEngine::start(EngineBuild::Installed).unwrap());
    assert_nothing_left(&folder);
}
