//! A table of a TOML document that is read key by key and remembers where everything stood, so that whatever is wrong
//! in it is shown with its line, and a misspelt key with the one that was meant. It knows nothing of topologies.

use std::ops::Range;

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Kind, Result};
use crate::nearest::nearest;

/// The text of a document, and the path that its errors name it by.
#[derive(Clone, Copy)]
struct Document<'t> {
    text: &'t str,
    shown: &'t str,
}

/// One table; every error it returns is of [`Kind::Usage`] and shows the place.
pub(super) struct Table<'t> {
    document: Document<'t>,
    /// As in its header, `images.host`; empty for the document itself.
    name: String,
    span: Range<usize>,
    entries: Vec<Entry<'t>>,
}

/// A key with its value, each with its place.
type Entry<'t> = (Spanned<String>, Spanned<DeValue<'t>>);

/// What the text under a key has to look like.
pub(super) struct Rule {
    pub(super) holds: fn(&str) -> bool,
    /// A sentence for the user, shown as the hint where the rule does not hold.
    pub(super) says: &'static str,
}

impl<'t> Table<'t> {
    /// The outermost table of `text`; errors say `shown` for it.
    pub(super) fn parse(text: &'t str, shown: &'t str) -> Result<Table<'t>> {
        let document = Document { text, shown };
        let entries = DeTable::parse(text).map_err(|error| {
            let place = document.place(error.span());
            Error::new(Kind::Usage, "the manifest is not valid TOML").cause(error.message()).cause(place)
        })?;
        Ok(Table { document, name: String::new(), span: 0..0, entries: entries_of(entries.into_inner()) })
    }

    /// Refuses every key that is not among `known`.
    pub(super) fn only(&self, known: &[&str]) -> Result<()> {
        let unknown = self.entries.iter().find(|(key, _)| !known.contains(&key.get_ref().as_str()));
        let Some((key, _)) = unknown else { return Ok(()) };
        let name = key.get_ref().escape_debug();
        let hint = match nearest(key.get_ref(), known.iter().copied()) {
            Some(meant) => format!("did you mean `{meant}`?"),
            None => format!("the keys here are `{}`", known.join("`, `")),
        };
        Err(self.wrong(key.span(), format!("unknown key `{name}` in {}", self.title()), hint))
    }

    /// Takes the table under `key`, which has to be there.
    pub(super) fn table(&mut self, key: &str) -> Result<Table<'t>> {
        let value = self.take(key)?;
        if value.get_ref().is_table() { Ok(self.inner(key, value)) } else { Err(self.mistyped(key, "a table", &value)) }
    }

    /// Takes every table whose key is not among `except`, with the key.
    pub(super) fn tables(&mut self, except: &[&str]) -> Vec<(Spanned<String>, Table<'t>)> {
        let (tables, others) = std::mem::take(&mut self.entries).into_iter().partition::<Vec<_>, _>(|(key, value)| {
            value.get_ref().is_table() && !except.contains(&key.get_ref().as_str())
        });
        self.entries = others;
        tables
            .into_iter()
            .map(|(key, value)| {
                let table = self.inner(key.get_ref(), value);
                (key, table)
            })
            .collect()
    }

    /// Takes the text under `key`, which has to be there and to follow `rule`.
    pub(super) fn text(&mut self, key: &str, rule: &Rule) -> Result<String> {
        let value = self.take(key)?;
        self.ruled(key, value, rule)
    }

    /// Takes the text under `key`, if it is there; then it has to follow `rule`.
    pub(super) fn optional_text(&mut self, key: &str, rule: &Rule) -> Result<Option<String>> {
        self.has(key).then(|| self.text(key, rule)).transpose()
    }

    /// Takes the list of texts under `key`, which has to be there; each has to follow `rule`, and there is at least
    /// one.
    pub(super) fn texts(&mut self, key: &str, rule: &Rule) -> Result<Vec<String>> {
        let value = self.take(key)?;
        let span = value.span();
        match value.into_inner() {
            DeValue::Array(items) if items.is_empty() => {
                Err(self.wrong(span, format!("`{key}` is empty"), "name at least one"))
            }
            DeValue::Array(items) => items.into_iter().map(|item| self.ruled(key, item, rule)).collect(),
            other => Err(self.mistyped(key, "a list of strings", &Spanned::new(span, other))),
        }
    }

    /// Whether `key` is there (and was not taken yet).
    pub(super) fn has(&self, key: &str) -> bool {
        self.entries.iter().any(|(found, _)| found.get_ref() == key)
    }

    /// An error that concerns the table as a whole.
    pub(super) fn refuse(&self, message: impl Into<String>, hint: impl Into<String>) -> Error {
        self.wrong(self.span.clone(), message, hint)
    }

    /// An error that shows `span`.
    pub(super) fn wrong(&self, span: Range<usize>, message: impl Into<String>, hint: impl Into<String>) -> Error {
        Error::new(Kind::Usage, message).cause(self.document.place(Some(span))).hint(hint)
    }

    fn inner(&self, key: &str, value: Spanned<DeValue<'t>>) -> Table<'t> {
        let name = if self.name.is_empty() { key.to_owned() } else { format!("{}.{key}", self.name) };
        let span = value.span();
        let entries = match value.into_inner() {
            DeValue::Table(entries) => entries_of(entries),
            _ => Vec::new(),
        };
        Table { document: self.document, name, span, entries }
    }

    fn take(&mut self, key: &str) -> Result<Spanned<DeValue<'t>>> {
        match self.entries.iter().position(|(found, _)| found.get_ref() == key) {
            Some(index) => Ok(self.entries.remove(index).1),
            None if self.name.is_empty() => {
                Err(Error::new(Kind::Usage, format!("the manifest has no table `[{key}]`"))
                    .cause(self.document.shown)
                    .hint("see `Write a topology` in the README for a manifest to begin with"))
            }
            None => {
                Err(self.refuse(format!("{} has no `{key}`", self.title()), format!("add a line `{key} = \"...\"`")))
            }
        }
    }

    fn ruled(&self, key: &str, value: Spanned<DeValue<'t>>, rule: &Rule) -> Result<String> {
        match value.get_ref() {
            DeValue::String(text) if (rule.holds)(text) => Ok(text.to_string()),
            DeValue::String(text) => {
                let message = format!("`{key}` cannot be `{}`", text.escape_debug());
                Err(self.wrong(value.span(), message, rule.says))
            }
            _ => Err(self.mistyped(key, "a string", &value)),
        }
    }

    fn mistyped(&self, key: &str, wanted: &str, value: &Spanned<DeValue<'t>>) -> Error {
        let found = value.get_ref().type_str();
        let hint = match value.get_ref() {
            DeValue::Integer(_) | DeValue::Float(_) if wanted == "a string" => {
                format!("write it in quotes: `\"{}\"`", self.document.text.get(value.span()).unwrap_or_default())
            }
            _ => format!("`{key}` is {wanted}"),
        };
        self.wrong(value.span(), format!("`{key}` in {} has to be {wanted}, not {found}", self.title()), hint)
    }

    fn title(&self) -> String {
        if self.name.is_empty() { "the manifest".to_owned() } else { format!("`[{}]`", self.name) }
    }
}

impl Document<'_> {
    /// `PATH:LINE:COLUMN`, then the line, then a mark under what is meant of it.
    fn place(&self, span: Option<Range<usize>>) -> String {
        let Some(span) = span else { return self.shown.to_owned() };
        let before = &self.text[..self.text.floor_char_boundary(span.start)];
        let begin = before.rfind('\n').map_or(0, |newline| newline + 1);
        let number = before.matches('\n').count() + 1;
        let lead = &before[begin..];
        let column = lead.chars().count() + 1;
        let line = self.text[begin..].lines().next().unwrap_or_default();
        let marked = self.text.get(span).and_then(|text| text.lines().next()).unwrap_or_default();
        // Tabs stay tabs, so that the mark stands where the terminal has put the text.
        let indent: String = lead.chars().map(|letter| if letter == '\t' { '\t' } else { ' ' }).collect();
        let mark = "^".repeat(marked.chars().count().max(1));
        let gutter = " ".repeat(number.to_string().len());
        format!("{}:{number}:{column}\n{number} | {line}\n{gutter} | {indent}{mark}", self.shown)
    }
}

/// The entries in the order of the document, so that the first mistake is the one that is shown.
fn entries_of(table: DeTable<'_>) -> Vec<Entry<'_>> {
    let mut entries: Vec<Entry> = table
        .into_iter()
        .map(|(key, value)| (Spanned::new(key.span(), key.into_inner().into_owned()), value))
        .collect();
    entries.sort_by_key(|(key, _)| key.span().start);
    entries
}
