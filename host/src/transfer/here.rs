//! The side of a copy that is on this machine.

use super::place::{Place, There, What, place};
use super::typed::Typed;
use crate::archive::Top;
use crate::archive::pack::special;
use crate::error::{Error, Kind, Result};
use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// The most links that are followed from one to the next, as the kernel does.
const MOST_LINKS: usize = 40;

/// What is to be copied.
#[derive(Debug)]
pub struct Source {
    /// Where it is.
    pub path: PathBuf,
    /// What the copy is called in a folder.
    pub name: OsString,
    /// What it is.
    pub what: What,
}

/// Where a copy is to go.
#[derive(Debug)]
pub struct Destination {
    /// Where it is, links followed; there may be nothing.
    path: PathBuf,
    there: There,
    wants_folder: bool,
}

impl Source {
    /// Looks at what was typed; a link is only followed with `follow`, or with a slash at its end.
    ///
    /// # Errors
    /// [`Kind::NotFound`]; [`Kind::Usage`] for a file with a slash at its end, or what cannot be copied.
    pub fn find(typed: &Path, follow: bool) -> Result<Source> {
        let Typed { path, wants_folder, contents } = Typed::new(typed.as_os_str().as_bytes());
        let path = Path::new(OsStr::from_bytes(path));
        let follow = follow || wants_folder;
        let looked = if follow { fs::metadata(path) } else { fs::symlink_metadata(path) };
        let metadata = looked.map_err(|error| not_found(path, "no file or folder", error))?;
        let what = match metadata.file_type() {
            kind if kind.is_dir() && contents => What::Contents,
            kind if kind.is_dir() => What::Folder,
            _ if wants_folder => return Err(no_folder(typed)),
            kind if kind.is_file() || kind.is_symlink() => What::File,
            kind => return Err(not_copied(path, special(kind))),
        };
        let resolved = || fs::canonicalize(path).map_err(|error| not_found(path, "no file or folder", error));
        let name = match path.file_name() {
            Some(name) => name.to_os_string(),
            None => resolved()?.file_name().unwrap_or_default().to_os_string(),
        };
        Ok(Source { path: if follow { resolved()? } else { path.into() }, name, what })
    }
}

impl Destination {
    /// Looks at what was typed.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when neither it nor its folder is there; [`Kind::Usage`] for a device, pipe or socket.
    pub fn find(typed: &Path) -> Result<Destination> {
        let Typed { path, wants_folder, .. } = Typed::new(typed.as_os_str().as_bytes());
        let typed = Path::new(OsStr::from_bytes(path));
        let (path, metadata) = follow(typed).map_err(|error| not_found(typed, "cannot look at", error))?;
        let there = match metadata.map(|metadata| metadata.file_type()) {
            Some(kind) if kind.is_dir() => There::Folder,
            Some(kind) if kind.is_file() => There::File,
            Some(kind) => return Err(not_copied(&path, special(kind))),
            None => {
                let folder = folder_of(&path);
                let metadata = fs::metadata(folder).map_err(|error| not_found(folder, "no folder", error))?;
                if !metadata.is_dir() {
                    return Err(
                        Error::new(Kind::NotFound, format!("no folder `{}`", folder.display())).cause("it is a file")
                    );
                }
                There::Nothing
            }
        };
        Ok(Destination { path, there, wants_folder })
    }

    /// The folder that a copy goes to, and what it is called there.
    ///
    /// # Errors
    /// The rules have no place for it.
    pub fn place(&self, what: What, name: &OsStr) -> Result<(PathBuf, Top)> {
        match place(what, self.there, self.wants_folder, &self.path.display().to_string())? {
            Place::Inside => Ok((self.path.clone(), Top::Named(name.into()))),
            Place::Spread => Ok((self.path.clone(), Top::Absent)),
            Place::Here => {
                let name = self.path.file_name().ok_or_else(|| no_folder(&self.path))?;
                Ok((folder_of(&self.path).into(), Top::Named(name.into())))
            }
        }
    }
}

/// Follows a path that may be a link, also one that leads to nothing; gives what is there.
fn follow(path: &Path) -> io::Result<(PathBuf, Option<Metadata>)> {
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => path = folder_of(&path).join(fs::read_link(&path)?),
            Ok(metadata) => return Ok((path, Some(metadata))),
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok((path, None)),
            Err(error) => return Err(error),
        }
    }
    Err(rustix::io::Errno::LOOP.into())
}

fn folder_of(path: &Path) -> &Path {
    match path.parent() {
        Some(parent) if !parent.as_os_str().is_empty() => parent,
        Some(_) => Path::new("."),
        None => path,
    }
}

fn not_found(path: &Path, what: &str, error: io::Error) -> Error {
    let shown = |kind| Error::new(kind, format!("{what} `{}`", path.display()));
    match error.kind() {
        io::ErrorKind::NotFound => shown(Kind::NotFound),
        io::ErrorKind::NotADirectory => shown(Kind::NotFound).cause(error),
        _ => shown(Kind::Other).cause(error),
    }
}

fn no_folder(typed: &Path) -> Error {
    Error::new(Kind::Usage, format!("`{}` is not a folder", typed.display())).hint("leave out the slash at its end")
}

fn not_copied(path: &Path, what: &str) -> Error {
    Error::new(Kind::Usage, format!("cannot copy from or to `{}`", path.display()))
        .cause(format!("it is {what}"))
        .hint("`-` stands for a tar on standard input or output")
}
