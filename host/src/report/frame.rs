//! The live display as lines of text. Pure, so that tests can compare it. No line is wider than the terminal, and there
//! are never more lines than it has rows.

use std::time::Duration;

use unicode_width::{UnicodeWidthChar, UnicodeWidthStr};

use super::paint::{Paint, Tone};
use super::story::{Story, Task, TaskState, Work};
use super::words;
use crate::printable;

/// The widest column of labels.
const LABEL_MAX: usize = 44;
/// How long a spinner shows one frame.
pub(super) const SPIN: Duration = Duration::from_millis(100);

/// The terminal and the moment that lines are drawn for.
#[derive(Debug, Clone, Copy)]
pub(super) struct Frame {
    pub(super) paint: Paint,
    pub(super) columns: usize,
    pub(super) rows: usize,
    /// On the report's clock.
    pub(super) now: Duration,
}

impl Frame {
    /// The current story: all tasks if they fit into half of the screen, otherwise failed and active tasks and a summary.
    pub(super) fn live(&self, story: &Story) -> Vec<String> {
        let width = label_width(story);
        if self.is_roomy(story) {
            return story
                .tasks
                .iter()
                .map(|task| self.line(task, width))
                .collect();
        }
        let in_state = |state| story.tasks.iter().filter(move |task| task.state == state);
        let shown = in_state(TaskState::Failed).chain(in_state(TaskState::Active));
        let mut lines: Vec<String> = shown
            .take(self.max_tasks())
            .map(|task| self.line(task, width))
            .collect();
        lines.push(self.summary(story));
        lines
    }

    /// The lines that stay on the screen after the story. If there are many nodes, they are summarised in one line.
    pub(super) fn last(&self, story: &Story) -> Vec<String> {
        let width = label_width(story);
        let is_ready_node = |task: &Task| task.work == Work::Node && task.state == TaskState::Done;
        let ready: Vec<&Task> = story
            .tasks
            .iter()
            .filter(|task| is_ready_node(task))
            .collect();
        let summed = !self.is_roomy(story) && ready.len() > 1;
        let others = story
            .tasks
            .iter()
            .filter(|task| !summed || !is_ready_node(task));
        summed
            .then(|| self.nodes(&ready))
            .into_iter()
            .chain(others.map(|task| self.line(task, width)))
            .collect()
    }

    fn is_roomy(&self, story: &Story) -> bool {
        story.tasks.len() <= self.max_tasks()
    }

    /// How many tasks are shown at once: half of the screen, with room for a summary and the cursor.
    fn max_tasks(&self) -> usize {
        (self.rows / 2).min(self.rows.saturating_sub(3)).max(1)
    }

    /// `  ✔ node-1.cluster    0.4s  ready`
    fn line(&self, task: &Task, width: usize) -> String {
        let mark = match task.state {
            TaskState::Pending => self.paint.pending(),
            TaskState::Active => self.paint.spinner(self.now.as_millis() / SPIN.as_millis()),
            TaskState::Done => self.paint.good(),
            TaskState::Failed => self.paint.bad(),
        };
        let width = width.min(self.columns.saturating_sub(13));
        let label = self.fit(&printable::line(&task.label), width);
        if task.state == TaskState::Pending {
            return format!("  {mark} {}", self.paint.text(Tone::Quiet, &label));
        }
        let padding = " ".repeat(width.saturating_sub(label.width()));
        let took = words::took(task.took(self.now));
        let used = 4 + width + 2 + 6 + 2;
        let status = self.fit(
            &printable::lines(&task.status),
            self.columns.saturating_sub(used + 1),
        );
        let status = match task.state {
            TaskState::Failed => self.paint.text(Tone::Bad, &status),
            TaskState::Done => self.paint.text(Tone::Quiet, &status),
            _ => status,
        };
        format!("  {mark} {label}{padding}  {took:>6}  {status}")
            .trim_end()
            .to_string()
    }

    /// `  ✔ 64 nodes  ready, slowest: node-17.cluster in 4.2s`
    fn nodes(&self, nodes: &[&Task]) -> String {
        let slowest = nodes.iter().max_by_key(|task| task.took(self.now));
        let (status, slowest) = slowest.map_or(Default::default(), |task| {
            (
                task.status.as_str(),
                format!(
                    ", slowest: {} in {}",
                    task.label,
                    words::took(task.took(self.now))
                ),
            )
        });
        let text = format!("{}  {status}{slowest}", words::count(nodes.len(), "node"));
        format!(
            "  {} {}",
            self.paint.good(),
            self.fit(&text, self.columns.saturating_sub(5))
        )
    }

    /// `  40 done, 6 in progress, 18 pending`
    fn summary(&self, story: &Story) -> String {
        let count = |state| {
            story
                .tasks
                .iter()
                .filter(|task| task.state == state)
                .count()
        };
        let parts = [
            (count(TaskState::Failed), "failed"),
            (count(TaskState::Done), "done"),
            (count(TaskState::Active), "in progress"),
            (count(TaskState::Pending), "pending"),
        ];
        let parts = parts
            .iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, what)| format!("{number} {what}"));
        let sum = self.fit(
            &parts.collect::<Vec<_>>().join(", "),
            self.columns.saturating_sub(3),
        );
        format!("  {}", self.paint.text(Tone::Strong, &sum))
    }

    /// The first line of `text`, cut to a width.
    fn fit(&self, text: &str, width: usize) -> String {
        let text = text.lines().next().unwrap_or_default();
        if text.width() <= width {
            return text.to_string();
        }
        let mut room = width.saturating_sub(1);
        let kept = text.chars().take_while(|c| {
            let fits = c.width().unwrap_or(0) <= room;
            room -= if fits { c.width().unwrap_or(0) } else { 0 };
            fits
        });
        let kept: String = kept.collect();
        if width == 0 {
            String::new()
        } else {
            format!("{}{}", kept.trim_end(), self.paint.ellipsis())
        }
    }
}

fn label_width(story: &Story) -> usize {
    story
        .tasks
        .iter()
        .map(|task| task.label.width())
        .max()
        .unwrap_or(0)
        .min(LABEL_MAX)
}
