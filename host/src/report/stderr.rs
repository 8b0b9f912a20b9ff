//! The story, in the face that the user chose: plain lines, live lines, JSON, or only what went wrong.

use super::clock::Clock;
use super::frame::Frame;
use super::line::{self, Level, Line};
use super::live::Live;
use super::paint::{Paint, Tone};
use super::streams::{Size, SizeNow};
use super::ticker::Ticker;
use super::{failure, json, words};
use crate::error::Error;
use crate::event::Event;
use std::io::Write;
use std::sync::{Mutex, PoisonError, Weak};

/// Standard error, and how the story is told there. What cannot be written is lost: there is nobody left to tell.
pub(super) struct Stderr {
    out: Box<dyn Write + Send>,
    face: Face,
    verbose: bool,
    paint: Paint,
    size: SizeNow,
    clock: Clock,
}

/// How the story is told.
pub(super) enum Face {
    Plain,
    Live(Live),
    Json,
    Quiet,
}

impl Stderr {
    pub(super) fn new(
        out: Box<dyn Write + Send>,
        face: Face,
        verbose: bool,
        paint: Paint,
        size: SizeNow,
        clock: Clock,
    ) -> Stderr {
        Stderr { out, face, verbose, paint, size, clock }
    }

    /// Tells what happened.
    pub(super) fn event(&mut self, event: &Event) {
        let frame = self.frame();
        let text = match &mut self.face {
            Face::Live(live) => live.event(event, self.verbose, frame),
            Face::Plain => self.lines(event, Stderr::plain),
            Face::Quiet => self.lines(event, Stderr::quiet),
            Face::Json if matches!(event, Event::Debug { .. }) && !self.verbose => return,
            Face::Json => json::event(event, &self.clock) + "\n",
        };
        self.write(&text);
    }

    /// Tells what stopped the command, after ending the story.
    pub(super) fn error(&mut self, error: &Error) {
        self.end();
        let text = match self.face {
            Face::Json => json::failure(error, &self.clock),
            Face::Plain | Face::Live(_) | Face::Quiet => failure::text(error, self.paint),
        };
        self.lasting(&(text + "\n"));
    }

    /// Tells people something besides; programs and those who want quiet are told nothing.
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

    /// Starts the ticker when there is something to turn, ends it when there is no more.
    pub(super) fn keep_turning(&mut self, this: impl FnOnce() -> Weak<Mutex<Stderr>>) {
        let Face::Live(live) = &mut self.face else { return };
        match (live.is_active(), &live.ticker) {
            (true, None) => {
                let this = this();
                live.ticker = Ticker::start(move || turn(&this));
            }
            (false, _) => live.ticker = None,
            (true, Some(_)) => {}
        }
    }

    /// Takes the live lines away until [`take_back`](Stderr::take_back).
    pub(super) fn lend(&mut self) {
        let frame = self.frame();
        if let Face::Live(live) = &mut self.face {
            let text = live.lend(frame);
            self.write(&text);
        }
    }

    /// Shows the live lines again, and what came up meanwhile.
    pub(super) fn take_back(&mut self) {
        let frame = self.frame();
        if let Face::Live(live) = &mut self.face {
            let text = live.take_back(frame);
            self.write(&text);
        }
    }

    /// Writes bytes as they are.
    pub(super) fn raw(&mut self, bytes: &[u8]) -> std::io::Result<()> {
        self.out.write_all(bytes)?;
        self.out.flush()
    }

    fn lasting(&mut self, text: &str) {
        if !self.lasting_or_none(text) {
            self.write(text);
        }
    }

    /// Shows text above the live lines, if this is a live display.
    fn lasting_or_none(&mut self, text: &str) -> bool {
        let frame = self.frame();
        let Face::Live(live) = &mut self.face else { return false };
        let text = live.show(text, frame);
        self.write(&text);
        true
    }

    fn lines(&self, event: &Event, form: fn(&Stderr, &Line) -> Option<String>) -> String {
        line::lines(event).iter().filter_map(|line| form(self, line)).collect()
    }

    /// In the original's form. A message of several lines is several of them.
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
        Some(words::printable(&line.message).split('\n').map(|message| format!("{start} {message}\n")).collect())
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
        Frame { paint: self.paint, columns, rows, now: self.clock.elapsed() }
    }

    fn write(&mut self, text: &str) {
        if !text.is_empty() {
            let _lost = self.raw(text.as_bytes());
        }
    }
}

/// Shows the live lines as they are now, while there is somebody to show them.
fn turn(stderr: &Weak<Mutex<Stderr>>) -> bool {
    let Some(stderr) = stderr.upgrade() else { return false };
    stderr.lock().unwrap_or_else(PoisonError::into_inner).lasting_or_none("");
    true
}
