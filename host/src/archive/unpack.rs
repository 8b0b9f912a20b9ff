//! Unpacks an archive into a folder of this machine, and nowhere else: every name is looked up in the folder that is
//! open, without following links. A file has its name only once it is whole.

use super::entry::{Copied, Entry, Kind, Owners, Top};
use super::read::Reader;
use crate::error::{Error, Kind as ErrorKind, Result};
use rustix::fs::{AtFlags, Gid, Mode, OFlags, Timespec, Timestamps, Uid};
use rustix::io::Errno;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, BufRead, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

/// Zeros become holes in pieces of this length.
const HOLE: usize = 4096;

/// Unpacks all of an archive into `folder`, where its root gets the name that `top` says. `told` hears of what was left
/// out.
///
/// # Errors
/// The archive cannot be read, something in it leads out of it, or something cannot be written: a folder in place of a
/// file, a file or link in place of a folder. What is there by then stays.
pub fn unpack<R: BufRead>(
    mut reader: Reader<R>,
    folder: &Path,
    top: &Top,
    owners: Owners,
    told: &mut dyn FnMut(String),
) -> Result<Copied> {
    let base = rustix::fs::open(folder, OFlags::DIRECTORY | OFlags::CLOEXEC, Mode::empty())
        .map_err(|error| not_written(folder, error))?;
    let mut unpacker = Unpacker { folder, base, open: Vec::new(), owners, told, may_give_away: true };
    let mut copied = Copied::default();
    while let Some(mut entry) = reader.next_entry()? {
        let Some(path) = top.place(&entry.path) else { continue };
        entry.kind = top.rename(entry.kind);
        copied += &entry.kind;
        unpacker.add(&mut reader, &path, &owners.apply(entry))?;
    }
    unpacker.leave(0)?;
    Ok(copied)
}

struct Unpacker<'a> {
    /// Where it goes, for messages.
    folder: &'a Path,
    base: OwnedFd,
    /// The folders that the archive is in, from the outermost on. They get their permissions and times when they are
    /// left, since one that may not be written could not be filled.
    open: Vec<Open>,
    owners: Owners,
    told: &'a mut dyn FnMut(String),
    /// Whether files can be given to others; until it is refused.
    may_give_away: bool,
}

struct Open {
    path: PathBuf,
    handle: OwnedFd,
    entry: Entry,
}

impl Unpacker<'_> {
    fn add<R: BufRead>(&mut self, reader: &mut Reader<R>, path: &Path, entry: &Entry) -> Result<()> {
        let (Some(parent), Some(name)) = (path.parent(), path.file_name()) else {
            return Err(self.failed(path, Errno::INVAL));
        };
        // The reader sees to it that the archive is in the entry's folder.
        self.leave(self.open.iter().take_while(|open| parent.starts_with(&open.path)).count())?;
        match &entry.kind {
            Kind::Folder => self.enter(path, name, entry),
            Kind::File(_) => self.file(reader, path, name, entry),
            Kind::Link(target) => self.link(path, name, target, entry),
            Kind::HardLink(target) => self.hard_link(path, name, target),
            Kind::Special(what) => {
                (self.told)(format!("left out `{}`: it is {what}", self.folder.join(path).display()));
                Ok(())
            }
        }
    }

    /// Leaves folders until `depth` of them are open.
    fn leave(&mut self, depth: usize) -> Result<()> {
        while self.open.len() > depth {
            let Some(Open { path, handle, entry }) = self.open.pop() else { break };
            self.finish(&path, handle.as_fd(), &entry)?;
        }
        Ok(())
    }

    fn here(&self) -> BorrowedFd<'_> {
        self.open.last().map_or(self.base.as_fd(), |open| open.handle.as_fd())
    }

    fn enter(&mut self, path: &Path, name: &OsStr, entry: &Entry) -> Result<()> {
        match rustix::fs::mkdirat(self.here(), name, Mode::RWXU) {
            Ok(()) | Err(Errno::EXIST) => {}
            Err(error) => return Err(self.failed(path, error)),
        }
        let handle = enter(self.here(), name).map_err(|error| match error {
            Errno::NOTDIR | Errno::LOOP => self.in_the_way(path, "a folder cannot take the place of a file or link"),
            error => self.failed(path, error),
        })?;
        self.open.push(Open { path: path.into(), handle, entry: entry.clone() });
        Ok(())
    }

    fn file<R: BufRead>(&mut self, reader: &mut Reader<R>, path: &Path, name: &OsStr, entry: &Entry) -> Result<()> {
        let here = self.here().try_clone_to_owned().map_err(|error| self.failed(path, error))?;
        let mut draft = Draft::new(&here).map_err(|error| self.failed(path, error))?;
        reader.contents(|piece| draft.write(piece).map_err(|error| self.failed(path, error)))?;
        draft.end().map_err(|error| self.failed(path, error))?;
        self.finish(path, draft.file.as_fd(), entry)?;
        draft.name(name).map_err(|error| self.not_replaced(path, error))
    }

    fn link(&mut self, path: &Path, name: &OsStr, target: &Path, entry: &Entry) -> Result<()> {
        let here = self.here();
        clear(here, name).map_err(|error| self.not_replaced(path, error))?;
        rustix::fs::symlinkat(target, here, name).map_err(|error| self.failed(path, error))?;
        rustix::fs::utimensat(here, name, &times(entry), AtFlags::SYMLINK_NOFOLLOW)
            .map_err(|error| self.failed(path, error))?;
        let Some((user, group)) = self.owner(entry) else { return Ok(()) };
        let given = rustix::fs::chownat(self.here(), name, user, group, AtFlags::SYMLINK_NOFOLLOW);
        self.given_away(path, given)
    }

    fn hard_link(&mut self, path: &Path, name: &OsStr, target: &Path) -> Result<()> {
        let (folders, file) = (target.parent().unwrap_or(Path::new("")), target.file_name().unwrap_or_default());
        let mut from = self.base.try_clone().map_err(|error| self.failed(path, error))?;
        for folder in folders {
            from = enter(from.as_fd(), folder).map_err(|error| self.failed(path, error))?;
        }
        clear(self.here(), name).map_err(|error| self.not_replaced(path, error))?;
        rustix::fs::linkat(from, file, self.here(), name, AtFlags::empty()).map_err(|error| self.failed(path, error))
    }

    /// Gives what is whole its owner, permissions and time.
    fn finish(&mut self, path: &Path, handle: BorrowedFd<'_>, entry: &Entry) -> Result<()> {
        // The owner first: a change of it takes setuid away.
        if let Some((user, group)) = self.owner(entry) {
            self.given_away(path, rustix::fs::fchown(handle, user, group))?;
        }
        rustix::fs::fchmod(handle, Mode::from_raw_mode(entry.mode))
            .and_then(|()| rustix::fs::futimens(handle, &times(entry)))
            .map_err(|error| self.failed(path, error))
    }

    /// Whom an entry is given to; none when it stays ours.
    fn owner(&self, entry: &Entry) -> Option<(Option<Uid>, Option<Gid>)> {
        // The highest number means "as it is" to the kernel.
        let number = |number: u64| u32::try_from(number).ok().filter(|number| *number < u32::MAX);
        let owner = (number(entry.owner.0).map(Uid::from_raw), number(entry.owner.1).map(Gid::from_raw));
        (self.owners == Owners::Kept && self.may_give_away).then_some(owner)
    }

    fn given_away(&mut self, path: &Path, given: rustix::io::Result<()>) -> Result<()> {
        match given {
            Err(Errno::PERM) => {
                self.may_give_away = false;
                (self.told)("the copies are yours: only root may give files to others".into());
                Ok(())
            }
            given => given.map_err(|error| self.failed(path, error)),
        }
    }

    fn failed(&self, path: &Path, error: impl Into<io::Error>) -> Error {
        not_written(&self.folder.join(path), error)
    }

    fn not_replaced(&self, path: &Path, error: Errno) -> Error {
        match error {
            Errno::ISDIR | Errno::NOTEMPTY | Errno::EXIST => {
                self.in_the_way(path, "a file or link cannot take the place of a folder")
            }
            _ => self.failed(path, error),
        }
    }

    fn in_the_way(&self, path: &Path, why: &str) -> Error {
        let path = self.folder.join(path);
        Error::new(ErrorKind::Usage, format!("cannot replace `{}`", path.display()))
            .cause(why)
            .hint("remove it first, or choose another destination")
    }
}

/// A file that has no name of its own yet; gone when it does not get one.
struct Draft<'a> {
    folder: &'a OwnedFd,
    name: OsString,
    file: File,
    /// Zeros that were not written.
    hole: u64,
    is_named: bool,
}

impl Draft<'_> {
    fn new(folder: &OwnedFd) -> io::Result<Draft<'_>> {
        let name = OsString::from(format!(".clusterdock-{}", uuid::Uuid::new_v4().simple()));
        let flags = OFlags::CREATE | OFlags::EXCL | OFlags::WRONLY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = rustix::fs::openat(folder, &name, flags, Mode::RUSR | Mode::WUSR)?.into();
        Ok(Draft { folder, name, file, hole: 0, is_named: false })
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

    /// Ends the contents, which may end in a hole.
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

    /// Gives the file its name, in place of a file or link that has it.
    fn name(mut self, name: &OsStr) -> rustix::io::Result<()> {
        rustix::fs::renameat(self.folder, &self.name, self.folder, name)?;
        self.is_named = true;
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        if !self.is_named {
            // Whatever ends the work has been told; this could only repeat it.
            rustix::fs::unlinkat(self.folder, &self.name, AtFlags::empty()).unwrap_or_default();
        }
    }
}

/// Cuts bytes into runs of whole blocks of zeros, and of others.
fn runs(mut rest: &[u8]) -> impl Iterator<Item = (bool, &[u8])> {
    let is_zero = |block: &[u8]| block.iter().all(|byte| *byte == 0);
    std::iter::from_fn(move || {
        let is_hole = is_zero(rest.chunks(HOLE).next()?);
        let blocks = rest.chunks(HOLE).take_while(|block| is_zero(block) == is_hole).count();
        let run;
        (run, rest) = rest.split_at(rest.len().min(blocks * HOLE));
        Some((is_hole, run))
    })
}

/// Opens a folder in another one; a link to a folder is none.
fn enter(folder: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<OwnedFd> {
    let flags = OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    rustix::fs::openat(folder, name, flags, Mode::empty())
}

/// Removes a file or link that is in the way; a folder stays, and is an error.
fn clear(folder: BorrowedFd<'_>, name: &OsStr) -> rustix::io::Result<()> {
    match rustix::fs::unlinkat(folder, name, AtFlags::empty()) {
        Err(Errno::NOENT) => Ok(()),
        cleared => cleared,
    }
}

fn times(entry: &Entry) -> Timestamps {
    let seconds = i64::try_from(entry.modified).unwrap_or_default();
    Timestamps {
        last_access: Timespec { tv_sec: 0, tv_nsec: rustix::fs::UTIME_OMIT },
        last_modification: Timespec { tv_sec: seconds, tv_nsec: 0 },
    }
}

fn not_written(path: &Path, error: impl Into<io::Error>) -> Error {
    let error: io::Error = error.into();
    let kind = if error.kind() == io::ErrorKind::NotFound { ErrorKind::NotFound } else { ErrorKind::Other };
    Error::new(kind, format!("cannot write `{}`", path.display())).cause(error)
}
