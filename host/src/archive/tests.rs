//! What is packed comes out again; what an archive must not do it cannot.

use super::pack::pack;
use super::read::{Reader, Root};
use super::relay::relay;
use super::unpack::unpack;
use super::{Copied, Owners, Top};
use crate::error::{Error, Kind, Result};
use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;
use tar::{EntryType, Header};

fn packed(source: &Path, top: &Top) -> (Vec<u8>, Copied, Vec<String>) {
    let (mut tar, mut told) = (Vec::new(), Vec::new());
    let copied = pack(source, top, Owners::Kept, &mut tar, &mut |text| told.push(text)).unwrap();
    (tar, copied, told)
}

fn unpacked(tar: &[u8], root: Root, folder: &Path, top: &Top) -> Result<Copied> {
    unpack(Reader::new(tar, root), folder, top, Owners::Kept, &mut |_| ())
}

fn named(name: &str) -> Top {
    Top::Named(name.into())
}

/// Everything below a folder, a line each: kind, mode, owner, time, names, contents or target.
fn tree(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(path) = folders.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let kind = metadata.file_type();
        let what = if kind.is_dir() {
            folders.extend(fs::read_dir(&path).unwrap().map(|item| item.unwrap().path()));
            "folder".to_string()
        } else if kind.is_symlink() {
            format!("link to {:?}", fs::read_link(&path).unwrap())
        } else {
            format!("file {:?}, {} names", fs::read(&path).unwrap(), metadata.nlink())
        };
        let (mode, owner) = (metadata.mode() & 0o7777, (metadata.uid(), metadata.gid()));
        let name = path.strip_prefix(folder).unwrap();
        lines.push(format!("{name:?} {what} {mode:o} {owner:?} {}", metadata.mtime()));
    }
    lines.sort();
    lines
}

/// A folder with one of everything.
fn one_of_everything() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path();
    let long = format!("{}/{}", "l".repeat(120), "m".repeat(200));
    for inner in ["empty", "a/b", &long] {
        fs::create_dir_all(path.join(inner)).unwrap();
    }
    let names = ["a/file", "a/b/ünï\ncode 🌍", "a/b/-", "a/b/..x", &format!("{long}/deep")];
    for name in names {
        fs::write(path.join(name), name).unwrap();
    }
    fs::write(path.join(OsStr::from_bytes(b"a/\xff\xfe")), "no UTF-8").unwrap();
    fs::hard_link(path.join("a/file"), path.join("a/b/hard")).unwrap();
    fs::hard_link(path.join("a/file"), path.join("hard")).unwrap();
    symlink("b//./x/", path.join("a/link")).unwrap();
    symlink(&long, path.join("long-link")).unwrap();
    symlink("/etc/passwd", path.join("absolute")).unwrap();
    fs::set_permissions(path.join("a/file"), fs::Permissions::from_mode(0o4751)).unwrap();
    fs::set_permissions(path.join("a/b"), fs::Permissions::from_mode(0o555)).unwrap();
    let past = rustix::fs::Timespec { tv_sec: 1_000_000_000, tv_nsec: 0 };
    let times = rustix::fs::Timestamps { last_access: past, last_modification: past };
    for name in ["a/file", "a/b", "a/link", "empty", "long-link"] {
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::utimensat(rustix::fs::CWD, path.join(name), &times, flags).unwrap();
    }
    folder
}

#[test]
fn a_folder_comes_out_as_it_went_in() {
    let source = one_of_everything();
    let (tar, copied, told) = packed(source.path(), &named("top"));
    assert_eq!((copied.folders, told.len()), (6, 0));
    let folder = tempfile::tempdir().unwrap();
    let again = unpacked(&tar, Root::Named, folder.path(), &named("new")).unwrap();
    assert_eq!(again, copied);
    assert_eq!(tree(&folder.path().join("new")), tree(source.path()));
}

#[test]
fn a_second_copy_takes_the_place_of_the_first() {
    let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = source.path();
    fs::create_dir(path.join("sub")).unwrap();
    fs::write(path.join("sub/file"), "one").unwrap();
    fs::hard_link(path.join("sub/file"), path.join("sub/hard")).unwrap();
    symlink("one", path.join("link")).unwrap();
    for round in ["one", "another", "yet another"] {
        fs::write(path.join("sub/file"), round).unwrap();
        fs::remove_file(path.join("link")).unwrap();
        symlink(round, path.join("link")).unwrap();
        let (tar, ..) = packed(path, &named("new"));
        unpacked(&tar, Root::Named, folder.path(), &named("new")).unwrap();
        assert_eq!(tree(&folder.path().join("new")), tree(path));
    }
}

#[test]
fn contents_go_into_a_folder_that_keeps_what_it_is() {
    let source = one_of_everything();
    let (tar, ..) = packed(source.path(), &Top::Absent);
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    // Such an archive has no root of its own; engines send one that has.
    let mut with_root = header("./", EntryType::Directory, "", 0);
    with_root.extend_from_slice(&tar);
    unpacked(&with_root, Root::Dot, folder.path(), &Top::Absent).unwrap();
    assert_eq!(tree(folder.path())[1..], tree(source.path())[1..]);
    assert_eq!(fs::metadata(folder.path()).unwrap().mode() & 0o7777, 0o711);
}

#[test]
fn an_archive_is_passed_on_under_another_name() {
    let source = one_of_everything();
    let (tar, copied, _) = packed(source.path(), &named("top"));
    let mut passed_on = Vec::new();
    let reader = Reader::new(&tar[..], Root::Named);
    let again = relay(reader, &named("other"), Owners::Kept, &mut passed_on, &mut |_| ()).unwrap();
    assert_eq!(again, copied);
    assert_eq!(passed_on, packed(source.path(), &named("other")).0);
    // Without their owners all belong to root, and none gives its rights.
    let mut passed_on = Vec::new();
    let reader = Reader::new(&tar[..], Root::Named);
    relay(reader, &named("other"), Owners::OfDestination, &mut passed_on, &mut |_| ()).unwrap();
    let mut reader = Reader::new(&passed_on[..], Root::Named);
    while let Some(entry) = reader.next_entry().unwrap() {
        assert_eq!((entry.owner, entry.mode & 0o6000), ((0, 0), 0), "{entry:?}");
    }
}

#[test]
fn holes_become_holes_again() {
    let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let path = source.path().join("file");
    let file = fs::File::create(&path).unwrap();
    file.set_len(64 << 20).unwrap();
    std::os::unix::fs::FileExt::write_at(&file, b"middle", 40 << 20).unwrap();
    let (tar, ..) = packed(&path, &named("file"));
    unpacked(&tar, Root::Named, folder.path(), &named("copy")).unwrap();
    let metadata = fs::metadata(folder.path().join("copy")).unwrap();
    assert_eq!(metadata.len(), 64 << 20);
    assert!(metadata.blocks() * 512 < 1 << 20, "{} blocks", metadata.blocks());
    assert!(fs::read(path).unwrap() == fs::read(folder.path().join("copy")).unwrap());
}

#[test]
fn sockets_and_pipes_are_left_out_and_told() {
    let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let _listener = std::os::unix::net::UnixListener::bind(source.path().join("socket")).unwrap();
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, source.path().join("pipe"), mode).unwrap();
    fs::write(source.path().join("file"), "").unwrap();
    let (tar, copied, mut told) = packed(source.path(), &named("top"));
    told.sort();
    assert_eq!(copied.files, 1);
    assert!(told[0].ends_with("/pipe`: it is a pipe") && told[1].ends_with("/socket`: it is a socket"), "{told:?}");
    unpacked(&tar, Root::Named, folder.path(), &named("new")).unwrap();
    assert_eq!(tree(&folder.path().join("new")).len(), 2);
}

#[test]
fn what_is_in_the_way_stays() {
    let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(source.path().join("a")).unwrap();
    fs::write(source.path().join("b"), "new").unwrap();
    fs::write(folder.path().join("a"), "a file").unwrap();
    fs::create_dir(folder.path().join("b")).unwrap();
    for name in ["a", "b"] {
        let (tar, ..) = packed(&source.path().join(name), &named(name));
        let error = unpacked(&tar, Root::Named, folder.path(), &named(name)).unwrap_err();
        assert!(error.to_string().contains("cannot take the place of"), "{error}");
    }
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"a file");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}

/// One header, and so much of contents as it says.
fn header(name: &str, entry_type: EntryType, link: &str, size: u64) -> Vec<u8> {
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
fn refused(tar: &[u8], why: &str) -> Error {
    let error = read_all(tar).unwrap_err();
    assert_eq!(error.kind(), Kind::Other);
    assert!(error.to_string().contains(why), "{error}");
    error
}

#[test]
fn an_archive_that_was_cut_off_is_not_taken_for_a_whole_one() {
    let whole = [header("a", EntryType::Directory, "", 0), header("a/b", EntryType::Regular, "", 700)].concat();
    assert_eq!(read_all(&[&whole[..], &[0; 512]].concat()).unwrap(), 2);
    for length in 0..whole.len() {
        refused(&whole[..length], "it ends early");
    }
    refused(&whole, "it ends early");
    refused(&[&whole[..], b"{\"message\":\"broken\"}"].concat(), "it ends early");
}

#[test]
fn headers_that_cannot_be_are_refused() {
    let mut wrong = header("a", EntryType::Regular, "", 0);
    wrong[0] = b'b';
    refused(&wrong, "wrong sum");
    refused(&header("a", EntryType::GNULongName, "", 1 << 40), "a header of");
    refused(&header("a", EntryType::XHeader, "", 512), "a broken extended header");
    refused(&header("a", EntryType::GNUSparse, "", 0), "of a kind that is not known");
    refused(&header("a", EntryType::Regular, "", u64::MAX), "of a kind that is not known");
}

#[test]
fn names_that_lead_out_are_refused() {
    let root = header("a", EntryType::Directory, "", 0);
    let outside = ["..", "../b", "a/..", "a/../b", "/a", "/etc/passwd", "a/b/../../../c", ".", "", "./"];
    for name in outside {
        refused(&[root.clone(), header(name, EntryType::Regular, "", 0)].concat(), "it lies outside of the archive");
    }
    for target in ["/etc/passwd", "../b", "a/../../b", "", "."] {
        refused(&[root.clone(), header("a/b", EntryType::Link, target, 0)].concat(), "it links out of the archive");
    }
}

#[test]
fn what_is_behind_a_link_is_refused() {
    let root = header("a", EntryType::Directory, "", 0);
    let link = header("a/link", EntryType::Symlink, "/etc", 0);
    let behind = header("a/link/passwd", EntryType::Regular, "", 0);
    let why = "the archive is not in its folder";
    refused(&[root.clone(), link.clone(), behind.clone()].concat(), why);
    // Also when the link takes the place of a folder that the archive had entered.
    let folder = header("a/link", EntryType::Directory, "", 0);
    refused(&[root.clone(), folder.clone(), link.clone(), behind.clone()].concat(), why);
    refused(&[folder, link, behind.clone()].concat(), why);
    refused(&[header("a", EntryType::Symlink, "/etc", 0), behind].concat(), why);
    refused(&[root, header("a/b/c", EntryType::Regular, "", 0)].concat(), why);
}
