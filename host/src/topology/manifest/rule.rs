//! Rules for the strings in a manifest. A rule parses and checks a string in one step, so that the TOML parser adds line
//! and column to the error.

use serde::Deserialize;
use serde::de::{DeserializeSeed, Deserializer, Error};

/// A condition for a string.
pub(super) struct Rule {
    accepts: fn(&str) -> bool,
    /// The end of "invalid value `X`: ...".
    pub(super) expectation: &'static str,
}

impl Rule {
    /// Refuses a string that violates the rule.
    pub(super) fn check<E: Error>(&self, text: &str) -> Result<(), E> {
        if (self.accepts)(text) {
            return Ok(());
        }
        Err(E::custom(format_args!(
            "invalid value `{}`: {}",
            text.escape_debug(),
            self.expectation
        )))
    }
}

impl<'de> DeserializeSeed<'de> for &Rule {
    type Value = String;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<String, D::Error> {
        let text = String::deserialize(deserializer)?;
        self.check(&text)?;
        Ok(text)
    }
}

pub(super) const NAME: Rule = Rule {
    accepts: |text| {
        text.starts_with(|c: char| c.is_ascii_lowercase() || c.is_ascii_digit())
            && text
                .chars()
                .all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-' || c == '_')
    },
    expectation: "expected lower-case letters, digits, `-` and `_`, beginning with a letter or a digit",
};

pub(super) const VERSION: Rule = Rule {
    accepts: |text| {
        text.split('.')
            .all(|part| !part.is_empty() && part.chars().all(|c| c.is_ascii_digit()))
    },
    expectation: "expected numbers separated by dots, e.g. `1.0.0`",
};

pub(super) const LINE: Rule = Rule {
    accepts: |text| !text.trim().is_empty() && !text.contains(char::is_control),
    expectation: "expected one line that describes the topology",
};

pub(super) const LIBRARY: Rule = Rule {
    accepts: |text| {
        text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    },
    expectation: "expected the part between `lib` and `.so` of the library's name: letters, digits and `_` \
           (the crate `my-topology` compiles to `libmy_topology.so`, so its plugin is `my_topology`)",
};

pub(super) const PATH: Rule = Rule {
    accepts: |text| !text.trim().is_empty() && !text.contains(char::is_control),
    expectation: "expected a name or a path",
};

/// Docker's grammar for the parts of a repository's path: letters and digits, and one separator at a time.
pub(super) const REPOSITORY: Rule = Rule {
    accepts: |text| {
        let letter = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit();
        let is_separator = |between: &str| {
            matches!(between, "" | "." | "_" | "__") || between.chars().all(|c| c == '-')
        };
        text.split('/').all(|part| {
            part.starts_with(letter)
                && part.ends_with(letter)
                && part.split(letter).all(is_separator)
        })
    },
    expectation: "expected lower-case letters and digits, with `.`, `_` or `-` between them",
};

/// Docker's grammar for a tag.
pub(super) const TAG: Rule = Rule {
    accepts: |text| {
        text.len() <= 128
            && text.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_')
            && text
                .chars()
                .all(|c| c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | '-'))
    },
    expectation: "expected an image tag: letters, digits, `_`, `.` and `-`, beginning with a letter, a digit or `_`",
};
