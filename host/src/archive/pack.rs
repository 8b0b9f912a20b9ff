//! Packs a file or folder of this machine.

use super::entry::{Copied, Entry, Kind, Owners, Top};
use super::write::Writer;
use crate::error::{Error, Kind as ErrorKind, Result};
use std::collections::HashMap;
use std::fs::{self, File, FileType, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// How much of a file is read at once.
const PIECE: usize = 128 * 1024;

/// Packs what is at `source` into an archive; a link there is packed, not followed. `told` hears of what was left out.
///
/// # Errors
/// Something cannot be read (what vanishes meanwhile is left out), a file shrinks while it is read, or the archive
/// cannot be written.
pub fn pack<W: Write>(
    source: &Path,
    top: &Top,
    owners: Owners,
    output: W,
    told: &mut dyn FnMut(String),
) -> Result<Copied> {
    let mut packer = Packer {
        writer: Writer::new(output),
        top,
        owners,
        told,
        names: HashMap::new(),
        buffer: vec![0; PIECE],
        copied: Copied::default(),
    };
    let metadata = fs::symlink_metadata(source).map_err(|error| not_read(source, error))?;
    packer.add(source, Path::new(""), metadata.file_type()).map_err(|error| error.of(source))?;
    packer.writer.finish().map_err(not_written)?;
    Ok(packer.copied)
}

struct Packer<'a, W: Write> {
    writer: Writer<W>,
    top: &'a Top,
    owners: Owners,
    told: &'a mut dyn FnMut(String),
    /// Files with several names, by device and number: the first name, and how many are still to come.
    names: HashMap<(u64, u64), (PathBuf, u64)>,
    buffer: Vec<u8>,
    copied: Copied,
}

/// Why something was not added.
enum Trouble {
    /// Because of itself.
    Unread(io::Error),
    /// For a reason that ends it all.
    Fatal(Error),
}

impl Trouble {
    fn of(self, path: &Path) -> Error {
        match self {
            Trouble::Unread(error) => not_read(path, error),
            Trouble::Fatal(error) => error,
        }
    }
}

impl<W: Write> Packer<'_, W> {
    /// Adds what is at `path`, which lies at `below` under the root.
    fn add(&mut self, path: &Path, below: &Path, file_type: FileType) -> Result<(), Trouble> {
        if file_type.is_dir() {
            let metadata = fs::symlink_metadata(path).map_err(Trouble::Unread)?;
            // Opened before it is told: what vanished is left out whole.
            let listed = fs::read_dir(path).map_err(Trouble::Unread)?;
            self.entry(below, Kind::Folder, &metadata)?;
            self.folder(listed, path, below)
        } else if file_type.is_file() {
            self.file(path, below)
        } else if file_type.is_symlink() {
            let target = fs::read_link(path).map_err(Trouble::Unread)?;
            let metadata = fs::symlink_metadata(path).map_err(Trouble::Unread)?;
            self.entry(below, Kind::Link(target), &metadata)
        } else {
            (self.told)(format!("left out `{}`: it is {}", path.display(), special(file_type)));
            Ok(())
        }
    }

    fn folder(&mut self, listed: fs::ReadDir, path: &Path, below: &Path) -> Result<(), Trouble> {
        for item in listed {
            let item = item.map_err(Trouble::Unread)?;
            let inner = item.path();
            let added = match item.file_type() {
                Ok(file_type) => self.add(&inner, &below.join(item.file_name()), file_type),
                Err(error) => Err(Trouble::Unread(error)),
            };
            match added {
                Err(Trouble::Unread(error)) if error.kind() == io::ErrorKind::NotFound => {
                    (self.told)(format!("left out `{}`: it has vanished from `{}`", inner.display(), path.display()));
                }
                added => added.map_err(|trouble| Trouble::Fatal(trouble.of(&inner)))?,
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, below: &Path) -> Result<(), Trouble> {
        // Should it have become a link or a pipe meanwhile, it is neither followed nor waited for.
        let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK).bits() as i32;
        let mut file = File::options().read(true).custom_flags(flags).open(path).map_err(Trouble::Unread)?;
        let metadata = file.metadata().map_err(Trouble::Unread)?;
        if !metadata.is_file() {
            return Err(Trouble::Unread(io::Error::other("it is no longer a file")));
        }
        if let Some(first) = self.first_name(&metadata, below) {
            return self.entry(below, Kind::HardLink(first), &metadata);
        }
        self.entry(below, Kind::File(metadata.len()), &metadata)?;
        let mut rest = metadata.len();
        while rest > 0 {
            let most = self.buffer.len().min(usize::try_from(rest).unwrap_or(usize::MAX));
            let length = match file.read(&mut self.buffer[..most]) {
                Ok(0) => Err(io::Error::other("it became shorter while it was read")),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read,
            };
            // The entry has begun: without its contents the archive is worth nothing.
            let length = length.map_err(|error| Trouble::Fatal(not_read(path, error)))?;
            self.writer.contents(&self.buffer[..length]).map_err(|error| Trouble::Fatal(not_written(error)))?;
            rest -= length as u64;
        }
        Ok(())
    }

    /// Under which name a file came before, if it did.
    fn first_name(&mut self, metadata: &Metadata, below: &Path) -> Option<PathBuf> {
        let key = (metadata.dev(), metadata.ino());
        if metadata.nlink() < 2 {
            return None;
        }
        let Some((first, to_come)) = self.names.get_mut(&key) else {
            self.names.insert(key, (below.into(), metadata.nlink() - 1));
            return None;
        };
        *to_come -= 1;
        match to_come {
            0 => self.names.remove(&key).map(|(first, _)| first),
            _ => Some(first.clone()),
        }
    }

    fn entry(&mut self, below: &Path, kind: Kind, metadata: &Metadata) -> Result<(), Trouble> {
        let Some(name) = self.top.place(below) else { return Ok(()) };
        let entry = Entry {
            path: below.into(),
            kind: self.top.rename(kind),
            mode: metadata.mode() & 0o7777,
            owner: (metadata.uid().into(), metadata.gid().into()),
            modified: u64::try_from(metadata.mtime()).unwrap_or_default(),
            attributes: Vec::new(),
        };
        self.copied += &entry.kind;
        self.writer.entry(&name, &self.owners.apply(entry)).map_err(|error| Trouble::Fatal(not_written(error)))
    }
}

/// What a file is that is not packed.
pub fn special(file_type: FileType) -> &'static str {
    if file_type.is_socket() {
        "a socket"
    } else if file_type.is_fifo() {
        "a pipe"
    } else {
        "a device"
    }
}

fn not_read(path: &Path, error: io::Error) -> Error {
    let kind = if error.kind() == io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Other };
    Error::new(kind, format!("cannot read `{}`", path.display())).cause(error)
}

fn not_written(error: io::Error) -> Error {
    Error::new(ErrorKind::Other, "the archive cannot be written").cause(error)
}
