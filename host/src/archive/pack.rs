//! Archives a local file or folder. Entries are sorted by name, so that the same files give the same bytes.

use std::collections::HashMap;
use std::fs::{self, File, FileType, Metadata};
use std::io::{self, Read, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use rustix::fs::{major, minor};
use rustix::io::Errno;

use super::archive_entry::{
    CAPABILITIES, CAPABILITIES_HERE, Copied, Entry, Kind, Owners, Special, Top,
};
use super::writer::Writer;
use crate::error::{Error, Kind as ErrorKind, Result};

/// Files up to this size are read before their length is written: those in /proc claim to be empty, those in /sys to be
/// one page long.
const READ_FIRST: u64 = 128 * 1024;

/// Limit for a file that claims to be empty, since it is held in memory.
const MOST_HELD: u64 = 64 << 20;

/// More than the kernel's longest form of a file's capabilities (24 bytes).
const LONGEST_CAPABILITIES: usize = 64;

/// What to do with an item of the folder.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Choice {
    /// Add it.
    Take,
    /// Do not add it, but look at its contents.
    Enter,
    /// Add neither it nor its contents.
    Skip,
}

/// How to archive something.
pub struct Options<'a> {
    /// Its name in the archive.
    pub top: &'a Top,
    /// Owner in the archive.
    pub owners: Owners,
    /// Whether to keep the times of changes, which differ where nothing else does.
    pub with_times: bool,
    /// Whether to include pipes and devices.
    pub with_specials: bool,
    /// Called for every item below the root with its path and whether it is a folder; for folders before their
    /// contents.
    pub choose: &'a mut dyn FnMut(&Path, bool) -> Choice,
    /// Receives a message for every item left out because it cannot be archived.
    pub on_skip: &'a mut dyn FnMut(String),
}

/// Archives everything at `source`. A link there is archived, not followed. `on_skip` receives a message for every item
/// left out.
///
/// # Errors
/// An item cannot be read (items that vanish meanwhile are skipped), a file shrinks while it is read, or the archive
/// cannot be written.
pub fn pack<W: Write>(
    source: &Path,
    top: &Top,
    owners: Owners,
    output: W,
    on_skip: &mut dyn FnMut(String),
) -> Result<Copied> {
    let mut writer = Writer::new(output);
    let options = Options {
        top,
        owners,
        with_times: true,
        with_specials: false,
        choose: &mut |_, _| Choice::Take,
        on_skip,
    };
    let copied = pack_into(&mut writer, source, options)?;
    writer.finish().map_err(not_written)?;
    Ok(copied)
}

/// Adds everything at `source` to an archive, which stays open for more.
///
/// # Errors
/// See [`pack`].
pub fn pack_into<W: Write>(
    writer: &mut Writer<W>,
    source: &Path,
    options: Options<'_>,
) -> Result<Copied> {
    let mut packer = Packer {
        writer,
        options,
        names: HashMap::new(),
        copied: Copied::default(),
    };
    let metadata = fs::symlink_metadata(source).map_err(|error| unreadable(source, error))?;
    packer
        .add(source, Path::new(""), metadata.file_type(), Choice::Take)
        .map_err(|error| error.at(source))?;
    Ok(packer.copied)
}

struct Packer<'a, 'w, W: Write> {
    writer: &'w mut Writer<W>,
    options: Options<'a>,
    /// Hard-linked files by device and inode: the first name, and how many more are to come.
    names: HashMap<(u64, u64), (PathBuf, u64)>,
    copied: Copied,
}

/// Why an item was not added.
enum Failure {
    /// It cannot be read.
    Unreadable(io::Error),
    /// The archive is lost.
    Fatal(Error),
}

impl Failure {
    fn at(self, path: &Path) -> Error {
        match self {
            Failure::Unreadable(error) => unreadable(path, error),
            Failure::Fatal(error) => error,
        }
    }
}

impl<W: Write> Packer<'_, '_, W> {
    /// Adds the item at `path`, whose path below the root is `below`.
    fn add(
        &mut self,
        path: &Path,
        below: &Path,
        file_type: FileType,
        choice: Choice,
    ) -> Result<(), Failure> {
        if file_type.is_dir() {
            let metadata = fs::symlink_metadata(path).map_err(Failure::Unreadable)?;
            // Listed before it is written, so that a folder that has vanished is left out altogether.
            let listed = listed(path).map_err(Failure::Unreadable)?;
            if choice == Choice::Take {
                self.entry(below, Kind::Folder, &metadata, Vec::new())?;
            }
            return self.folder(listed, path, below);
        }
        if file_type.is_file() {
            return self.file(path, below);
        }
        let metadata = fs::symlink_metadata(path).map_err(Failure::Unreadable)?;
        if file_type.is_symlink() {
            let target = fs::read_link(path).map_err(Failure::Unreadable)?;
            return self.entry(below, Kind::Link(target), &metadata, Vec::new());
        }
        let special = special(&metadata);
        if self.options.with_specials && special != Special::Socket {
            return self.entry(below, Kind::Special(special), &metadata, Vec::new());
        }
        (self.options.on_skip)(format!("skipped `{}`: it is {special}", path.display()));
        Ok(())
    }

    fn folder(
        &mut self,
        listed: Vec<fs::DirEntry>,
        path: &Path,
        below: &Path,
    ) -> Result<(), Failure> {
        for item in listed {
            let inner = item.path();
            let below = below.join(item.file_name());
            let added = item
                .file_type()
                .map_err(Failure::Unreadable)
                .and_then(
                    |file_type| match (self.options.choose)(&below, file_type.is_dir()) {
                        Choice::Skip => Ok(()),
                        Choice::Enter if !file_type.is_dir() => Ok(()),
                        choice => self.add(&inner, &below, file_type, choice),
                    },
                );
            match added {
                Err(Failure::Unreadable(error)) if error.kind() == io::ErrorKind::NotFound => {
                    (self.options.on_skip)(format!(
                        "skipped `{}`: it has vanished from `{}`",
                        inner.display(),
                        path.display()
                    ));
                }
                added => added.map_err(|failure| Failure::Fatal(failure.at(&inner)))?,
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &Path, below: &Path) -> Result<(), Failure> {
        // If it has become a link or a pipe in the meantime, it is neither followed nor waited for.
        let flags = (rustix::fs::OFlags::NOFOLLOW | rustix::fs::OFlags::NONBLOCK)
            .bits()
            .cast_signed();
        let file = File::options()
            .read(true)
            .custom_flags(flags)
            .open(path)
            .map_err(Failure::Unreadable)?;
        let metadata = file.metadata().map_err(Failure::Unreadable)?;
        if !metadata.is_file() {
            return Err(Failure::Unreadable(io::Error::other(
                "no longer a regular file",
            )));
        }
        let attributes = if self.options.owners.has_rights() {
            capabilities(&file)?
        } else {
            Vec::new()
        };
        if let Some(first) = self.first_name(&metadata, below) {
            // The engine sets the owner once more for a link, which clears the capabilities of the file.
            return self.entry(below, Kind::HardLink(first), &metadata, attributes);
        }
        if metadata.len() > READ_FIRST {
            self.entry(below, Kind::File(metadata.len()), &metadata, attributes)?;
            return self
                .contents(file, path, metadata.len())
                .map_err(Failure::Fatal);
        }
        let contents = short_contents(file, metadata.len()).map_err(Failure::Unreadable)?;
        self.entry(
            below,
            Kind::File(contents.len() as u64),
            &metadata,
            attributes,
        )?;
        self.writer
            .contents(&contents)
            .map_err(|error| Failure::Fatal(not_written(error)))
    }

    /// Copies exactly `length` bytes. The entry has begun, so without them the archive is useless.
    fn contents(&mut self, file: File, path: &Path, length: u64) -> Result<()> {
        let mut file = file.take(length);
        let mut piece = vec![0; READ_FIRST as usize];
        while file.limit() > 0 {
            let length = match file.read(&mut piece) {
                Ok(0) => Err(io::Error::other("it shrank while it was being read")),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read,
            };
            let length = length.map_err(|error| unreadable(path, error))?;
            self.writer
                .contents(&piece[..length])
                .map_err(not_written)?;
        }
        Ok(())
    }

    /// The first name of a file that was added under another name before.
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

    fn entry(
        &mut self,
        below: &Path,
        kind: Kind,
        metadata: &Metadata,
        attributes: Vec<(String, Vec<u8>)>,
    ) -> Result<(), Failure> {
        let Some(name) = self.options.top.place(below) else {
            return Ok(());
        };
        let entry = Entry {
            path: below.into(),
            kind: self.options.top.rename(kind),
            mode: metadata.mode() & 0o7777,
            owner: (metadata.uid().into(), metadata.gid().into()),
            modified: if self.options.with_times {
                metadata.mtime()
            } else {
                0
            },
            attributes,
        };
        self.copied += &entry.kind;
        let entry = self.options.owners.apply(entry);
        self.writer
            .entry(&name, &entry)
            .map_err(|error| Failure::Fatal(not_written(error)))
    }
}

/// The items of a folder, sorted by name.
fn listed(path: &Path) -> io::Result<Vec<fs::DirEntry>> {
    let mut listed = fs::read_dir(path)?.collect::<io::Result<Vec<_>>>()?;
    listed.sort_by_cached_key(fs::DirEntry::file_name);
    Ok(listed)
}

/// Reads a file that claims to be short. A file in /proc or /sys may be shorter than it claims, or longer if it claims
/// to be empty.
fn short_contents(file: File, length: u64) -> io::Result<Vec<u8>> {
    let most = if length == 0 { MOST_HELD } else { length };
    let mut contents = Vec::new();
    file.take(most + u64::from(length == 0))
        .read_to_end(&mut contents)?;
    if contents.len() as u64 > most {
        return Err(io::Error::other(format!(
            "it claims to be empty but has more than {} MiB",
            MOST_HELD >> 20
        )));
    }
    Ok(contents)
}

/// A file's capabilities as an archive attribute; empty if the file or file system has none.
fn capabilities(file: &File) -> Result<Vec<(String, Vec<u8>)>, Failure> {
    let mut value = vec![0; LONGEST_CAPABILITIES];
    match rustix::fs::fgetxattr(file, CAPABILITIES_HERE, &mut value) {
        Ok(length) => {
            value.truncate(length);
            Ok(vec![(CAPABILITIES.into(), value)])
        }
        Err(Errno::NODATA | Errno::OPNOTSUPP) => Ok(Vec::new()),
        Err(error) => Err(Failure::Unreadable(error.into())),
    }
}

/// Classifies a file that is neither regular nor a folder nor a link.
pub fn special(metadata: &Metadata) -> Special {
    let kind = metadata.file_type();
    if kind.is_socket() {
        return Special::Socket;
    }
    if kind.is_fifo() {
        return Special::Pipe;
    }
    let device = metadata.rdev();
    Special::Device {
        is_block: kind.is_block_device(),
        number: (major(device), minor(device)),
    }
}

fn unreadable(path: &Path, error: io::Error) -> Error {
    let kind = if error.kind() == io::ErrorKind::NotFound {
        ErrorKind::NotFound
    } else {
        ErrorKind::Other
    };
    Error::new(kind, format!("cannot read `{}`", path.display())).cause(error)
}

fn not_written(error: io::Error) -> Error {
    Error::new(ErrorKind::Other, "cannot write the archive").cause(error)
}
