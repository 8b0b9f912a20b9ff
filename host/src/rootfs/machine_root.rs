//! The files of a machine as its programs see them: paths are absolute, and symbolic links are followed inside the
//! machine's root. This module only reads; it does not know what a program, a library or an image is.

use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::fs::{self, File, Metadata};
use std::io;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::{Component, Path, PathBuf};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::files::regular_file;

/// As many links as the kernel follows before it returns ELOOP.
const MOST_LINKS: usize = 40;

/// Where Debian and Red Hat select between alternative programs. Links through it are shortened, since an image has
/// only one of them.
const ALTERNATIVES: &str = "/etc/alternatives";

/// The machine whose programs go into an image: the local one, or a folder that looks like one.
#[derive(Debug)]
pub struct Machine {
    root: PathBuf,
    path: Vec<PathBuf>,
    /// Folders visited so far: nearly every path leads through the same few.
    folders: Mutex<HashMap<PathBuf, Found>>,
}

impl Machine {
    /// The local machine, with the folders of `PATH`.
    pub fn local() -> Machine {
        let path = std::env::var_os("PATH").unwrap_or_default();
        Machine::at("/", std::env::split_paths(&path))
    }

    /// The machine whose `/` is the folder `root`. Programs are searched in the standard folders, then in `path`;
    /// folders in it that are not absolute are ignored.
    pub fn at(root: impl Into<PathBuf>, path: impl IntoIterator<Item = PathBuf>) -> Machine {
        let path = path
            .into_iter()
            .filter(|folder| folder.is_absolute())
            .collect();
        Machine {
            root: root.into(),
            path,
            folders: Mutex::default(),
        }
    }

    /// Folders to search for programs after the standard ones.
    pub(super) fn path(&self) -> &[PathBuf] {
        &self.path
    }

    /// Follows `path` to its end and records each symbolic link on the way.
    pub(super) fn follow(&self, path: &Path) -> io::Result<Found> {
        self.follow_at_most(path, MOST_LINKS)
    }

    fn follow_at_most(&self, path: &Path, links: usize) -> io::Result<Found> {
        if let Some(folder) = self.folders().get(path) {
            return Ok(folder.clone());
        }
        let found = match (path.parent(), path.components().next_back()) {
            (Some(parent), Some(Component::Normal(name))) => {
                self.enter(self.follow_at_most(parent, links)?, name, links)?
            }
            // Like in the kernel, `..` is the parent of the folder that the path before it led to.
            (Some(parent), Some(Component::ParentDir)) => {
                let mut found = self.follow_at_most(parent, links)?;
                found.real.pop();
                found.stat = fs::symlink_metadata(self.within(&found.real))?;
                found
            }
            _ => Found {
                links: Vec::new(),
                real: "/".into(),
                stat: fs::symlink_metadata(&self.root)?,
            },
        };
        if found.stat.is_dir() {
            self.folders().insert(path.to_owned(), found.clone());
        }
        Ok(found)
    }

    /// Takes one step from a folder, and follows it if it is a link.
    fn enter(&self, mut folder: Found, name: &OsStr, links: usize) -> io::Result<Found> {
        let here = folder.real.join(name);
        let stat = fs::symlink_metadata(self.within(&here))?;
        if !stat.is_symlink() {
            return Ok(Found {
                links: folder.links,
                real: here,
                stat,
            });
        }
        let links = links.checked_sub(1).ok_or(rustix::io::Errno::LOOP)?;
        let target = self.target(&here)?;
        let mut found = self.follow_at_most(&folder.real.join(&target), links)?;
        folder.links.push(Link { at: here, target });
        folder.links.append(&mut found.links);
        Ok(Found {
            links: folder.links,
            ..found
        })
    }

    /// Opens a file by the real path that [`Machine::follow`] returned.
    pub(super) fn open(&self, real: &Path) -> io::Result<File> {
        regular_file::open(&self.within(real))
    }

    /// Reads a small text file; links are followed.
    pub(super) fn text(&self, path: &Path) -> io::Result<String> {
        regular_file::read_to_string(&self.within(&self.follow(path)?.real))
    }

    /// The names in a folder, sorted.
    pub(super) fn names(&self, folder: &Path) -> io::Result<Vec<OsString>> {
        let mut names = fs::read_dir(self.within(&self.follow(folder)?.real))?
            .map(|entry| entry.map(|entry| entry.file_name()))
            .collect::<io::Result<Vec<_>>>()?;
        names.sort();
        Ok(names)
    }

    fn folders(&self) -> MutexGuard<'_, HashMap<PathBuf, Found>> {
        // Entries are inserted whole, so they stay valid after a panic.
        self.folders.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn target(&self, link: &Path) -> io::Result<PathBuf> {
        let mut target = fs::read_link(self.within(link))?;
        while target.parent() == Some(Path::new(ALTERNATIVES)) {
            target = fs::read_link(self.within(&target))?;
        }
        Ok(target)
    }

    fn within(&self, path: &Path) -> PathBuf {
        self.root.join(path.strip_prefix("/").unwrap_or(path))
    }
}

/// The file or folder that a path led to.
#[derive(Debug, Clone)]
pub(super) struct Found {
    /// The links passed on the way, outermost first.
    pub(super) links: Vec<Link>,
    /// The path without links.
    pub(super) real: PathBuf,
    /// Its state when it was looked up.
    pub(super) stat: Metadata,
}

impl Found {
    /// Whether the kernel would run it for root.
    pub(super) fn is_program(&self) -> bool {
        self.stat.is_file() && self.stat.permissions().mode() & 0o111 != 0
    }

    /// Whether the file has several names, as hard links.
    pub(super) fn has_other_names(&self) -> bool {
        self.stat.nlink() > 1
    }

    /// Whether both are the same file, by symbolic or hard links.
    pub(super) fn is_same(&self, other: &Found) -> bool {
        (self.stat.dev(), self.stat.ino()) == (other.stat.dev(), other.stat.ino())
    }
}

/// A symbolic link and its target.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Link {
    pub(super) at: PathBuf,
    pub(super) target: PathBuf,
}

#[cfg(test)]
mod tests {
    use super::super::pretend::Pretend;
    use super::*;

    fn link(at: &str, target: &str) -> Link {
        Link {
            at: at.into(),
            target: target.into(),
        }
    }

    #[test]
    fn links_are_followed_inside_the_root_and_recorded() {
        let machine = Pretend::empty();
        machine.link("/bin", "usr/bin");
        machine.link("/usr/bin/vi", "/opt/vim/../vim/vi");
        machine.file("/opt/vim/vi", 0o755, "");
        let found = machine.machine().follow(Path::new("/bin/vi")).unwrap();
        assert_eq!(found.real, Path::new("/opt/vim/vi"));
        assert_eq!(
            found.links,
            [
                link("/bin", "usr/bin"),
                link("/usr/bin/vi", "/opt/vim/../vim/vi")
            ]
        );
    }

    #[test]
    fn dot_dot_is_the_parent_of_a_link_target() {
        let machine = Pretend::empty();
        machine.link("/short", "/a/long/way");
        machine.file("/a/long/way/here", 0o644, "");
        machine.file("/a/long/file", 0o644, "");
        assert_eq!(
            machine
                .machine()
                .follow(Path::new("/short/../file"))
                .unwrap()
                .real,
            Path::new("/a/long/file")
        );
    }

    #[test]
    fn links_through_the_alternatives_are_shortened() {
        let machine = Pretend::empty();
        machine.link("/usr/bin/awk", "/etc/alternatives/awk");
        machine.link("/etc/alternatives/awk", "/etc/alternatives/nawk");
        machine.link("/etc/alternatives/nawk", "/usr/bin/mawk");
        machine.file("/usr/bin/mawk", 0o755, "");
        let found = machine.machine().follow(Path::new("/usr/bin/awk")).unwrap();
        assert_eq!(found.links, [link("/usr/bin/awk", "/usr/bin/mawk")]);
    }

    #[test]
    fn a_loop_of_links_is_an_error() {
        let machine = Pretend::empty();
        machine.link("/chicken", "egg");
        machine.link("/egg", "/chicken");
        let error = machine.machine().follow(Path::new("/chicken")).unwrap_err();
        assert_eq!(
            error.raw_os_error(),
            Some(rustix::io::Errno::LOOP.raw_os_error())
        );
    }
}
