//! Java's properties files: `key=value`, `key: value` or `key value`, with escapes and continued lines.

use std::fmt;

use clusterdock_plugin_api::{Error, Result};

use crate::{cut_line, line_end};

/// A Java properties file. Editing preserves everything except the values that are set.
///
/// Of duplicate keys the last one counts, as in Java. Values are written in ASCII, with `\uXXXX` for other characters, so
/// that they do not depend on the reader's encoding.
///
/// ```
/// use clusterdock_config_edit::Properties;
///
/// # fn main() -> clusterdock_plugin_api::Result<()> {
/// let mut file = Properties::parse("# the id of the broker\nbroker.id = 0\nlog.dirs = /a,\\\n    /b\n")?;
/// assert_eq!(file.get("log.dirs"), Some("/a,/b"));
/// file.set("broker.id", 3)?;
/// file.set("zookeeper.connect", "node-1:2181")?;
/// assert_eq!(
///     file.to_string(),
///     "# the id of the broker\nbroker.id = 3\nlog.dirs = /a,\\\n    /b\nzookeeper.connect = node-1:2181\n"
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Properties {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Line {
    /// A comment or a blank line, with its end.
    Other(String),
    Pair(Pair),
}

/// A key and its value, on one line or on several that continue it.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Pair {
    key: String,
    value: String,
    /// As they are written: indentation and key, separator, value, line end.
    written: [String; 4],
}

// Places in `Pair::written`.
const SEPARATOR: usize = 1;
const VALUE: usize = 2;
const END: usize = 3;

impl Properties {
    /// Parses a text; an empty one is a file without keys.
    ///
    /// # Errors
    /// An invalid escape `\uXXXX`, with its line.
    pub fn parse(text: &str) -> Result<Properties> {
        let (mut lines, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let first = rest.trim_start_matches(is_blank).chars().next();
            let (line, after) = match first {
                None | Some('\n' | '\r' | '#' | '!') => {
                    let (line, end, after) = cut_line(rest);
                    (Line::Other([line, end].concat()), after)
                }
                Some(_) => {
                    let number = text[..text.len() - rest.len()].lines().count() + 1;
                    let pair = Pair::parse(rest)
                        .map_err(|error| error.context(format!("line {number}")))?;
                    let length = pair.written.iter().map(String::len).sum();
                    (Line::Pair(pair), &rest[length..])
                }
            };
            lines.push(line);
            rest = after;
        }
        Ok(Properties { lines })
    }

    /// The value of a key, escapes resolved.
    pub fn get(&self, key: &str) -> Option<&str> {
        self.pairs()
            .filter(|pair| pair.key == key)
            .last()
            .map(|pair| pair.value.as_str())
    }

    /// The keys in the order of their first occurrence, without duplicates.
    pub fn keys(&self) -> Vec<&str> {
        let mut keys = Vec::new();
        for pair in self.pairs() {
            if !keys.contains(&pair.key.as_str()) {
                keys.push(pair.key.as_str());
            }
        }
        keys
    }

    /// Sets the value of a key. A new key is added at the end, formatted like the keys before it.
    ///
    /// # Errors
    /// None so far: every text can be written.
    pub fn set(&mut self, key: &str, value: impl ToString) -> Result<()> {
        let value = value.to_string();
        match self.pairs_mut().filter(|pair| pair.key == key).last() {
            Some(pair) => pair.set(value),
            None => self.append(key, value),
        }
        Ok(())
    }

    /// Removes all occurrences of a key, and returns whether there were any.
    pub fn remove(&mut self, key: &str) -> bool {
        let before = self.lines.len();
        self.lines
            .retain(|line| !matches!(line, Line::Pair(pair) if pair.key == key));
        self.lines.len() < before
    }

    fn append(&mut self, key: &str, value: String) {
        let usual = self
            .pairs()
            .last()
            .map(|pair| pair.written[SEPARATOR].clone());
        let separator =
            usual.filter(|usual| usual.contains(&['=', ':'][..]) && !usual.contains('\\'));
        let end = self.line_end();
        match self.lines.last_mut() {
            Some(Line::Other(written)) if !written.ends_with(&['\n', '\r'][..]) => {
                written.push_str(&end)
            }
            Some(Line::Pair(pair)) if line_end(&pair.written[END]) == 0 => {
                // A backslash at the end of the file would continue the line; alone it is an empty pair.
                pair.written[END] = end.clone();
                if pair.key.is_empty() && pair.written[SEPARATOR].is_empty() {
                    pair.written[SEPARATOR] = "=".into();
                }
            }
            _ => {}
        }
        let written = [
            escape(key, true),
            separator.unwrap_or_else(|| "=".into()),
            escape(&value, false),
            end,
        ];
        self.lines.push(Line::Pair(Pair {
            key: key.into(),
            value,
            written,
        }));
    }

    fn line_end(&self) -> String {
        let text = self.to_string();
        let (_, end, _) = cut_line(&text);
        if end.is_empty() {
            "\n".into()
        } else {
            end.into()
        }
    }

    fn pairs(&self) -> impl Iterator<Item = &Pair> {
        self.lines.iter().filter_map(|line| match line {
            Line::Pair(pair) => Some(pair),
            Line::Other(_) => None,
        })
    }

    fn pairs_mut(&mut self) -> impl Iterator<Item = &mut Pair> {
        self.lines.iter_mut().filter_map(|line| match line {
            Line::Pair(pair) => Some(pair),
            Line::Other(_) => None,
        })
    }
}

impl fmt::Display for Properties {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines.iter().try_for_each(|line| match line {
            Line::Other(written) => f.write_str(written),
            Line::Pair(pair) => pair.written.iter().try_for_each(|part| f.write_str(part)),
        })
    }
}

impl Pair {
    fn parse(text: &str) -> Result<Pair> {
        let mut scanner = Scanner { text, at: 0 };
        scanner.skip_blanks();
        let key = scanner.read(|c| is_blank(c) || is_sign(c))?;
        let key_end = scanner.at;
        scanner.skip_blanks();
        if scanner.peek().is_some_and(is_sign) {
            scanner.at += 1;
            scanner.skip_blanks();
        }
        let value_start = scanner.at;
        let value = scanner.read(|_| false)?;
        let value_end = scanner.at;
        let (more, end, _) = cut_line(&text[value_end..]);
        let written = [
            &text[..key_end],
            &text[key_end..value_start],
            &text[value_start..value_end],
            &[more, end].concat(),
        ];
        Ok(Pair {
            key,
            value,
            written: written.map(String::from),
        })
    }

    fn set(&mut self, value: String) {
        if value == self.value {
            return;
        }
        if self.written[SEPARATOR].is_empty() {
            self.written[SEPARATOR] = "=".into();
        }
        self.written[VALUE] = escape(&value, false);
        self.value = value;
    }
}

/// Reads a line and its continuations.
struct Scanner<'a> {
    text: &'a str,
    at: usize,
}

impl Scanner<'_> {
    /// The next character as written; `None` at the end of the line. A backslash at the end of the text is ignored.
    fn peek(&mut self) -> Option<char> {
        while let Some(rest) = self.text[self.at..].strip_prefix('\\') {
            let end = line_end(rest);
            match (rest, end) {
                ("", _) => return None,
                (_, 0) => break,
                (_, end) => {
                    let next = &rest[end..];
                    self.at = self.text.len() - next.trim_start_matches(is_blank).len();
                }
            }
        }
        self.text[self.at..]
            .chars()
            .next()
            .filter(|c| !matches!(c, '\n' | '\r'))
    }

    fn skip_blanks(&mut self) {
        while self.peek().is_some_and(is_blank) {
            self.at += 1;
        }
    }

    /// Reads up to an unescaped end character, and resolves escapes.
    fn read(&mut self, ends: impl Fn(char) -> bool) -> Result<String> {
        // `\uXXXX` can be half of a surrogate pair.
        let mut units = Vec::new();
        while let Some(c) = self.peek().filter(|c| !ends(*c)) {
            self.at += c.len_utf8();
            let c = if c == '\\' {
                self.escaped(&mut units)?
            } else {
                Some(c)
            };
            if let Some(c) = c {
                units.extend_from_slice(c.encode_utf16(&mut [0; 2]));
            }
        }
        String::from_utf16(&units).map_err(|_| Error::new("an escape is half of a surrogate pair"))
    }

    /// What follows a backslash: a character, or a unit that is pushed.
    fn escaped(&mut self, units: &mut Vec<u16>) -> Result<Option<char>> {
        let rest = &self.text[self.at..];
        let c = rest.chars().next().unwrap_or('\\');
        self.at += c.len_utf8();
        Ok(Some(match c {
            't' => '\t',
            'n' => '\n',
            'r' => '\r',
            'f' => '\x0c',
            'u' => {
                let digits = rest
                    .get(1..5)
                    .filter(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
                let unit = digits.and_then(|digits| u16::from_str_radix(digits, 16).ok());
                units.push(unit.ok_or_else(|| {
                    Error::new("`\\u` is not followed by four hexadecimal digits")
                })?);
                self.at += 4;
                return Ok(None);
            }
            other => other,
        }))
    }
}

fn is_blank(c: char) -> bool {
    matches!(c, ' ' | '\t' | '\x0c')
}

fn is_sign(c: char) -> bool {
    matches!(c, '=' | ':')
}

fn escape(text: &str, is_key: bool) -> String {
    let mut escaped = String::new();
    for (index, c) in text.char_indices() {
        match c {
            '\\' => escaped.push_str("\\\\"),
            '\t' => escaped.push_str("\\t"),
            '\n' => escaped.push_str("\\n"),
            '\r' => escaped.push_str("\\r"),
            '\x0c' => escaped.push_str("\\f"),
            ' ' | '=' | ':' if is_key || index == 0 => escaped.extend(['\\', c]),
            '#' | '!' if is_key && index == 0 => escaped.extend(['\\', c]),
            ' '..='~' => escaped.push(c),
            other => {
                for unit in other.encode_utf16(&mut [0; 2]) {
                    escaped.push_str(&format!("\\u{unit:04X}"));
                }
            }
        }
    }
    escaped
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> (String, String) {
        let file = Properties::parse(text).unwrap();
        assert_eq!(file.to_string(), text);
        let pairs: Vec<&Pair> = file.pairs().collect();
        assert_eq!(pairs.len(), 1, "{text:?}");
        (pairs[0].key.clone(), pairs[0].value.clone())
    }

    #[test]
    fn pairs_are_read_as_in_java() {
        let table = [
            ("a=b", "a", "b"),
            ("a = b ", "a", "b "),
            (" \ta:b\n", "a", "b"),
            ("a b c\r\n", "a", "b c"),
            ("a", "a", ""),
            ("a==b", "a", "=b"),
            ("a\\ b\\=c = d", "a b=c", "d"),
            ("a = b\\\n   c\\\r\n\td\n", "a", "bcd"),
            ("a = b\\\\\n", "a", "b\\"),
            ("a\\\n  b = c", "ab", "c"),
            ("a = \\\n  b", "a", "b"),
            ("caf\\u00e9 = \\uD83D\\uDE00\\t\\x", "café", "\u{1f600}\tx"),
            ("a = b\\", "a", "b"),
            ("\\#a = b", "#a", "b"),
            ("a = b # no comment", "a", "b # no comment"),
        ];
        for (text, key, value) in table {
            assert_eq!(one(text), (key.into(), value.into()), "{text:?}");
        }
    }

    #[test]
    fn comments_and_blank_lines_stay() {
        let text = "# a = 1 \\\n! b\n\n  \n  # c\r\na=2\r\n";
        let mut file = Properties::parse(text).unwrap();
        assert_eq!(file.keys(), ["a"]);
        file.set("a", 3).unwrap();
        assert_eq!(file.to_string(), text.replace("a=2", "a=3"));
    }

    #[test]
    fn the_last_duplicate_counts_and_all_are_removed() {
        let mut file = Properties::parse("a=1\nb=2\na=3\n").unwrap();
        assert_eq!((file.get("a"), file.keys()), (Some("3"), vec!["a", "b"]));
        file.set("a", 4).unwrap();
        assert_eq!(file.to_string(), "a=1\nb=2\na=4\n");
        assert!(file.remove("a") && !file.remove("a"));
        assert_eq!(file.to_string(), "b=2\n");
    }

    #[test]
    fn new_pairs_follow_the_format_of_the_file() {
        let set = |text: &str| {
            let mut file = Properties::parse(text).unwrap();
            file.set("n", "v").unwrap();
            assert_eq!(
                Properties::parse(&file.to_string()).unwrap().get("n"),
                Some("v")
            );
            file.to_string()
        };
        assert_eq!(set(""), "n=v\n");
        assert_eq!(set("a : b\r\n"), "a : b\r\nn : v\r\n");
        assert_eq!(set("a b"), "a b\nn=v\n");
        assert_eq!(set("a = b\\"), "a = b\nn = v\n");
        assert_eq!(set("\\"), "=\nn=v\n");
        assert_eq!(set("# end"), "# end\nn=v\n");
        assert_eq!(set("n"), "n=v");
        assert_eq!(set("n = 1\\\n  2\n"), "n = v\n");
    }

    #[test]
    fn an_invalid_escape_is_reported_with_its_line() {
        let error = Properties::parse("a=1\n\nb=\\u12g4\n").unwrap_err();
        assert_eq!(
            error.to_string(),
            "line 3: `\\u` is not followed by four hexadecimal digits"
        );
        assert!(Properties::parse("a=\\uD800").is_err());
    }
}
