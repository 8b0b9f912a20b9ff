//! Archives that are damaged or try to break out.

use tar::{EntryType, Header};

use super::super::reader::{Reader, Root};
use crate::error::{Kind, Result};

/// A header, and as many bytes of contents as it declares.
pub(super) fn header(name: &str, entry_type: EntryType, link: &str, size: u64) -> Vec<u8> {
    let mut header = Header::new_gnu();
    header.as_old_mut().name[..name.len()].copy_from_slice(name.as_bytes());
    header.set_entry_type(entry_type);
    header.set_mode(0o755);
    header.set_uid(0);
    header.set_gid(0);
    header.set_size(size);
    header.set_link_name_literal(link).unwrap();
    header.set_cksum();
    let mut bytes = header.as_bytes().to_vec();
    bytes.extend(vec![b'x'; size.min(4096).next_multiple_of(512) as usize]);
    bytes
}

fn read_all(tar: &[u8]) -> Result<usize> {
    let mut reader = Reader::new(tar, Root::Named);
    let mut count = 0;
    while reader.next_entry()?.is_some() {
        count += 1;
    }
    Ok(count)
}

#[track_caller]
fn assert_refused(tar: &[u8], why: &str) {
    let error = read_all(tar).unwrap_err();
    assert_eq!(error.kind(), Kind::Other);
    assert!(error.to_string().contains(why), "{error}");
}

#[test]
fn a_truncated_archive_is_refused() {
    let whole = [
        header("a", EntryType::Directory, "", 0),
        header("a/b", EntryType::Regular, "", 700),
    ]
    .concat();
    assert_eq!(read_all(&[&whole[..], &[0; 512]].concat()).unwrap(), 2);
    for length in 0..whole.len() {
        assert_refused(&whole[..length], "it is truncated");
    }
    assert_refused(&whole, "it is truncated");
    assert_refused(
        &[&whole[..], b"{\"message\":\"broken\"}"].concat(),
        "it is truncated",
    );
}

#[test]
fn invalid_headers_are_refused() {
    let mut wrong = header("a", EntryType::Regular, "", 0);
    wrong[0] = b'b';
    assert_refused(&wrong, "wrong checksum");
    assert_refused(
        &header("a", EntryType::GNULongName, "", 1 << 40),
        "extension header of",
    );
    assert_refused(
        &header("a", EntryType::XHeader, "", 512),
        "invalid extended header",
    );
    assert_refused(
        &header("a", EntryType::GNUSparse, "", 0),
        "unknown entry type",
    );
    assert_refused(
        &header("a", EntryType::Regular, "", u64::MAX),
        "unknown entry type",
    );
}

#[test]
fn names_that_lead_out_are_refused() {
    let root = header("a", EntryType::Directory, "", 0);
    let outside = [
        "..",
        "../b",
        "a/..",
        "a/../b",
        "/a",
        "/etc/passwd",
        "a/b/../../../c",
        ".",
        "",
        "./",
    ];
    for name in outside {
        assert_refused(
            &[root.clone(), header(name, EntryType::Regular, "", 0)].concat(),
            "it is outside of the archive",
        );
    }
    for target in ["/etc/passwd", "../b", "a/../../b", "", "."] {
        assert_refused(
            &[root.clone(), header("a/b", EntryType::Link, target, 0)].concat(),
            "its link leads out of the archive",
        );
    }
}

#[test]
fn entries_behind_a_link_are_refused() {
    let root = header("a", EntryType::Directory, "", 0);
    let link = header("a/link", EntryType::Symlink, "/etc", 0);
    let behind = header("a/link/passwd", EntryType::Regular, "", 0);
    let why = "the archive has not entered its folder";
    assert_refused(&[root.clone(), link.clone(), behind.clone()].concat(), why);
    // Also if the link replaces a folder that the archive had entered.
    let folder = header("a/link", EntryType::Directory, "", 0);
    assert_refused(
        &[root.clone(), folder.clone(), link.clone(), behind.clone()].concat(),
        why,
    );
    assert_refused(&[folder, link, behind.clone()].concat(), why);
    assert_refused(
        &[header("a", EntryType::Symlink, "/etc", 0), behind].concat(),
        why,
    );
    assert_refused(
        &[root, header("a/b/c", EntryType::Regular, "", 0)].concat(),
        why,
    );
}
