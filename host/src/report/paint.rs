//! Colours and marks. A colour never carries a meaning alone: a word or a mark says the same.

use anstyle::{AnsiColor, Style};

/// What the terminal can show.
#[derive(Debug, Clone, Copy)]
pub(super) struct Paint {
    /// Whether colours are wanted.
    pub(super) color: bool,
    /// Whether it shows more than ASCII.
    pub(super) unicode: bool,
}

/// What a piece of text is, for its colour.
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
    /// `text` in the colour of `tone`, if colours are wanted.
    pub(super) fn text(self, tone: Tone, text: &str) -> String {
        if !self.color || text.is_empty() {
            return text.to_string();
        }
        let style = style(tone);
        format!("{style}{text}{style:#}")
    }

    /// Before what has succeeded.
    pub(super) fn good(self) -> String {
        self.text(Tone::Good, if self.unicode { "✔" } else { "+" })
    }

    /// Before what has failed.
    pub(super) fn bad(self) -> String {
        self.text(Tone::Bad, if self.unicode { "✘" } else { "x" })
    }

    /// Before what has not begun.
    pub(super) fn pending(self) -> String {
        self.text(Tone::Quiet, if self.unicode { "·" } else { "." })
    }

    /// Before what is under way: turns with `tick`.
    pub(super) fn spinner(self, tick: u128) -> String {
        let faces =
            if self.unicode { ["⠋", "⠙", "⠸", "⠴", "⠦", "⠇"].as_slice() } else { &["|", "/", "-", "\\"] };
        let face = usize::try_from(tick).unwrap_or(0) % faces.len();
        self.text(Tone::Active, faces[face])
    }

    /// In place of what had to be cut off, one column wide.
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
