//! The report: what the user reads. Answers go to standard output; the story goes to standard error, as plain lines,
//! live lines, JSON, or only what went wrong. It is the only module that writes to either, and it is handed its
//! writers. It knows events, errors and clusters; it decides nothing and asks no engine.

mod canvas;
mod clock;
mod failure;
mod frame;
mod inspect;
mod json;
mod line;
mod live;
mod ls;
mod paint;
mod ps;
mod record;
mod started;
mod status;
mod stderr;
mod story;
mod streams;
mod table;
#[cfg(test)]
mod tests;
mod ticker;
pub mod words;

pub use clock::Clock;
pub use streams::{Size, SizeNow, Streams, Terminal};

use crate::error::{Error, Kind, Result};
use crate::event::Event;
use live::Live;
use paint::Paint;
use std::io::{self, Write};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use stderr::{Face, Stderr};

/// How the story is told: `--progress`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Progress {
    /// Live lines on a terminal, plain ones elsewhere.
    #[default]
    Auto,
    /// Live lines.
    Tty,
    /// A line for each thing that happens, with time, source and level.
    Plain,
    /// A JSON object for each thing that happens.
    Json,
    /// Only warnings and errors.
    Quiet,
}

/// When the story has colours: `--color`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal that shows them, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Wherever it goes.
    Always,
    /// Nowhere.
    Never,
}

/// How an answer is written: `--format`, and `-q`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// One JSON object.
    Json,
    /// A JSON object a line.
    Jsonl,
    /// Names alone: FQDNs of nodes, which every command takes, and names of clusters.
    #[value(skip)]
    Quiet,
}

/// What the user wants of the report.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// How the story is told.
    pub progress: Progress,
    /// When it has colours.
    pub color: Color,
    /// Whether it tells what only those who search for a fault want to know: `-v`.
    pub verbose: bool,
}

/// The report. All its methods may be called from any thread.
pub struct Report {
    stdout: Mutex<Box<dyn Write + Send>>,
    stderr: Arc<Mutex<Stderr>>,
    clock: Clock,
    color: Colors,
    /// Asks for the width of the terminal that answers go to; none when they go elsewhere.
    width: Box<dyn Fn() -> Option<usize> + Send + Sync>,
}

/// Which streams have colours.
#[derive(Debug, Clone, Copy)]
struct Colors {
    stdout: bool,
    stderr: bool,
}

/// A stream of the report's as a writer.
pub struct Writer<'a> {
    report: &'a Report,
    stream: Stream,
}

impl Write for Writer<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self.report.stream(self.stream, bytes) {
            Ok(ControlFlow::Continue(())) => Ok(bytes.len()),
            Ok(ControlFlow::Break(())) => Err(io::ErrorKind::BrokenPipe.into()),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// One of the two streams.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

impl Stream {
    fn name(self) -> &'static str {
        match self {
            Stream::Stdout => "standard output",
            Stream::Stderr => "standard error",
        }
    }
}

/// The terminal in the hands of another program. The report takes it back when this is dropped.
#[must_use]
pub struct Lent<'a>(&'a Report);

impl Report {
    /// A report in these settings to these streams.
    pub fn new(settings: Settings, streams: Streams, clock: Clock) -> Report {
        let Streams { stdout, stderr, terminal } = streams;
        let face = match settings.progress {
            Progress::Auto if terminal.stderr && terminal.capable => Face::Live(Live::new(terminal.program)),
            Progress::Auto | Progress::Plain => Face::Plain,
            Progress::Tty => Face::Live(Live::new(terminal.program)),
            Progress::Json => Face::Json,
            Progress::Quiet => Face::Quiet,
        };
        let color = |is_terminal: bool| match settings.color {
            Color::Always => true,
            Color::Never => false,
            Color::Auto => is_terminal && terminal.capable && !terminal.no_color,
        };
        let color = Colors { stdout: color(terminal.stdout), stderr: color(terminal.stderr) };
        let size = terminal.size.clone();
        let width = move || terminal.stdout.then(|| size().columns);
        let paint = Paint { color: color.stderr, unicode: terminal.unicode };
        let stderr = Stderr::new(stderr, face, settings.verbose, paint, terminal.size, clock.clone());
        Report {
            stdout: Mutex::new(stdout),
            stderr: Arc::new(Mutex::new(stderr)),
            clock,
            color,
            width: Box::new(width),
        }
    }

    /// Tells what happened.
    pub fn event(&self, event: Event) {
        let mut stderr = self.stderr();
        stderr.event(&event);
        stderr.keep_turning(|| Arc::downgrade(&self.stderr));
    }

    /// Tells what stopped the command, and ends the story.
    pub fn error(&self, error: &Error) {
        self.stderr().error(error);
    }

    /// Tells people something that is neither an answer nor an event, such as that there is nothing to show.
    pub fn note(&self, text: &str) {
        self.stderr().note(text);
    }

    /// Asks the user something, whatever the progress: `question` stays at the beginning of the line that is typed.
    pub fn ask(&self, question: &str) {
        let mut stderr = self.stderr();
        stderr.end();
        let _lost = stderr.raw(question.as_bytes());
    }

    /// Ends the story: completed tasks are left on the screen, nothing moves any more. Dropping the report does so too.
    pub fn finish(&self) {
        self.stderr().end();
    }

    /// Hands the terminal to another program: nothing is written to a live display until the result is dropped, but
    /// for what introduces that program ([`Event::Compiling`]).
    pub fn lend_terminal(&self) -> Lent<'_> {
        self.stderr().lend();
        Lent(self)
    }

    /// Writes an answer, as it is. That nobody reads it (`clusterdock ps | head -1`) is no error.
    ///
    /// # Errors
    /// Standard output cannot be written for another reason, such as a full disk.
    pub fn answer(&self, text: &str) -> Result<()> {
        self.stream(Stream::Stdout, text.as_bytes()).map(drop)
    }

    /// Passes bytes of a node's on, as they are: logs, the output of commands. Breaks once nobody reads them any more.
    ///
    /// # Errors
    /// As [`answer`](Report::answer); for standard error too.
    pub fn stream(&self, stream: Stream, bytes: &[u8]) -> Result<ControlFlow<()>> {
        let mut stderr = self.stderr();
        stderr.lend();
        let written = match stream {
            Stream::Stdout => {
                let mut stdout = self.stdout.lock().unwrap_or_else(PoisonError::into_inner);
                stdout.write_all(bytes).and_then(|()| stdout.flush())
            }
            Stream::Stderr => stderr.raw(bytes),
        };
        stderr.take_back();
        match written {
            Ok(()) => Ok(ControlFlow::Continue(())),
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(ControlFlow::Break(())),
            Err(error) => Err(Error::new(Kind::Other, format!("failed to write to {}", stream.name())).cause(error)),
        }
    }

    /// One of the streams as a writer, for bytes that come from elsewhere.
    pub fn writer(&self, stream: Stream) -> Writer<'_> {
        Writer { report: self, stream }
    }

    /// What clap has to say, with its colours where the stream shows them.
    pub fn styled(&self, stream: Stream, text: &clap::builder::StyledStr) -> String {
        let color = match stream {
            Stream::Stdout => self.color.stdout,
            Stream::Stderr => self.color.stderr,
        };
        if color { text.ansi().to_string() } else { text.to_string() }
    }

    /// The width of the terminal that answers go to; none when they go elsewhere.
    fn width(&self) -> Option<usize> {
        (self.width)()
    }

    fn stderr(&self) -> MutexGuard<'_, Stderr> {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.stderr().take_back();
    }
}
