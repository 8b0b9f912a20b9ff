//! Extracts an archive into a local folder and nowhere else: every name is looked up in an open folder, without
//! following links. A file gets its name only once it is complete.
//!
//! Why not the crate `cap-std` (4.0.3 of 2026): it would protect the folder too, but has no owners, no extended
//! attributes and no times of links, and its `Dir` follows links that stay inside; opening without following them and
//! setting times is in `cap-fs-ext`. Half of the calls below would remain rustix calls on its file descriptors, the
//! other half are one line each either way, and it would add eight crates.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use rustix::fs::{AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, Uid, XattrFlags};
use rustix::io::Errno;

use super::archive_entry::{CAPABILITIES, CAPABILITIES_HERE, Copied, Entry, Kind, Owners, Top};
use super::reader::Reader;
use crate::error::{Error, Kind as ErrorKind, Result};

/// Blocks of zeros of this size become holes.
const HOLE: usize = 4096;

/// Extracts an archive into `folder`, with its root named by `top`. `on_skip` receives a message for everything left
/// out.
///
/// # Errors
/// The archive cannot be read, an entry leads out of it, or cannot be written, e.g. a folder in place of a file or a
/// file or link in place of a folder. Files extracted by then stay.
pub fn unpack<R: BufRead>(
    mut reader: Reader<R>,
    folder: &Path,
    top: &Top,
    owners: Owners,
    on_skip: &mut dyn FnMut(String),
) -> Result<Copied> {
    let base = rustix::fs::open(folder, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| not_written(folder, error))?;
    let mut unpacker = Unpacker {
        folder,
        base,
        open: Vec::new(),
        owners,
        on_skip,
        may_change_owner: true,
    };
    let mut copied = Copied::default();
    while let Some(mut entry) = reader.next_entry()? {
        let Some(path) = top.place(&entry.path) else {
            continue;
        };
        entry.kind = top.rename(entry.kind);
        copied += &entry.kind;
        unpacker.add(&mut reader, &path, &owners.apply(entry))?;
    }
    unpacker.leave(0)?;
    Ok(copied)
}

struct Unpacker<'a> {
    /// Destination, for messages.
    folder: &'a Path,
    base: OwnedFd,
    /// The current folder and those above it, outermost first. They get their permissions and times when the archive
    /// leaves them, since a read-only folder could not be filled.
    open: Vec<Open>,
    owners: Owners,
    on_skip: &'a mut dyn FnMut(String),
    /// Cleared when the kernel refuses to change an owner.
    may_change_owner: bool,
}

struct Open {
    path: PathBuf,
    handle: OwnedFd,
    entry: Entry,
}

impl Unpacker<'_> {
    fn add<R: BufRead>(
        &mut self,
        reader: &mut Reader<R>,
        path: &Path,
        entry: &Entry,
    ) -> Result<()> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(self.failed(path, Errno::INVAL));
        };
        // The reader guarantees that the archive has entered the entry's folder.
        let depth = self
            .open
            .iter()
            .take_while(|open| parent.starts_with(&open.path))
            .count();
        self.leave(depth)?;
        match &entry.kind {
            Kind::Folder => self.enter(path, name, entry),
            Kind::File(_) => self.file(reader, path, name, entry),
            Kind::Link(target) => self.link(path, name, target, entry),
            Kind::HardLink(target) => self.hard_link(path, name, target),
            Kind::Special(what) => {
                (self.on_skip)(format!(
                    "skipped `{}`: it is {what}",
                    self.folder.join(path).display()
                ));
                Ok(())
            }
        }
    }

    /// Leaves folders until only `depth` of them are open.
    fn leave(&mut self, depth: usize) -> Result<()> {
        while self.open.len() > depth {
            let Some(Open {
                path,
                handle,
                entry,
            }) = self.open.pop()
            else {
                break;
            };
            self.finish(&path, handle.as_fd(), &entry)?;
        }
        Ok(())
    }

    fn current(&self) -> BorrowedFd<'_> {
        self.open
            .last()
            .map_or(self.base.as_fd(), |open| open.handle.as_fd())
    }

    fn enter(&mut self, path: &Path, name: &OsStr, entry: &Entry) -> Result<()> {
        match rustix::fs::mkdirat(self.current(), name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(self.failed(path, error)),
        }
        let handle = enter(self.current(), name).map_err(|error| match error {
            Errno::NOTDIR | Errno::LOOP => {
                self.in_the_way(path, "a folder cannot replace a file or link")
            }
            error => self.failed(path, error),
        })?;
        self.open.push(Open {
            path: path.into(),
            handle,
            entry: entry.clone(),
        });
        Ok(())
    }

    fn file<R: BufRead>(
        &mut self,
        reader: &mut Reader<R>,
        path: &Path,
        name: &OsStr,
        entry: &Entry,
    ) -> Result<()> {
        let folder = self
            .current()
            .try_clone_to_owned()
            .map_err(|error| self.failed(path, error))?;
        let mut draft = Draft::new(&folder).map_err(|error| self.failed(path, error))?;
        reader.contents(|piece| draft.write(piece).map_err(|error| self.failed(path, error)))?;
        draft.end().map_err(|error| self.failed(path, error))?;
        self.finish(path, draft.file.as_fd(), entry)?;
        draft
            .name(name)
            .map_err(|error| self.not_replaced(path, error))
    }

    fn link(&mut self, path: &Path, name: &OsStr, target: &Path, entry: &Entry) -> Result<()> {
        let folder = self.current();
        clear(folder, name).map_err(|error| self.not_replaced(path, error))?;
        rustix::fs::symlinkat(target, folder, name).map_err(|error| self.failed(path, error))?;
        rustix::fs::utimensat(folder, name, &times(entry), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| self.failed(path, error))?;
        let Some((user, group)) = self.owner(entry) else {
            return Ok(());
        };
        let changed = rustix::fs::chownat(folder, name, user, group, AtFlags::SYMLINK_NOFOLLOW);
        self.check_owner_change(path, changed)
    }

    fn hard_link(&mut self, path: &Path, name: &OsStr, target: &Path) -> Result<()> {
        let folders = target.parent().unwrap_or(Path::new(""));
        let file = target.file_name().unwrap_or_default();
        let mut from = self
            .base
            .try_clone()
            .map_err(|error| self.failed(path, error))?;
        for folder in folders {
            from = enter(from.as_fd(), folder).map_err(|error| self.failed(path, error))?;
        }
        clear(self.current(), name).map_err(|error| self.not_replaced(path, error))?;
        rustix::fs::linkat(from, file, self.current(), name, AtFlags::empty())
            .map_err(|error| self.failed(path, error))
    }

    /// Sets owner, permissions, capabilities and time of a complete file or folder.
    fn finish(&mut self, path: &Path, handle: BorrowedFd<'_>, entry: &Entry) -> Result<()> {
        // The owner first: changing it clears the setuid bit.
        if let Some((user, group)) = self.owner(entry) {
            self.check_owner_change(path, rustix::fs::fchown(handle, user, group))?;
        }
        rustix::fs::fchmod(handle, Mode::from_raw_mode(entry.mode))
            .map_err(|error| self.failed(path, error))?;
        self.set_capabilities(path, handle, entry)?;
        rustix::fs::futimens(handle, &times(entry)).map_err(|error| self.failed(path, error))
    }

    /// Sets the capabilities of a file; other attributes in the archive are ignored.
    fn set_capabilities(
        &mut self,
        path: &Path,
        handle: BorrowedFd<'_>,
        entry: &Entry,
    ) -> Result<()> {
        let Some((_, value)) = entry
            .attributes
            .iter()
            .find(|(name, _)| name == CAPABILITIES)
        else {
            return Ok(());
        };
        match rustix::fs::fsetxattr(handle, CAPABILITIES_HERE, value, XattrFlags::empty()) {
            Ok(()) => Ok(()),
            Err(error @ (Errno::PERM | Errno::OPNOTSUPP)) => {
                (self.on_skip)(format!(
                    "skipped the capabilities of `{}`: {}",
                    self.folder.join(path).display(),
                    io::Error::from(error)
                ));
                Ok(())
            }
            Err(error) => Err(self.failed(path, error)),
        }
    }

    /// The owner to set, or `None` to keep the current user.
    fn owner(&self, entry: &Entry) -> Option<(Option<Uid>, Option<Gid>)> {
        if self.owners != Owners::Kept || !self.may_change_owner {
            return None;
        }
        // To the kernel the highest number means "unchanged".
        let id = |number: u64| u32::try_from(number).ok().filter(|id| *id < u32::MAX);
        let user = id(entry.owner.0).map(Uid::from_raw);
        let group = id(entry.owner.1).map(Gid::from_raw);
        Some((user, group))
    }

    fn check_owner_change(&mut self, path: &Path, changed: rustix::io::Result<()>) -> Result<()> {
        match changed {
            Err(Errno::PERM) => {
                self.may_change_owner = false;
                (self.on_skip)("you own the copies: only root can preserve owners".into());
                Ok(())
            }
            changed => changed.map_err(|error| self.failed(path, error)),
        }
    }

    fn failed(&self, path: &Path, error: impl Into<io::Error>) -> Error {
        not_written(&self.folder.join(path), error)
    }

    fn not_replaced(&self, path: &Path, error: Errno) -> Error {
        match error {
            Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST => {
                self.in_the_way(path, "a file or link cannot replace a folder")
            }
            _ => self.failed(path, error),
        }
    }

    fn in_the_way(&self, path: &Path, why: &str) -> Error {
        let path = self.folder.join(path);
        Error::new(
            ErrorKind::Usage,
            format!("cannot replace `{}`", path.display()),
        )
        .cause(why)
        .hint("remove it first, or choose another destination")
    }
}

/// A file under a temporary name, which is removed unless it gets its real name.
struct Draft<'a> {
    folder: &'a OwnedFd,
    name: OsString,
    file: File,
    /// Zeros not yet written.
    hole: u64,
    is_named: bool,
}

impl Draft<'_> {
    fn new(folder: &OwnedFd) -> io::Result<Draft<'_>> {
        let name = OsString::from(format!(".clusterdock-{}", uuid::Uuid::new_v4().simple()));
        let flags =
            OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(folder, &name, flags, Mode::RUSR | Mode::WUSR)?.into();
        Ok(Draft {
            folder,
            name,
            file,
            hole: 0,
            is_named: false,
        })
    }

    fn write(&mut self, bytes: &[u8]) -> io::Result<()> {
        for (is_hole, run) in runs(bytes) {
            if is_hole {
                self.hole += run.len() as u64;
                continue;
            }
            self.skip_hole()?;
            self.file.write_all(run)?;
        }
        Ok(())
    }

    /// Completes the contents, which may end in a hole.
    fn end(&mut self) -> io::Result<()> {
        if self.hole == 0 {
            return Ok(());
        }
        self.skip_hole()?;
        let length = self.file.stream_position()?;
        self.file.set_len(length)
    }

    fn skip_hole(&mut self) -> io::Result<()> {
        let hole = std::mem::take(&mut self.hole);
        match i64::try_from(hole) {
            Ok(0) => Ok(()),
            Ok(hole) => self.file.seek(SeekFrom::Current(hole)).map(drop),
            Err(error) => Err(io::Error::other(error)),
        }
    }

    /// Renames the file, replacing a file or link of that name.
    fn name(mut self, name: &OsStr) -> rustix::io::Result<()> {
        rustix::fs::renameat(self.folder, &self.name, self.folder, name)?;
        self.is_named = true;
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_named {
            // Best effort: the error that ended the work is reported already.
            rustix::fs::unlinkat(self.folder, &self.name, AtFlags::empty()).ok();
        }
    }
}

/// Splits bytes into runs of zero blocks and of other blocks.
fn runs(mut rest: &[u8]) -> impl Iterator<Item = (bool, &[u8])> {
    let is_zero = |block: &[u8]| block.iter().all(|byte| *byte == 0);
    std::iter::from_fn(move || {
        let is_hole = is_zero(rest.chunks(HOLE).next()?);
        let blocks = rest
            .chunks(HOLE)
            .take_while(|block| is_zero(block) == is_hole)
            .count();
        let (run, after) = rest.split_at(rest.len().min(blocks * HOLE));
        rest = after;
        Some((is_hole, run))
    })
}

/// Opens a folder in another one; a link to a folder does not count.
fn enter(folder: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(folder, name, flags, Mode::empty())
}

/// Removes a file or link that is in the way; a folder is an error.
fn clear(folder: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<()> {
    match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        cleared => cleared,
    }
}

fn times(entry: &Entry) -> Timestamps {
    Timestamps {
        last_access: Timespec {
            tv_sec: 0,
            tv_nsec: rustix::fs::UTIME_OMIT,
        },
        last_modification: Timespec {
            tv_sec: entry.modified,
            tv_nsec: 0,
        },
    }
}

fn not_written(path: &Path, error: impl Into<io::Error>) -> Error {
    let error: io::Error = error.into();
    let kind = if error.kind() == io::ErrorKind::NotFound {
        ErrorKind::NotFound
    } else {
        ErrorKind::Other
    };
    Error::new(kind, format!("cannot write `{}`", path.display())).cause(error)
}
