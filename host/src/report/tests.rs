//! The report as its readers see it: in a file, as a program, and on a terminal's screen.

mod answers;
mod screens;
mod shared_terminal;
mod wide;

use std::io::Write;

use jiff::tz::TimeZone;

use super::*;
use crate::event::{ImagePhase, NodePhase};

/// A stream that remembers what was written.
#[derive(Clone, Default)]
pub(super) struct Tape(Arc<Mutex<Vec<u8>>>);

impl Tape {
    fn text(&self) -> String {
        String::from_utf8(self.bytes()).unwrap()
    }

    pub(super) fn bytes(&self) -> Vec<u8> {
        self.0.lock().unwrap().clone()
    }
}

impl Write for Tape {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().unwrap().write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// A stream that fails.
struct Broken(io::ErrorKind);

impl Write for Broken {
    fn write(&mut self, _: &[u8]) -> io::Result<usize> {
        Err(self.0.into())
    }

    fn flush(&mut self) -> io::Result<()> {
        Err(self.0.into())
    }
}

/// A report at a fixed time, and what it wrote.
pub(super) struct Recording {
    pub(super) report: Report,
    pub(super) stdout: Tape,
    stderr: Tape,
    clock: Clock,
}

impl Recording {
    /// Plain lines, to files.
    pub(super) fn plainly() -> Recording {
        Recording::new(Progress::Plain)
    }

    /// To files.
    fn new(progress: Progress) -> Recording {
        Recording::to(
            Settings {
                progress,
                ..Settings::default()
            },
            no_terminal(),
        )
    }

    fn to(settings: Settings, terminal: Terminal) -> Recording {
        let clock = Clock::stopped("2026-11-24T08:31:02Z".parse().unwrap(), TimeZone::UTC);
        let (stdout, stderr) = (Tape::default(), Tape::default());
        let streams = Streams {
            stdout: Box::new(stdout.clone()),
            stderr: Box::new(stderr.clone()),
            terminal,
        };
        Recording {
            report: Report::new(settings, streams, clock.clone()),
            stdout,
            stderr,
            clock,
        }
    }

    fn node(&self, node: &str, phase: NodePhase) {
        self.report.event(Event::Node {
            node: node.into(),
            phase,
        });
    }

    /// A start of nodes in which each takes 400 ms and is ready before the next begins.
    fn start(&self, nodes: &[String]) {
        self.starting(nodes);
        for node in nodes {
            self.node(node, NodePhase::Creating);
            self.clock.advance(100);
            self.node(node, NodePhase::Starting);
            self.clock.advance(100);
            self.node(
                node,
                NodePhase::Waiting {
                    probe: "port 22".into(),
                },
            );
            self.clock.advance(200);
            self.node(node, NodePhase::Ready);
        }
        let closing = vec!["web: http://127.0.0.1:8080\nuser: admin".into()];
        self.report.event(Event::Started {
            cluster: "famous_hyades".into(),
            total_ms: 1621,
            closing,
        });
    }

    fn starting(&self, nodes: &[String]) {
        let (cluster, network) = ("famous_hyades".into(), "cluster".into());
        self.report.event(Event::Starting {
            cluster,
            network,
            nodes: nodes.to_vec(),
        });
    }
}

fn no_terminal() -> Terminal {
    Terminal::none(|name| (name == "LANG").then(|| "C.UTF-8".into()))
}

fn nodes(number: usize) -> Vec<String> {
    (1..=number)
        .map(|number| format!("node-{number}.cluster"))
        .collect()
}

fn conflict() -> Error {
    Error::new(Kind::Conflict, "port `80` is taken")
        .hint("choose another")
        .context("failed to start node `a`")
}

#[test]
fn plain_lines_have_the_originals_form() {
    let recording = Recording::new(Progress::Plain);
    recording.start(&nodes(2));
    assert_eq!(
        recording.stderr.text(),
        "\
2026-11-24 08:31:02 AM clusterdock.cluster INFO     Starting cluster on network (cluster) ...
2026-11-24 08:31:02 AM clusterdock.cluster INFO     The cluster's name is famous_hyades.
2026-11-24 08:31:02 AM clusterdock.cluster INFO     Starting node node-1.cluster ...
2026-11-24 08:31:02 AM clusterdock.cluster INFO     Starting node node-2.cluster ...
2026-11-24 08:31:02 AM clusterdock.cluster INFO     Cluster started successfully (total time: 00:00:01.621).
2026-11-24 08:31:02 AM clusterdock.topology INFO     web: http://127.0.0.1:8080
2026-11-24 08:31:02 AM clusterdock.topology INFO     user: admin
"
    );
    assert_eq!(recording.stdout.text(), "");
}

#[test]
fn plain_lines_report_images_hooks_and_removals() {
    let recording = Recording::new(Progress::Plain);
    let image = |phase| Event::Image {
        image: "i:1".into(),
        phase,
    };
    let amount = ImagePhase::Progress {
        part: "ab".into(),
        status: "Downloading".into(),
        current: Some(1),
        total: Some(2),
    };
    let events = [
        Event::Compiling {
            plugin: "topology_nodebase".into(),
        },
        image(ImagePhase::Pulling),
        image(amount),
        image(ImagePhase::Ready { took_ms: 3210 }),
        Event::Hook {
            hook: "start".into(),
            topology: "nodebase".into(),
        },
        Event::Progress {
            message: "creating the realm".into(),
        },
        Event::Output {
            source: "node-1.cluster".into(),
            line: "\u{1b}[31m50%\r100%\u{1b}[0m".into(),
        },
        Event::Warning {
            message: "names resolve forwards only".into(),
        },
        Event::RollingBack {
            cluster: "c".into(),
        },
        Event::Removing {
            what: "clusterdock containers".into(),
            containers: Vec::new(),
        },
        Event::Removed {
            kind: "container",
            name: "node-1.cluster".into(),
        },
        Event::Removed {
            kind: "network",
            name: "cluster".into(),
        },
        Event::Done {
            message: "Nothing to do.".into(),
        },
    ];
    events
        .into_iter()
        .for_each(|event| recording.report.event(event));
    let printed: Vec<String> = recording
        .stderr
        .text()
        .lines()
        .map(|line| line["2026-11-24 08:31:02 AM clusterdock".len()..].to_string())
        .collect();
    assert_eq!(
        printed,
        [
            ".plugin INFO     Compiling plugin topology_nodebase ...",
            ".image INFO     Pulling image i:1 ...",
            ".image INFO     Image i:1 is ready (3.2s).",
            ".topology INFO     Running the start hook of topology nodebase ...",
            ".topology INFO     creating the realm",
            ".topology INFO     node-1.cluster | 100%",
            " WARNING  names resolve forwards only",
            ".cluster INFO     Rolling back cluster c ...",
            ".manage INFO     Stopping and removing clusterdock containers ...",
            ".manage INFO     Removed network cluster.",
            " INFO     Nothing to do.",
        ]
    );
}

#[test]
fn debug_messages_are_shown_with_verbose_only() {
    for progress in [Progress::Plain, Progress::Json, Progress::Tty] {
        for (verbose, expected) in [(false, 0), (true, 1)] {
            let recording = Recording::to(
                Settings {
                    progress,
                    verbose,
                    ..Settings::default()
                },
                no_terminal(),
            );
            recording.report.event(Event::Debug {
                message: "asked the engine".into(),
            });
            assert_eq!(
                recording.stderr.text().matches("asked the engine").count(),
                expected,
                "{progress:?}"
            );
        }
    }
}

#[test]
fn quiet_progress_shows_only_warnings_and_errors() {
    let recording = Recording::new(Progress::Quiet);
    recording.start(&nodes(2));
    recording.report.note("No clusters.");
    recording.report.event(Event::Warning {
        message: "names resolve forwards only".into(),
    });
    recording.report.error(&conflict());
    assert_eq!(
        recording.stderr.text(),
        "\
warning: names resolve forwards only
error: failed to start node `a`
  cause: port `80` is taken
hint: choose another
"
    );
}

#[test]
fn json_progress_is_one_object_per_line() {
    let recording = Recording::new(Progress::Json);
    recording.start(&nodes(1));
    recording.report.note("No clusters.");
    recording.report.error(&conflict());
    let text = recording.stderr.text();
    let lines: Vec<serde_json::Value> = text
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let events: Vec<&str> = lines
        .iter()
        .map(|line| line["event"].as_str().unwrap())
        .collect();
    assert_eq!(
        events,
        [
            "starting", "node", "node", "node", "node", "started", "error"
        ]
    );
    assert!(lines.iter().all(|line| line["schema_version"] == 1));
    assert_eq!(lines[4]["time"], "2026-11-24T08:31:02.400Z");
    assert_eq!(lines[6]["exit_code"], 4);
}

#[test]
fn the_display_is_live_where_a_terminal_can_show_it() {
    let is_live = |progress, stderr, term: &str| {
        let terminal = Terminal {
            stderr,
            ..Terminal::none(|name| (name == "TERM").then(|| term.into()))
        };
        let recording = Recording::to(
            Settings {
                progress,
                ..Settings::default()
            },
            terminal,
        );
        recording.starting(&nodes(1));
        recording.stderr.text().contains("\u{1b}[K")
    };
    assert!(is_live(Progress::Auto, true, "xterm"));
    assert!(!is_live(Progress::Auto, true, "dumb"));
    assert!(!is_live(Progress::Auto, false, "xterm"));
    assert!(is_live(Progress::Tty, false, "dumb"));
    assert!(!is_live(Progress::Plain, true, "xterm"));
}

#[test]
fn colours_are_used_if_wanted_and_supported() {
    let colored = |color, stderr, variables: &[(&str, &str)]| {
        let value = |name: &str| {
            Some(
                variables
                    .iter()
                    .find(|(known, _)| *known == name)?
                    .1
                    .to_string(),
            )
        };
        let terminal = Terminal {
            stderr,
            ..Terminal::none(value)
        };
        let recording = Recording::to(
            Settings {
                color,
                ..Settings::default()
            },
            terminal,
        );
        recording.report.error(&conflict());
        recording.stderr.text().contains("\u{1b}[")
    };
    assert!(colored(Color::Auto, true, &[("TERM", "xterm")]));
    assert!(!colored(
        Color::Auto,
        true,
        &[("TERM", "xterm"), ("NO_COLOR", "1")]
    ));
    assert!(!colored(Color::Auto, true, &[("TERM", "dumb")]));
    assert!(!colored(Color::Auto, false, &[("TERM", "xterm")]));
    assert!(colored(Color::Always, false, &[("NO_COLOR", "1")]));
    assert!(!colored(Color::Never, true, &[("TERM", "xterm")]));
}

#[tokio::test]
async fn a_reader_of_the_answer_may_leave() {
    let streams = Streams {
        stdout: Box::new(Broken(io::ErrorKind::BrokenPipe)),
        stderr: Box::new(Broken(io::ErrorKind::BrokenPipe)),
        terminal: no_terminal(),
    };
    let report = Report::new(Settings::default(), streams, Clock::system());
    report.answer("node-1.cluster\n").unwrap();
    report.error(&conflict());
    assert_eq!(
        report.stream(Stream::Stdout, b"log line\n").await.unwrap(),
        ControlFlow::Break(())
    );
}

#[test]
fn an_answer_that_cannot_be_written_is_an_error() {
    let stdout = Box::new(Broken(io::ErrorKind::StorageFull));
    let streams = Streams {
        stdout,
        stderr: Box::new(io::sink()),
        terminal: no_terminal(),
    };
    let error = Report::new(Settings::default(), streams, Clock::system())
        .answer("x")
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "failed to write to standard output: no storage space"
    );
}

#[tokio::test]
async fn an_answer_is_written_unchanged() {
    let recording = Recording::new(Progress::Plain);
    recording
        .report
        .answer("\u{1b}[31mred\u{1b}[0m\t\r\n")
        .unwrap();
    assert_eq!(
        recording
            .report
            .stream(Stream::Stdout, b"\x00 bytes")
            .await
            .unwrap(),
        ControlFlow::Continue(())
    );
    assert_eq!(
        recording.stdout.text(),
        "\u{1b}[31mred\u{1b}[0m\t\r\n\u{0} bytes"
    );
    assert_eq!(recording.stderr.text(), "");
}
