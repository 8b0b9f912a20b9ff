//! Answers about one thing: a fact per line for people, an object for programs.

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::schema::{document, lines};
use super::{Format, Report};
use crate::error::Result;
use crate::printable;

/// What is known of a thing: what each fact is called, and the fact. A fact of several lines takes as many.
pub type Facts = Vec<(&'static str, String)>;

impl Report {
    /// Prints what is known of a thing; `answer` is the same for programs.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn facts(&self, facts: &Facts, answer: impl Serialize, format: Format) -> Result<()> {
        self.answer(&match format {
            Format::Table | Format::Wide | Format::Quiet => text(facts),
            Format::Json => document(answer),
            Format::Jsonl => lines([answer]),
        })
    }
}

fn text(facts: &Facts) -> String {
    let width = facts
        .iter()
        .map(|(name, _)| name.width())
        .max()
        .unwrap_or(0);
    let mut text = String::new();
    for (name, fact) in facts {
        let shown = printable::lines(fact);
        for (number, line) in shown.lines().enumerate() {
            let name = if number == 0 { name } else { "" };
            text.push_str(&format!("{name:width$}  {line}\n"));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn facts_are_aligned_and_further_lines_are_indented() {
        let facts = vec![
            ("name", "x".to_owned()),
            ("loadable", "no\nit is \x1b[31mold".into()),
        ];
        let expected = "name      x\nloadable  no\n          it is old\n";
        assert_eq!(text(&facts), expected);
    }
}
