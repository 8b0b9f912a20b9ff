//! The sources of a compiled library, recorded in a file next to it, so that the next start can decide within a
//! millisecond and without cargo whether compiling again would yield another library.
//!
//! Recorded are the files that the compiler reports as read: those of the crate, of its build script and of the crates
//! it depends on by path, including files in `include_str!` and the like; the `Cargo.toml` of each of these crates; and
//! the `Cargo.lock` if it belongs to the plugin's crate alone. Contents are compared, never times: a fresh checkout or a
//! moved folder compiles nothing.
//!
//! Not recorded are a workspace's `Cargo.lock` and `Cargo.toml` and the compiler's version and flags, since they change
//! for other reasons. A new file that no recorded file mentions is irrelevant: only a `mod` line, an `include_str!` or a
//! key in a manifest would include it. Build scripts are trusted to list what they read in `rerun-if-changed` lines.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::files::regular_file;

/// The sources of a library and the library itself, as digests of their contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    schema: u32,
    library: String,
    /// By path relative to the crate's folder, so that crate and library can be moved together.
    sources: BTreeMap<PathBuf, String>,
}

/// Version of the file format; a file of another version counts as missing.
const SCHEMA: u32 = 1;

/// Stands for the content of a missing file.
const ABSENT: &str = "absent";

/// Stands for the content of a file that was saved while the compiler ran. Which version it read is unknown, so this
/// equals no content and the next start compiles again.
const UNCERTAIN: &str = "changed while compiling";

/// Stands for the content of a pipe, a socket or a device in a folder of sources.
const IRREGULAR: &str = "not a file";

/// Path of the fingerprint of `library`: `lib<plugin>.so.fingerprint` next to it.
pub fn path_of(library: &Path) -> PathBuf {
    let mut name = OsString::from(library);
    name.push(".fingerprint");
    name.into()
}

impl Fingerprint {
    /// The fingerprint of `library`, compiled from the crate in `source` and from `files` (absolute paths) by a compiler
    /// that was started at `since`.
    pub fn take(
        source: &Path,
        files: &[PathBuf],
        library: &Path,
        since: SystemTime,
    ) -> io::Result<Fingerprint> {
        let since = since
            .duration_since(SystemTime::UNIX_EPOCH)
            .map_or(0, |since| since.as_nanos() as i128);
        let mut sources = BTreeMap::new();
        for file in files.iter().cloned().chain(manifests(source, files)) {
            let content = digest(&file)?;
            // After reading, so that no save in between goes unnoticed. A missing file has no time to look at.
            let metadata = fs::metadata(&file).ok().filter(fs::Metadata::is_file);
            let is_uncertain = metadata
                .is_some_and(|metadata| nanos(metadata.ctime(), metadata.ctime_nsec()) > since);
            let content = if is_uncertain {
                UNCERTAIN.to_owned()
            } else {
                content
            };
            sources.insert(relative(source, &file), content);
        }
        // Cargo may have just written this one itself, so its time does not matter.
        let lock = source.join("Cargo.lock");
        if lock.is_file() {
            sources.insert(relative(source, &lock), digest(&lock)?);
        }
        Ok(Fingerprint {
            schema: SCHEMA,
            library: digest(library)?,
            sources,
        })
    }

    /// Reads a fingerprint; `None` if the text is incomplete or of another version.
    pub fn parse(text: &[u8]) -> Option<Fingerprint> {
        serde_json::from_slice(text)
            .ok()
            .filter(|read: &Fingerprint| read.schema == SCHEMA)
    }

    /// Writes the text that [`parse`](Fingerprint::parse) reads.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *to, self)?;
        to.write_all(b"\n")
    }

    /// The first file whose content differs from the recorded one, as a path relative to the crate's folder `source`;
    /// `None` if the library is up to date. A file that cannot be read counts as changed.
    pub fn changed(&self, source: &Path) -> Option<&Path> {
        let differs = |(file, content): &(&PathBuf, &String)| {
            digest(&source.join(file)).map_or(true, |found| found != **content)
        };
        self.sources
            .iter()
            .find(differs)
            .map(|(file, _)| file.as_path())
    }

    /// Whether `library` is the one that was compiled, and was not replaced since.
    pub fn is_of(&self, library: &Path) -> io::Result<bool> {
        Ok(digest(library)? == self.library)
    }
}

/// The `Cargo.toml` of every crate that has Rust sources among `files`.
fn manifests(source: &Path, files: &[PathBuf]) -> BTreeSet<PathBuf> {
    let folders: BTreeSet<&Path> = files
        .iter()
        .filter(|file| file.extension().is_some_and(|kind| kind == "rs"))
        .filter_map(|file| file.parent())
        .collect();
    let nearest = folders.iter().filter_map(|folder| {
        folder
            .ancestors()
            .map(|up| up.join("Cargo.toml"))
            .find(|path| path.is_file())
    });
    nearest.chain([source.join("Cargo.toml")]).collect()
}

/// The SHA-256 of a file's content, or of the names and contents in a folder, in hexadecimal.
fn digest(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    match regular_file::open(path) {
        Ok(mut content) => drop(io::copy(&mut content, &mut hash)?),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(ABSENT.to_owned()),
        Err(error) if error.kind() == ErrorKind::IsADirectory => {
            let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                let content = match entry.file_type()? {
                    // Not followed, since it could form a loop.
                    kind if kind.is_symlink() => fs::read_link(entry.path())?.display().to_string(),
                    kind if !kind.is_file() && !kind.is_dir() => IRREGULAR.to_owned(),
                    _ => digest(&entry.path())?,
                };
                hash.update(format!("{}\0{content}\0", entry.file_name().display()));
            }
        }
        Err(error) => return Err(error),
    }
    Ok(format!("{:x}", hash.finalize()))
}

fn nanos(seconds: i64, rest: i64) -> i128 {
    i128::from(seconds) * 1_000_000_000 + i128::from(rest)
}

/// The path of `to` relative to the folder `from`; both are absolute.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from
        .components()
        .zip(to.components())
        .take_while(|(one, other)| one == other)
        .count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests;
