//! Colours and marks. A colour never carries a meaning alone; a word or a mark repeats it.

use anstyle::{AnsiColor, Style};

/// What the terminal supports.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    /// Whether to use colours.
    pub(super) color: bool,
    /// Whether it shows UTF-8.
    pub(super) unicode: bool,
}

/// The meaning of a text, which decides its colour.
#[derive(Debug, Clone, Copy)]
pub(super) enum Tone {
    Good,
    Bad,
    Warning,
    Hint,
    Active,
    Quiet,
    Strong,
}

impl Paint {
    /// `text` in the colour of `tone`, if colours are used.
    pub(super) fn text(self, tone: Tone, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_string();
        }
        let style = style(tone);
        format!("{style}{text}{style:#}")
    }

    /// The mark of a task that succeeded.
    pub(super) fn good(self) -> String {
        self.text(Tone::Good, if self.unicode { "✔" } else { "+" })
    }

    /// The mark of a task that failed.
    pub(super) fn bad(self) -> String {
        self.text(Tone::Bad, if self.unicode { "✘" } else { "x" })
    }

    /// The mark of a task that has not begun.
    pub(super) fn pending(self) -> String {
        self.text(Tone::Quiet, if self.unicode { "·" } else { "." })
    }

    /// The mark of an active task, which turns with `tick`.
    pub(super) fn spinner(self, tick: u128) -> String {
        let faces = if self.unicode {
            ["⠋", "⠙", "⠸", "⠴", "⠦", "⠇"].as_slice()
        } else {
            &["|", "/", "-", "\\"]
        };
        let face = usize::try_from(tick).unwrap_or(0) % faces.len();
        self.text(Tone::Active, faces[face])
    }

    /// Stands for text that was cut off; one column wide.
    pub(super) fn ellipsis(self) -> char {
        if self.unicode { '…' } else { '~' }
    }
}

fn style(tone: Tone) -> Style {
    match tone {
        Tone::Good => AnsiColor::Green.on_default(),
        Tone::Bad => AnsiColor::Red.on_default().bold(),
        Tone::Warning => AnsiColor::Yellow.on_default().bold(),
        Tone::Hint => AnsiColor::Cyan.on_default().bold(),
        Tone::Active => AnsiColor::Cyan.on_default(),
        Tone::Quiet => Style::new().dimmed(),
        Tone::Strong => Style::new().bold(),
    }
}
