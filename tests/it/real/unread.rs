//! Commands whose output nobody reads: a stopped terminal, or `less`. They block nothing, take little memory, and end on a
//! signal.

use std::fs;
use std::io::{PipeWriter, Write};
use std::process::Child;
use std::time::Duration;

use clusterdock_plugin_wire::{NodeSpec, Probe};
use clusterdock_tests::plugins;
use clusterdock_tests::run::Run;
use clusterdock_tests::scene::Scene;
use rustix::process::{Pid, Signal, kill_process};

use super::output::{GUARD, assert_small, await_end, running, started};

/// Waits until a process has written all that its outputs take: it has not written for a while.
fn await_stuck(process: &Child) {
    let written = || fs::read_to_string(format!("/proc/{}/io", process.id())).unwrap();
    let until = std::time::Instant::now() + GUARD;
    let mut before = String::new();
    while before != written() {
        assert!(std::time::Instant::now() < until, "it goes on: {before}");
        before = written();
        std::thread::sleep(Duration::from_millis(500));
    }
}

/// A full pipe that nobody reads; its reader has to be kept.
fn full_pipe() -> (std::io::PipeReader, PipeWriter) {
    let (reader, mut writer) = std::io::pipe().unwrap();
    let flags = rustix::fs::fcntl_getfl(&writer).unwrap();
    rustix::fs::fcntl_setfl(&writer, flags | rustix::fs::OFlags::NONBLOCK).unwrap();
    while writer.write(&[b'x'; 4096]).is_ok() {}
    while writer.write(b"x").is_ok() {}
    rustix::fs::fcntl_setfl(&writer, flags).unwrap();
    (reader, writer)
}

#[test]
fn unread_output_blocks_nothing_and_takes_little_memory() {
    let Some(scene) = started("stuck") else {
        return;
    };
    let (all, one) = (
        ["exec", "-c", &scene.name, "-a", "--", "yes"],
        ["exec", &scene.fqdn("node-1"), "--", "yes"],
    );
    let bytes = ["exec", "-c", &scene.name, "-a", "--", "cat", "/dev/zero"];
    let ssh = ["ssh", &scene.fqdn("node-1"), "--", "yes"];
    scene.on_node("node-1", "head -c 50000000 /dev/zero >/big");
    scene.on_node("node-1", "yes | head -c 8000000 >/proc/1/fd/1");
    let log = ["logs", &scene.name];
    let followed = ["logs", "-f", &scene.fqdn("node-1")];
    let copy = ["cp", &format!("{}:/big", scene.fqdn("node-1")), "-"];
    for command in [&all[..], &one, &bytes, &ssh, &copy, &log, &followed] {
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let child = scene
                .run(command.iter().copied())
                .command()
                .spawn()
                .unwrap();
            await_stuck(&child);
            assert_small(&child);
            kill_process(Pid::from_child(&child), signal).unwrap();
            let ran = await_end(child);
            assert_eq!(ran.code, code, "{command:?}: {}", ran.stderr);
            assert_eq!(
                running(&scene, "yes") + &running(&scene, "cat"),
                "",
                "{command:?}"
            );
        }
    }
    let run = scene.run([
        "exec",
        "-c",
        &scene.name,
        "--timeout",
        "3s",
        "-a",
        "--",
        "yes",
    ]);
    let ran = await_end(run.command().spawn().unwrap());
    assert_eq!(ran.code, 7, "{}", ran.stderr);
    let named = format!(
        "still running on `{}`, `{}`",
        scene.fqdn("node-1"),
        scene.fqdn("node-2")
    );
    assert!(ran.stderr.contains(&named), "{}", ran.stderr);
}

#[test]
fn a_start_ends_even_if_nobody_reads_its_progress() {
    let Some(scene) = Scene::new("untold") else {
        return;
    };
    let start = |arguments: &[&str]| {
        let never = NodeSpec::new("node-1", "nodes").ready_when(Probe::port(9));
        let (reader, writer) = full_pipe();
        let run = scene.start_like(&never).args(["-v"]).args(arguments);
        (run.command().stderr(writer).spawn().unwrap(), reader)
    };
    let (late, _reader) = start(&["--timeout", "3s"]);
    assert_eq!(await_end(late).code, 7);
    scene.assert_empty();
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let (child, _reader) = start(&["--timeout", "5m"]);
        let until = std::time::Instant::now() + GUARD;
        while !scene.things().iter().any(|thing| thing.contains("running")) {
            assert!(std::time::Instant::now() < until, "no node runs");
        }
        kill_process(Pid::from_child(&child), signal).unwrap();
        assert_eq!(await_end(child).code, code);
        scene.assert_empty();
    }
}

/// Waits until a process handles interrupts itself.
fn await_handler(process: &Child) {
    let until = std::time::Instant::now() + GUARD;
    let handled = || {
        let status = fs::read_to_string(format!("/proc/{}/status", process.id())).unwrap();
        let mask = status
            .lines()
            .find_map(|line| line.strip_prefix("SigCgt:"))
            .unwrap();
        u64::from_str_radix(mask.trim(), 16).unwrap() & 0b10 != 0
    };
    while !handled() {
        assert!(std::time::Instant::now() < until, "it handles no signal");
    }
}

#[test]
fn help_and_errors_that_nobody_reads_end_on_a_signal() {
    let library = plugins::library("topology_nodebase").into_os_string();
    let topology = |argument: &str| vec!["start".into(), library.clone(), argument.into()];
    let nowhere = "unix:///nowhere/docker.sock";
    for command in [
        topology("--help"),
        topology("--no-such-flag"),
        vec!["ls".into(), "--help".into()],
        vec!["no-such-command".into()],
        vec!["ls".into()],
    ] {
        for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
            let (_reader, writer) = full_pipe();
            let run = Run::new(command.clone()).env("DOCKER_HOST", nowhere);
            let mut process = run.command();
            process.stdout(writer.try_clone().unwrap()).stderr(writer);
            let child = process.spawn().unwrap();
            await_handler(&child);
            await_stuck(&child);
            assert_small(&child);
            kill_process(Pid::from_child(&child), signal).unwrap();
            // An unreachable engine had been found, and only its error waited for its reader.
            let expected = if command == ["ls"] { 5 } else { code };
            assert_eq!(await_end(child).code, expected, "{command:?}");
        }
    }
}
