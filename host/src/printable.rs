//! Makes foreign text safe for a terminal. Text of nodes, engines, labels, plugins and files passes through this module
//! before it is shown: it can then neither move the cursor, change colours, ring the bell, set a title, reverse the
//! direction of its line nor forge a line.

/// Whether a text can be shown unchanged on one line.
pub fn is_printable(text: &str) -> bool {
    !text.chars().any(is_active)
}

/// A text on one line, without escape sequences and with blanks for line ends and other control characters.
pub fn line(text: &str) -> String {
    if is_printable(text) {
        return text.to_string();
    }
    let plain = anstream::adapter::strip_str(text).to_string();
    let shown = |c: char| match c {
        '\n' | '\r' | '\t' | '\u{2028}' | '\u{2029}' => Some(' '),
        c => (!is_active(c)).then_some(c),
    };
    plain.chars().filter_map(shown).collect()
}

/// A text of several lines, whose line ends are kept. A line that overwrites itself, such as a progress bar, is reduced to
/// its last state.
pub fn lines(text: &str) -> String {
    let plain = anstream::adapter::strip_str(text).to_string();
    let lines = plain.lines().map(|whole| {
        let last = whole
            .rsplit('\r')
            .find(|state| !state.trim().is_empty())
            .unwrap_or_default();
        line(&last.replace('\t', "    "))
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// JSON without control characters: they occur only in strings, where an escape means the same.
pub fn json(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '\n' => shown.push(c),
            c if is_active(c) => {
                let mut units = [0; 2];
                c.encode_utf16(&mut units)
                    .iter()
                    .for_each(|unit| shown.push_str(&format!("\\u{unit:04x}")));
            }
            c => shown.push(c),
        }
    }
    shown
}

/// Controls (C0 with ESC, DEL, C1), line and paragraph separators, and what changes the direction of text.
fn is_active(c: char) -> bool {
    c.is_control()
        || matches!(c,
            '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn escape_sequences_leave_nothing() {
        assert_eq!(lines("\u{1b}[31mred\u{1b}[0m\u{7} \u{1b}[2Jend"), "red end");
        assert_eq!(line("a\u{1b}]0;title\u{7}b"), "ab");
        assert_eq!(
            line("a\u{1b}]8;;http://x\u{1b}\\link\u{1b}]8;;\u{1b}\\"),
            "alink"
        );
        assert!(is_printable(&line("a\u{9b}2Jb\u{90}q\u{9c}c\u{7f}")));
    }

    #[test]
    fn a_line_stays_one_line() {
        for text in [
            "a\nb",
            "a\r\nb",
            "a\u{85}b",
            "a\u{2028}b",
            "a\u{2029}b",
            "a\u{b}b",
            "a\u{c}b",
        ] {
            assert!(is_printable(&line(text)), "{text:?}");
            assert_eq!(line(text).lines().count(), 1, "{text:?}");
        }
    }

    #[test]
    fn text_keeps_its_direction() {
        assert_eq!(line("gpj.\u{202e}exe\u{202c}"), "gpj.exe");
        assert_eq!(line("\u{2066}a\u{2069}\u{200f}b"), "ab");
        assert_eq!(line("grüße 世界 عربي"), "grüße 世界 عربي");
    }

    #[test]
    fn an_overwritten_line_keeps_its_last_state() {
        assert_eq!(lines("10%\r50%\r100%\r\nnext\tone\n"), "100%\nnext    one");
        assert_eq!(lines("grüße 世界"), "grüße 世界");
    }

    #[test]
    fn json_means_the_same() {
        let text = "a\u{9b}\u{202e}b\u{7f}";
        let written = json(&serde_json::to_string(text).unwrap());
        assert_eq!(written, r#""a\u009b\u202eb\u007f""#);
        assert_eq!(serde_json::from_str::<String>(&written).unwrap(), text);
    }
}
