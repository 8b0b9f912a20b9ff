//! The story on a terminal: live lines for what is in progress, and lasting lines above them. It only returns text; its
//! owner writes it.

use super::canvas::Canvas;
use super::failure;
use super::frame::Frame;
use super::line::{self, Level};
use super::paint::{Paint, Tone};
use super::story::Story;
use super::ticker::Ticker;
use crate::cluster::natural_key;
use crate::event::{Event, ImagePhase};
use crate::printable;

/// The live display and its state.
#[derive(Default)]
pub(super) struct Live {
    story: Story,
    canvas: Canvas,
    /// How many programs have borrowed the terminal.
    lent: usize,
    /// Lasting lines that wait until the terminal is returned.
    held: String,
    /// The first node of the current start, for the hint after it.
    first_node: Option<String>,
    /// The command that runs this program.
    program: String,
    /// Runs while a task is active.
    pub(super) ticker: Option<Ticker>,
}

impl Live {
    /// A display that shows nothing yet.
    pub(super) fn new(program: String) -> Live {
        Live {
            program,
            ..Live::default()
        }
    }

    /// Takes an event and returns the text to write.
    pub(super) fn event(&mut self, event: &Event, verbose: bool, frame: Frame) -> String {
        let mut above = lasting(frame.last(&self.story.over_before(event)));
        let taken = self.story.take(event, frame.now);
        let over = match event {
            Event::Started { .. } => self.story.end(frame.now),
            Event::Done { .. } => self.story.settled(),
            _ => Story::default(),
        };
        above.push_str(&lasting(frame.last(&over)));
        if !taken || matches!(event, Event::Starting { .. } | Event::Started { .. }) {
            above.push_str(&words_of(event, verbose, frame.paint));
        }
        match event {
            Event::Starting { nodes, .. } => {
                self.first_node = nodes.iter().min_by_key(|node| natural_key(node)).cloned();
            }
            Event::Started { .. } => above.push_str(&self.next_step(frame.paint)),
            _ => {}
        }
        if let Event::Compiling { .. } = event {
            return self.introduce(&above, frame);
        }
        let is_amount = matches!(
            event,
            Event::Image {
                phase: ImagePhase::Progress { .. },
                ..
            }
        );
        // Amounts change many times a second; the next turn of the spinners shows them.
        if is_amount && above.is_empty() {
            String::new()
        } else {
            self.show(&above, frame)
        }
    }

    /// Takes an event without showing it.
    pub(super) fn miss(&mut self, event: &Event, frame: Frame) {
        self.story.over_before(event);
        self.story.take(event, frame.now);
    }

    /// Ends the story and returns the text to write.
    pub(super) fn end(&mut self, frame: Frame) -> String {
        self.ticker = None;
        self.lent = 0;
        let above =
            std::mem::take(&mut self.held) + &lasting(frame.last(&self.story.end(frame.now)));
        self.show(&above, frame)
    }

    /// Returns the text that shows the current story below `above`, which is whole lines.
    pub(super) fn show(&mut self, above: &str, frame: Frame) -> String {
        if self.lent > 0 {
            self.held.push_str(above);
            return String::new();
        }
        self.canvas
            .draw(above, &frame.live(&self.story), frame.columns)
    }

    /// As [`show`](Live::show), but also while the terminal is lent: the line precedes the borrower's output.
    fn introduce(&mut self, above: &str, frame: Frame) -> String {
        if self.lent == 0 {
            self.show(above, frame)
        } else {
            std::mem::take(&mut self.held) + above
        }
    }

    /// A hint on what to do with the cluster that was started.
    fn next_step(&mut self, paint: Paint) -> String {
        let Some(node) = self.first_node.take() else {
            return String::new();
        };
        let step = format!("`{} ssh {node}` opens a shell on a node", self.program);
        failure::labelled("", Tone::Hint, "hint:", &step, paint) + "\n"
    }

    /// Whether a task is active, so that the spinners turn.
    pub(super) fn is_active(&self) -> bool {
        self.story.is_active()
    }

    /// Lends the terminal and returns the text to write before.
    pub(super) fn lend(&mut self, frame: Frame) -> String {
        self.lent += 1;
        self.canvas.draw("", &[], frame.columns)
    }

    /// Takes the terminal back and returns the text to write.
    pub(super) fn take_back(&mut self, frame: Frame) -> String {
        self.lent = self.lent.saturating_sub(1);
        let held = std::mem::take(&mut self.held);
        self.show(&held, frame)
    }
}

/// An event as lines for a terminal, without time and source.
fn words_of(event: &Event, verbose: bool, paint: Paint) -> String {
    if let Event::Starting {
        cluster, network, ..
    } = event
    {
        return paint.text(
            Tone::Strong,
            &format!("Starting cluster {cluster} on network {network} ..."),
        ) + "\n";
    }
    let mut text = String::new();
    for line in line::lines(event) {
        let line = match line.level {
            Level::Debug if !verbose => continue,
            Level::Debug => paint.text(
                Tone::Quiet,
                &failure::labelled("", Tone::Quiet, "debug:", &line.message, paint),
            ),
            Level::Warning => {
                failure::labelled("", Tone::Warning, "warning:", &line.message, paint)
            }
            Level::Info | Level::Error => printable::lines(&line.message),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn lasting(lines: Vec<String>) -> String {
    lines.into_iter().map(|line| line + "\n").collect()
}
