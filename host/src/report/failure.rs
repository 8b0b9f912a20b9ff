//! An error in its form for people: the message, each cause on its own line, then the hint.

use super::paint::{Paint, Tone};
use crate::error::{Error, Kind};
use crate::printable;

/// The error as lines, without a final line end. Further lines of a cause, such as the end of a log, are indented.
pub(super) fn text(error: &Error, paint: Paint) -> String {
    let mut text = labelled("", Tone::Bad, "error:", error.message(), paint);
    for cause in error.causes() {
        text.push('\n');
        text.push_str(&labelled("  ", Tone::Strong, "cause:", cause, paint));
    }
    if let Some(hint) = error.next_step() {
        text.push('\n');
        text.push_str(&labelled("", Tone::Hint, "hint:", hint, paint));
    }
    text
}

/// The kind in JSON. Scripts rely on these words as they do on exit codes.
pub(super) fn kind_word(kind: Kind) -> &'static str {
    match kind {
        Kind::Other => "other",
        Kind::Usage => "usage",
        Kind::NotFound => "not_found",
        Kind::Conflict => "conflict",
        Kind::Engine => "engine",
        Kind::Image => "image",
        Kind::Timeout => "timeout",
        Kind::Node => "node",
        Kind::Plugin => "plugin",
        Kind::Hook => "hook",
        Kind::Leftovers => "left",
        Kind::Interrupted => "interrupted",
        Kind::Terminated => "terminated",
    }
}

/// `LABEL TEXT` after `margin`, with further lines of the text aligned below its first.
pub(super) fn labelled(margin: &str, tone: Tone, label: &str, text: &str, paint: Paint) -> String {
    let below = format!("\n{:width$}", "", width = margin.len() + label.len() + 1);
    let text = printable::lines(text);
    format!(
        "{margin}{} {}",
        paint.text(tone, label),
        text.trim_end().replace('\n', &below)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const PLAIN: Paint = Paint {
        color: false,
        unicode: true,
    };

    #[test]
    fn causes_follow_the_message_and_the_hint_is_last() {
        let error = Error::new(Kind::Conflict, "port `8080` is in use")
            .cause("address already in use (os error 98)")
            .hint("choose another host port with --port")
            .context("failed to start node `node-1.cluster`");
        assert_eq!(
            text(&error, PLAIN),
            "\
error: failed to start node `node-1.cluster`
  cause: port `8080` is in use
  cause: address already in use (os error 98)
hint: choose another host port with --port"
        );
    }

    #[test]
    fn the_lines_of_a_log_are_indented_and_printable() {
        let error = Error::new(Kind::Node, "node `node-2.cluster` died")
            .cause("last lines of its log:\n\u{1b}[31mstarting\u{1b}[0m\nno space left\r\n");
        assert_eq!(
            text(&error, PLAIN),
            "\
error: node `node-2.cluster` died
  cause: last lines of its log:
         starting
         no space left"
        );
    }

    #[test]
    fn colour_adds_nothing_but_colour() {
        let error = Error::new(Kind::Other, "a").cause("b\nc").hint("d");
        let colored = text(
            &error,
            Paint {
                color: true,
                unicode: true,
            },
        );
        assert!(
            colored.starts_with("\u{1b}[1m\u{1b}[31merror:\u{1b}[0m a\n"),
            "{colored:?}"
        );
        assert_eq!(
            anstream::adapter::strip_str(&colored).to_string(),
            text(&error, PLAIN)
        );
    }

    #[test]
    fn every_kind_has_its_word() {
        assert_eq!(kind_word(Kind::NotFound), "not_found");
        assert_eq!(kind_word(Kind::Conflict), "conflict");
        assert_eq!(kind_word(Kind::Interrupted), "interrupted");
    }
}
