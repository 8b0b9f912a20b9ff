//! What a compiled library was made from, kept in a file beside it, so that the next start can tell in a millisecond
//! and without cargo whether compiling again would make another library.
//!
//! Recorded are the files that the compiler says it read: the crate's, its build script's and those of the crates it
//! depends on by path, with what they take by `include_str!` and the like; the `Cargo.toml` of each of these crates;
//! and the `Cargo.lock` where it belongs to the plugin's crate alone. Contents are compared, never times: a fresh
//! checkout or a moved folder compiles nothing.
//!
//! Not recorded, since they change for the sake of others: a workspace's `Cargo.lock` and `Cargo.toml`, the compiler's
//! version and flags. A new file that no recorded one mentions cannot matter: only a `mod` line, an `include_str!` or a
//! key in a manifest would bring it in. A build script is taken at its word: what it reads has to be in its
//! `rerun-if-changed` lines.

use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::fs;
use std::io::{self, ErrorKind, Write};
use std::os::unix::fs::MetadataExt;
use std::path::{Component, Path, PathBuf};
use std::time::SystemTime;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

/// The sources of a library and the library itself, as digests of their contents.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Fingerprint {
    schema: u32,
    library: String,
    /// By path from the crate's folder, so that both may be moved together.
    sources: BTreeMap<PathBuf, String>,
}

/// The form of the file; one of another form counts as none.
const SCHEMA: u32 = 1;

/// Stands for the content of a file that is not there.
const ABSENT: &str = "absent";

/// Stands for the content of a file that was saved while the compiler ran: nobody knows which of its contents was read,
/// so it equals none, and the next start compiles again.
const UNCERTAIN: &str = "changed while compiling";

/// Where the fingerprint of `library` is kept: `lib<plugin>.so.fingerprint` beside it.
pub fn path_of(library: &Path) -> PathBuf {
    let mut name = OsString::from(library);
    name.push(".fingerprint");
    name.into()
}

impl Fingerprint {
    /// The fingerprint of `library`, made from the crate in `source` out of `files`, absolute paths, by a compiler that
    /// was started at `since`.
    pub fn take(source: &Path, files: &[PathBuf], library: &Path, since: SystemTime) -> io::Result<Fingerprint> {
        let since = since.duration_since(SystemTime::UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i128);
        let mut sources = BTreeMap::new();
        for file in files.iter().cloned().chain(manifests(source, files)) {
            let content = digest(&file)?;
            // Looked at after reading, so that no save slips in between.
            let about = fs::metadata(&file).ok().filter(fs::Metadata::is_file);
            let uncertain = about.is_some_and(|about| nanos(about.ctime(), about.ctime_nsec()) > since);
            sources.insert(relative(source, &file), if uncertain { UNCERTAIN.to_owned() } else { content });
        }
        // Cargo itself may have written this one just now.
        let lock = source.join("Cargo.lock");
        if lock.is_file() {
            sources.insert(relative(source, &lock), digest(&lock)?);
        }
        Ok(Fingerprint { schema: SCHEMA, library: digest(library)?, sources })
    }

    /// Reads a fingerprint back; `None` where the text is not one that this version wrote to its end.
    pub fn parse(text: &[u8]) -> Option<Fingerprint> {
        serde_json::from_slice(text).ok().filter(|read: &Fingerprint| read.schema == SCHEMA)
    }

    /// Writes what [`parse`](Fingerprint::parse) reads.
    pub fn write(&self, to: &mut impl Write) -> io::Result<()> {
        serde_json::to_writer_pretty(&mut *to, self)?;
        to.write_all(b"\n")
    }

    /// The first file whose content is no longer the recorded one, by its path from the crate's folder `source`; `None`
    /// where the library is what compiling would make.
    pub fn changed(&self, source: &Path) -> Option<&Path> {
        let differs =
            |(file, content): &(&PathBuf, &String)| digest(&source.join(file)).map_or(true, |found| found != **content);
        self.sources.iter().find(differs).map(|(file, _)| file.as_path())
    }

    /// Whether `library` is the one that was compiled then, and not one that somebody put in its place.
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
    let nearest = folders
        .iter()
        .filter_map(|folder| folder.ancestors().map(|up| up.join("Cargo.toml")).find(|path| path.is_file()));
    nearest.chain([source.join("Cargo.toml")]).collect()
}

/// The SHA-256 of a file's content, in hexadecimal; of a folder, that of the names and contents of all that is in it.
fn digest(path: &Path) -> io::Result<String> {
    let mut hash = Sha256::new();
    match fs::read(path) {
        Ok(content) => hash.update(content),
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(ABSENT.to_owned()),
        Err(error) if error.kind() == ErrorKind::IsADirectory => {
            let mut entries = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
            entries.sort_by_key(fs::DirEntry::file_name);
            for entry in entries {
                let content = match entry.file_type()? {
                    // Not followed: it could lead back here.
                    kind if kind.is_symlink() => fs::read_link(entry.path())?.display().to_string(),
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

/// The way from the folder `from` to `to`; both are absolute.
fn relative(from: &Path, to: &Path) -> PathBuf {
    let shared = from.components().zip(to.components()).take_while(|(one, other)| one == other).count();
    let up = from.components().skip(shared).map(|_| Component::ParentDir);
    up.chain(to.components().skip(shared)).collect()
}

#[cfg(test)]
mod tests;
