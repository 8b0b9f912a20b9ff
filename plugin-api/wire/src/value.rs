//! Parses what a user types for an argument or a group: the only module that checks kinds, choices, ranges and
//! patterns, for the command line, for defaults, and for the test kit of topologies.

use std::path::Path;

use regex_lite::Regex;

use crate::declaration::numbered;
use crate::{host_name, Arg, ArgKind, DefaultNodes, Group, PortNumber, Protocol, Secret, Value};

pub mod duration;
mod map;
pub(crate) mod range;
pub mod size;

/// More nodes than any group has; a larger number is a typing error.
const MOST_NODES: usize = 4096;

impl Arg {
    /// The value of the words that a user typed for this argument, without its name; several for a list or map.
    ///
    /// # Errors
    /// Why they are not a valid value. The text of a secret is never part of the reason.
    pub fn parse<S: AsRef<str>>(&self, words: &[S]) -> Result<Value, String> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let one = words.last().copied().unwrap_or_default();
        let value = match self.kind {
            ArgKind::Flag => one
                .parse()
                .map(Value::Flag)
                .map_err(|_| "expected true or false".to_string()),
            ArgKind::Text | ArgKind::Choice => Ok(Value::Text(one.into())),
            ArgKind::Secret => Ok(Value::Secret(Some(Secret::new(one)))),
            ArgKind::Integer => one
                .parse()
                .map(Value::Integer)
                .map_err(|_| format!("`{one}` is not an integer")),
            ArgKind::Port => port(one).map(Value::Port),
            ArgKind::Duration => duration::parse(one).map(|time| {
                Value::Milliseconds(u64::try_from(time.as_millis()).unwrap_or(u64::MAX))
            }),
            ArgKind::Size => size::parse(one).map(Value::Bytes),
            ArgKind::List => Ok(Value::List(words.iter().map(ToString::to_string).collect())),
            ArgKind::Map => map::parse(words.iter().copied()).map(Value::Map),
            ArgKind::Path if one.is_empty() => Err("expected a path".into()),
            ArgKind::Path => std::path::absolute(Path::new(one))
                .map(Value::Path)
                .map_err(|error| error.to_string()),
        }?;
        self.check(&words, &value)?;
        Ok(value)
    }

    /// The value of an argument that the user did not give; `None` if it has no default.
    ///
    /// # Errors
    /// The default is not a valid value of the argument.
    pub fn default_value(&self) -> Result<Option<Value>, String> {
        if self.kind == ArgKind::Flag {
            return Ok(Some(Value::Flag(false)));
        }
        let Some(default) = self.default.as_deref() else {
            return Ok(None);
        };
        self.parse(&self.words(default)).map(Some)
    }

    /// Splits a text into the words that a user would type.
    pub(crate) fn words<'a>(&self, text: &'a str) -> Vec<&'a str> {
        if self.kind == ArgKind::List {
            text.split(',').collect()
        } else {
            vec![text]
        }
    }

    /// Checks choices, range and pattern.
    fn check(&self, words: &[&str], value: &Value) -> Result<(), String> {
        if !self.choices.is_empty() {
            let is_known = |word: &&str| self.choices.iter().any(|choice| choice == word);
            if let Some(unknown) = words.iter().find(|word| !is_known(word)) {
                return Err(format!(
                    "`{unknown}` is not one of its choices: {}",
                    self.choices.join(", ")
                ));
            }
        }
        if let Some(range) = &self.range {
            range::parse(self.kind, range)?.check(value)?;
        }
        match &self.pattern {
            Some(pattern) => self.check_pattern(pattern, words),
            None => Ok(()),
        }
    }

    fn check_pattern(&self, pattern: &str, words: &[&str]) -> Result<(), String> {
        let regex = whole(pattern)?;
        match words.iter().find(|word| !regex.is_match(word)) {
            Some(_) if self.kind == ArgKind::Secret => Err(format!("it must match `{pattern}`")),
            Some(word) => Err(format!("`{word}` must match `{pattern}`")),
            None => Ok(()),
        }
    }
}

/// A pattern that the whole text has to match.
pub(crate) fn whole(pattern: &str) -> Result<Regex, String> {
    // By itself first, so that an unbalanced parenthesis is not closed by the one added here.
    Regex::new(pattern)
        .and_then(|_| Regex::new(&format!("^(?:{pattern})$")))
        .map_err(|error| format!("invalid pattern `{pattern}`: {error}"))
}

/// `NUMBER` or `NUMBER/PROTOCOL`.
fn port(text: &str) -> Result<PortNumber, String> {
    let (number, protocol) = match text.split_once('/') {
        Some((number, "tcp")) => (number, Protocol::Tcp),
        Some((number, "udp")) => (number, Protocol::Udp),
        Some((number, "sctp")) => (number, Protocol::Sctp),
        Some(_) => return Err("expected a port such as 80, 53/udp or 3868/sctp".into()),
        None => (text, Protocol::Tcp),
    };
    match number.parse() {
        Ok(0) | Err(_) => Err(format!("`{number}` is not a port from 1 to 65535")),
        Ok(number) => Ok(PortNumber { number, protocol }),
    }
}

impl Group {
    /// The host names of the words that a user typed for this group: names, or how many nodes there are.
    ///
    /// # Errors
    /// Why they are not valid nodes of it.
    pub fn names<S: AsRef<str>>(&self, words: &[S]) -> Result<Vec<String>, String> {
        let words: Vec<&str> = words.iter().map(AsRef::as_ref).collect();
        let names = match words[..] {
            [word] if is_number(word) => self.counted(word)?,
            _ => words.iter().map(ToString::to_string).collect(),
        };
        self.check_names(&names)?;
        Ok(names)
    }

    /// The host names if the user names no nodes.
    ///
    /// # Errors
    /// The user must name nodes.
    pub fn default_names(&self) -> Result<Vec<String>, String> {
        // Checked before the names are generated, since a plugin may declare any number.
        if let DefaultNodes::Sized { count, .. } = &self.nodes {
            self.check_count(*count)?;
        }
        let names = self.nodes.names();
        self.check_names(&names)?;
        Ok(names)
    }

    /// The most nodes that it can have, whatever it declares.
    fn most(&self) -> usize {
        self.max.map_or(MOST_NODES, |max| max.min(MOST_NODES))
    }

    fn counted(&self, word: &str) -> Result<Vec<String>, String> {
        let count: usize = word.parse().unwrap_or(usize::MAX);
        match &self.nodes {
            // Checked before the names are generated, since the number may be huge.
            _ if count == 0 || count > self.most() => self.check_count(count).map(|()| Vec::new()),
            DefaultNodes::Sized { prefix, .. } => Ok(numbered(prefix, count)),
            DefaultNodes::Named(_) => Err(format!(
                "its nodes are named, not numbered: give {count} host names"
            )),
        }
    }

    pub(crate) fn check_names(&self, names: &[String]) -> Result<(), String> {
        self.check_count(names.len())?;
        for (at, name) in names.iter().enumerate() {
            host_name::check(name).map_err(|fault| fault.of(name))?;
            if names[..at].contains(name) {
                return Err(format!("host name `{name}` is given twice"));
            }
        }
        Ok(())
    }

    fn check_count(&self, count: usize) -> Result<(), String> {
        let nodes = |count| if count == 1 { "node" } else { "nodes" };
        let Group { min, .. } = *self;
        let max = self.most();
        if count < min {
            return Err(format!("at least {min} {} required", nodes(min)));
        }
        if count > max {
            return Err(format!("at most {max} {} allowed", nodes(max)));
        }
        Ok(())
    }
}

fn is_number(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_digit())
}

#[cfg(test)]
mod tests;
