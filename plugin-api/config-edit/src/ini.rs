//! Files with `[section]` and `key = value`, which no two programs read in exactly the same way.

use std::fmt;

use clusterdock_plugin_api::{Error, Result};

use crate::cut_line;

/// An ini file. Editing preserves everything except the values that are set.
///
/// Keys before the first section belong to the section `""`. A line that begins with `;` or `#` is a comment; a comment
/// after a value begins with white space and one of these. Quotes belong to the value. Of duplicate keys in a section the
/// last one counts.
///
/// ```
/// use clusterdock_config_edit::Ini;
///
/// # fn main() -> clusterdock_plugin_api::Result<()> {
/// let mut file = Ini::parse("[server]\nport = 80 ; the default\n\n[log]\nlevel = info\n")?;
/// assert_eq!(file.get("server", "port"), Some("80"));
/// file.set("server", "port", 8080)?;
/// file.set("server", "name", "node-1.cluster")?;
/// assert_eq!(
///     file.to_string(),
///     "[server]\nport = 8080 ; the default\nname = node-1.cluster\n\n[log]\nlevel = info\n"
/// );
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ini {
    lines: Vec<Line>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
struct Line {
    kind: Kind,
    /// All of the line but what its kind holds: before it, between key and value, behind the value.
    before: String,
    separator: String,
    after: String,
    end: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Kind {
    /// A comment or a blank line.
    Other,
    /// Its name.
    Section(String),
    /// Key and value.
    Pair(String, String),
}

impl Ini {
    /// Parses a text; an empty one is a file without sections.
    ///
    /// # Errors
    /// A section without `]`, with its line.
    pub fn parse(text: &str) -> Result<Ini> {
        let (mut lines, mut rest) = (Vec::new(), text);
        while !rest.is_empty() {
            let (line, end, after) = cut_line(rest);
            let number = lines.len() + 1;
            lines.push(
                Line::parse(line, end).map_err(|error| error.context(format!("line {number}")))?,
            );
            rest = after;
        }
        Ok(Ini { lines })
    }

    /// The value of a key.
    pub fn get(&self, section: &str, key: &str) -> Option<&str> {
        self.position(section, key)
            .and_then(|at| match &self.lines[at].kind {
                Kind::Pair(_, value) => Some(value.as_str()),
                _ => None,
            })
    }

    /// The names of the sections without duplicates and without `""`.
    pub fn sections(&self) -> Vec<&str> {
        let mut names = Vec::new();
        for line in &self.lines {
            if let Kind::Section(name) = &line.kind {
                if !names.contains(&name.as_str()) {
                    names.push(name.as_str());
                }
            }
        }
        names
    }

    /// The keys of a section without duplicates.
    pub fn keys(&self, section: &str) -> Vec<&str> {
        let mut keys = Vec::new();
        for at in self.lines_of(section) {
            if let Kind::Pair(key, _) = &self.lines[at].kind {
                if !keys.contains(&key.as_str()) {
                    keys.push(key.as_str());
                }
            }
        }
        keys
    }

    /// Sets the value of a key. A new key is added at the end of its section, formatted like the keys before it; a new
    /// section is added at the end of the file.
    ///
    /// # Errors
    /// A name or value that would be read back differently: with a line end, or white space before `;` or `#`.
    pub fn set(&mut self, section: &str, key: &str, value: impl ToString) -> Result<()> {
        let value = value.to_string().trim().to_string();
        if self.get(section, key) == Some(value.as_str()) {
            return Ok(());
        }
        let at = self.position(section, key);
        let mut line = at.map_or_else(|| self.new_pair(section, key), |at| self.lines[at].clone());
        if line.separator.is_empty() {
            line.separator = " = ".into();
        }
        line.kind = Kind::Pair(key.into(), value.clone());
        let text = line.text();
        let read = Line::parse(&text, &line.end)
            .ok()
            .filter(|_| !text.contains(&['\n', '\r'][..]));
        if read.is_none_or(|read| read.kind != line.kind) {
            let message = format!("cannot set `{key}` to `{value}` in an ini file");
            return Err(
                Error::new(message).cause("a line end, or a space before `;` or `#`, would end it")
            );
        }
        match at {
            Some(at) => self.lines[at] = line,
            None => self.insert(section, line)?,
        }
        Ok(())
    }

    /// Removes a key from a section, and returns whether it existed.
    pub fn remove(&mut self, section: &str, key: &str) -> bool {
        let mut was_there = false;
        while let Some(at) = self.position(section, key) {
            self.lines.remove(at);
            was_there = true;
        }
        was_there
    }

    /// The lines of a section, which may have several parts.
    fn lines_of<'a>(&'a self, section: &'a str) -> impl Iterator<Item = usize> + 'a {
        let mut now = "";
        self.lines.iter().enumerate().filter_map(move |(at, line)| {
            if let Kind::Section(name) = &line.kind {
                now = name;
            }
            (now == section).then_some(at)
        })
    }

    fn position(&self, section: &str, key: &str) -> Option<usize> {
        let is_it =
            |at: &usize| matches!(&self.lines[*at].kind, Kind::Pair(found, _) if found == key);
        self.lines_of(section).filter(is_it).last()
    }

    /// A line for a new key, formatted like its neighbours.
    fn new_pair(&self, section: &str, key: &str) -> Line {
        let is_pair =
            |line: &&Line| matches!(line.kind, Kind::Pair(..)) && !line.separator.is_empty();
        let neighbour = self
            .lines_of(section)
            .map(|at| &self.lines[at])
            .filter(is_pair)
            .last();
        let like = neighbour.or_else(|| self.lines.iter().rfind(is_pair));
        let (before, separator) = like.map_or(("", " = "), |line| (&line.before, &line.separator));
        let kind = Kind::Pair(key.into(), String::new());
        let separator = if separator.trim().is_empty() {
            " = "
        } else {
            separator
        };
        let before = before.trim_start_matches('\u{feff}').into();
        Line {
            kind,
            before,
            separator: separator.into(),
            after: String::new(),
            end: self.line_end(),
        }
    }

    /// Inserts a line after the last one of its section that is not blank.
    fn insert(&mut self, section: &str, line: Line) -> Result<()> {
        let said = |at: &usize| !self.lines[*at].text().trim().is_empty();
        let last = self.lines_of(section).filter(said).last();
        let at = match last {
            Some(last) => last + 1,
            None if section.is_empty() => 0,
            None => {
                let end = self.line_end();
                let heading = Line::parse(&format!("[{section}]"), &end)?;
                if heading.kind != Kind::Section(section.into()) {
                    return Err(Error::new(format!("invalid section name `{section}`")));
                }
                self.end_last_line();
                if self
                    .lines
                    .last()
                    .is_some_and(|last| !last.text().trim().is_empty())
                {
                    self.lines.push(Line::parse("", &end)?);
                }
                self.lines.push(heading);
                self.lines.len()
            }
        };
        if at == self.lines.len() {
            self.end_last_line();
        }
        self.lines.insert(at, line);
        Ok(())
    }

    fn end_last_line(&mut self) {
        let end = self.line_end();
        if let Some(last) = self.lines.last_mut().filter(|last| last.end.is_empty()) {
            last.end = end;
        }
    }

    fn line_end(&self) -> String {
        self.lines
            .first()
            .map(|line| line.end.clone())
            .filter(|end| !end.is_empty())
            .unwrap_or_else(|| "\n".into())
    }
}

impl fmt::Display for Ini {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.lines
            .iter()
            .try_for_each(|line| write!(f, "{}{}", line.text(), line.end))
    }
}

impl Line {
    fn parse(line: &str, end: &str) -> Result<Line> {
        let said = line.trim_start_matches(|c: char| c.is_whitespace() || c == '\u{feff}');
        let (before, end) = (line[..line.len() - said.len()].to_string(), end.to_string());
        let whole = |kind, separator: &str, after: &str| Line {
            kind,
            before: before.clone(),
            separator: separator.into(),
            after: after.into(),
            end: end.clone(),
        };
        if said.is_empty() || said.starts_with(&[';', '#'][..]) {
            return Ok(whole(Kind::Other, said, ""));
        }
        if let Some(rest) = said.strip_prefix('[') {
            let (name, after) = rest
                .split_once(']')
                .ok_or_else(|| Error::new(format!("`{said}` has no `]`")))?;
            return Ok(whole(Kind::Section(name.into()), "", after));
        }
        let sign = said.find(&['=', ':'][..]).unwrap_or(said.len());
        let comment = comment(said, false);
        if sign > comment || sign == said.len() {
            let key = said[..comment].trim_end();
            return Ok(whole(
                Kind::Pair(key.into(), String::new()),
                "",
                &said[key.len()..],
            ));
        }
        let key = said[..sign].trim_end();
        let rest = &said[sign + 1..];
        let value_and_more = rest.trim_start();
        let separator = &said[key.len()..said.len() - value_and_more.len()];
        let value = value_and_more[..self::comment(value_and_more, true)].trim_end();
        let kind = Kind::Pair(key.into(), value.into());
        Ok(whole(kind, separator, &value_and_more[value.len()..]))
    }

    /// The line without its end.
    fn text(&self) -> String {
        let Line {
            kind,
            before,
            separator,
            after,
            ..
        } = self;
        match kind {
            Kind::Other => [before.as_str(), separator].concat(),
            Kind::Section(name) => format!("{before}[{name}]{after}"),
            Kind::Pair(key, value) => [before.as_str(), key, separator, value, after].concat(),
        }
    }
}

/// Where the comment behind a text begins; the text's length when there is none. A value may begin with either sign,
/// as colours do (`#fff`), unless white space follows.
fn comment(text: &str, is_value: bool) -> usize {
    let quote = text
        .chars()
        .next()
        .filter(|c| is_value && matches!(c, '"' | '\''));
    let from = quote
        .and_then(|quote| text[1..].find(quote))
        .map_or(0, |end| end + 2);
    let mut before = if is_value && from == 0 { ' ' } else { 'x' };
    for (at, c) in text[from..].char_indices() {
        let mut next = text[from + at..].chars().skip(1);
        let begins = before.is_whitespace() && matches!(c, ';' | '#');
        if begins && (from + at > 0 || next.next().is_none_or(char::is_whitespace)) {
            return from + at;
        }
        before = c;
    }
    text.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> Ini {
        let file = Ini::parse(text).unwrap();
        assert_eq!(file.to_string(), text);
        file
    }

    #[test]
    fn pairs_are_read_without_comments() {
        let table = [
            ("k=v", "v"),
            ("  k  :  v w  ", "v w"),
            ("k = v ; why", "v"),
            ("k = v # why ; not", "v"),
            ("k = a;b#c", "a;b#c"),
            ("k = #fff", "#fff"),
            ("k = # nothing", ""),
            ("k = \"a ; b\" ; c", "\"a ; b\""),
            ("k", ""),
            ("k ; why", ""),
            ("k = http://x:1/", "http://x:1/"),
            ("\u{feff}k = v", "v"),
        ];
        for (text, value) in table {
            assert_eq!(of(text).get("", "k"), Some(value), "{text:?}");
        }
    }

    #[test]
    fn a_value_is_set_in_place() {
        let mut file =
            of("a = 0\r\n[s] ; one\r\n\ta = 1   ; why\r\n\tbare\r\n[t]\r\na=2\r\n[s]\r\na=3");
        assert_eq!(
            (file.get("", "a"), file.get("s", "a"), file.get("t", "a")),
            (Some("0"), Some("3"), Some("2"))
        );
        file.set("s", "bare", "no more").unwrap();
        file.set("t", "a", "").unwrap();
        file.set("t", "b", "x").unwrap();
        file.set("u", "c", "y").unwrap();
        assert_eq!(
            file.to_string(),
            "a = 0\r\n[s] ; one\r\n\ta = 1   ; why\r\n\tbare = no more\r\n[t]\r\na=\r\nb=x\r\n[s]\r\na=3\r\n\r\n[u]\r\nc=y\r\n"
        );
        assert!(file.remove("s", "a") && !file.remove("s", "a"));
        assert_eq!(
            (file.get("s", "a"), file.keys("t"), file.sections()),
            (None, vec!["a", "b"], vec!["s", "t", "u"])
        );
    }

    #[test]
    fn a_new_key_goes_before_the_blank_lines_of_its_section() {
        let mut file = of("[s]\n  a: 1\n  ; end\n\n\n[t]\n");
        file.set("s", "b", 2).unwrap();
        file.set("", "top", 0).unwrap();
        assert_eq!(
            file.to_string(),
            "  top: 0\n[s]\n  a: 1\n  ; end\n  b: 2\n\n\n[t]\n"
        );
        let mut empty = of("");
        empty.set("s", "a", 1).unwrap();
        assert_eq!(empty.to_string(), "[s]\na = 1\n");
    }

    #[test]
    fn invalid_values_are_refused_and_change_nothing() {
        let mut file = of("[s]\na = 1 ;c\n");
        for (key, value) in [
            ("a", "x ; y"),
            ("a", "x\ny"),
            ("a", ""),
            ("b=c", "1"),
            ("", ";"),
            ("[x]", "1"),
            (" b", "1"),
        ] {
            assert!(file.set("s", key, value).is_err(), "{key:?} {value:?}");
        }
        assert!(file.set("a]b", "k", "v").is_err());
        assert_eq!(file.to_string(), "[s]\na = 1 ;c\n");
        assert_eq!(
            Ini::parse("a\n[s\n").unwrap_err().to_string(),
            "line 2: `[s` has no `]`"
        );
    }
}
