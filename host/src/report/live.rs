//! The story on a terminal: live lines while something is under way, lasting ones above them. It makes text; writing
//! it is up to its owner.

use super::canvas::Canvas;
use super::frame::Frame;
use super::line::{self, Level};
use super::paint::{Paint, Tone};
use super::story::Story;
use super::ticker::Ticker;
use super::{failure, words};
use crate::cluster::natural_key;
use crate::event::{Event, ImagePhase};

/// The display and what it shows.
#[derive(Default)]
pub(super) struct Live {
    story: Story,
    canvas: Canvas,
    /// How many have borrowed the terminal.
    lent: usize,
    /// Lasting lines that came up meanwhile.
    held: String,
    /// The first node of the start under way: what to look at when it is over.
    first_node: Option<String>,
    /// What a user types to run this program.
    program: String,
    /// Runs while something is under way.
    pub(super) ticker: Option<Ticker>,
}

impl Live {
    /// Shows nothing yet.
    pub(super) fn new(program: String) -> Live {
        Live { program, ..Live::default() }
    }

    /// What to write when `event` comes.
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
        let is_amount = matches!(event, Event::Image { phase: ImagePhase::Progress { .. }, .. });
        // The next turn of the spinners shows it, and it comes many times a second.
        if is_amount && above.is_empty() { String::new() } else { self.show(&above, frame) }
    }

    /// What to write when the story is over.
    pub(super) fn end(&mut self, frame: Frame) -> String {
        self.ticker = None;
        self.lent = 0;
        let above = std::mem::take(&mut self.held) + &lasting(frame.last(&self.story.end(frame.now)));
        self.show(&above, frame)
    }

    /// What to write to show the story as it is now, below `above`, which ends its lines.
    pub(super) fn show(&mut self, above: &str, frame: Frame) -> String {
        if self.lent > 0 {
            self.held.push_str(above);
            return String::new();
        }
        self.canvas.draw(above, &frame.live(&self.story), frame.columns)
    }

    /// As [`show`](Live::show), also where somebody has the terminal: it is said before their output, not after it.
    fn introduce(&mut self, above: &str, frame: Frame) -> String {
        if self.lent == 0 { self.show(above, frame) } else { std::mem::take(&mut self.held) + above }
    }

    /// What the user may do with the cluster that was started.
    fn next_step(&mut self, paint: Paint) -> String {
        let Some(node) = self.first_node.take() else { return String::new() };
        let step = format!("`{} ssh {node}` opens a terminal on a node", self.program);
        failure::labelled("", Tone::Hint, "hint:", &step, paint) + "\n"
    }

    /// Whether the spinners should turn.
    pub(super) fn is_active(&self) -> bool {
        self.story.is_active()
    }

    /// What to write before the terminal is another's.
    pub(super) fn lend(&mut self, frame: Frame) -> String {
        self.lent += 1;
        self.canvas.draw("", &[], frame.columns)
    }

    /// What to write when the terminal is given back.
    pub(super) fn take_back(&mut self, frame: Frame) -> String {
        self.lent = self.lent.saturating_sub(1);
        let held = std::mem::take(&mut self.held);
        self.show(&held, frame)
    }
}

/// An event in words, for a reader who sees when it comes: no time, no source.
fn words_of(event: &Event, verbose: bool, paint: Paint) -> String {
    if let Event::Starting { cluster, network, .. } = event {
        return paint.text(Tone::Strong, &format!("Starting cluster {cluster} on network {network} ...")) + "\n";
    }
    let mut text = String::new();
    for line in line::lines(event) {
        let line = match line.level {
            Level::Debug if !verbose => continue,
            Level::Debug => {
                paint.text(Tone::Quiet, &failure::labelled("", Tone::Quiet, "debug:", &line.message, paint))
            }
            Level::Warning => failure::labelled("", Tone::Warning, "warning:", &line.message, paint),
            Level::Info | Level::Error => words::printable(&line.message),
        };
        text.push_str(&line);
        text.push('\n');
    }
    text
}

fn lasting(lines: Vec<String>) -> String {
    lines.into_iter().map(|line| line + "\n").collect()
}
