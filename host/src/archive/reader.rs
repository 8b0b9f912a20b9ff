//! Reads an archive entry by entry and refuses entries that lead out of it.
//!
//! The `tar` crate decodes headers, but its reader is not used: it accepts an archive that was truncated between two
//! entries, holds extension headers of any length in memory, and splits extended records at line ends, which names and
//! attributes may contain.

use std::ffi::OsStr;
use std::io::{self, BufRead};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};

use tar::{EntryType, Header};

use super::archive_entry::{Entry, Kind, Special};
use crate::error::{Error, Kind as ErrorKind, Result};

const BLOCK: u64 = 512;

/// Limit for an extension header, which holds names, link targets and attributes of one entry.
const LONGEST_EXTENSION: u64 = 1 << 20;

/// Prefix of the extended records that are passed on.
const ATTRIBUTE: &str = "SCHILY.xattr.";

/// How the names in an archive begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// With the name of the archived file or folder.
    Named,
    /// With nothing or a dot: the contents of a folder were archived.
    Dot,
}

/// Reads an archive.
pub struct Reader<R> {
    input: R,
    root: Root,
    /// Unread bytes of the current entry's contents.
    rest: u64,
    /// Bytes that fill their last block.
    padding: u64,
    /// The current folder; `None` before the root.
    folder: Option<PathBuf>,
}

/// The extension headers of the entry that follows them.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    records: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<R: BufRead> Reader<R> {
    /// Reads an archive whose names begin like this.
    pub fn new(input: R, root: Root) -> Reader<R> {
        Reader {
            input,
            root,
            rest: 0,
            padding: 0,
            folder: None,
        }
    }

    /// The next entry, or `None` at the end of the archive. Unread contents are skipped.
    ///
    /// # Errors
    /// The archive is truncated or invalid; or the entry lies outside of the archive, or in a folder that the archive
    /// has not entered, e.g. behind a link.
    pub fn next_entry(&mut self) -> Result<Option<Entry>> {
        self.skip_contents()?;
        let mut extension = Extension::default();
        loop {
            let mut header = Header::new_old();
            self.fill(header.as_mut_bytes()).map_err(unreadable)?;
            if header.as_bytes().iter().all(|byte| *byte == 0) {
                return Ok(None);
            }
            check_sum(&header).map_err(unreadable)?;
            match header.entry_type() {
                EntryType::GNULongName => extension.name = Some(self.extension_text(&header)?),
                EntryType::GNULongLink => extension.link = Some(self.extension_text(&header)?),
                EntryType::XHeader => {
                    extension.records = records(&self.extension(&header)?).map_err(unreadable)?;
                }
                EntryType::XGlobalHeader => drop(self.extension(&header)?),
                _ => return self.entry(&header, extension).map(Some),
            }
        }
    }

    /// Reads the rest of the current entry's contents, piece by piece.
    ///
    /// # Errors
    /// The archive is truncated, or `take` fails.
    pub fn contents(&mut self, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        while self.rest > 0 {
            let piece = self.input.fill_buf().map_err(unreadable)?;
            let length = piece
                .len()
                .min(usize::try_from(self.rest).unwrap_or(usize::MAX));
            if length == 0 {
                return Err(unreadable(truncated()));
            }
            take(&piece[..length])?;
            self.input.consume(length);
            self.rest -= length as u64;
        }
        Ok(())
    }

    /// Returns the underlying reader.
    pub fn into_inner(self) -> R {
        self.input
    }

    fn skip_contents(&mut self) -> Result<()> {
        self.rest += std::mem::take(&mut self.padding);
        self.contents(|_| Ok(()))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.input
            .read_exact(buffer)
            .map_err(|error| match error.kind() {
                io::ErrorKind::UnexpectedEof => truncated(),
                _ => error,
            })
    }

    /// The contents of an extension header.
    fn extension(&mut self, header: &Header) -> Result<Vec<u8>> {
        let size = header.entry_size().map_err(unreadable)?;
        if size > LONGEST_EXTENSION {
            return Err(unreadable(io::Error::other(format!(
                "extension header of {size} bytes"
            ))));
        }
        let mut bytes = vec![0; size.next_multiple_of(BLOCK) as usize];
        self.fill(&mut bytes).map_err(unreadable)?;
        bytes.truncate(size as usize);
        Ok(bytes)
    }

    /// The contents of an extension header up to the terminating zero.
    fn extension_text(&mut self, header: &Header) -> Result<Vec<u8>> {
        let mut text = self.extension(header)?;
        let end = text
            .iter()
            .position(|byte| *byte == 0)
            .unwrap_or(text.len());
        text.truncate(end);
        Ok(text)
    }

    fn entry(&mut self, header: &Header, extension: Extension) -> Result<Entry> {
        let number = |key: &str| {
            extension
                .record(key)
                .and_then(|text| std::str::from_utf8(text).ok()?.parse().ok())
        };
        let name = extension.name.as_deref().or(extension.record("path"));
        let name = name.map_or_else(|| header.path_bytes().into_owned(), <[u8]>::to_vec);
        let link = extension.link.as_deref().or(extension.record("linkpath"));
        let link = link
            .map(<[u8]>::to_vec)
            .or_else(|| header.link_name_bytes().map(|link| link.into_owned()));
        let size = number("size")
            .map_or_else(|| header.entry_size(), Ok)
            .map_err(unreadable)?;
        let path = self
            .below_root(&name)
            .ok_or_else(|| refused(&name, "it is outside of the archive"))?;
        let kind = self.kind(header.entry_type(), &name, link.unwrap_or_default(), size)?;
        if extension.is_sparse() {
            return Err(refused(&name, "sparse files are not supported"));
        }
        self.enter(&path, kind == Kind::Folder)
            .ok_or_else(|| refused(&name, "the archive has not entered its folder"))?;
        if let Kind::File(size) = kind {
            self.rest = size;
            self.padding = size.next_multiple_of(BLOCK) - size;
        }
        // Some writers omit the owner, which then means root.
        let owner = |key, field: io::Result<u64>| number(key).or(field.ok()).unwrap_or_default();
        Ok(Entry {
            path,
            kind,
            mode: header.mode().map_err(unreadable)? & 0o7777,
            owner: (owner("uid", header.uid()), owner("gid", header.gid())),
            modified: extension
                .record("mtime")
                .map_or_else(|| modified(header), whole_seconds),
            attributes: extension.attributes(),
        })
    }

    fn kind(&self, entry_type: EntryType, name: &[u8], link: Vec<u8>, size: u64) -> Result<Kind> {
        Ok(match entry_type {
            EntryType::Directory => Kind::Folder,
            // Archives from before folders had a type of their own.
            EntryType::Regular if name.ends_with(b"/") => Kind::Folder,
            EntryType::Regular | EntryType::Continuous if size < u64::MAX - BLOCK => {
                Kind::File(size)
            }
            EntryType::Symlink => Kind::Link(OsStr::from_bytes(&link).into()),
            EntryType::Link => Kind::HardLink(
                self.below_root(&link)
                    .ok_or_else(|| refused(name, "its link leads out of the archive"))?,
            ),
            EntryType::Char | EntryType::Block => Kind::Special(Special::Device {
                is_block: entry_type == EntryType::Block,
                number: (0, 0),
            }),
            EntryType::Fifo => Kind::Special(Special::Pipe),
            _ => return Err(refused(name, "unknown entry type")),
        })
    }

    /// Converts a name in the archive to a path below its root; `None` if it leads anywhere else.
    fn below_root(&self, name: &[u8]) -> Option<PathBuf> {
        let mut path = PathBuf::new();
        let mut to_strip = usize::from(self.root == Root::Named);
        for part in Path::new(OsStr::from_bytes(name)).components() {
            match part {
                Component::CurDir => {}
                Component::Normal(_) if to_strip > 0 => to_strip -= 1,
                Component::Normal(part) if !part.as_bytes().contains(&0) => path.push(part),
                _ => return None,
            }
        }
        (to_strip == 0).then_some(path)
    }

    /// Follows the archive from folder to folder; `None` if it jumps. Archives list a folder and then its contents, so
    /// an entry that is neither in the current folder nor in one above may be behind a link.
    fn enter(&mut self, path: &Path, is_folder: bool) -> Option<()> {
        let Some(parent) = path.parent() else {
            self.folder = is_folder.then(PathBuf::new);
            return Some(());
        };
        self.folder
            .as_ref()
            .filter(|folder| folder.starts_with(parent))?;
        self.folder = Some(if is_folder {
            path.into()
        } else {
            parent.into()
        });
        Some(())
    }
}

impl Extension {
    /// The last record with this key, which overrides earlier ones.
    fn record(&self, key: &str) -> Option<&[u8]> {
        self.records
            .iter()
            .rev()
            .find(|(found, _)| found == key.as_bytes())
            .map(|(_, value)| value.as_slice())
    }

    fn is_sparse(&self) -> bool {
        self.records
            .iter()
            .any(|(key, _)| key.starts_with(b"GNU.sparse."))
    }

    fn attributes(self) -> Vec<(String, Vec<u8>)> {
        let text = self
            .records
            .into_iter()
            .filter_map(|(key, value)| Some((String::from_utf8(key).ok()?, value)));
        text.filter(|(key, _)| key.starts_with(ATTRIBUTE)).collect()
    }
}

/// The records of an extended header: `LENGTH KEY=VALUE` and a line end each, with the length of all of it.
fn records(mut bytes: &[u8]) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let (length, key, value) =
            record(bytes).ok_or_else(|| io::Error::other("invalid extended header"))?;
        records.push((key, value));
        bytes = &bytes[length..];
    }
    Ok(records)
}

/// The first record with its length; `None` if it is invalid.
fn record(bytes: &[u8]) -> Option<(usize, Vec<u8>, Vec<u8>)> {
    let blank = bytes.iter().position(|byte| *byte == b' ')?;
    let length: usize = std::str::from_utf8(&bytes[..blank]).ok()?.parse().ok()?;
    let record = bytes.get(blank + 1..length)?.strip_suffix(b"\n")?;
    let equals = record.iter().position(|byte| *byte == b'=')?;
    let (key, value) = (&record[..equals], &record[equals + 1..]);
    Some((length, key.to_vec(), value.to_vec()))
}

/// The time in the header. Times before 1970 are written as signed numbers, which the crate reads as unsigned ones.
fn modified(header: &Header) -> i64 {
    // A file is not refused because its time cannot be read.
    header.mtime().unwrap_or_default().cast_signed()
}

/// A time in an extended header, `[-]SECONDS[.FRACTION]`, rounded down.
fn whole_seconds(text: &[u8]) -> i64 {
    let text = String::from_utf8_lossy(text);
    let (whole, fraction) = text.split_once('.').unwrap_or((&text, ""));
    let seconds: i64 = whole.parse().unwrap_or_default();
    let rounds_down = whole.starts_with('-') && fraction.bytes().any(|digit| digit != b'0');
    if rounds_down {
        seconds.saturating_sub(1)
    } else {
        seconds
    }
}

fn check_sum(header: &Header) -> io::Result<()> {
    let mut expected = header.clone();
    expected.set_cksum();
    if header.cksum()? == expected.cksum()? {
        Ok(())
    } else {
        Err(io::Error::other("wrong checksum of a header"))
    }
}

fn truncated() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it is truncated")
}

fn unreadable(error: io::Error) -> Error {
    Error::new(ErrorKind::Other, "cannot read the archive").cause(error)
}

fn refused(name: &[u8], why: &str) -> Error {
    Error::new(
        ErrorKind::Other,
        format!(
            "refused entry `{}` of the archive",
            String::from_utf8_lossy(name)
        ),
    )
    .cause(why)
}
