//! The live display beside other output: answers, errors, other programs on the terminal, and the spinners' thread.

use super::screens::{on_screen, rows, terminal};
use super::*;
use crate::sink;

#[test]
fn the_story_ends_with_the_report() {
    let Recording {
        report,
        stdout,
        stderr,
        clock,
    } = on_screen();
    let recording = Recording {
        report,
        stdout,
        stderr: stderr.clone(),
        clock,
    };
    recording.starting(&nodes(2));
    recording.node("node-1.cluster", NodePhase::Ready);
    recording.node("node-2.cluster", NodePhase::Creating);
    drop(recording);
    let recording = Recording {
        stderr,
        ..on_screen()
    };
    assert_eq!(
        rows(&recording),
        [
            "Starting cluster famous_hyades on network cluster ...",
            "  ✔ node-1.cluster    0.0s  ready"
        ]
    );
}

#[test]
fn a_borrowed_terminal_is_left_alone_until_it_is_returned() {
    let recording = on_screen();
    recording.starting(&nodes(1));
    recording.node("node-1.cluster", NodePhase::Creating);
    let lent = sink::lend_terminal(&recording.report);
    assert_eq!(
        rows(&recording),
        ["Starting cluster famous_hyades on network cluster ..."]
    );
    let before = recording.stderr.text();
    recording.report.event(Event::Warning {
        message: "came up meanwhile".into(),
    });
    assert_eq!(recording.stderr.text(), before);
    drop(lent);
    assert_eq!(
        rows(&recording)[1..],
        [
            "warning: came up meanwhile",
            "  ⠋ node-1.cluster    0.0s  creating"
        ]
    );
}

#[test]
fn compiling_is_announced_before_the_compilers_own_output() {
    let recording = on_screen();
    let lent = sink::lend_terminal(&recording.report);
    recording.report.event(Event::Warning {
        message: "came up before".into(),
    });
    recording.report.event(Event::Compiling {
        plugin: "topology_nodebase".into(),
    });
    recording
        .stderr
        .clone()
        .write_all(b"   Compiling libc\n")
        .unwrap();
    drop(lent);
    assert_eq!(
        rows(&recording),
        [
            "warning: came up before",
            "Compiling plugin topology_nodebase ...",
            "   Compiling libc"
        ]
    );
}

#[test]
fn an_error_is_shown_although_the_terminal_is_borrowed() {
    let recording = on_screen();
    let _lent = sink::lend_terminal(&recording.report);
    recording.report.event(Event::Warning {
        message: "came up meanwhile".into(),
    });
    recording.report.error(&conflict());
    assert_eq!(
        rows(&recording)[..2],
        [
            "warning: came up meanwhile",
            "error: failed to start node `a`"
        ]
    );
}

#[test]
fn an_answer_replaces_the_live_lines() {
    let recording = on_screen();
    recording.starting(&nodes(1));
    recording.node("node-1.cluster", NodePhase::Creating);
    let before = recording.stderr.text().len();
    recording.report.answer("node-1.cluster\n").unwrap();
    let after = recording.stderr.text()[before..].to_string();
    assert_eq!(
        after,
        "\u{1b}[1A\r\u{1b}[J  ⠋ node-1.cluster    0.0s  creating\u{1b}[K\n"
    );
}

#[test]
fn spinners_turn_while_a_task_is_active() {
    let (turned, turns) = std::sync::mpsc::channel();
    let clock = Clock::system();
    let streams = Streams {
        stdout: Box::new(io::sink()),
        stderr: Box::new(Turns(turned)),
        terminal: terminal(),
    };
    let report = Report::new(Settings::default(), streams, clock);
    report.event(Event::Node {
        node: "node-1.cluster".into(),
        phase: NodePhase::Creating,
    });
    let deadline = std::time::Duration::from_secs(20);
    assert_ne!(
        turns.recv_timeout(deadline).unwrap(),
        turns.recv_timeout(deadline).unwrap()
    );
    report.event(Event::Node {
        node: "node-1.cluster".into(),
        phase: NodePhase::Ready,
    });
    drop(report);
    while turns.recv_timeout(deadline).is_ok() {}
    assert_eq!(
        turns.recv_timeout(deadline),
        Err(std::sync::mpsc::RecvTimeoutError::Disconnected)
    );
}

/// Passes each write on.
struct Turns(std::sync::mpsc::Sender<Vec<u8>>);

impl Write for Turns {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0
            .send(bytes.to_vec())
            .map(|()| bytes.len())
            .map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_narrowed_window_is_wiped_of_all_wrapped_rows() {
    let mut canvas = canvas::Canvas::default();
    canvas.draw("", &["x".repeat(50), "y".repeat(30)], 80);
    assert_eq!(canvas.draw("", &[], 20), "\u{1b}[5A\r\u{1b}[J");
    assert_eq!(canvas.draw("", &[], 20), "");
}
