//! Reads an archive entry by entry, and lets nothing through that leads out of it.
//!
//! The `tar` crate decodes headers, but its own reader does not serve here: it takes an archive that was cut off
//! between two entries for a whole one, holds extension headers of any length in memory, and cuts extended records at
//! line ends, which names and attributes may contain.

use super::entry::{Entry, Kind};
use crate::error::{Error, Kind as ErrorKind, Result};
use std::ffi::OsStr;
use std::io::{self, BufRead};
use std::os::unix::ffi::OsStrExt;
use std::path::{Component, Path, PathBuf};
use tar::{EntryType, Header};

const BLOCK: u64 = 512;

/// The longest extension header that is read: names, link targets, attributes of one entry.
const LONGEST_EXTENSION: u64 = 1 << 20;

/// Extended records that are passed on.
const ATTRIBUTE: &str = "SCHILY.xattr.";

/// What stands first in every name of an archive.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Root {
    /// The name of what was packed.
    Named,
    /// Nothing, or a dot: a folder was packed by its contents.
    Dot,
}

/// An archive that is being read.
pub struct Reader<R> {
    input: R,
    root: Root,
    /// Contents of the current entry that have not been read, and what fills up their last block.
    rest: u64,
    padding: u64,
    /// The folder that the archive is in; none before its root.
    folder: Option<PathBuf>,
}

/// What extension headers say of the entry that follows them.
#[derive(Default)]
struct Extension {
    name: Option<Vec<u8>>,
    link: Option<Vec<u8>>,
    records: Vec<(Vec<u8>, Vec<u8>)>,
}

impl<R: BufRead> Reader<R> {
    /// Reads an archive with this root.
    pub fn new(input: R, root: Root) -> Reader<R> {
        Reader { input, root, rest: 0, padding: 0, folder: None }
    }

    /// The next entry; none at the archive's end. Contents that were not read are left out.
    ///
    /// # Errors
    /// The archive ends early or is broken; or the entry lies outside of the archive, or in a folder that the archive
    /// is not in, such as one behind a link.
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

    /// Reads what is left of the current entry's contents, piece by piece.
    ///
    /// # Errors
    /// The archive ends early, or `take` does.
    pub fn contents(&mut self, mut take: impl FnMut(&[u8]) -> Result<()>) -> Result<()> {
        while self.rest > 0 {
            let piece = self.input.fill_buf().map_err(unreadable)?;
            let length = piece.len().min(usize::try_from(self.rest).unwrap_or(usize::MAX));
            if length == 0 {
                return Err(unreadable(cut_off()));
            }
            take(&piece[..length])?;
            self.input.consume(length);
            self.rest -= length as u64;
        }
        Ok(())
    }

    /// The source of the bytes.
    pub fn into_inner(self) -> R {
        self.input
    }

    fn skip_contents(&mut self) -> Result<()> {
        self.rest += std::mem::take(&mut self.padding);
        self.contents(|_| Ok(()))
    }

    fn fill(&mut self, buffer: &mut [u8]) -> io::Result<()> {
        self.input.read_exact(buffer).map_err(|error| match error.kind() {
            io::ErrorKind::UnexpectedEof => cut_off(),
            _ => error,
        })
    }

    /// What an extension header says.
    fn extension(&mut self, header: &Header) -> Result<Vec<u8>> {
        let size = header.entry_size().map_err(unreadable)?;
        if size > LONGEST_EXTENSION {
            return Err(unreadable(io::Error::other(format!("a header of {size} bytes"))));
        }
        let mut bytes = vec![0; size.next_multiple_of(BLOCK) as usize];
        self.fill(&mut bytes).map_err(unreadable)?;
        bytes.truncate(size as usize);
        Ok(bytes)
    }

    /// The same without the zero at its end.
    fn extension_text(&mut self, header: &Header) -> Result<Vec<u8>> {
        let mut text = self.extension(header)?;
        let end = text.iter().position(|byte| *byte == 0).unwrap_or(text.len());
        text.truncate(end);
        Ok(text)
    }

    fn entry(&mut self, header: &Header, extension: Extension) -> Result<Entry> {
        let number = |key: &str| extension.record(key).and_then(|text| std::str::from_utf8(text).ok()?.parse().ok());
        let name = extension.name.as_deref().or(extension.record("path"));
        let name = name.map_or_else(|| header.path_bytes().into_owned(), <[u8]>::to_vec);
        let link = extension.link.as_deref().or(extension.record("linkpath"));
        let link = link.map(<[u8]>::to_vec).or_else(|| header.link_name_bytes().map(|link| link.into_owned()));
        let size = number("size").map_or_else(|| header.entry_size(), Ok).map_err(unreadable)?;
        let path = self.below_root(&name).ok_or_else(|| refused(&name, "it lies outside of the archive"))?;
        let kind = match self.kind(header.entry_type(), &name, link.unwrap_or_default(), size)? {
            _ if extension.is_sparse() => return Err(refused(&name, "files with holes are not read")),
            kind => kind,
        };
        self.enter(&path, kind == Kind::Folder).ok_or_else(|| refused(&name, "the archive is not in its folder"))?;
        if let Kind::File(size) = kind {
            self.rest = size;
            self.padding = size.next_multiple_of(BLOCK) - size;
        }
        // Some writers leave out whose it is.
        let owner = |key, field: io::Result<u64>| number(key).or(field.ok()).unwrap_or_default();
        Ok(Entry {
            path,
            kind,
            mode: header.mode().map_err(unreadable)? & 0o7777,
            owner: (owner("uid", header.uid()), owner("gid", header.gid())),
            // Times before 1970 cannot be told here, nor does Docker keep them.
            modified: header.mtime().unwrap_or_default(),
            attributes: extension.attributes(),
        })
    }

    fn kind(&self, entry_type: EntryType, name: &[u8], link: Vec<u8>, size: u64) -> Result<Kind> {
        Ok(match entry_type {
            EntryType::Directory => Kind::Folder,
            // Archives from before there was a type for folders.
            EntryType::Regular if name.ends_with(b"/") => Kind::Folder,
            EntryType::Regular | EntryType::Continuous if size < u64::MAX - BLOCK => Kind::File(size),
            EntryType::Symlink => Kind::Link(OsStr::from_bytes(&link).into()),
            EntryType::Link => {
                Kind::HardLink(self.below_root(&link).ok_or_else(|| refused(name, "it links out of the archive"))?)
            }
            EntryType::Char | EntryType::Block => Kind::Special("a device"),
            EntryType::Fifo => Kind::Special("a pipe"),
            _ => return Err(refused(name, "it is of a kind that is not known")),
        })
    }

    /// A name of the archive as a path below its root; none when it leads anywhere else.
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

    /// Follows the archive from folder to folder; none when it jumps. Archives list a folder, then all that is in it;
    /// so whatever is not in the folder that was entered last, or in one around it, may be behind a link.
    fn enter(&mut self, path: &Path, is_folder: bool) -> Option<()> {
        let Some(parent) = path.parent() else {
            self.folder = is_folder.then(PathBuf::new);
            return Some(());
        };
        self.folder.as_ref().filter(|folder| folder.starts_with(parent))?;
        self.folder = Some(if is_folder { path.into() } else { parent.into() });
        Some(())
    }
}

impl Extension {
    /// The last record of this key, which holds.
    fn record(&self, key: &str) -> Option<&[u8]> {
        self.records.iter().rev().find(|(found, _)| found == key.as_bytes()).map(|(_, value)| value.as_slice())
    }

    fn is_sparse(&self) -> bool {
        self.records.iter().any(|(key, _)| key.starts_with(b"GNU.sparse."))
    }

    fn attributes(self) -> Vec<(String, Vec<u8>)> {
        let text = self.records.into_iter().filter_map(|(key, value)| Some((String::from_utf8(key).ok()?, value)));
        text.filter(|(key, _)| key.starts_with(ATTRIBUTE)).collect()
    }
}

/// The records of an extended header, `LENGTH KEY=VALUE` and a line end each, where the length counts all of it.
fn records(mut bytes: &[u8]) -> io::Result<Vec<(Vec<u8>, Vec<u8>)>> {
    let mut records = Vec::new();
    while !bytes.is_empty() {
        let record = || {
            let blank = bytes.iter().position(|byte| *byte == b' ')?;
            let length: usize = std::str::from_utf8(&bytes[..blank]).ok()?.parse().ok()?;
            let record = bytes.get(blank + 1..length)?.strip_suffix(b"\n")?;
            let equals = record.iter().position(|byte| *byte == b'=')?;
            Some((length, record[..equals].to_vec(), record[equals + 1..].to_vec()))
        };
        let (length, key, value) = record().ok_or_else(|| io::Error::other("a broken extended header"))?;
        records.push((key, value));
        bytes = &bytes[length..];
    }
    Ok(records)
}

fn check_sum(header: &Header) -> io::Result<()> {
    let mut blanked = header.clone();
    blanked.set_cksum();
    match header.cksum()? == blanked.cksum()? {
        true => Ok(()),
        false => Err(io::Error::other("a header with a wrong sum")),
    }
}

fn cut_off() -> io::Error {
    io::Error::new(io::ErrorKind::UnexpectedEof, "it ends early")
}

fn unreadable(error: io::Error) -> Error {
    Error::new(ErrorKind::Other, "the archive cannot be read").cause(error)
}

fn refused(name: &[u8], why: &str) -> Error {
    Error::new(ErrorKind::Other, format!("refused entry `{}` of the archive", String::from_utf8_lossy(name))).cause(why)
}
