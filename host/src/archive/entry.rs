//! What an archive consists of, and under which name it goes on.

use std::ffi::OsString;
use std::ops::AddAssign;
use std::path::{Path, PathBuf};

/// A file, folder or link in an archive.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Where it is, below the archive's root; empty for the root itself. Never absolute, never with `..`.
    pub path: PathBuf,
    /// What it is.
    pub kind: Kind,
    /// Permission bits, setuid, setgid and sticky included.
    pub mode: u32,
    /// User and group, as numbers.
    pub owner: (u64, u64),
    /// When it was last changed, seconds since 1970.
    pub modified: u64,
    /// Extended attributes, as tar writes them: name and value.
    pub attributes: Vec<(String, Vec<u8>)>,
}

/// What an entry is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kind {
    /// A folder.
    Folder,
    /// A file of so many bytes, which follow.
    File(u64),
    /// A symbolic link, and what it says.
    Link(PathBuf),
    /// Another name of a file that came earlier, which is named as [`Entry::path`] is.
    HardLink(PathBuf),
    /// Something that is not copied, in words: `a socket`.
    Special(&'static str),
}

/// Whose the copy is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Owners {
    /// Root's on a node, the user's on this machine. What gives rights by its owner (setuid, setgid, capabilities)
    /// gives none.
    #[default]
    OfDestination,
    /// As before.
    Kept,
    /// This user and group, as numbers. Otherwise as with [`Owners::OfDestination`], but that files have this mode, if
    /// one is named.
    Given {
        /// User and group.
        owner: (u32, u32),
        /// Permission bits of files.
        mode: Option<u32>,
    },
}

/// Permission bits that do not give rights by their owner.
const WITHOUT_SET_ID: u32 = 0o1777;

impl Owners {
    /// An entry as it goes on.
    pub fn apply(self, mut entry: Entry) -> Entry {
        let (owner, mode) = match self {
            Owners::Kept => return entry,
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

/// What an archive's root is called where it goes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Top {
    /// This name.
    Named(OsString),
    /// Nothing: it is there already, and its contents go into it.
    Absent,
}

impl Top {
    /// Where what lies at `path` below the root goes; none for a root that is there already.
    pub fn place(&self, path: &Path) -> Option<PathBuf> {
        match self {
            Top::Named(name) if path.as_os_str().is_empty() => Some(name.into()),
            Top::Named(name) => Some(Path::new(name).join(path)),
            Top::Absent if path.as_os_str().is_empty() => None,
            Top::Absent => Some(path.to_path_buf()),
        }
    }

    /// The same for the file that a hard link names.
    pub(super) fn rename(&self, kind: Kind) -> Kind {
        match kind {
            Kind::HardLink(target) => Kind::HardLink(self.place(&target).unwrap_or(target)),
            kind => kind,
        }
    }
}

/// How much was copied.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Copied {
    /// Files and links.
    pub files: u64,
    /// Folders.
    pub folders: u64,
    /// Contents of files.
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
    fn the_top_names_the_root_and_what_is_below_it() {
        let named = Top::Named("new".into());
        assert_eq!(named.place(Path::new("")), Some("new".into()));
        assert_eq!(named.place(Path::new("a/b")), Some("new/a/b".into()));
        assert_eq!(Top::Absent.place(Path::new("")), None);
        assert_eq!(Top::Absent.place(Path::new("a/b")), Some("a/b".into()));
    }

    #[test]
    fn rights_go_with_the_owner() {
        let entry = Entry {
            path: "sudo".into(),
            kind: Kind::File(1),
            mode: 0o6755,
            owner: (7, 8),
            modified: 9,
            attributes: vec![("SCHILY.xattr.security.capability".into(), vec![1])],
        };
        assert_eq!(Owners::Kept.apply(entry.clone()), entry);
        let others = Owners::OfDestination.apply(entry.clone());
        assert_eq!((others.mode, others.owner, others.attributes.len()), (0o755, (0, 0), 0));
        for (mode, expected) in [(None, 0o755), (Some(0o640), 0o640)] {
            let given = Owners::Given { owner: (1, 2), mode }.apply(entry.clone());
            assert_eq!((given.mode, given.owner, given.attributes.len()), (expected, (1, 2), 0));
        }
    }
}
