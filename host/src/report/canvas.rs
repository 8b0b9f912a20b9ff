//! Lines at the bottom of a terminal that are redrawn. Each drawing is one write, each line ends with its own line end,
//! and the cursor rests below the last one: whatever ends the process, the next program's output begins on a new line.
//! The cursor is never hidden, so it need not be restored.
//!
//! Why not indicatif: it pads every line with blanks to the terminal's edge instead of ending it, so that text copied from
//! the terminal is one long line, and a narrowed window shows garbage.

use std::fmt::Write as _;

use unicode_width::UnicodeWidthStr;

const ERASE_BELOW: &str = "\x1b[J";

/// The lines on the screen.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    /// The width of each.
    drawn: Vec<usize>,
}

impl Canvas {
    /// Returns the text that shows `above`, whole lines that stay for good, and then `lines` in place of the previous ones.
    /// Empty if nothing changes on the screen.
    pub(super) fn draw(&mut self, above: &str, lines: &[String], columns: usize) -> String {
        if above.is_empty() && lines.is_empty() && self.drawn.is_empty() {
            return String::new();
        }
        let up = self.rows(columns);
        let mut text = String::new();
        if up > 0 {
            write!(text, "\x1b[{up}A\r").expect("writing to a string succeeds");
        }
        if up > 0 && !above.is_empty() {
            text.push_str(ERASE_BELOW);
        }
        text.push_str(above);
        // Each line overwrites the old one, whose rest is erased, so that nothing flickers.
        for line in lines {
            text.push_str(line);
            text.push_str("\x1b[K\n");
        }
        if up > 0 {
            text.push_str(ERASE_BELOW);
        }
        self.drawn = lines
            .iter()
            .map(|line| anstream::adapter::strip_str(line).to_string().width())
            .collect();
        text
    }

    /// How many rows the drawn lines take, even if the terminal has become narrower since.
    fn rows(&self, columns: usize) -> usize {
        self.drawn
            .iter()
            .map(|width| width.div_ceil(columns.max(1)).max(1))
            .sum()
    }
}
