//! The report: everything that the user reads. Answers go to standard output; the story of the command goes to standard
//! error, as plain lines, live lines, JSON, or only warnings and errors. No other module writes to either, and the report
//! is handed its writers. It knows events, errors and clusters, decides nothing and calls no engine.

mod canvas;
mod clock;
mod fact_lines;
mod failure;
mod frame;
mod inspect_answer;
mod json;
mod lane;
mod line;
mod live;
mod ls;
mod mask;
mod own_images;
mod paint;
mod ports;
mod prefixed;
mod ps;
mod schema;
mod started;
mod status;
mod stderr;
mod story;
mod streams;
mod table;
#[cfg(test)]
mod tests;
mod ticker;
mod watched;
pub mod words;

pub use clock::Clock;
pub use fact_lines::Facts;
pub use inspect_answer::Inspected;
pub use own_images::OwnImage;
pub use ports::ReachedPort;
pub use prefixed::{Prefixed, Voice};
pub use streams::{Size, SizeNow, Streams, Terminal};

use std::io;
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use async_trait::async_trait;

use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::sink::{Sink, Stream};
use lane::{Lane, Weight};
use live::Live;
use mask::Mask;
use paint::Paint;
use stderr::{Face, Stderr};

/// The form of the story: `--progress`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Progress {
    /// Live lines on a terminal, plain lines otherwise.
    #[default]
    Auto,
    /// Live lines.
    Tty,
    /// One line per event, with time, source and level.
    Plain,
    /// One JSON object per event.
    Json,
    /// Only warnings and errors.
    Quiet,
}

/// When to use colours: `--color`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Color {
    /// On a terminal that supports them, unless NO_COLOR is set.
    #[default]
    Auto,
    /// Always.
    Always,
    /// Never.
    Never,
}

/// The form of an answer: `--format`, and `-q`.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum Format {
    /// For people.
    #[default]
    Table,
    /// For people, with more columns.
    #[value(skip)]
    Wide,
    /// One JSON object.
    Json,
    /// One JSON object per line.
    Jsonl,
    /// Only names: FQDNs of nodes, which every command accepts, or names of clusters.
    #[value(skip)]
    Quiet,
}

/// The user's settings of the report.
#[derive(Debug, Clone, Copy, Default)]
pub struct Settings {
    /// The form of the story.
    pub progress: Progress,
    /// When to use colours.
    pub color: Color,
    /// Whether to show debug messages: `-v`.
    pub verbose: bool,
}

/// The report. All its methods may be called from any thread.
pub struct Report {
    stdout: Arc<Lane>,
    stderr: Arc<Mutex<Stderr>>,
    clock: Clock,
    color: Colors,
    progress: Progress,
    began: Instant,
    /// The command that cleans up what is left if the program exits now.
    clean_up: Mutex<Option<String>>,
    mask: Mask,
    /// Returns the width of the terminal that answers go to, or `None` if they go elsewhere.
    width: Box<dyn Fn() -> Option<usize> + Send + Sync>,
}

/// Which streams have colours.
#[derive(Debug, Clone, Copy)]
struct Colors {
    stdout: bool,
    stderr: bool,
}

impl Report {
    /// A report that writes to these streams directly.
    pub fn new(settings: Settings, streams: Streams, clock: Clock) -> Report {
        let Streams {
            stdout,
            stderr,
            terminal,
        } = streams;
        let [stdout, stderr] = [(Stream::Stdout, stdout), (Stream::Stderr, stderr)]
            .map(|out| Arc::new(Lane::direct(vec![out])));
        Report::with(settings, stdout, stderr, terminal, clock)
    }

    /// The same, but threads write the streams, so that a reader that stops reading holds nothing up. Only
    /// [`delivered`](Sink::delivered) and [`close`](Report::close) show what has been written.
    pub fn in_background(settings: Settings, streams: Streams, clock: Clock) -> Report {
        let Streams {
            stdout,
            stderr,
            terminal,
        } = streams;
        let (stdout, stderr) = ((Stream::Stdout, stdout), (Stream::Stderr, stderr));
        let (stdout, stderr) = if terminal.same {
            let both = Arc::new(Lane::in_background(vec![stdout, stderr]));
            (both.clone(), both)
        } else {
            (
                Arc::new(Lane::in_background(vec![stdout])),
                Arc::new(Lane::in_background(vec![stderr])),
            )
        };
        Report::with(settings, stdout, stderr, terminal, clock)
    }

    fn with(
        settings: Settings,
        stdout: Arc<Lane>,
        stderr: Arc<Lane>,
        terminal: Terminal,
        clock: Clock,
    ) -> Report {
        let face = match settings.progress {
            Progress::Auto if terminal.stderr && terminal.capable => {
                Face::Live(Live::new(terminal.program))
            }
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
        let color = Colors {
            stdout: color(terminal.stdout),
            stderr: color(terminal.stderr),
        };
        let size = terminal.size.clone();
        let paint = Paint {
            color: color.stderr,
            unicode: terminal.unicode,
        };
        let stderr = Stderr::new(
            stderr,
            face,
            settings.verbose,
            paint,
            terminal.size,
            clock.clone(),
        );
        Report {
            stdout,
            stderr: Arc::new(Mutex::new(stderr)),
            clock,
            color,
            progress: settings.progress,
            began: Instant::now(),
            clean_up: Mutex::default(),
            mask: Mask::default(),
            width: Box::new(move || terminal.stdout.then(|| size().columns)),
        }
    }

    /// The form of the story.
    pub fn progress(&self) -> Progress {
        self.progress
    }

    /// How long the command has taken. The report is the first thing that it creates.
    pub fn elapsed(&self) -> Duration {
        self.began.elapsed()
    }

    /// The command that cleans up what is left if the program exits now, if anything is.
    pub fn clean_up(&self) -> Option<String> {
        self.clean_up
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }

    /// Shows this text nowhere from now on.
    pub fn hide(&self, secret: &str) {
        self.mask.hide(secret);
    }

    /// Reports why the command failed, and ends the story.
    pub fn error(&self, error: &Error) {
        let error = self.mask.error(error);
        self.stderr().error(&error);
    }

    /// Shows people a remark that is neither an answer nor an event, such as that there is nothing to show.
    pub fn note(&self, text: &str) {
        let text = self.mask.apply(text);
        self.stderr().note(&text);
    }

    /// Shows a question, whatever the form of the story. The user types the answer on its last line.
    pub fn ask(&self, question: &str) {
        let mut stderr = self.stderr();
        stderr.end();
        stderr.raw(Weight::Data, question.as_bytes());
    }

    /// Ends the story, as dropping the report does: completed tasks stay on the screen, and nothing moves any more.
    pub fn finish(&self) {
        self.stderr().end();
    }

    /// Writes an answer unchanged. A reader that has gone (`clusterdock ps | head -1`) is not an error.
    ///
    /// # Errors
    /// Standard output cannot be written for another reason, such as a full disk. For a report in the background,
    /// [`delivered`](Sink::delivered) returns that error.
    pub fn answer(&self, text: &str) -> Result<()> {
        let text = self.mask.apply(text);
        self.write(Stream::Stdout, text.as_bytes());
        self.written(Stream::Stdout).map(drop)
    }

    /// Waits until everything is written, and at most for `patience` while nothing is read.
    pub async fn close(&self, patience: Duration) {
        for stream in [Stream::Stdout, Stream::Stderr] {
            self.lane(stream).drained(patience).await;
        }
    }

    fn write(&self, stream: Stream, bytes: &[u8]) {
        let mut stderr = self.stderr();
        stderr.lend();
        match stream {
            Stream::Stdout => self.stdout.put(stream, Weight::Data, bytes),
            Stream::Stderr => stderr.raw(Weight::Data, bytes),
        }
        stderr.take_back();
    }

    fn written(&self, stream: Stream) -> Result<ControlFlow<()>> {
        match self.lane(stream).failure(stream) {
            None => Ok(ControlFlow::Continue(())),
            Some((io::ErrorKind::BrokenPipe, _)) => Ok(ControlFlow::Break(())),
            Some((_, why)) => Err(Error::new(
                Kind::Other,
                format!("failed to write to {}", name(stream)),
            )
            .cause(why)),
        }
    }

    fn lane(&self, stream: Stream) -> Arc<Lane> {
        match stream {
            Stream::Stdout => self.stdout.clone(),
            Stream::Stderr => self.stderr().lane(),
        }
    }

    /// Clap's text, with its colours if the stream shows them.
    pub fn styled(&self, stream: Stream, text: &clap::builder::StyledStr) -> String {
        let color = match stream {
            Stream::Stdout => self.color.stdout,
            Stream::Stderr => self.color.stderr,
        };
        if color {
            text.ansi().to_string()
        } else {
            text.to_string()
        }
    }

    /// The width of the terminal that answers go to, or `None` if they go elsewhere.
    fn width(&self) -> Option<usize> {
        (self.width)()
    }

    fn stderr(&self) -> MutexGuard<'_, Stderr> {
        self.stderr.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[async_trait]
impl Sink for Report {
    fn event(&self, event: Event) {
        if let Event::CleanUp { command } = event {
            *self.clean_up.lock().unwrap_or_else(PoisonError::into_inner) = command;
            return;
        }
        let event = self.mask.event(event);
        let mut stderr = self.stderr();
        stderr.event(&event);
        stderr.keep_turning(|| Arc::downgrade(&self.stderr));
    }

    async fn story_room(&self) {
        let lane = self.lane(Stream::Stderr);
        lane.story_room().await;
    }

    async fn stream(&self, stream: Stream, bytes: &[u8]) -> Result<ControlFlow<()>> {
        let lane = self.lane(stream);
        lane.room().await;
        self.write(stream, bytes);
        self.written(stream)
    }

    async fn delivered(&self) -> Result<ControlFlow<()>> {
        let mut flow = ControlFlow::Continue(());
        for stream in [Stream::Stdout, Stream::Stderr] {
            let lane = self.lane(stream);
            lane.delivered().await;
            // Failing to write the story is not an error.
            if (stream == Stream::Stdout || self.stderr().has_data())
                && self.written(stream)?.is_break()
            {
                flow = ControlFlow::Break(());
            }
        }
        Ok(flow)
    }

    fn lend(&self) {
        self.stderr().lend();
    }

    fn take_back(&self) {
        self.stderr().take_back();
    }
}

/// A stream, as errors name it.
fn name(stream: Stream) -> &'static str {
    match stream {
        Stream::Stdout => "standard output",
        Stream::Stderr => "standard error",
    }
}

impl Drop for Report {
    fn drop(&mut self) {
        self.finish();
    }
}
