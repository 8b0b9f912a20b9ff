//! Output that is large or cannot be written; and commands that must not outlive the wait.

use std::fs;
use std::io::{Read, Write};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc;
use std::time::Duration;

use clusterdock_plugin_wire::{NodeSpec, Probe};
use clusterdock_tests::run::{Ran, Run};
use clusterdock_tests::scene::Scene;
use rustix::process::{Pid, Signal, kill_process};

/// How long anything may take that must not hang.
pub(super) const GUARD: Duration = Duration::from_secs(60);
/// What a command may hold beside its own program, in kB.
const MEMORY: u64 = 30 << 10;

pub(super) fn started(what: &str) -> Option<Scene> {
    let scene = Scene::new(what)?;
    scene.start().succeeds();
    Some(scene)
}

/// A number of kB from the kernel's status of a process.
fn kilobytes(process: &Child, field: &str) -> u64 {
    let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix(field))
        .unwrap();
    line.trim_start_matches(':')
        .split_whitespace()
        .next()
        .unwrap()
        .parse()
        .unwrap()
}

/// Asserts that a process never used much memory, without its executable, which is large in test builds.
#[track_caller]
pub(super) fn assert_small(process: &Child) {
    let held = kilobytes(process, "VmHWM") - kilobytes(process, "RssFile");
    assert!(held < MEMORY, "{held} kB");
}

/// Waits until a process ends.
#[track_caller]
pub(super) fn await_end(mut child: Child) -> Ran {
    let process = Pid::from_child(&child);
    let (mut stdout, mut stderr) = (child.stdout.take(), child.stderr.take());
    let (ended, end) = mpsc::channel();
    std::thread::spawn(move || ended.send(child.wait().unwrap()));
    let Ok(status) = end.recv_timeout(GUARD) else {
        kill_process(process, Signal::KILL).unwrap();
        panic!("it hangs");
    };
    let rest = |stream: &mut dyn Read| {
        let mut bytes = Vec::new();
        stream.read_to_end(&mut bytes).unwrap();
        bytes
    };
    let stdout = stdout
        .as_mut()
        .map(|stream| rest(stream))
        .unwrap_or_default();
    let stderr = stderr
        .as_mut()
        .map(|stream| rest(stream))
        .unwrap_or_default();
    Ran::from(std::process::Output {
        status,
        stdout,
        stderr,
    })
}

pub(super) fn running(scene: &Scene, line: &str) -> String {
    scene.on_node("node-1", &format!("pgrep -af '^[^ ]*{line}' || true"))
}

#[test]
fn large_output_of_several_nodes_is_complete() {
    const SIZE: usize = 32 << 20;
    let Some(scene) = started("much") else { return };
    // Output with lines, and without any.
    for (line, byte) in [
        ("yes | head -c 33554432", b'y'),
        ("head -c 33554432 /dev/zero", 0),
    ] {
        let run = scene.run(["exec", "-c", &scene.name, "-a", "--", "sh", "-c", line]);
        let mut child = run.command().spawn().unwrap();
        let mut output = child.stdout.take().unwrap();
        let (mut buffer, mut count) = (vec![0; 1 << 16], 0);
        while count < 2 * SIZE * 3 / 4 / if byte == 0 { 1 } else { 2 } {
            let length = output.read(&mut buffer).unwrap();
            count += buffer[..length].iter().filter(|one| **one == byte).count();
        }
        assert_small(&child);
        let mut rest = Vec::new();
        output.read_to_end(&mut rest).unwrap();
        count += rest.iter().filter(|one| **one == byte).count();
        assert!(child.wait().unwrap().success());
        assert_eq!(count, if byte == 0 { 2 * SIZE } else { SIZE });
    }
}

#[test]
fn a_failed_write_is_an_error_but_a_closed_pipe_is_not() {
    let Some(scene) = started("full") else { return };
    let node = scene.fqdn("node-1");
    let all = ["exec", "-c", &scene.name, "-a", "--", "echo", "hello"];
    let one = ["exec", &node, "--", "echo", "hello"];
    for command in [
        &all[..],
        &one,
        &["ps"],
        &["ls"],
        &["logs", &node],
        &["env", &scene.name],
        &["--help"],
    ] {
        let full = fs::File::options().write(true).open("/dev/full").unwrap();
        let ran = await_end(
            scene
                .run(command.iter().copied())
                .command()
                .stdout(full)
                .spawn()
                .unwrap(),
        );
        if command[0] == "logs" {
            continue;
        }
        assert_eq!(ran.code, 1, "{command:?}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("failed to write to standard output"),
            "{command:?}: {}",
            ran.stderr
        );
    }
    let mut child = scene
        .run(["exec", "-c", &scene.name, "-a", "--", "yes"])
        .command()
        .spawn()
        .unwrap();
    let mut line = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut line).unwrap();
    let ran = await_end(child);
    assert_eq!((ran.code, ran.stderr.as_str()), (141, ""));
    assert_eq!(running(&scene, "yes"), "");
}

#[test]
fn a_command_that_hides_its_process_is_ended_too() {
    let Some(scene) = started("hiding") else {
        return;
    };
    let node = scene.fqdn("node-1");
    // Something else that runs there, before and after.
    scene.on_node("node-1", "sleep 5001 >/dev/null 2>&1 &");
    let mut other = scene
        .run(["exec", &node, "--", "env", "-i", "sleep", "5002"])
        .command()
        .spawn()
        .unwrap();
    let hiding = [
        vec!["env", "-i", "sleep", "6001"],
        vec![
            "env",
            "-i",
            "sh",
            "-c",
            "sleep 6002 & setsid sleep 6003 & wait",
        ],
        vec!["env", "-i", "sh", "-c", "(setsid sleep 6004 &); sleep 6005"],
        vec![
            "env",
            "-i",
            "sh",
            "-c",
            "trap '' TERM; while :; do sleep 6006; done",
        ],
        vec!["setsid", "sleep", "6007"],
    ];
    for command in hiding {
        let run = scene
            .run(["exec", "--timeout", "1s", &node, "--"])
            .args(command.iter().copied());
        let ran = run.fails(7, &["did not end within 1s"]);
        assert!(
            !ran.stderr.contains("still runs"),
            "{command:?}: {}",
            ran.stderr
        );
        assert_eq!(running(&scene, "sleep 600"), "", "{command:?}");
    }
    assert!(
        running(&scene, "sleep 5001").contains("5001")
            && running(&scene, "sleep 5002").contains("5002")
    );
    kill_process(Pid::from_child(&other), Signal::INT).unwrap();
    other.wait().unwrap();
    assert_eq!(running(&scene, "sleep 5002"), "");
}

#[test]
fn a_command_that_left_its_process_is_ended_or_reported() {
    let Some(scene) = started("leaving") else {
        return;
    };
    let node = scene.fqdn("node-1");
    let leaving = [
        vec!["setsid", "env", "-i", "sleep", "6101"],
        vec!["sh", "-c", "env -i setsid sleep 6102 &"],
        vec!["env", "-i", "sh", "-c", "(setsid sleep 6103 &)"],
        vec!["setsid", "env", "-i", "sh", "-c", "sleep 6104; true"],
    ];
    for command in leaving {
        let exec = ["exec", "--timeout", "500ms", &node, "--"];
        let run = scene.run(exec).args(command.iter().copied());
        let ran = run.fails(7, &["did not end within 500ms"]);
        let says = ran.stderr.contains("still runs in the node");
        let runs = !running(&scene, "sleep 610").is_empty();
        assert_eq!(says, runs, "{command:?}: {}", ran.stderr);
        scene.on_node("node-1", "pkill -f '^[^ ]*sleep 610' || true");
    }
    // Nothing is left of a command whose process is still known.
    let run = scene.run(["exec", "--timeout", "500ms", &node, "--"]);
    let ran = run.args(["env", "-i", "sleep", "6105"]).fails(7, &[]);
    assert!(!ran.stderr.contains("still runs"), "{}", ran.stderr);
    assert_eq!(running(&scene, "sleep 610"), "");
}

#[test]
fn standard_input_is_read_only_if_passed() {
    let Some(scene) = started("input") else {
        return;
    };
    let node = scene.fqdn("node-1");
    let input = |arguments: &[&str]| {
        let (mut reader, mut writer) = std::io::pipe().unwrap();
        writer.write_all(b"mine\n").unwrap();
        drop(writer);
        let ran = await_end(
            scene
                .run(arguments.iter().copied())
                .command()
                .stdin(reader.try_clone().unwrap())
                .spawn()
                .unwrap(),
        );
        let mut left = String::new();
        reader.read_to_string(&mut left).unwrap();
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        (ran.stdout, left)
    };
    let (nothing, mine) = (String::new, || "mine\n".to_string());
    assert_eq!(input(&["exec", &node, "--", "cat"]), (nothing(), mine()));
    assert_eq!(
        input(&["exec", "-c", &scene.name, "-a", "--", "cat"]),
        (nothing(), mine())
    );
    assert_eq!(
        input(&["exec", "-i", &node, "--", "cat"]),
        (mine(), nothing())
    );
    assert_eq!(input(&["ssh", &node, "--", "cat"]), (mine(), nothing()));
    assert_eq!(
        input(&["ssh", "-n", &node, "--", "cat"]),
        (nothing(), mine())
    );
    scene
        .run(["exec", "-it", &node, "--", "cat"])
        .fails(2, &["standard input is not a terminal"]);
}

#[test]
fn ignored_signals_stay_ignored() {
    let Some(scene) = Scene::new("nohup") else {
        return;
    };
    let never = NodeSpec::new("node-1", "nodes").ready_when(Probe::port(9));
    let run: Run = scene.start_like(&never);
    let prepared = run.command();
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' INT HUP; exec \"$@\"", "sh"])
        .arg(prepared.get_program())
        .args(prepared.get_args());
    for (name, value) in prepared.get_envs() {
        match value {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
        .current_dir(prepared.get_current_dir().unwrap())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    let child = command.spawn().unwrap();
    let until = std::time::Instant::now() + GUARD;
    while !scene.things().iter().any(|thing| thing.contains("running")) {
        assert!(std::time::Instant::now() < until, "no node runs");
    }
    let process = child.id();
    let plugin = fs::read_to_string(format!("/proc/{process}/task/{process}/children")).unwrap();
    for process in [process.to_string(), plugin.trim().to_string()] {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("SigIgn:"))
            .unwrap()
            .trim();
        assert_eq!(
            u64::from_str_radix(mask, 16).unwrap() & 0b11,
            0b11,
            "{process} handles what is ignored: {status}"
        );
    }
    for signal in [Signal::INT, Signal::HUP, Signal::TERM] {
        kill_process(Pid::from_child(&child), signal).unwrap();
    }
    let ran = await_end(child);
    assert_eq!(ran.code, 143, "{}", ran.stderr);
    assert!(
        ran.stderr.contains("terminated") && !ran.stderr.contains("interrupted"),
        "{}",
        ran.stderr
    );
    scene.assert_empty();
}
