//! Console blocks of a page: commands after `$ `, each with what it prints, and the terminal that they run in.

use std::io::Read;
use std::num::NonZero;
use std::path::Path;

use clusterdock_tests::dockerd::OwnEngine;
use pty_process::Size;
use pty_process::blocking;

/// The terminal of a reader. It has more rows than any output here.
const ROWS: NonZero<u16> = NonZero::new(200).unwrap();
const COLUMNS: NonZero<u16> = NonZero::new(100).unwrap();

/// A page, as text between console blocks and the commands in them.
pub(super) struct Page(Vec<Part>);

enum Part {
    Text(String),
    Step(Step),
}

/// A command, and what it prints.
pub(super) struct Step {
    pub(super) command: String,
    pub(super) output: String,
}

impl Page {
    pub(super) fn read(text: &str) -> Page {
        let (mut parts, mut in_block) = (Vec::new(), false);
        for line in text.lines() {
            if line.starts_with("```") {
                in_block = line == "```console";
                parts.push(Part::Text(format!("{line}\n")));
                continue;
            }
            match (in_block, line.strip_prefix("$ "), parts.last_mut()) {
                (true, Some(command), _) => parts.push(Part::Step(Step {
                    command: command.into(),
                    output: String::new(),
                })),
                (true, None, Some(Part::Step(step))) => step.output.push_str(&format!("{line}\n")),
                (true, None, _) => panic!("a console block begins without a command: {line}"),
                (false, ..) => parts.push(Part::Text(format!("{line}\n"))),
            }
        }
        Page(parts)
    }

    pub(super) fn steps(&mut self) -> impl Iterator<Item = &mut Step> {
        self.0.iter_mut().filter_map(|part| match part {
            Part::Text(_) => None,
            Part::Step(step) => Some(step),
        })
    }

    pub(super) fn text(&self) -> String {
        let part = |part: &Part| match part {
            Part::Text(text) => text.clone(),
            Part::Step(step) => format!("$ {}\n{}", step.command, step.output),
        };
        self.0.iter().map(part).collect()
    }
}

/// Whether a command prints nothing and changes the shell that the commands after it run in.
pub(super) fn changes_the_shell(command: &str) -> bool {
    let word = command.split(' ').next().unwrap_or_default();
    word == "export" || word == "cd" || word.contains('=')
}

/// Where commands run.
pub(super) struct Shell<'a> {
    pub(super) folder: &'a Path,
    pub(super) engine: &'a OwnEngine,
    pub(super) config: &'a Path,
}

impl Shell<'_> {
    /// Runs a script in a separate terminal; returns whether it succeeded, and what the terminal shows in the end.
    pub(super) fn run(&self, script: &str) -> (bool, String) {
        let (mut pty, pts) = blocking::open().unwrap();
        pty.resize(Size::new(ROWS.get(), COLUMNS.get())).unwrap();
        let own = |(name, _): &(String, String)| name.starts_with("CLUSTERDOCK_");
        let command = std::env::vars()
            .filter(own)
            .fold(blocking::Command::new("bash"), |command, (name, _)| {
                command.env_remove(name)
            });
        let mut child = command
            .args(["-c", script])
            .env("DOCKER_HOST", self.engine.host())
            .env("CLUSTERDOCK_CONFIG_DIRECTORY", self.config)
            .env("TERM", "xterm-256color")
            .env("LC_ALL", "C.UTF-8")
            .current_dir(self.folder)
            .spawn(pts)
            .unwrap();
        let mut screen = vt100::Parser::new(ROWS, COLUMNS, 0);
        let mut buffer = [0; 16 * 1024];
        // Reading fails once no program has the terminal open.
        while let Ok(count @ 1..) = pty.read(&mut buffer) {
            screen.process(&buffer[..count]);
        }
        let succeeded = child.wait().unwrap().success();
        let shown = screen.screen().contents();
        let shown: Vec<&str> = shown.lines().map(str::trim_end).collect();
        let shown = shown.join("\n");
        let shown = shown.trim_end();
        (
            succeeded,
            if shown.is_empty() {
                String::new()
            } else {
                format!("{shown}\n")
            },
        )
    }
}

#[test]
fn a_page_is_written_as_it_was_read() {
    let text = "# Page\n\n```console\n$ a\nb\n$ export c=d\n```\ntext\n\n```sh\n$ no\n```\n";
    let mut page = Page::read(text);
    let steps: Vec<&str> = page.steps().map(|step| step.command.as_str()).collect();
    assert_eq!(steps, ["a", "export c=d"]);
    assert_eq!(page.text(), text);
}
