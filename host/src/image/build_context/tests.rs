//! What of a folder is sent, and as what.

use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;

use super::*;

/// A folder with these files; a name that ends in a slash is a folder.
fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(if name.ends_with('/') {
            &path
        } else {
            path.parent().unwrap()
        })
        .unwrap();
        if !name.ends_with('/') {
            fs::write(path, text).unwrap();
        }
    }
    folder
}

fn resolved(folder: &Path, dockerfile: &str) -> Result<Resolved> {
    Context {
        folder: folder.into(),
        dockerfile: dockerfile.into(),
        ..Context::default()
    }
    .resolve()
}

fn sent(folder: &Path, dockerfile: &str) -> (Vec<u8>, Vec<String>) {
    let (mut bytes, mut skipped) = (Vec::new(), Vec::new());
    resolved(folder, dockerfile)
        .unwrap()
        .write_tar(&mut bytes, &mut |text| skipped.push(text))
        .unwrap();
    (bytes, skipped)
}

fn names(folder: &Path, dockerfile: &str) -> Vec<String> {
    let bytes = sent(folder, dockerfile).0;
    let mut archive = tar::Archive::new(&bytes[..]);
    archive
        .entries()
        .unwrap()
        .map(|entry| entry.unwrap().path().unwrap().display().to_string())
        .collect()
}

#[test]
fn ignored_files_are_not_sent_except_the_dockerfile() {
    let folder = folder(&[
        (".dockerignore", "*\n!src\nsrc/*.tmp\n"),
        ("Dockerfile", "FROM x"),
        ("secret", "s"),
        ("src/a.rs", "a"),
        ("src/b.tmp", "b"),
        ("images/debian/Dockerfile", "FROM y"),
        ("images/debian/secret", "s"),
    ]);
    let expected = [".dockerignore", "Dockerfile", "src/", "src/a.rs"];
    assert_eq!(names(folder.path(), "Dockerfile"), expected);
    // Its folders are left out even so.
    let expected = [
        ".dockerignore",
        "images/debian/Dockerfile",
        "src/",
        "src/a.rs",
    ];
    assert_eq!(names(folder.path(), "images/debian/Dockerfile"), expected);
}

#[test]
fn a_comment_in_another_encoding_disables_nothing() {
    let folder = folder(&[("Dockerfile", ""), (".env", "SECRET"), ("caf", "")]);
    for text in [
        &b"# caf\xe9\r\n.env\r\n"[..],
        b"\xef\xbb\xbf.env",
        b"caf\xe9\n/.env/\n",
    ] {
        fs::write(folder.path().join(".dockerignore"), text).unwrap();
        assert_eq!(
            names(folder.path(), "Dockerfile"),
            [".dockerignore", "Dockerfile", "caf"],
            "{text:?}"
        );
    }
}

#[test]
fn an_unusable_dockerignore_is_an_error() {
    let folder = folder(&[("Dockerfile", ""), (".dockerignore", "a\n\n[b\n")]);
    let error = resolved(folder.path(), "Dockerfile").unwrap_err();
    assert_eq!(error.kind(), Kind::Usage);
    assert!(
        error.message().contains("`[b` in `")
            && error.message().ends_with(".dockerignore`, line 3"),
        "{error}"
    );
    let ignore = folder.path().join(".dockerignore");
    fs::remove_file(&ignore).unwrap();
    fs::create_dir(&ignore).unwrap();
    assert!(
        resolved(folder.path(), "Dockerfile")
            .unwrap_err()
            .message()
            .starts_with("cannot read `")
    );
    fs::remove_dir(&ignore).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, &ignore, rustix::fs::Mode::RUSR).unwrap();
    resolved(folder.path(), "Dockerfile").unwrap_err();
}

#[test]
fn a_dockerfile_outside_of_the_context_is_added_to_it() {
    let outside = folder(&[
        ("Dockerfile", "FROM outside"),
        ("context/a", ""),
        ("context/.dockerignore", "b"),
    ]);
    let context = outside.path().join("context");
    symlink("../Dockerfile", context.join("Linked")).unwrap();
    let absolute = outside.path().join("Dockerfile");
    for dockerfile in ["../Dockerfile", "Linked", absolute.to_str().unwrap()] {
        let resolved = resolved(&context, dockerfile).unwrap();
        assert_eq!(resolved.text, b"FROM outside");
        assert!(
            resolved.dockerfile.starts_with(".dockerfile."),
            "{}",
            resolved.dockerfile
        );
        let expected = ["Linked", "a", ".dockerignore", &resolved.dockerfile];
        assert_eq!(names(&context, dockerfile), expected);
        let (bytes, _) = sent(&context, dockerfile);
        // The engine keeps what this names from the build.
        let ignored = format!("b\n{}\n", resolved.dockerfile);
        assert!(
            bytes
                .windows(ignored.len())
                .any(|window| window == ignored.as_bytes())
        );
    }
}

#[test]
fn a_linked_dockerfile_is_named_by_its_real_path() {
    let folder = folder(&[("files/one", "FROM one"), (".dockerignore", "files\n")]);
    symlink("files/one", folder.path().join("Dockerfile")).unwrap();
    let found = resolved(folder.path(), "Dockerfile").unwrap();
    assert_eq!(
        (found.dockerfile.as_str(), &found.text[..]),
        ("files/one", &b"FROM one"[..])
    );
    assert_eq!(
        names(folder.path(), "Dockerfile"),
        [".dockerignore", "Dockerfile", "files/one"]
    );
    // The context may be a link too.
    let link = folder.path().join("link");
    symlink(".", &link).unwrap();
    assert_eq!(
        resolved(&link, "Dockerfile").unwrap().dockerfile,
        "files/one"
    );
}

#[test]
fn a_dockerfile_in_lowercase_is_found_too() {
    let folder = folder(&[("dockerfile", "FROM x")]);
    assert_eq!(
        resolved(folder.path(), "Dockerfile").unwrap().dockerfile,
        "dockerfile"
    );
    let error = resolved(folder.path(), "DOCKERFILE").unwrap_err();
    assert!(error.message().starts_with("no Dockerfile at"), "{error}");
}

#[test]
fn every_type_of_file_is_sent() {
    let folder = folder(&[("Dockerfile", "FROM x"), ("one", "1")]);
    let path = folder.path();
    let _socket = UnixListener::bind(path.join("socket")).unwrap();
    rustix::fs::mkfifoat(rustix::fs::CWD, path.join("pipe"), rustix::fs::Mode::RUSR).unwrap();
    fs::write(path.join(OsStr::from_bytes(b"caf\xe9")), "latin").unwrap();
    fs::hard_link(path.join("one"), path.join("two")).unwrap();
    let long = ["d".repeat(200), "f".repeat(200)].join("/");
    fs::create_dir_all(path.join(&long)).unwrap();
    symlink(&long, path.join("link")).unwrap();
    symlink("/gone", path.join("dangling")).unwrap();
    fs::File::create(path.join("sparse"))
        .unwrap()
        .set_len(3 << 20)
        .unwrap();
    let (bytes, skipped) = sent(path, "Dockerfile");
    assert!(
        skipped.len() == 1 && skipped[0].ends_with("/socket`: it is a socket"),
        "{skipped:?}"
    );
    let mut archive = tar::Archive::new(&bytes[..]);
    let lines: Vec<String> = archive
        .entries()
        .unwrap()
        .map(|entry| {
            let entry = entry.unwrap();
            let link = entry
                .link_name()
                .unwrap()
                .map_or(String::new(), |link| format!(" to {}", link.display()));
            let kind = entry.header().entry_type();
            format!(
                "{} {kind:?} {}{link}",
                String::from_utf8_lossy(&entry.path_bytes()),
                entry.size()
            )
        })
        .collect();
    let folder = "d".repeat(200);
    let expected = [
        "Dockerfile Regular 6".to_string(),
        "caf\u{fffd} Regular 5".into(),
        "dangling Symlink 0 to /gone".into(),
        format!("{folder}/ Directory 0"),
        format!("{long}/ Directory 0"),
        format!("link Symlink 0 to {long}"),
        "one Regular 1".into(),
        "pipe Fifo 0".into(),
        format!("sparse Regular {}", 3 << 20),
        "two Link 0 to one".into(),
    ];
    assert_eq!(lines, expected);
}

#[test]
fn times_of_any_age_are_sent() {
    let folder = folder(&[("Dockerfile", "FROM x")]);
    // A long time ago, just before 1970, far from now.
    for seconds in [-10_000_000_000, -1, 0, 8_589_934_592, 100_000_000_000] {
        let time = rustix::fs::Timespec {
            tv_sec: seconds,
            tv_nsec: 500_000_000,
        };
        let times = rustix::fs::Timestamps {
            last_access: time,
            last_modification: time,
        };
        let flags = rustix::fs::AtFlags::empty();
        rustix::fs::utimensat(
            rustix::fs::CWD,
            folder.path().join("Dockerfile"),
            &times,
            flags,
        )
        .unwrap();
        let kept = std::os::unix::fs::MetadataExt::mtime(
            &fs::metadata(folder.path().join("Dockerfile")).unwrap(),
        );
        let (bytes, _) = sent(folder.path(), "Dockerfile");
        let mut reader =
            crate::archive::reader::Reader::new(&bytes[..], crate::archive::reader::Root::Dot);
        // Archives of a context have no root.
        let root = [root(), bytes.clone()].concat();
        assert!(reader.next_entry().is_err());
        let mut reader =
            crate::archive::reader::Reader::new(&root[..], crate::archive::reader::Root::Dot);
        reader.next_entry().unwrap();
        assert_eq!(
            reader.next_entry().unwrap().unwrap().modified,
            kept,
            "{seconds}"
        );
    }
}

fn root() -> Vec<u8> {
    let mut header = tar::Header::new_gnu();
    header.set_entry_type(tar::EntryType::Directory);
    header.set_path("./").unwrap();
    header.set_mode(0o755);
    header.set_size(0);
    header.set_cksum();
    header.as_bytes().to_vec()
}

#[test]
fn permissions_are_sent_and_owners_are_not() {
    use std::os::unix::fs::PermissionsExt;
    let folder = folder(&[("Dockerfile", "FROM x"), ("tool", "")]);
    fs::set_permissions(
        folder.path().join("tool"),
        fs::Permissions::from_mode(0o4755),
    )
    .unwrap();
    let (bytes, _) = sent(folder.path(), "Dockerfile");
    let mut archive = tar::Archive::new(&bytes[..]);
    let tool = archive
        .entries()
        .unwrap()
        .map(Result::unwrap)
        .last()
        .unwrap();
    let header = tool.header();
    assert_eq!(
        (
            header.mode().unwrap(),
            header.uid().unwrap(),
            header.gid().unwrap()
        ),
        (0o4755, 0, 0)
    );
}
