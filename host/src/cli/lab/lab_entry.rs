//! An entry of a `lab.toml`: a flag's name and values, with its line.

use std::error::Error as _;

use clap::builder::{OsStr, Resettable};
use clap::error::{ContextKind, ContextValue};
use clap::{Arg, ArgAction, Command};
use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::error::{Error, Kind, Result};

/// A flag and its values.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// The flag's name.
    pub name: String,
    /// The line of the file.
    pub line: usize,
    /// Its values as they would be typed; of a switch, `true` or `false`.
    pub words: Vec<String>,
}

/// The text of a file, which errors are about.
pub(super) struct File<'a> {
    pub(super) text: &'a str,
    pub(super) shown: &'a str,
}

impl File<'_> {
    /// The line of a byte.
    pub(super) fn line(&self, byte: usize) -> usize {
        let before = &self.text[..self.text.floor_char_boundary(byte)];
        before.matches('\n').count() + 1
    }

    /// The entries of a table, in the order of the file.
    pub(super) fn entries(&self, table: &DeTable<'_>) -> Result<Vec<Entry>> {
        let mut entries = Vec::new();
        for (key, value) in table {
            let name = key.get_ref().to_string();
            let words = match value.get_ref() {
                DeValue::Array(items) => {
                    let words = items.iter().map(|item| self.word(item, &name));
                    words.collect::<Result<Vec<String>>>()?
                }
                DeValue::Table(table) => {
                    let words = table.iter().map(|(key, value)| {
                        let values = self.words(value, &name)?;
                        Ok(format!("{}={}", key.get_ref(), values.join(",")))
                    });
                    words.collect::<Result<Vec<String>>>()?
                }
                _ => vec![self.word(value, &name)?],
            };
            if words.is_empty() {
                return Err(self.invalid(value, &name, "it is empty; leave it out"));
            }
            entries.push(Entry {
                line: self.line(key.span().start),
                name,
                words,
            });
        }
        entries.sort_by_key(|entry| entry.line);
        Ok(entries)
    }

    fn words(&self, value: &Spanned<DeValue<'_>>, name: &str) -> Result<Vec<String>> {
        match value.get_ref() {
            DeValue::Array(items) => items.iter().map(|item| self.word(item, name)).collect(),
            _ => Ok(vec![self.word(value, name)?]),
        }
    }

    fn word(&self, value: &Spanned<DeValue<'_>>, name: &str) -> Result<String> {
        match value.get_ref() {
            DeValue::String(text) => Ok(text.to_string()),
            DeValue::Integer(number) => Ok(number.to_string()),
            DeValue::Float(number) => Ok(number.to_string()),
            DeValue::Boolean(switch) => Ok(switch.to_string()),
            _ => Err(self.invalid(value, name, "expected a text, a number, true or false")),
        }
    }

    /// The error for a value.
    pub(super) fn invalid(&self, value: &Spanned<DeValue<'_>>, name: &str, why: &str) -> Error {
        let place = format!("{}:{}", self.shown, self.line(value.span().start));
        Error::new(Kind::Usage, format!("invalid `{name}` in `{place}`")).cause(why)
    }
}

impl Entry {
    /// The words that are the default of an argument: none for a switch that is off.
    ///
    /// # Errors
    /// Why the argument does not accept them.
    pub(super) fn checked(&self, arg: &Arg, words: Vec<String>) -> Result<Vec<String>, String> {
        if matches!(arg.get_action(), ArgAction::SetTrue) {
            return match words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
                ["true"] => Ok(words),
                ["false"] => Ok(Vec::new()),
                _ => Err("expected true or false".into()),
            };
        }
        let words = match arg.get_value_delimiter() {
            Some(delimiter) => {
                let parts = words.iter().flat_map(|word| word.split(delimiter));
                parts.map(String::from).collect()
            }
            None => words,
        };
        if words.len() > 1 && !matches!(arg.get_action(), ArgAction::Append) {
            return Err("expected one value".into());
        }
        // Alone, so that nothing else on the command line is to blame.
        let long = arg.get_long().unwrap_or_default();
        let typed = words.iter().map(|word| format!("--{long}={word}"));
        let alone = arg.clone().required(false).env(Resettable::<OsStr>::Reset);
        let command = Command::new("lab").no_binary_name(true).arg(alone);
        match command.try_get_matches_from(typed) {
            Ok(_) => Ok(words),
            Err(error) => Err(why(&error)),
        }
    }

    /// It as a flag; of secrets, only the name.
    pub(super) fn as_flag(&self, is_secret: bool) -> String {
        let name = &self.name;
        match self.words.iter().map(String::as_str).collect::<Vec<_>>()[..] {
            ["true"] => format!("--{name}"),
            _ if is_secret => format!("--{name} ..."),
            _ => format!("--{name} {}", self.words.join(" ")),
        }
    }
}

/// Clap's error about a value, without the flag.
fn why(error: &clap::Error) -> String {
    let value = match error.get(ContextKind::InvalidValue) {
        Some(ContextValue::String(value)) => format!("invalid value `{value}`"),
        _ => "invalid value".into(),
    };
    match (error.source(), error.get(ContextKind::ValidValue)) {
        (Some(why), _) => format!("{value}: {why}"),
        (None, Some(ContextValue::Strings(valid))) => {
            format!("{value}: expected one of {}", valid.join(", "))
        }
        _ => value,
    }
}
