//! Which users may write a file, according to its owner, mode and access list.

use std::io;
use std::path::Path;

use rustix::fs::{FileType, Mode, lgetxattr, lstat};

/// The permissions of a file or folder.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Entry {
    pub(super) uid: u32,
    pub(super) gid: u32,
    pub(super) mode: Mode,
    pub(super) device: u64,
    /// Whether it is a file or folder. Everybody may write to a device such as `/dev/null`, and nothing that is read from a
    /// device, pipe or socket is ever used.
    pub(super) has_contents: bool,
    /// Users with write permission in the access list.
    pub(super) writers: Vec<u32>,
    /// Groups with write permission in the access list.
    pub(super) writing_groups: Vec<u32>,
}

/// The attribute with the access list, if that has more than the mode.
const ACCESS_LIST: &str = "system.posix_acl_access";

impl Entry {
    pub(super) fn of(path: &Path) -> io::Result<Entry> {
        let about = lstat(path)?;
        let mode = Mode::from_raw_mode(about.st_mode);
        let (writers, writing_groups) = if mode.contains(Mode::WGRP) {
            access_list(path)
        } else {
            (Vec::new(), Vec::new())
        };
        Ok(Entry {
            uid: about.st_uid,
            gid: about.st_gid,
            mode,
            device: about.st_dev,
            has_contents: matches!(
                FileType::from_raw_mode(about.st_mode),
                FileType::RegularFile | FileType::Directory
            ),
            writers,
            writing_groups,
        })
    }
}

/// The users and groups with write permission.
fn access_list(path: &Path) -> (Vec<u32>, Vec<u32>) {
    let mut list = [0; 4096];
    // Most files have no access list, and some file systems do not support any.
    let length = lgetxattr(path, ACCESS_LIST, &mut list[..]).unwrap_or(0);
    writers(&list[..length.min(list.len())])
}

/// Reads an access list: a version of four bytes, then entries of eight, each with a kind, permissions and an id.
fn writers(list: &[u8]) -> (Vec<u32>, Vec<u32>) {
    const USER: u16 = 0x02;
    const GROUP: u16 = 0x08;
    const WRITE: u16 = 0x02;
    let (mut users, mut groups) = (Vec::new(), Vec::new());
    for entry in list.get(4..).unwrap_or_default().chunks_exact(8) {
        let kind = u16::from_le_bytes([entry[0], entry[1]]);
        let rights = u16::from_le_bytes([entry[2], entry[3]]);
        let id = u32::from_le_bytes([entry[4], entry[5], entry[6], entry[7]]);
        match kind {
            USER if rights & WRITE != 0 => users.push(id),
            GROUP if rights & WRITE != 0 => groups.push(id),
            _ => {}
        }
    }
    (users, groups)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_access_list_names_its_writers() {
        let entry = |kind: u16, rights: u16, id: u32| {
            [
                &kind.to_le_bytes()[..],
                &rights.to_le_bytes(),
                &id.to_le_bytes(),
            ]
            .concat()
        };
        let none = u32::MAX;
        let list = [
            2_u32.to_le_bytes().to_vec(),
            entry(0x01, 7, none),
            entry(0x02, 6, 1000),
            entry(0x02, 4, 1001),
            entry(0x04, 7, none),
            entry(0x08, 7, 50),
            entry(0x08, 5, 51),
            entry(0x10, 7, none),
            entry(0x20, 5, none),
        ];
        assert_eq!(writers(&list.concat()), (vec![1000], vec![50]));
        assert_eq!(writers(&[]), (vec![], vec![]));
        assert_eq!(writers(&[2, 0, 0, 0, 2, 0]), (vec![], vec![]));
    }
}
