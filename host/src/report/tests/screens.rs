//! What a terminal of 80 columns and 24 rows shows, its cursor included.

use super::*;

/// The screen after everything written so far, a prompt with the command in its first row.
fn screen(recording: &Recording) -> vt100::Parser {
    let mut parser = vt100::Parser::new(24.try_into().unwrap(), 80.try_into().unwrap(), 1000);
    parser.process(b"$ clusterdock start topology_nodebase\r\n");
    // As a terminal does with what a program writes.
    parser.process(recording.stderr.text().replace('\n', "\r\n").as_bytes());
    parser
}

/// Its rows below the prompt's, without blank ones at the end.
pub(super) fn rows(recording: &Recording) -> Vec<String> {
    let screen = screen(recording);
    let contents = screen.screen().contents();
    let rows: Vec<String> = contents.trim_end().lines().map(str::to_string).collect();
    assert_eq!(rows[0], "$ clusterdock start topology_nodebase");
    rows[1..].to_vec()
}

pub(super) fn terminal() -> Terminal {
    Terminal {
        stdout: true,
        stderr: true,
        capable: true,
        ..no_terminal()
    }
}

pub(super) fn on_screen() -> Recording {
    Recording::to(
        Settings {
            color: Color::Never,
            ..Settings::default()
        },
        terminal(),
    )
}

/// Row and column where the cursor is, and that it is visible.
fn cursor(recording: &Recording) -> (u16, u16) {
    let screen = screen(recording);
    assert!(!screen.screen().hide_cursor());
    screen.screen().cursor_position()
}

#[test]
fn nodes_are_shown_while_they_start() {
    let recording = on_screen();
    recording.starting(&nodes(3));
    recording.node("node-1.cluster", NodePhase::Creating);
    recording.clock.advance(300);
    recording.node("node-2.cluster", NodePhase::Creating);
    recording.clock.advance(100);
    recording.node("node-1.cluster", NodePhase::Ready);
    recording.node(
        "node-2.cluster",
        NodePhase::Waiting {
            probe: "port 22".into(),
        },
    );
    assert_eq!(
        rows(&recording),
        [
            "Starting cluster famous_hyades on network cluster ...",
            "  ✔ node-1.cluster    0.4s  ready",
            "  ⠦ node-2.cluster    0.1s  waiting for port 22",
            "  · node-3.cluster",
        ]
    );
    assert_eq!(cursor(&recording), (5, 0));
}

#[test]
fn nodes_and_the_closing_line_stay_after_a_start() {
    let recording = on_screen();
    recording.start(&nodes(2));
    assert_eq!(
        rows(&recording),
        [
            "Starting cluster famous_hyades on network cluster ...",
            "  ✔ node-1.cluster    0.4s  ready",
            "  ✔ node-2.cluster    0.4s  ready",
            "Cluster started successfully (total time: 00:00:01.621).",
            "web: http://127.0.0.1:8080",
            "user: admin",
            "hint: `clusterdock ssh node-1.cluster` opens a shell on a node",
        ]
    );
    assert_eq!(cursor(&recording), (8, 0));
}

#[test]
fn failures_and_the_rollback_stay_after_a_failed_start() {
    let recording = on_screen();
    recording.starting(&nodes(2));
    recording.node("node-1.cluster", NodePhase::Creating);
    recording.node("node-2.cluster", NodePhase::Creating);
    recording.clock.advance(900);
    recording.node("node-1.cluster", NodePhase::Ready);
    recording.node(
        "node-2.cluster",
        NodePhase::Failed {
            why: "exited with 1".into(),
        },
    );
    recording.report.event(Event::RollingBack {
        cluster: "famous_hyades".into(),
    });
    recording.report.event(Event::Removing {
        what: "cluster famous_hyades".into(),
        containers: nodes(2),
    });
    for name in nodes(2) {
        recording.report.event(Event::Removed {
            kind: "container",
            name,
        });
    }
    recording.report.event(Event::Removed {
        kind: "network",
        name: "cluster".into(),
    });
    recording.clock.advance(400);
    recording.report.error(&conflict());
    assert_eq!(
        rows(&recording),
        [
            "Starting cluster famous_hyades on network cluster ...",
            "  ✘ node-2.cluster    0.9s  failed: exited with 1",
            "  ✔ cluster famous_hyades    0.4s  removed 2 containers, 1 network",
            "error: failed to start node `a`",
            "  cause: port `80` is taken",
            "hint: choose another",
        ]
    );
    assert_eq!(cursor(&recording), (7, 0));
}

#[test]
fn a_removal_counts_and_ends_with_one_summary() {
    let recording = on_screen();
    let containers = nodes(64);
    recording.report.event(Event::Removing {
        what: "clusterdock containers".into(),
        containers: containers.clone(),
    });
    for name in &containers[..12] {
        recording.report.event(Event::Removed {
            kind: "container",
            name: name.clone(),
        });
    }
    assert_eq!(
        rows(&recording),
        ["  ⠋ clusterdock containers    0.0s  removed 12 of 64 containers"]
    );
    for name in &containers[12..] {
        recording.report.event(Event::Removed {
            kind: "container",
            name: name.clone(),
        });
    }
    recording.clock.advance(1200);
    recording.report.event(Event::Done {
        message: "Removed 64 containers.".into(),
    });
    assert_eq!(
        rows(&recording),
        [
            "  ✔ clusterdock containers    1.2s  removed",
            "Removed 64 containers."
        ]
    );
}

#[test]
fn with_many_nodes_active_ones_are_shown_and_others_counted() {
    let recording = on_screen();
    let nodes = nodes(64);
    recording.starting(&nodes);
    for node in &nodes[..46] {
        recording.node(node, NodePhase::Creating);
    }
    for node in &nodes[..40] {
        recording.node(node, NodePhase::Ready);
    }
    recording.node(
        "node-44.cluster",
        NodePhase::Failed {
            why: "exited with 1".into(),
        },
    );
    let rows = rows(&recording);
    assert_eq!(rows.len(), 8, "{rows:#?}");
    assert_eq!(
        rows[1],
        "  ✘ node-44.cluster    0.0s  failed: exited with 1"
    );
    assert_eq!(rows[2], "  ⠋ node-41.cluster    0.0s  creating");
    assert_eq!(rows[7], "  1 failed, 40 done, 5 in progress, 18 pending");
}

#[test]
fn nodes_fill_at_most_half_of_the_screen() {
    let recording = on_screen();
    recording.starting(&nodes(64));
    for node in &nodes(64) {
        recording.node(
            node,
            NodePhase::Waiting {
                probe: "port 22".into(),
            },
        );
    }
    assert_eq!(rows(&recording).len(), 1 + 12 + 1);
}

#[test]
fn many_nodes_share_one_line_after_a_start() {
    let recording = on_screen();
    recording.start(&nodes(64));
    assert_eq!(
        rows(&recording),
        [
            "Starting cluster famous_hyades on network cluster ...",
            "  ✔ 64 nodes  ready, slowest: node-64.cluster in 0.4s",
            "Cluster started successfully (total time: 00:00:01.621).",
            "web: http://127.0.0.1:8080",
            "user: admin",
            "hint: `clusterdock ssh node-1.cluster` opens a shell on a node",
        ]
    );
}

#[test]
fn events_are_shown_above_the_nodes_in_order() {
    let recording = on_screen();
    recording.report.event(Event::Image {
        image: "i:1".into(),
        phase: ImagePhase::Assembling,
    });
    recording.clock.advance(800);
    recording.report.event(Event::Image {
        image: "i:1".into(),
        phase: ImagePhase::Ready { took_ms: 800 },
    });
    recording.starting(&nodes(1));
    recording.report.event(Event::Warning {
        message: "first\nits second line".into(),
    });
    recording.node("node-1.cluster", NodePhase::Ready);
    recording.report.event(Event::Hook {
        hook: "start".into(),
        topology: "t".into(),
    });
    recording.report.event(Event::Output {
        source: "node-1.cluster".into(),
        line: "x".repeat(100),
    });
    recording.report.event(Event::Progress {
        message: "creating the realm".into(),
    });
    assert_eq!(
        rows(&recording),
        [
            "  ✔ i:1    0.8s  image ready",
            "Starting cluster famous_hyades on network cluster ...",
            "warning: first",
            "         its second line",
            "  ✔ node-1.cluster    0.0s  ready",
            &format!("node-1.cluster | {}", "x".repeat(100)),
            "  ⠸ start hook    0.0s  creating the realm",
        ]
    );
}

#[test]
fn long_lines_are_cut_to_the_terminals_width() {
    let recording = on_screen();
    recording.starting(&[format!("{}.cluster", "x".repeat(56))]);
    let why = "世界".repeat(40);
    recording.node(
        &format!("{}.cluster", "x".repeat(56)),
        NodePhase::Failed { why },
    );
    let rows = rows(&recording);
    assert_eq!(
        rows[1],
        format!("  ✘ {}…    0.0s  failed: 世界世界世界…", "x".repeat(43))
    );
}

#[test]
fn a_terminal_without_unicode_gets_ascii() {
    let recording = Recording::to(
        Settings::default(),
        Terminal {
            unicode: false,
            no_color: true,
            ..terminal()
        },
    );
    recording.starting(&nodes(3));
    recording.node("node-1.cluster", NodePhase::Ready);
    recording.node("node-2.cluster", NodePhase::Creating);
    assert_eq!(
        rows(&recording)[1..],
        [
            "  + node-1.cluster    0.0s  ready",
            "  | node-2.cluster    0.0s  creating",
            "  . node-3.cluster"
        ]
    );
    assert!(recording.stderr.text().is_ascii());
}

#[test]
fn nodes_are_ordered_by_their_numbers() {
    let recording = on_screen();
    recording.starting(&["node-1.cluster", "node-10.cluster", "node-2.cluster"].map(String::from));
    assert_eq!(
        rows(&recording)[1..],
        [
            "  · node-1.cluster",
            "  · node-2.cluster",
            "  · node-10.cluster"
        ]
    );
}
