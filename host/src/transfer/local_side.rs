//! The side of a copy that is on the local machine.

use std::ffi::{OsStr, OsString};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use super::placement::{Existing, Placement, What, placement};
use super::typed_path::TypedPath;
use crate::archive::pack::special;
use crate::archive::{Special, Top};
use crate::error::{Error, Kind, Result};

/// As many links as the kernel follows.
const MOST_LINKS: usize = 40;

/// A file or folder to copy.
#[derive(Debug)]
pub struct Source {
    /// Path to copy from.
    pub path: PathBuf,
    /// Name of the copy inside a folder.
    pub name: OsString,
    /// Type of the source.
    pub what: What,
}

/// A path to copy to.
#[derive(Debug)]
pub struct Destination {
    /// Its path, links followed; nothing may exist there.
    path: PathBuf,
    existing: Existing,
    wants_folder: bool,
}

impl Source {
    /// Looks up a path as typed. A link is only followed with `follow` or a trailing slash.
    ///
    /// # Errors
    /// [`Kind::NotFound`]; [`Kind::Usage`] for a file with a trailing slash, or for a device, pipe or socket.
    pub fn find(typed: &Path, follow: bool) -> Result<Source> {
        let TypedPath {
            path,
            wants_folder,
            contents,
        } = TypedPath::new(typed.as_os_str().as_bytes());
        let path = Path::new(OsStr::from_bytes(path));
        let follow = follow || wants_folder;
        let looked = if follow {
            fs::metadata(path)
        } else {
            fs::symlink_metadata(path)
        };
        let metadata = looked.map_err(|error| not_found(path, "no file or folder", error))?;
        let what = match metadata.file_type() {
            kind if kind.is_dir() && contents => What::Contents,
            kind if kind.is_dir() => What::Folder,
            _ if wants_folder => return Err(no_folder(typed)),
            kind if kind.is_file() || kind.is_symlink() => What::File,
            _ => return Err(not_copied(path, special(&metadata))),
        };
        let resolved =
            || fs::canonicalize(path).map_err(|error| not_found(path, "no file or folder", error));
        let name = match path.file_name() {
            Some(name) => name.to_os_string(),
            None => resolved()?.file_name().unwrap_or_default().to_os_string(),
        };
        Ok(Source {
            path: if follow { resolved()? } else { path.into() },
            name,
            what,
        })
    }
}

impl Destination {
    /// Looks up a path as typed.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if neither it nor its folder exists; [`Kind::Usage`] for a device, pipe or socket.
    pub fn find(typed: &Path) -> Result<Destination> {
        let TypedPath {
            path, wants_folder, ..
        } = TypedPath::new(typed.as_os_str().as_bytes());
        let typed = Path::new(OsStr::from_bytes(path));
        let (path, metadata) =
            follow(typed).map_err(|error| not_found(typed, "cannot read", error))?;
        let existing = match metadata {
            Some(metadata) if metadata.is_dir() => Existing::Folder,
            Some(metadata) if metadata.is_file() => Existing::File,
            Some(metadata) => return Err(not_copied(&path, special(&metadata))),
            None => {
                let folder = folder_of(&path);
                let metadata =
                    fs::metadata(folder).map_err(|error| not_found(folder, "no folder", error))?;
                if !metadata.is_dir() {
                    return Err(Error::new(
                        Kind::NotFound,
                        format!("no folder `{}`", folder.display()),
                    )
                    .cause("it is a file"));
                }
                Existing::Nothing
            }
        };
        Ok(Destination {
            path,
            existing,
            wants_folder,
        })
    }

    /// The folder that a copy goes to, and its name there.
    ///
    /// # Errors
    /// See [`placement`](super::placement::placement).
    pub fn place(&self, what: What, name: &OsStr) -> Result<(PathBuf, Top)> {
        match placement(
            what,
            self.existing,
            self.wants_folder,
            &self.path.display().to_string(),
        )? {
            Placement::Inside => Ok((self.path.clone(), Top::Named(name.into()))),
            Placement::Spread => Ok((self.path.clone(), Top::Absent)),
            Placement::Exact => {
                let name = self.path.file_name().ok_or_else(|| no_folder(&self.path))?;
                Ok((folder_of(&self.path).into(), Top::Named(name.into())))
            }
        }
    }
}

/// Follows a path that may be a link, even a dangling one, and returns what exists there.
fn follow(path: &Path) -> io::Result<(PathBuf, Option<Metadata>)> {
    let mut path = path.to_path_buf();
    for _ in 0..MOST_LINKS {
        match fs::symlink_metadata(&path) {
            Ok(metadata) if metadata.is_symlink() => {
                path = folder_of(&path).join(fs::read_link(&path)?)
            }
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
    Error::new(
        Kind::Usage,
        format!("`{}` is not a folder", typed.display()),
    )
    .hint("remove the trailing slash")
}

fn not_copied(path: &Path, what: Special) -> Error {
    Error::new(
        Kind::Usage,
        format!("cannot copy from or to `{}`", path.display()),
    )
    .cause(format!("it is {what}"))
    .hint("to read a tar from standard input or write one to standard output, use `-`")
}
