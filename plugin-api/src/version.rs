//! Versions of software, so that a topology can treat them differently.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::{Error, Result};

/// A version as in Maven: dotted numbers and an optional specifier. Missing numbers count as 0 and the specifier is
/// ignored in comparisons, so `3.0`, `3.0.0-SNAPSHOT` and `3.0.0.0-RC2` are equal.
///
/// ```
/// use clusterdock_plugin_api::Version;
///
/// # fn main() -> clusterdock_plugin_api::Result<()> {
/// let version: Version = "2.7.3-hadoop3".parse()?;
/// assert!(version > Version::from([2, 7]) && version < "2.10".parse()?);
/// assert_eq!((version.parts(), version.specifier()), (&[2, 7, 3][..], "hadoop3"));
/// assert_eq!(version.to_string(), "2.7.3-hadoop3");
/// # Ok(())
/// # }
/// ```
///
/// Since 1.0.
#[derive(Debug, Clone)]
pub struct Version {
    text: String,
    parts: Vec<u64>,
    specifier: String,
}

impl Version {
    /// The numbers, as many as were written.
    pub fn parts(&self) -> &[u64] {
        &self.parts
    }

    /// The part after the numbers and the separator; empty if there is none.
    pub fn specifier(&self) -> &str {
        &self.specifier
    }

    /// The first numbers, with 0 for missing ones: `let [major, minor] = version.first()`.
    ///
    /// ```
    /// let version = clusterdock_plugin_api::Version::from([7]);
    /// assert_eq!(version.first(), [7, 0]);
    /// ```
    pub fn first<const N: usize>(&self) -> [u64; N] {
        let mut first = [0; N];
        first
            .iter_mut()
            .zip(&self.parts)
            .for_each(|(number, part)| *number = *part);
        first
    }

    /// The numbers that count: those without trailing zeros.
    fn significant(&self) -> &[u64] {
        let length = self
            .parts
            .iter()
            .rposition(|part| *part != 0)
            .map_or(0, |last| last + 1);
        &self.parts[..length]
    }
}

/// Errors: it does not begin with a number, or with one that is too large.
impl FromStr for Version {
    type Err = Error;

    fn from_str(text: &str) -> Result<Version> {
        let text = text.trim();
        let invalid = || {
            Error::new(format!(
                "invalid version `{text}`: it must begin with a number, e.g. `1.2.3-rc1`"
            ))
        };
        let (mut parts, mut rest) = (Vec::new(), text);
        loop {
            let digits = rest.len() - rest.trim_start_matches(|c: char| c.is_ascii_digit()).len();
            parts.push(rest[..digits].parse().map_err(|_| invalid())?);
            rest = &rest[digits..];
            match rest.strip_prefix('.') {
                Some(next) if next.starts_with(|c: char| c.is_ascii_digit()) => rest = next,
                _ => break,
            }
        }
        let specifier = rest.strip_prefix(&['-', '.', '_', '+'][..]).unwrap_or(rest);
        Ok(Version {
            text: text.into(),
            parts,
            specifier: specifier.into(),
        })
    }
}

/// A version of these numbers, without a specifier.
impl<const N: usize> From<[u64; N]> for Version {
    fn from(parts: [u64; N]) -> Version {
        let text = parts
            .iter()
            .map(u64::to_string)
            .collect::<Vec<_>>()
            .join(".");
        Version {
            text,
            parts: parts.to_vec(),
            specifier: String::new(),
        }
    }
}

/// As it was written.
impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.text)
    }
}

impl Ord for Version {
    fn cmp(&self, other: &Version) -> Ordering {
        self.significant().cmp(other.significant())
    }
}

impl PartialOrd for Version {
    fn partial_cmp(&self, other: &Version) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Version {
    fn eq(&self, other: &Version) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Version {}

impl Hash for Version {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.significant().hash(state);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn versions_are_ordered() {
        let ascending = [
            "0",
            "0.9-z",
            "1.0-SNAPSHOT",
            "1.0.0.1",
            "1.9",
            "1.10",
            "2.7.3-hadoop3",
            "2.10",
            "10",
        ];
        for (index, lower) in ascending.iter().enumerate() {
            for higher in &ascending[index + 1..] {
                assert!(version(lower) < version(higher), "{lower} {higher}");
            }
        }
        for (one, other) in [
            ("3.0", "3.0.0.0-RC2"),
            ("3", "3.0-SNAPSHOT"),
            ("0", "0.0.0"),
            ("1.8.0_292", "1.8"),
        ] {
            assert_eq!(version(one), version(other));
        }
    }

    #[test]
    fn a_version_is_shown_as_written() {
        for (text, parts, specifier) in [
            ("1.8.0_292", vec![1, 8, 0], "292"),
            ("3.0.0.cloudera1", vec![3, 0, 0], "cloudera1"),
            ("2-SNAPSHOT", vec![2], "SNAPSHOT"),
            ("1.2.", vec![1, 2], ""),
            ("4.1b", vec![4, 1], "b"),
        ] {
            let version = version(text);
            assert_eq!(
                (
                    version.to_string().as_str(),
                    version.parts(),
                    version.specifier()
                ),
                (text, &parts[..], specifier)
            );
        }
        assert_eq!(Version::from([1, 2, 3]).to_string(), "1.2.3");
        assert_eq!(version(" 1.2\n").to_string(), "1.2");
    }

    #[test]
    fn invalid_versions_are_refused() {
        for text in ["", "v1", ".1", "-1", "99999999999999999999"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
    }
}
