//! Round trips through archives.

mod refused;

use std::ffi::OsStr;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::Path;

use tar::EntryType;

use super::archive_entry::{self, Kind};
use super::pack::pack;
use super::reader::{Reader, Root};
use super::relay::relay;
use super::unpack::unpack;
use super::{Copied, Owners, Top};
use crate::error::Result;
use refused::header;

fn packed(source: &Path, top: &Top) -> (Vec<u8>, Copied, Vec<String>) {
    let (mut tar, mut skipped) = (Vec::new(), Vec::new());
    let copied = pack(source, top, Owners::Kept, &mut tar, &mut |text| {
        skipped.push(text)
    })
    .unwrap();
    (tar, copied, skipped)
}

fn unpacked(tar: &[u8], root: Root, folder: &Path, top: &Top) -> Result<Copied> {
    unpack(
        Reader::new(tar, root),
        folder,
        top,
        Owners::Kept,
        &mut |_| (),
    )
}

fn named(name: &str) -> Top {
    Top::Named(name.into())
}

/// Everything below a folder, one line per item: kind, mode, owner, time, names, contents or target.
fn tree(folder: &Path) -> Vec<String> {
    let mut lines = Vec::new();
    let mut folders = vec![folder.to_path_buf()];
    while let Some(path) = folders.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let kind = metadata.file_type();
        let what = if kind.is_dir() {
            folders.extend(
                fs::read_dir(&path)
                    .unwrap()
                    .map(|item| item.unwrap().path()),
            );
            "folder".to_string()
        } else if kind.is_symlink() {
            format!("link to {:?}", fs::read_link(&path).unwrap())
        } else {
            format!(
                "file {:?}, {} names",
                fs::read(&path).unwrap(),
                metadata.nlink()
            )
        };
        let (mode, owner) = (metadata.mode() & 0o7777, (metadata.uid(), metadata.gid()));
        let name = path.strip_prefix(folder).unwrap();
        lines.push(format!(
            "{name:?} {what} {mode:o} {owner:?} {}",
            metadata.mtime()
        ));
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
    let names = [
        "a/file",
        "a/b/ünï\ncode 🌍",
        "a/b/-",
        "a/b/..x",
        &format!("{long}/deep"),
    ];
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
    let times = [
        ("a/file", 1_000_000_000),
        ("a/b", -1),
        ("a/link", -5_000_000_000),
        ("empty", 8_589_934_592),
        ("long-link", 0),
    ];
    for (name, seconds) in times {
        let time = rustix::fs::Timespec {
            tv_sec: seconds,
            tv_nsec: 0,
        };
        let times = rustix::fs::Timestamps {
            last_access: time,
            last_modification: time,
        };
        let flags = rustix::fs::AtFlags::SYMLINK_NOFOLLOW;
        rustix::fs::utimensat(rustix::fs::CWD, path.join(name), &times, flags).unwrap();
    }
    folder
}

#[test]
fn a_folder_survives_the_round_trip() {
    let source = one_of_everything();
    let (tar, copied, skipped) = packed(source.path(), &named("top"));
    assert_eq!((copied.folders, skipped.len()), (6, 0));
    let folder = tempfile::tempdir().unwrap();
    let again = unpacked(&tar, Root::Named, folder.path(), &named("new")).unwrap();
    assert_eq!(again, copied);
    assert_eq!(tree(&folder.path().join("new")), tree(source.path()));
}

/// `cap_net_raw=ep` in the kernel's format.
const CAPABILITIES: [u8; 20] = [
    1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,
];

#[test]
fn capabilities_are_kept_only_with_owners() {
    let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let tool = source.path().join("tool");
    fs::write(&tool, "x").unwrap();
    let name = "security.capability";
    // Setting capabilities needs privileges.
    if rustix::fs::setxattr(&tool, name, &CAPABILITIES, rustix::fs::XattrFlags::empty()).is_err() {
        return;
    }
    let of = |file: &str| {
        let mut value = [0; 64];
        let length =
            rustix::fs::getxattr(folder.path().join(file), name, &mut value).unwrap_or_default();
        value[..length].to_vec()
    };
    let (tar, ..) = packed(&tool, &named("kept"));
    unpacked(&tar, Root::Named, folder.path(), &named("kept")).unwrap();
    assert_eq!(of("kept"), CAPABILITIES);
    // A relay keeps them with the owners; a copy without the owners drops them.
    let mut passed_on = Vec::new();
    relay(
        Reader::new(&tar[..], Root::Named),
        &named("again"),
        Owners::Kept,
        &mut passed_on,
        &mut |_| (),
    )
    .unwrap();
    unpacked(&passed_on, Root::Named, folder.path(), &named("again")).unwrap();
    assert_eq!(of("again"), CAPABILITIES);
    let reader = Reader::new(&tar[..], Root::Named);
    unpack(
        reader,
        folder.path(),
        &named("other"),
        Owners::OfDestination,
        &mut |_| (),
    )
    .unwrap();
    assert!(of("other").is_empty());
}

#[test]
fn every_name_of_a_file_has_its_capabilities() {
    let source = tempfile::tempdir().unwrap();
    let tool = source.path().join("tool");
    fs::write(&tool, "x").unwrap();
    let name = "security.capability";
    // Setting capabilities needs privileges.
    if rustix::fs::setxattr(&tool, name, &CAPABILITIES, rustix::fs::XattrFlags::empty()).is_err() {
        return;
    }
    for other in ["also", "too"] {
        fs::hard_link(&tool, source.path().join(other)).unwrap();
    }
    let (tar, ..) = packed(source.path(), &named("kept"));
    let mut reader = Reader::new(&tar[..], Root::Named);
    let mut found = Vec::new();
    while let Some(entry) = reader.next_entry().unwrap() {
        reader.contents(|_| Ok(())).unwrap();
        if entry.kind != Kind::Folder {
            found.push(entry.attributes);
        }
    }
    let attribute = (archive_entry::CAPABILITIES.into(), CAPABILITIES.to_vec());
    assert_eq!(found, vec![vec![attribute]; 3]);
}

#[test]
fn files_in_proc_and_sys_are_copied_by_content() {
    let folder = tempfile::tempdir().unwrap();
    // One claims to be empty, the other to be a page long.
    for (path, expected) in [
        ("/proc/version", "Linux version"),
        ("/sys/kernel/mm/transparent_hugepage/enabled", "never"),
    ] {
        let (tar, copied, _) = packed(Path::new(path), &named("copy"));
        unpacked(&tar, Root::Named, folder.path(), &named("copy")).unwrap();
        let text = fs::read_to_string(folder.path().join("copy")).unwrap();
        assert_eq!(
            (copied.bytes, &text),
            (text.len() as u64, &fs::read_to_string(path).unwrap())
        );
        assert!(text.contains(expected), "{text}");
    }
    // Reading this one fails.
    let copied = pack(
        Path::new("/proc/self/mem"),
        &named("copy"),
        Owners::Kept,
        Vec::new(),
        &mut |_| (),
    );
    assert!(
        copied
            .unwrap_err()
            .message()
            .contains("cannot read `/proc/self/mem`")
    );
}

#[test]
fn a_second_copy_replaces_the_first() {
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
fn an_existing_folder_keeps_its_permissions() {
    let source = one_of_everything();
    let (tar, ..) = packed(source.path(), &Top::Absent);
    let folder = tempfile::tempdir().unwrap();
    fs::set_permissions(folder.path(), fs::Permissions::from_mode(0o711)).unwrap();
    // This archive has no entry for the root; those of engines have one.
    let mut with_root = header("./", EntryType::Directory, "", 0);
    with_root.extend_from_slice(&tar);
    unpacked(&with_root, Root::Dot, folder.path(), &Top::Absent).unwrap();
    assert_eq!(tree(folder.path())[1..], tree(source.path())[1..]);
    assert_eq!(fs::metadata(folder.path()).unwrap().mode() & 0o7777, 0o711);
}

#[test]
fn a_relayed_archive_has_another_name() {
    let source = one_of_everything();
    let (tar, copied, _) = packed(source.path(), &named("top"));
    let mut passed_on = Vec::new();
    let reader = Reader::new(&tar[..], Root::Named);
    let again = relay(
        reader,
        &named("other"),
        Owners::Kept,
        &mut passed_on,
        &mut |_| (),
    )
    .unwrap();
    assert_eq!(again, copied);
    assert_eq!(passed_on, packed(source.path(), &named("other")).0);
    // Without owners, everything belongs to root and has no setuid or setgid bits.
    let mut passed_on = Vec::new();
    let reader = Reader::new(&tar[..], Root::Named);
    relay(
        reader,
        &named("other"),
        Owners::OfDestination,
        &mut passed_on,
        &mut |_| (),
    )
    .unwrap();
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
    assert!(
        metadata.blocks() * 512 < 1 << 20,
        "{} blocks",
        metadata.blocks()
    );
    assert!(fs::read(path).unwrap() == fs::read(folder.path().join("copy")).unwrap());
}

#[test]
fn sockets_and_pipes_are_skipped_with_a_message() {
    let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let _listener = std::os::unix::net::UnixListener::bind(source.path().join("socket")).unwrap();
    let mode = rustix::fs::Mode::RUSR;
    rustix::fs::mkfifoat(rustix::fs::CWD, source.path().join("pipe"), mode).unwrap();
    fs::write(source.path().join("file"), "").unwrap();
    let (tar, copied, mut skipped) = packed(source.path(), &named("top"));
    skipped.sort();
    assert_eq!(copied.files, 1);
    assert!(
        skipped[0].ends_with("/pipe`: it is a pipe")
            && skipped[1].ends_with("/socket`: it is a socket"),
        "{skipped:?}"
    );
    unpacked(&tar, Root::Named, folder.path(), &named("new")).unwrap();
    assert_eq!(tree(&folder.path().join("new")).len(), 2);
}

#[test]
fn a_file_or_folder_in_the_way_stays() {
    let (source, folder) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    fs::create_dir(source.path().join("a")).unwrap();
    fs::write(source.path().join("b"), "new").unwrap();
    fs::write(folder.path().join("a"), "a file").unwrap();
    fs::create_dir(folder.path().join("b")).unwrap();
    for name in ["a", "b"] {
        let (tar, ..) = packed(&source.path().join(name), &named(name));
        let error = unpacked(&tar, Root::Named, folder.path(), &named(name)).unwrap_err();
        assert!(error.to_string().contains("cannot replace a"), "{error}");
    }
    assert_eq!(fs::read(folder.path().join("a")).unwrap(), b"a file");
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2);
}
