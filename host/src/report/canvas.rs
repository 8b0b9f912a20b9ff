//! Lines at the bottom of a terminal that are drawn over again. Each drawing is one write, each line ends with a line
//! end of its own, and the cursor rests below the last: whatever ends the process, the next program's output begins
//! on a fresh line. The cursor is never hidden, so it need not be brought back.
//!
//! Why not indicatif: it fills every line with blanks up to the terminal's edge instead of ending it, printed ones
//! too, so that what is copied from the terminal is one long line, and a window made narrower shows rubbish.

use std::fmt::Write as _;
use unicode_width::UnicodeWidthStr;

const ERASE_BELOW: &str = "\x1b[J";

/// What was drawn last.
#[derive(Debug, Default)]
pub(super) struct Canvas {
    /// Width of each line on the screen.
    drawn: Vec<usize>,
}

impl Canvas {
    /// What to write to show `above`, which stays for good and ends its lines, and then `lines` in place of those drawn before.
    /// Nothing when nothing changes on the screen.
    pub(super) fn draw(&mut self, above: &str, lines: &[String], columns: usize) -> String {
        if above.is_empty() && lines.is_empty() && self.drawn.is_empty() {
            return String::new();
        }
        let up = self.rows(columns);
        let mut text = String::new();
        if up > 0 {
            write!(text, "\x1b[{up}A\r").expect("a string takes all");
        }
        if up > 0 && !above.is_empty() {
            text.push_str(ERASE_BELOW);
        }
        text.push_str(above);
        // Each line is written over the old one and the old one's rest erased: nothing is blank in between.
        for line in lines {
            text.push_str(line);
            text.push_str("\x1b[K\n");
        }
        if up > 0 {
            text.push_str(ERASE_BELOW);
        }
        self.drawn = lines.iter().map(|line| anstream::adapter::strip_str(line).to_string().width()).collect();
        text
    }

    /// How many rows the drawn lines take, also when the terminal has become narrower since.
    fn rows(&self, columns: usize) -> usize {
        self.drawn.iter().map(|width| width.div_ceil(columns.max(1)).max(1)).sum()
    }
}
