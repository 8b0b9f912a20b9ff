//! The streams that the report writes to, and the properties of their terminal. Tests supply their own.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

/// The two output streams of a program, and their terminal.
pub struct Streams {
    /// For answers.
    pub stdout: Box<dyn Write + Send>,
    /// For the story.
    pub stderr: Box<dyn Write + Send>,
    /// The properties of their terminal.
    pub terminal: Terminal,
}

/// The properties of the terminal, if there is one.
pub struct Terminal {
    /// Whether standard output goes to it.
    pub stdout: bool,
    /// Whether standard error goes to it.
    pub stderr: bool,
    /// Whether it can move its cursor and show colours: whether `TERM` is set and not `dumb`.
    pub capable: bool,
    /// Whether `NO_COLOR` is set.
    pub no_color: bool,
    /// Whether it shows UTF-8, according to the locale.
    pub unicode: bool,
    /// Returns its current size.
    pub size: SizeNow,
    /// Whether both streams go to the same place.
    pub same: bool,
    /// The command that runs this program.
    pub program: String,
}

/// The program's name if it is on PATH.
const NAME: &str = "clusterdock";

/// Returns the current size of a terminal.
pub type SizeNow = Arc<dyn Fn() -> Size + Send + Sync>;

/// A terminal's size in characters.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Size {
    /// Width.
    pub columns: usize,
    /// Height.
    pub rows: usize,
}

impl Default for Size {
    fn default() -> Size {
        Size {
            columns: 80,
            rows: 24,
        }
    }
}

impl Streams {
    /// The streams of this process, with the properties that its environment states.
    pub fn of_process() -> Streams {
        let environment = |name: &str| std::env::var(name).ok();
        Streams {
            stdout: Box::new(std::io::stdout()),
            stderr: Box::new(std::io::stderr()),
            terminal: Terminal {
                stdout: std::io::stdout().is_terminal(),
                stderr: std::io::stderr().is_terminal(),
                same: is_one_place(),
                size: Arc::new(size_of_process),
                program: program_of_process(),
                ..Terminal::none(environment)
            },
        }
    }
}

impl Terminal {
    /// No terminal, with 80 columns and 24 rows, in an environment with these variables.
    pub fn none(environment: impl Fn(&str) -> Option<String>) -> Terminal {
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
            .into_iter()
            .find_map(set)
            .unwrap_or_default()
            .to_lowercase();
        Terminal {
            stdout: false,
            stderr: false,
            capable: set("TERM").is_some_and(|term| term != "dumb"),
            no_color: set("NO_COLOR").is_some(),
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
            size: Arc::new(Size::default),
            same: false,
            program: NAME.into(),
        }
    }
}

/// The program's name if PATH leads to it, otherwise its path relative to the current folder.
fn program_of_process() -> String {
    let Ok(executable) = std::env::current_exe() else {
        return NAME.into();
    };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let first = std::env::split_paths(&path)
        .map(|folder| folder.join(NAME))
        .find(|file| file.is_file());
    if first
        .and_then(|file| file.canonicalize().ok())
        .is_some_and(|file| file == executable)
    {
        return NAME.into();
    }
    let below = std::env::current_dir()
        .ok()
        .and_then(|current| Some(executable.strip_prefix(current).ok()?.to_owned()));
    below
        .filter(|file| file.components().count() > 1)
        .unwrap_or(executable)
        .display()
        .to_string()
}

/// Whether standard output and error are one file, pipe or terminal.
fn is_one_place() -> bool {
    let place = |about: rustix::fs::Stat| (about.st_dev, about.st_ino, about.st_rdev);
    let [stdout, stderr] = [
        rustix::fs::fstat(rustix::stdio::stdout()),
        rustix::fs::fstat(rustix::stdio::stderr()),
    ]
    .map(|about| about.map(place));
    stdout.is_ok() && stdout == stderr
}

fn size_of_process() -> Size {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    match size.or_else(|_| rustix::termios::tcgetwinsize(std::io::stdout())) {
        // Some terminals, such as a build server's or a serial line, claim to be 0 by 0.
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => Size {
            columns: size.ws_col.into(),
            rows: size.ws_row.into(),
        },
        _ => Size::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(variables: &[(&str, &str)]) -> Terminal {
        Terminal::none(|name| {
            variables
                .iter()
                .find(|(variable, _)| *variable == name)
                .map(|(_, value)| value.to_string())
        })
    }

    #[test]
    fn term_decides_what_the_terminal_can_do() {
        assert!(terminal(&[("TERM", "xterm")]).capable);
        assert!(!terminal(&[("TERM", "dumb")]).capable);
        assert!(!terminal(&[]).capable);
    }

    #[test]
    fn no_color_counts_when_it_is_not_empty() {
        assert!(terminal(&[("NO_COLOR", "1")]).no_color);
        assert!(!terminal(&[("NO_COLOR", "")]).no_color);
    }

    #[test]
    fn the_first_locale_that_is_set_decides_on_unicode() {
        assert!(terminal(&[("LANG", "C.UTF-8")]).unicode);
        assert!(terminal(&[("LC_ALL", ""), ("LC_CTYPE", "de_DE.utf8"), ("LANG", "C")]).unicode);
        assert!(!terminal(&[("LC_ALL", "C"), ("LANG", "C.UTF-8")]).unicode);
        assert!(!terminal(&[]).unicode);
    }
}
