//! What a terminal of 80 columns and 24 rows shows, its cursor included.

use super::*;

/// The screen after everything written so far, a prompt with the command in its first row.
fn screen(told: &Told) -> vt100::Parser {
    let mut parser = vt100::Parser::new(24.try_into().unwrap(), 80.try_into().unwrap(), 1000);
    parser.process(b"$ clusterdock start topology_nodebase\r\n");
    // As a terminal does with what a program writes.
    parser.process(told.stderr.text().replace('\n', "\r\n").as_bytes());
    parser
}

/// Its rows below the prompt's, without blank ones at the end.
fn rows(told: &Told) -> Vec<String> {
    let screen = screen(told);
    let contents = screen.screen().contents();
    let rows: Vec<String> = contents.trim_end().lines().map(str::to_string).collect();
    assert_eq!(rows[0], "$ clusterdock start topology_nodebase");
    rows[1..].to_vec()
}

fn terminal() -> Terminal {
    Terminal { stdout: true, stderr: true, capable: true, ..no_terminal() }
}

fn on_screen() -> Told {
    Told::to(Settings { color: Color::Never, ..Settings::default() }, terminal())
}

/// Row and column where the cursor is, and that it is visible.
fn cursor(told: &Told) -> (u16, u16) {
    let screen = screen(told);
    assert!(!screen.screen().hide_cursor());
    screen.screen().cursor_position()
}

#[test]
fn nodes_that_are_started_are_seen_at_work() {
    let told = on_screen();
    told.starting(&nodes(3));
    told.node("node-1.cluster", NodePhase::Creating);
    told.clock.advance(300);
    told.node("node-2.cluster", NodePhase::Creating);
    told.clock.advance(100);
    told.node("node-1.cluster", NodePhase::Ready);
    told.node("node-2.cluster", NodePhase::Waiting { probe: "port 22".into() });
    assert_eq!(
        rows(&told),
        [
            "Starting cluster famous_hyades on network cluster ...",
            "  ✔ node-1.cluster    0.4s  ready",
            "  ⠦ node-2.cluster    0.1s  waiting for port 22",
            "  · node-3.cluster",
        ]
    );
    assert_eq!(cursor(&told), (5, 0));
}

#[test]
fn after_a_start_its_nodes_and_the_closing_line_are_left() {
    let told = on_screen();
    told.start(&nodes(2));
    assert_eq!(
        rows(&told),
        [
            "Starting cluster famous_hyades on network cluster ...",
            "  ✔ node-1.cluster    0.4s  ready",
            "  ✔ node-2.cluster    0.4s  ready",
            "Cluster started successfully (total time: 00:00:01.621).",
            "web: http://127.0.0.1:8080",
            "user: admin",
            "hint: `clusterdock ssh node-1.cluster` opens a terminal on a node",
        ]
    );
    assert_eq!(cursor(&told), (8, 0));
}

#[test]
fn after_a_failure_what_failed_and_what_was_undone_is_left() {
    let told = on_screen();
    told.starting(&nodes(2));
    told.node("node-1.cluster", NodePhase::Creating);
    told.node("node-2.cluster", NodePhase::Creating);
    told.clock.advance(900);
    told.node("node-1.cluster", NodePhase::Ready);
    told.node("node-2.cluster", NodePhase::Failed { why: "exited with 1".into() });
    told.report.event(Event::Undoing { cluster: "famous_hyades".into() });
    told.report.event(Event::Removing { what: "cluster famous_hyades".into(), containers: nodes(2) });
    for name in nodes(2) {
        told.report.event(Event::Removed { kind: "container", name });
    }
    told.report.event(Event::Removed { kind: "network", name: "cluster".into() });
    told.clock.advance(400);
    told.report.error(&conflict());
    assert_eq!(
        rows(&told),
        [
            "Starting cluster famous_hyades on network cluster ...",
            "  ✘ node-2.cluster    0.9s  failed: exited with 1",
            "  ✔ cluster famous_hyades    0.4s  removed 2 containers, 1 network",
            "error: failed to start node `a`",
            "  cause: port `80` is taken",
            "hint: choose another",
        ]
    );
    assert_eq!(cursor(&told), (7, 0));
}

#[test]
fn a_removal_counts_what_goes_and_ends_with_its_sum_once() {
    let told = on_screen();
    let containers = nodes(64);
    told.report.event(Event::Removing { what: "clusterdock containers".into(), containers: containers.clone() });
    for name in &containers[..12] {
        told.report.event(Event::Removed { kind: "container", name: name.clone() });
    }
    assert_eq!(rows(&told), ["  ⠋ clusterdock containers    0.0s  removing, 12 of 64 containers gone"]);
    for name in &containers[12..] {
        told.report.event(Event::Removed { kind: "container", name: name.clone() });
    }
    told.clock.advance(1200);
    told.report.event(Event::Done { message: "Removed 64 containers.".into() });
    assert_eq!(rows(&told), ["  ✔ clusterdock containers    1.2s  removed", "Removed 64 containers."]);
}

#[test]
fn of_many_nodes_those_at_work_are_seen_and_the_rest_is_counted() {
    let told = on_screen();
    let nodes = nodes(64);
    told.starting(&nodes);
    for node in &nodes[..46] {
        told.node(node, NodePhase::Creating);
    }
    for node in &nodes[..40] {
        told.node(node, NodePhase::Ready);
    }
    told.node("node-44.cluster", NodePhase::Failed { why: "exited with 1".into() });
    let rows = rows(&told);
    assert_eq!(rows.len(), 8, "{rows:#?}");
    assert_eq!(rows[1], "  ✘ node-44.cluster    0.0s  failed: exited with 1");
    assert_eq!(rows[2], "  ⠋ node-41.cluster    0.0s  creating");
    assert_eq!(rows[7], "  1 failed, 40 done, 5 under way, 18 to come");
}

#[test]
fn a_screen_is_never_more_than_half_full_of_nodes() {
    let told = on_screen();
    told.starting(&nodes(64));
    for node in &nodes(64) {
        told.node(node, NodePhase::Waiting { probe: "port 22".into() });
    }
    assert_eq!(rows(&told).len(), 1 + 12 + 1);
}

#[test]
fn after_a_start_of_many_nodes_a_line_for_all_is_left() {
    let told = on_screen();
    told.start(&nodes(64));
    assert_eq!(
        rows(&told),
        [
            "Starting cluster famous_hyades on network cluster ...",
            "  ✔ 64 nodes  ready, the slowest node-64.cluster in 0.4s",
            "Cluster started successfully (total time: 00:00:01.621).",
            "web: http://127.0.0.1:8080",
            "user: admin",
            "hint: `clusterdock ssh node-1.cluster` opens a terminal on a node",
        ]
    );
}

#[test]
fn what_happens_meanwhile_stands_above_the_nodes_in_its_order() {
    let told = on_screen();
    told.report.event(Event::Image { image: "i:1".into(), phase: ImagePhase::Assembling });
    told.clock.advance(800);
    told.report.event(Event::Image { image: "i:1".into(), phase: ImagePhase::Ready { took_ms: 800 } });
    told.starting(&nodes(1));
    told.report.event(Event::Warning { message: "first\nits second line".into() });
    told.node("node-1.cluster", NodePhase::Ready);
    told.report.event(Event::Hook { hook: "start".into(), topology: "t".into() });
    told.report.event(Event::Output { source: "node-1.cluster".into(), line: "x".repeat(100) });
    told.report.event(Event::Progress { message: "creating the realm".into() });
    assert_eq!(
        rows(&told),
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
fn lines_that_are_too_long_are_cut_to_the_terminals_width() {
    let told = on_screen();
    told.starting(&[format!("{}.cluster", "x".repeat(56))]);
    let why = "世界".repeat(40);
    told.node(&format!("{}.cluster", "x".repeat(56)), NodePhase::Failed { why });
    let rows = rows(&told);
    assert_eq!(rows[1], format!("  ✘ {}…    0.0s  failed: 世界世界世界…", "x".repeat(43)));
}

#[test]
fn a_terminal_without_unicode_is_given_ascii() {
    let told = Told::to(Settings::default(), Terminal { unicode: false, no_color: true, ..terminal() });
    told.starting(&nodes(3));
    told.node("node-1.cluster", NodePhase::Ready);
    told.node("node-2.cluster", NodePhase::Creating);
    assert_eq!(
        rows(&told)[1..],
        ["  + node-1.cluster    0.0s  ready", "  | node-2.cluster    0.0s  creating", "  . node-3.cluster"]
    );
    assert!(told.stderr.text().is_ascii());
}

#[test]
fn the_story_ends_with_the_report() {
    let Told { report, stdout, stderr, clock } = on_screen();
    let told = Told { report, stdout, stderr: stderr.clone(), clock };
    told.starting(&nodes(2));
    told.node("node-1.cluster", NodePhase::Ready);
    told.node("node-2.cluster", NodePhase::Creating);
    drop(told);
    let told = Told { stderr, ..on_screen() };
    assert_eq!(
        rows(&told),
        ["Starting cluster famous_hyades on network cluster ...", "  ✔ node-1.cluster    0.0s  ready"]
    );
}

#[test]
fn a_borrowed_terminal_is_left_alone_until_it_is_given_back() {
    let told = on_screen();
    told.starting(&nodes(1));
    told.node("node-1.cluster", NodePhase::Creating);
    let lent = told.report.lend_terminal();
    assert_eq!(rows(&told), ["Starting cluster famous_hyades on network cluster ..."]);
    let before = told.stderr.text();
    told.report.event(Event::Warning { message: "came up meanwhile".into() });
    assert_eq!(told.stderr.text(), before);
    drop(lent);
    assert_eq!(rows(&told)[1..], ["warning: came up meanwhile", "  ⠋ node-1.cluster    0.0s  creating"]);
}

#[test]
fn that_a_plugin_is_compiled_is_told_before_the_compiler_writes_itself() {
    let told = on_screen();
    let lent = told.report.lend_terminal();
    told.report.event(Event::Warning { message: "came up before".into() });
    told.report.event(Event::Compiling { plugin: "topology_nodebase".into() });
    told.stderr.clone().write_all(b"   Compiling libc\n").unwrap();
    drop(lent);
    assert_eq!(rows(&told), ["warning: came up before", "Compiling plugin topology_nodebase ...", "   Compiling libc"]);
}

#[test]
fn nodes_stand_in_the_order_of_their_numbers() {
    let told = on_screen();
    told.starting(&["node-1.cluster", "node-10.cluster", "node-2.cluster"].map(String::from));
    assert_eq!(rows(&told)[1..], ["  · node-1.cluster", "  · node-2.cluster", "  · node-10.cluster"]);
}

#[test]
fn an_error_is_told_although_the_terminal_is_borrowed() {
    let told = on_screen();
    let _lent = told.report.lend_terminal();
    told.report.event(Event::Warning { message: "came up meanwhile".into() });
    told.report.error(&conflict());
    assert_eq!(rows(&told)[..2], ["warning: came up meanwhile", "error: failed to start node `a`"]);
}

#[test]
fn an_answer_goes_where_the_live_lines_were() {
    let told = on_screen();
    told.starting(&nodes(1));
    told.node("node-1.cluster", NodePhase::Creating);
    let before = told.stderr.text().len();
    told.report.answer("node-1.cluster\n").unwrap();
    let after = told.stderr.text()[before..].to_string();
    assert_eq!(after, "\u{1b}[1A\r\u{1b}[J  ⠋ node-1.cluster    0.0s  creating\u{1b}[K\n");
}

#[test]
fn spinners_turn_by_themselves_while_something_is_under_way() {
    let (turned, turns) = std::sync::mpsc::channel();
    let clock = Clock::system();
    let streams = Streams { stdout: Box::new(io::sink()), stderr: Box::new(Turns(turned)), terminal: terminal() };
    let report = Report::new(Settings::default(), streams, clock);
    report.event(Event::Node { node: "node-1.cluster".into(), phase: NodePhase::Creating });
    let deadline = std::time::Duration::from_secs(20);
    assert_ne!(turns.recv_timeout(deadline).unwrap(), turns.recv_timeout(deadline).unwrap());
    report.event(Event::Node { node: "node-1.cluster".into(), phase: NodePhase::Ready });
    drop(report);
    while turns.recv_timeout(deadline).is_ok() {}
    assert_eq!(turns.recv_timeout(deadline), Err(std::sync::mpsc::RecvTimeoutError::Disconnected));
}

/// Passes each write on.
struct Turns(std::sync::mpsc::Sender<Vec<u8>>);

impl Write for Turns {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.send(bytes.to_vec()).map(|()| bytes.len()).map_err(io::Error::other)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

#[test]
fn a_window_made_narrower_is_wiped_of_all_rows_that_lines_wrapped_to() {
    let mut canvas = canvas::Canvas::default();
    canvas.draw("", &["x".repeat(50), "y".repeat(30)], 80);
    assert_eq!(canvas.draw("", &[], 20), "\u{1b}[5A\r\u{1b}[J");
    assert_eq!(canvas.draw("", &[], 20), "");
}
