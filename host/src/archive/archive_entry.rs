//! The entries of an archive, and how a copy changes their names, owners and permissions.

use std::ffi::OsString;
use std::fmt;
use std::ops::AddAssign;
use std::path::{Path, PathBuf};

/// A file, folder or link in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Path below the archive's root; empty for the root itself. Never absolute, never with `..`.
    pub path: PathBuf,
    /// Type of file, with its data.
    pub kind: Kind,
    /// Permission bits, setuid, setgid and sticky included.
    pub mode: u32,
    /// Numeric user and group.
    pub owner: (u64, u64),
    /// Time of last modification in seconds since 1970; may be negative.
    pub modified: i64,
    /// Extended attributes under their names in tar, with values.
    pub attributes: Vec<(String, Vec<u8>)>,
}

/// Type of an entry.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A file with this many bytes, which follow.
    File(u64),
    /// A symbolic link with its target.
    Link(PathBuf),
    /// Another name of an earlier file, whose path is relative to the root like [`Entry::path`].
    HardLink(PathBuf),
    /// Neither a file, a folder nor a link; copies skip it.
    Special(Special),
}

/// A file that is neither regular nor a folder nor a link.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Special {
    /// A socket, which cannot be archived.
    Socket,
    /// A named pipe.
    Pipe,
    /// A device.
    Device {
        /// Whether it is a block device rather than a character device.
        is_block: bool,
        /// Major and minor number.
        number: (u32, u32),
    },
}

impl fmt::Display for Special {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Special::Socket => "a socket",
            Special::Pipe => "a pipe",
            Special::Device { .. } => "a device",
        })
    }
}

/// The owners of the copy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Owners {
    /// Root on a node, the user on the local machine. Setuid and setgid bits and capabilities, which depend on the
    /// owner, are dropped.
    #[default]
    OfDestination,
    /// The original owner.
    Kept,
    /// Root, with setuid and setgid bits and capabilities kept, as Docker does with the files of a build.
    Roots,
    /// This user and group. As with [`Owners::OfDestination`], setuid and setgid bits and capabilities are dropped;
    /// files get `mode` if it is set.
    Given {
        /// Numeric user and group.
        owner: (u32, u32),
        /// Permission bits of files.
        mode: Option<u32>,
    },
}

/// Tar's name for the attribute with a file's capabilities, the only attribute that is read or set here.
pub const CAPABILITIES: &str = "SCHILY.xattr.security.capability";

/// The kernel's name for the same attribute.
pub(super) const CAPABILITIES_HERE: &str = "security.capability";

/// Permission bits without setuid and setgid.
const WITHOUT_SET_ID: u32 = 0o1777;

impl Owners {
    /// Whether setuid and setgid bits and capabilities are kept, so that capabilities have to be read.
    pub fn has_rights(self) -> bool {
        matches!(self, Owners::Kept | Owners::Roots)
    }

    /// The entry of the copy.
    pub fn apply(self, mut entry: Entry) -> Entry {
        let (owner, mode) = match self {
            Owners::Kept => return entry,
            Owners::Roots => {
                entry.owner = (0, 0);
                return entry;
            }
            Owners::OfDestination => ((0, 0), None),
            Owners::Given { owner, mode } => (owner, mode),
        };
        entry.owner = (owner.0.into(), owner.1.into());
        entry.mode = match (&entry.kind, mode) {
            (Kind::File(_) | Kind::HardLink(_), Some(mode)) => mode,
            _ => entry.mode & WITHOUT_SET_ID,
        };
        entry.attributes.clear();
        entry
    }
}

/// The name of an archive's root at its destination.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Top {
    /// This name.
    Named(OsString),
    /// No name: the root exists already, and its contents are added to it.
    Absent,
}

impl Top {
    /// The new path of `path` below the root; `None` for a root that exists already.
    pub fn place(&self, path: &Path) -> Option<PathBuf> {
        match self {
            Top::Named(name) if path.as_os_str().is_empty() => Some(name.into()),
            Top::Named(name) => Some(Path::new(name).join(path)),
            Top::Absent if path.as_os_str().is_empty() => None,
            Top::Absent => Some(path.to_path_buf()),
        }
    }

    /// Applies [`place`](Top::place) to the target of a hard link.
    pub(super) fn rename(&self, kind: Kind) -> Kind {
        match kind {
            Kind::HardLink(target) => Kind::HardLink(self.place(&target).unwrap_or(target)),
            kind => kind,
        }
    }
}

/// Number of files, folders and bytes copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copied {
    /// Files and links.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Bytes of file contents.
    pub bytes: u64,
}

impl AddAssign<&Kind> for Copied {
    fn add_assign(&mut self, kind: &Kind) {
        match kind {
            Kind::Folder => self.folders += 1,
            Kind::File(size) => {
                self.files += 1;
                self.bytes += size;
            }
            Kind::Link(_) | Kind::HardLink(_) => self.files += 1,
            Kind::Special(_) => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_top_renames_the_root_and_paths_below_it() {
        let named = Top::Named("new".into());
        assert_eq!(named.place(Path::new("")), Some("new".into()));
        assert_eq!(named.place(Path::new("a/b")), Some("new/a/b".into()));
        assert_eq!(Top::Absent.place(Path::new("")), None);
        assert_eq!(Top::Absent.place(Path::new("a/b")), Some("a/b".into()));
    }

    #[test]
    fn rights_are_kept_only_with_the_owner() {
        let entry = Entry {
            path: "sudo".into(),
            kind: Kind::File(1),
            mode: 0o6755,
            owner: (7, 8),
            modified: 9,
            attributes: vec![(CAPABILITIES.into(), vec![1])],
        };
        assert_eq!(Owners::Kept.apply(entry.clone()), entry);
        assert_eq!(
            Owners::Roots.apply(entry.clone()),
            Entry {
                owner: (0, 0),
                ..entry.clone()
            }
        );
        let others = Owners::OfDestination.apply(entry.clone());
        assert_eq!(
            (others.mode, others.owner, others.attributes.len()),
            (0o755, (0, 0), 0)
        );
        for (mode, expected) in [(None, 0o755), (Some(0o640), 0o640)] {
            let given = Owners::Given {
                owner: (1, 2),
                mode,
            }
            .apply(entry.clone());
            assert_eq!(
                (given.mode, given.owner, given.attributes.len()),
                (expected, (1, 2), 0)
            );
        }
    }
}
