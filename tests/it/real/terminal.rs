//! Commands on nodes from the user's side: a terminal or a pipe, and how they end.

use std::io::{Read, Write};
use std::process::Stdio;

use clusterdock_tests::run::Run;
use clusterdock_tests::scene::Scene;
use clusterdock_tests::terminal::Terminal;
use rustix::process::{Pid, Signal, kill_process};

const ROWS: u16 = 30;
const COLUMNS: u16 = 100;

fn started(what: &str) -> Option<Scene> {
    let scene = Scene::new(what)?;
    scene.start().succeeds();
    Some(scene)
}

/// A shell on node-1, at its prompt.
fn shell(scene: &Scene) -> (Terminal, String) {
    let mut terminal = Terminal::new(&scene.run(["ssh", &scene.fqdn("node-1")]), ROWS, COLUMNS);
    let modes = modes_before();
    terminal.shows("root@node-1");
    (terminal, modes)
}

/// The modes of an unchanged terminal.
fn modes_before() -> String {
    Terminal::new(&Run::line("--version"), ROWS, COLUMNS).modes()
}

/// The node's processes whose command line begins with this text.
fn running(scene: &Scene, line: &str) -> String {
    scene.on_node("node-1", &format!("pgrep -af '^[^ ]*{line}' || true"))
}

#[test]
fn a_shell_follows_the_size_of_the_terminal() {
    let Some(scene) = started("shell") else {
        return;
    };
    let (mut terminal, modes) = shell(&scene);
    terminal.types("stty size\r");
    terminal.shows(&format!("{ROWS} {COLUMNS}\r\n"));
    // The new size travels separately from the input, so the node reports when it has arrived.
    terminal.types("(trap 'stty size; kill $!' WINCH; sleep 1000 & echo wait''ing; wait)\r");
    terminal.shows("waiting\r\n");
    terminal.resize(40, 120);
    terminal.shows("40 120\r\n");
    terminal.types("stty size\r");
    terminal.shows("40 120\r\n");
    // Ctrl-P: the command before.
    terminal.types("\x10\r");
    terminal.shows("40 120\r\n");
    // In a separate shell, which handles an interrupt in the usual way only.
    terminal.types(r#"sh -c "echo st''arted; exec sleep 1000""#);
    terminal.types("\r");
    terminal.shows("started\r\n");
    terminal.types("\x03");
    terminal.shows("root@node-1");
    terminal.types("echo $TERM; exit 7\r");
    terminal.shows("xterm\r\n");
    assert_eq!(terminal.ends(), 7);
    assert_eq!(terminal.modes(), modes);
}

#[test]
fn a_shell_ends_with_the_program() {
    let Some(scene) = started("hangup") else {
        return;
    };
    for (signal, code) in [(Signal::TERM, 143), (Signal::HUP, 143)] {
        let (mut terminal, modes) = shell(&scene);
        terminal.signal(signal);
        assert_eq!(terminal.ends(), code);
        assert_eq!(terminal.modes(), modes);
        assert_eq!(running(&scene, "bash"), "");
    }
}

#[test]
fn a_command_in_a_terminal_gets_all_that_is_typed() {
    let Some(scene) = started("paste") else {
        return;
    };
    let line = "stty raw -echo; echo ready; head -c 1000000 | tee /dev/stderr | wc -c; exit 3";
    let run = scene.run([
        "exec",
        "-it",
        &scene.fqdn("node-1"),
        "--",
        "bash",
        "-c",
        line,
    ]);
    let mut terminal = Terminal::new(&run, ROWS, COLUMNS);
    terminal.shows("ready");
    for _ in 0..1000 {
        terminal.types([b'x'; 1000]);
    }
    terminal.shows("1000000");
    assert_eq!(terminal.ends(), 3);
}

#[test]
fn a_command_in_a_pipe_loses_no_input_and_no_output() {
    const SIZE: usize = 50 << 20;
    let Some(scene) = started("pipe") else { return };
    let mut command = scene
        .run(["exec", "-i", &scene.fqdn("node-1"), "--", "cat"])
        .command();
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let (mut input, mut output) = (child.stdin.take().unwrap(), child.stdout.take().unwrap());
    let writer = std::thread::spawn(move || {
        let piece: Vec<u8> = (0..=255).cycle().take(1 << 16).collect();
        for _ in 0..SIZE / piece.len() {
            input.write_all(&piece).unwrap();
        }
    });
    let mut back = Vec::new();
    output.read_to_end(&mut back).unwrap();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(back.len(), SIZE);
    assert!(
        back.iter()
            .enumerate()
            .all(|(at, byte)| *byte == (at % 256) as u8)
    );
}

#[test]
fn a_command_that_times_out_is_ended_on_the_node() {
    let Some(scene) = started("late") else { return };
    let node = scene.fqdn("node-1");
    scene
        .run(["exec", "--timeout", "1s", &node, "--", "sleep", "1000"])
        .fails(7, &["did not end within 1s"]);
    assert_eq!(running(&scene, "sleep 1000"), "");
    // Also one that has a variable of several lines, and children.
    let lines = "LINES_OF_TEXT=one\ntwo\nthree";
    let run = scene.run([
        "exec",
        "--timeout",
        "1s",
        "-e",
        lines,
        &node,
        "--",
        "bash",
        "-c",
        "sleep 1001; true",
    ]);
    run.fails(7, &["did not end within 1s"]);
    assert_eq!(running(&scene, "sleep 1001"), "");
}

#[test]
fn an_interrupted_command_is_ended_on_the_node() {
    let Some(scene) = started("interrupt") else {
        return;
    };
    let line = "echo running; sleep 1000";
    let mut command = scene
        .run(["exec", &scene.fqdn("node-1"), "--", "bash", "-c", line])
        .command();
    let mut child = command.stdin(Stdio::null()).spawn().unwrap();
    let mut output = [0; 8];
    child
        .stdout
        .take()
        .unwrap()
        .read_exact(&mut output)
        .unwrap();
    kill_process(Pid::from_child(&child), Signal::INT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert_eq!(running(&scene, "sleep 1000"), "");
}

#[test]
fn the_exit_code_of_a_command_is_returned() {
    let Some(scene) = started("ends") else { return };
    let node = scene.fqdn("node-1");
    let exec = |line: &str| {
        scene
            .run(["exec", &node, "--", "sh", "-c", line])
            .run()
            .code
    };
    assert_eq!(exec("exit 42"), 42);
    assert_eq!(exec("kill -KILL $$"), 137);
    assert_eq!(exec("kill -TERM $$"), 143);
    // As the engine has it: 126 before Docker 28.
    let ran = scene.run(["exec", &node, "--", "no-such-program"]).run();
    assert!(
        [126, 127].contains(&ran.code),
        "{}: {}",
        ran.code,
        ran.stderr
    );
    assert!(ran.stdout.contains("no-such-program"), "{}", ran.stdout);
}

#[test]
fn a_command_may_write_more_than_it_reads() {
    let Some(scene) = started("more") else { return };
    let mut command = scene
        .run([
            "exec",
            "-i",
            &scene.fqdn("node-1"),
            "--",
            "od",
            "-v",
            "-An",
            "-tx1",
            "-w1",
        ])
        .command();
    let mut child = command.stdin(Stdio::piped()).spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    let writer = std::thread::spawn(move || input.write_all(&vec![b'a'; 8 << 20]).unwrap());
    let mut back = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut back).unwrap();
    writer.join().unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(back.len(), 4 * (8 << 20));
}

#[test]
fn a_slow_reader_misses_nothing() {
    const SIZE: usize = 1_400_000;
    let Some(scene) = started("slow") else { return };
    let line = format!("head -c {SIZE} /dev/zero; touch /written");
    let mut child = scene
        .run(["exec", &scene.fqdn("node-1"), "--", "sh", "-c", &line])
        .command()
        .spawn()
        .unwrap();
    scene.on_node(
        "node-1",
        "for i in $(seq 200); do [ -e /written ] && exit 0; sleep 0.1; done; exit 1",
    );
    // Docker drops what it has not passed on by now.
    std::thread::sleep(std::time::Duration::from_secs(4));
    let mut back = Vec::new();
    child.stdout.take().unwrap().read_to_end(&mut back).unwrap();
    assert_eq!(back.len(), SIZE);
    assert!(child.wait().unwrap().success());
}

#[test]
fn a_command_is_ended_if_its_output_is_closed() {
    let Some(scene) = started("unread") else {
        return;
    };
    let mut child = scene
        .run(["exec", &scene.fqdn("node-1"), "--", "yes"])
        .command()
        .spawn()
        .unwrap();
    let mut line = [0; 2];
    child.stdout.take().unwrap().read_exact(&mut line).unwrap();
    let mut output = String::new();
    child
        .stderr
        .take()
        .unwrap()
        .read_to_string(&mut output)
        .unwrap();
    // As a program that SIGPIPE ended, without a message.
    assert_eq!(
        (child.wait().unwrap().code(), output.as_str()),
        (Some(141), "")
    );
    assert_eq!(running(&scene, "yes"), "");
}

#[test]
fn daemons_outlive_the_shell_that_started_them() {
    let Some(scene) = started("daemon") else {
        return;
    };
    let (mut terminal, _) = shell(&scene);
    terminal.types("sleep 2002 &\r");
    terminal.types(
        r#"setsid sh -c "echo st''arted; exec </dev/null >/dev/null 2>&1; sleep 2001; :" &"#,
    );
    terminal.types("\r");
    terminal.shows("started\r\n");
    terminal.signal(Signal::HUP);
    assert_eq!(terminal.ends(), 143);
    assert!(running(&scene, "sh -c echo").contains("2001"));
    assert_eq!(running(&scene, "sleep 2002"), "");
}
