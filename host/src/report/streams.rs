//! Where the report writes to, and what is known of the terminal there. A test hands in buffers and facts of its own.

use std::io::{IsTerminal, Write};
use std::sync::Arc;

/// The two streams of a program, and what they are connected to.
pub struct Streams {
    /// For answers.
    pub stdout: Box<dyn Write + Send>,
    /// For the story.
    pub stderr: Box<dyn Write + Send>,
    /// What is known of their terminal.
    pub terminal: Terminal,
}

/// What is known of the terminal, if there is one.
pub struct Terminal {
    /// Whether the answers go to it.
    pub stdout: bool,
    /// Whether the story goes to it.
    pub stderr: bool,
    /// Whether it can move its cursor and show colours: `TERM` is set, and is not `dumb`.
    pub capable: bool,
    /// Whether colours are unwelcome: `NO_COLOR` is set.
    pub no_color: bool,
    /// Whether it shows UTF-8, as the locale says.
    pub unicode: bool,
    /// How large it is now.
    pub size: SizeNow,
    /// What a user types to run this program.
    pub program: String,
}

/// The program's name, where it is on PATH.
const NAME: &str = "clusterdock";

/// Asks a terminal for its size.
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
        Size { columns: 80, rows: 24 }
    }
}

impl Streams {
    /// Those of this process, and what its environment says of them.
    pub fn of_process() -> Streams {
        let environment = |name: &str| std::env::var(name).ok();
        Streams {
            stdout: Box::new(std::io::stdout()),
            stderr: Box::new(std::io::stderr()),
            terminal: Terminal {
                stdout: std::io::stdout().is_terminal(),
                stderr: std::io::stderr().is_terminal(),
                size: Arc::new(size_of_process),
                program: program_of_process(),
                ..Terminal::none(environment)
            },
        }
    }
}

impl Terminal {
    /// No terminal, 80 columns and 24 rows, where the variables of an environment are as `environment` says.
    pub fn none(environment: impl Fn(&str) -> Option<String>) -> Terminal {
        let set = |name: &str| environment(name).filter(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().find_map(set).unwrap_or_default().to_lowercase();
        Terminal {
            stdout: false,
            stderr: false,
            capable: set("TERM").is_some_and(|term| term != "dumb"),
            no_color: set("NO_COLOR").is_some(),
            unicode: locale.contains("utf-8") || locale.contains("utf8"),
            size: Arc::new(Size::default),
            program: NAME.into(),
        }
    }
}

/// The name where PATH leads to this very program; else its file, seen from the current folder.
fn program_of_process() -> String {
    let Ok(executable) = std::env::current_exe() else { return NAME.into() };
    let path = std::env::var_os("PATH").unwrap_or_default();
    let first = std::env::split_paths(&path).map(|folder| folder.join(NAME)).find(|file| file.is_file());
    if first.and_then(|file| file.canonicalize().ok()).is_some_and(|file| file == executable) {
        return NAME.into();
    }
    let below =
        std::env::current_dir().ok().and_then(|current| Some(executable.strip_prefix(current).ok()?.to_owned()));
    below.filter(|file| file.components().count() > 1).unwrap_or(executable).display().to_string()
}

fn size_of_process() -> Size {
    let size = rustix::termios::tcgetwinsize(std::io::stderr());
    match size.or_else(|_| rustix::termios::tcgetwinsize(std::io::stdout())) {
        // Some terminals that are none (a build server's, a serial line) say that they are 0 by 0.
        Ok(size) if size.ws_col > 0 && size.ws_row > 0 => {
            Size { columns: size.ws_col.into(), rows: size.ws_row.into() }
        }
        _ => Size::default(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn terminal(variables: &[(&str, &str)]) -> Terminal {
        Terminal::none(|name| {
            variables.iter().find(|(variable, _)| *variable == name).map(|(_, value)| value.to_string())
        })
    }

    #[test]
    fn term_says_what_the_terminal_can() {
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
    fn the_first_locale_that_is_set_says_what_can_be_shown() {
        assert!(terminal(&[("LANG", "C.UTF-8")]).unicode);
        assert!(terminal(&[("LC_ALL", ""), ("LC_CTYPE", "de_DE.utf8"), ("LANG", "C")]).unicode);
        assert!(!terminal(&[("LC_ALL", "C"), ("LANG", "C.UTF-8")]).unicode);
        assert!(!terminal(&[]).unicode);
    }
}
