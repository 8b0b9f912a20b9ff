//! `.dockerignore`, by the rules of Docker's matcher (github.com/moby/patternmatcher): the last matching pattern
//! decides, `!` includes again, and an excluded folder excludes its contents.
//!
//! The file is read as bytes, like file names: comments in other encodings, a byte order mark and DOS line ends are
//! accepted. An invalid pattern is an error, since skipping it would send files that were meant to stay.

mod pattern;
#[cfg(test)]
mod tests;

use std::io::ErrorKind;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

use crate::error::{Error, Kind, Result};
use crate::files::regular_file;
use pattern::{Pattern, characters};

/// Name of the file.
pub const NAME: &str = ".dockerignore";

/// The patterns of a `.dockerignore`.
#[derive(Debug, Clone, Default)]
pub struct Ignore {
    patterns: Vec<Pattern>,
}

/// The decision of the patterns about a path.
#[derive(Debug, Clone, Default)]
pub struct Verdict {
    /// Whether the path is excluded.
    pub excludes: bool,
    /// Which patterns match the path or a folder above it.
    matched: Vec<bool>,
}

impl Ignore {
    /// Reads the file in `folder`. Without one, nothing is excluded.
    ///
    /// # Errors
    /// It exists but cannot be read, or has an invalid pattern.
    pub fn read(folder: &Path) -> Result<Ignore> {
        let path = folder.join(NAME);
        match regular_file::read(&path) {
            Ok(bytes) => Ignore::parse(&bytes, &path),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(Ignore::default()),
            Err(error) => Err(
                Error::new(Kind::Image, format!("cannot read `{}`", path.display())).cause(error),
            ),
        }
    }

    /// Reads patterns, one per line; `path` is for messages.
    ///
    /// # Errors
    /// A pattern is invalid.
    pub fn parse(bytes: &[u8], path: &Path) -> Result<Ignore> {
        let bytes = bytes.strip_prefix(b"\xef\xbb\xbf").unwrap_or(bytes);
        let mut patterns = Vec::new();
        for (index, line) in bytes.split(|byte| *byte == b'\n').enumerate() {
            let Some(text) = normalized(line) else {
                continue;
            };
            let pattern = Pattern::parse(&text).map_err(|why| {
                let shown = String::from_utf8_lossy(line).replace('\0', "\u{fffd}");
                let message = format!(
                    "invalid pattern `{}` in `{}`, line {}",
                    shown.trim(),
                    path.display(),
                    index + 1
                );
                let error = Error::new(Kind::Usage, message).cause(why);
                if line.contains(&0) {
                    error.hint("save the file as UTF-8")
                } else {
                    error
                }
            })?;
            patterns.push(pattern);
        }
        Ok(Ignore { patterns })
    }

    /// The verdict on a path in the context whose folder has the verdict `parent`. As in Docker, patterns are not matched
    /// against the folders above again.
    pub fn judge(&self, path: &Path, parent: &Verdict) -> Verdict {
        let characters = characters(path.as_os_str().as_bytes());
        let mut verdict = Verdict {
            excludes: false,
            matched: vec![false; self.patterns.len()],
        };
        for (index, pattern) in self.patterns.iter().enumerate() {
            // The verdict on the context itself has no entries, which counts as no match.
            let inherited = parent.matched.get(index).copied().unwrap_or_default();
            let matches =
                inherited || (pattern.includes == verdict.excludes && pattern.matches(&characters));
            verdict.matched[index] = matches;
            if matches {
                verdict.excludes = !pattern.includes;
            }
        }
        verdict
    }

    /// Whether a path or a folder above it is excluded.
    pub fn excludes(&self, path: &Path) -> bool {
        let mut folders: Vec<&Path> = path
            .ancestors()
            .filter(|folder| !folder.as_os_str().is_empty())
            .collect();
        folders.reverse();
        folders
            .iter()
            .fold(Verdict::default(), |parent, path| self.judge(path, &parent))
            .excludes
    }

    /// Includes a path even if the patterns exclude it.
    pub fn include(&mut self, path: &Path) {
        if self.excludes(path) {
            self.patterns.push(Pattern::inclusion(path));
        }
    }

    /// Whether a path in an excluded folder may be included again. Docker only compares the beginning of the patterns,
    /// so `!**/name` includes nothing there.
    pub fn includes_within(&self, folder: &Path) -> bool {
        let folder = [folder.as_os_str().as_bytes(), b"/"].concat();
        self.patterns.iter().any(|pattern| {
            pattern.includes && [&pattern.text[..], b"/"].concat().starts_with(&folder)
        })
    }
}

/// Normalizes a line like Docker: trims it, cleans the path and removes a leading slash. `None` for comments and empty
/// lines.
fn normalized(line: &[u8]) -> Option<Vec<u8>> {
    if line.starts_with(b"#") {
        return None;
    }
    let line = trimmed(line);
    let (mark, path) = match line.strip_prefix(b"!") {
        Some(path) => (&b"!"[..], trimmed(path)),
        None => (&b""[..], line),
    };
    let path = match path {
        [] if mark.is_empty() => return None,
        [] => Vec::new(),
        path => cleaned(path),
    };
    let path = path
        .strip_prefix(b"/")
        .filter(|rest| !rest.is_empty())
        .unwrap_or(&path);
    Some([mark, path].concat())
}

/// Trims white space: of Unicode if the bytes are UTF-8, otherwise of ASCII.
fn trimmed(bytes: &[u8]) -> &[u8] {
    std::str::from_utf8(bytes).map_or(bytes.trim_ascii(), |text| text.trim().as_bytes())
}

/// A path as Go's `filepath.Clean` returns it.
fn cleaned(path: &[u8]) -> Vec<u8> {
    let is_absolute = path.starts_with(b"/");
    let mut parts: Vec<&[u8]> = Vec::new();
    for part in path.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." if parts.last().is_some_and(|last| *last != b"..") => drop(parts.pop()),
            b".." if is_absolute => {}
            part => parts.push(part),
        }
    }
    match parts.join(&b"/"[..]) {
        path if is_absolute => [b"/", &path[..]].concat(),
        path if path.is_empty() => b".".to_vec(),
        path => path,
    }
}
