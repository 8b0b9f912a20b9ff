//! The story on standard error, in the form that the user chose.

use std::sync::{Arc, Mutex, PoisonError, Weak};

use super::clock::Clock;
use super::frame::Frame;
use super::lane::{Lane, Weight};
use super::line::{self, Level, Line};
use super::live::Live;
use super::paint::{Paint, Tone};
use super::streams::{Size, SizeNow};
use super::ticker::Ticker;
use super::{Stream, failure, json, words};
use crate::error::Error;
use crate::event::Event;
use crate::printable;

/// Standard error, and the form of the story there. Events are dropped if standard error cannot be written, or while too
/// much waits for its reader.
pub(super) struct Stderr {
    out: Arc<Lane>,
    /// Whether the output of nodes goes there too.
    has_data: bool,
    /// How many events were dropped.
    dropped: usize,
    face: Face,
    verbose: bool,
    paint: Paint,
    size: SizeNow,
    clock: Clock,
}

/// The form of the story.
pub(super) enum Face {
    Plain,
    Live(Live),
    Json,
    Quiet,
}

impl Stderr {
    pub(super) fn new(
        out: Arc<Lane>,
        face: Face,
        verbose: bool,
        paint: Paint,
        size: SizeNow,
        clock: Clock,
    ) -> Stderr {
        Stderr {
            out,
            has_data: false,
            dropped: 0,
            face,
            verbose,
            paint,
            size,
            clock,
        }
    }

    /// Reports an event.
    pub(super) fn event(&mut self, event: &Event) {
        let frame = self.frame();
        if self.out.is_behind() {
            self.dropped += 1;
            if let Face::Live(live) = &mut self.face {
                live.miss(event, frame);
            }
            return;
        }
        if self.dropped > 0 {
            let message = format!(
                "dropped {}: the reader was too slow",
                words::count(std::mem::take(&mut self.dropped), "message")
            );
            self.event(&Event::Warning { message });
        }
        let text = match &mut self.face {
            Face::Live(live) => live.event(event, self.verbose, frame),
            Face::Plain => self.lines(event, Stderr::plain),
            Face::Quiet => self.lines(event, Stderr::quiet),
            Face::Json if matches!(event, Event::Debug { .. }) && !self.verbose => return,
            Face::Json => json::event(event, &self.clock) + "\n",
        };
        self.write(&text);
    }

    /// Ends the story, and reports why the command failed.
    pub(super) fn error(&mut self, error: &Error) {
        self.end();
        let text = match self.face {
            Face::Json => json::failure(error, &self.clock),
            Face::Plain | Face::Live(_) | Face::Quiet => failure::text(error, self.paint),
        };
        self.lasting(&(text + "\n"));
    }

    /// Shows a remark to people, but not with JSON or `quiet`.
    pub(super) fn note(&mut self, text: &str) {
        if matches!(self.face, Face::Plain | Face::Live(_)) {
            self.lasting(&format!("{text}\n"));
        }
    }

    /// Ends the story: no live lines are left.
    pub(super) fn end(&mut self) {
        let frame = self.frame();
        if let Face::Live(live) = &mut self.face {
            let text = live.end(frame);
            self.write(&text);
        }
    }

    /// Starts the ticker when a task becomes active, and ends it when none is.
    pub(super) fn keep_turning(&mut self, this: impl FnOnce() -> Weak<Mutex<Stderr>>) {
        let Face::Live(live) = &mut self.face else {
            return;
        };
        match (live.is_active(), &live.ticker) {
            (true, None) => {
                let this = this();
                live.ticker = Ticker::start(move || turn(&this));
            }
            (false, _) => live.ticker = None,
            (true, Some(_)) => {}
        }
    }

    /// Removes the live lines until [`take_back`](Stderr::take_back).
    pub(super) fn lend(&mut self) {
        let frame = self.frame();
        if let Face::Live(live) = &mut self.face {
            let text = live.lend(frame);
            self.write(&text);
        }
    }

    /// Shows the live lines again, below those that were held back meanwhile.
    pub(super) fn take_back(&mut self) {
        let frame = self.frame();
        if let Face::Live(live) = &mut self.face {
            let text = live.take_back(frame);
            self.write(&text);
        }
    }

    /// Writes bytes unchanged.
    pub(super) fn raw(&mut self, weight: Weight, bytes: &[u8]) {
        self.has_data |= weight == Weight::Data;
        self.out.put(Stream::Stderr, weight, bytes);
    }

    /// The queue of standard error.
    pub(super) fn lane(&self) -> Arc<Lane> {
        self.out.clone()
    }

    /// Whether data was written, beside the story.
    pub(super) fn has_data(&self) -> bool {
        self.has_data
    }

    fn lasting(&mut self, text: &str) {
        if !self.show_above_live_lines(text) {
            self.write(text);
        }
    }

    /// Shows text above the live lines. Returns false if there is no live display.
    fn show_above_live_lines(&mut self, text: &str) -> bool {
        let frame = self.frame();
        let Face::Live(live) = &mut self.face else {
            return false;
        };
        let text = live.show(text, frame);
        self.write(&text);
        true
    }

    fn lines(&self, event: &Event, form: fn(&Stderr, &Line) -> Option<String>) -> String {
        line::lines(event)
            .iter()
            .filter_map(|line| form(self, line))
            .collect()
    }

    /// A line in the original's form. A message of several lines becomes several lines.
    fn plain(&self, line: &Line) -> Option<String> {
        if line.level == Level::Debug && !self.verbose {
            return None;
        }
        let level = format!("{:<8}", line.level.as_str());
        let level = match line.level {
            Level::Error => self.paint.text(Tone::Bad, &level),
            Level::Warning => self.paint.text(Tone::Warning, &level),
            Level::Info | Level::Debug => level,
        };
        let start = format!("{} {} {level}", self.clock.local(), line.source.as_str());
        Some(
            printable::lines(&line.message)
                .split('\n')
                .map(|message| format!("{start} {message}\n"))
                .collect(),
        )
    }

    fn quiet(&self, line: &Line) -> Option<String> {
        let (tone, label) = match line.level {
            Level::Debug | Level::Info => return None,
            Level::Warning => (Tone::Warning, "warning:"),
            Level::Error => (Tone::Bad, "error:"),
        };
        Some(failure::labelled("", tone, label, &line.message, self.paint) + "\n")
    }

    fn frame(&self) -> Frame {
        let Size { columns, rows } = (self.size)();
        Frame {
            paint: self.paint,
            columns,
            rows,
            now: self.clock.elapsed(),
        }
    }

    fn write(&mut self, text: &str) {
        if !text.is_empty() {
            self.raw(Weight::Story, text.as_bytes());
        }
    }
}

/// Redraws the live lines. Returns false once the report has gone.
fn turn(stderr: &Weak<Mutex<Stderr>>) -> bool {
    let Some(stderr) = stderr.upgrade() else {
        return false;
    };
    let mut stderr = stderr.lock().unwrap_or_else(PoisonError::into_inner);
    // A frame that waits for its reader is soon out of date, so the next one is drawn instead.
    if !stderr.out.has_story() {
        stderr.show_above_live_lines("");
    }
    true
}
