use std::fs::Permissions;
use std::os::unix::fs::{PermissionsExt, chown, symlink};

use super::*;

const ALICE: u32 = 1000;
const BOB: u32 = 1001;
const STAFF: u32 = 50;

/// What a process of this user trusts on a machine with two users and a group.
fn trust(users: &[u32]) -> Trust {
    let passwd = "root:x:0:0:::\nalice:x:1000:1000:::\nbob:x:1001:1001:::\n";
    let accounts = Accounts::parse(passwd, "alice:x:1000:\nbob:x:1001:\nstaff:x:50:alice,bob\n");
    Trust {
        everything: false,
        users: [&[0], users].concat(),
        accounts,
        container: None,
        unmapped: None,
    }
}

fn entry(uid: u32, gid: u32, mode: u32) -> Entry {
    let mode = Mode::from_raw_mode(mode);
    Entry {
        uid,
        gid,
        mode,
        device: 1,
        has_contents: true,
        writers: Vec::new(),
        writing_groups: Vec::new(),
    }
}

/// Why a path is refused, less the path.
fn why(trust: &Trust, entry: &Entry, part: Part) -> Option<String> {
    let exposed = trust.judge_entry(Path::new("/x"), entry, part).err()?;
    Some(exposed.why.trim_start_matches("`/x` ").to_string())
}

#[test]
fn a_file_that_others_can_write_is_refused() {
    let trust = trust(&[ALICE]);
    let cases = [
        (entry(ALICE, ALICE, 0o755), None),
        (entry(ALICE, ALICE, 0o775), None),
        (entry(0, 0, 0o775), None),
        (entry(ALICE, STAFF, 0o755), None),
        (
            entry(ALICE, STAFF, 0o775),
            Some("is writable by group `staff` (mode 0775)"),
        ),
        (
            entry(ALICE, BOB, 0o664),
            Some("is writable by group `bob` (mode 0664)"),
        ),
        (
            entry(ALICE, 77, 0o664),
            Some("is writable by group 77 (mode 0664)"),
        ),
        (
            entry(ALICE, ALICE, 0o757),
            Some("is writable by everyone (mode 0757)"),
        ),
        (
            entry(0, 0, 0o1777),
            Some("is writable by everyone (mode 1777)"),
        ),
        (entry(BOB, BOB, 0o700), Some("is owned by user `bob`")),
        (entry(77, 77, 0o700), Some("is owned by user 77")),
    ];
    for (entry, expected) in cases {
        assert_eq!(
            why(&trust, &entry, Part::Own).as_deref(),
            expected,
            "{entry:?}"
        );
    }
}

#[test]
fn a_parent_folder_may_be_writable_if_it_is_sticky() {
    let trust = trust(&[ALICE]);
    assert_eq!(why(&trust, &entry(0, 0, 0o1777), Part::Above), None);
    for refused in [
        entry(0, 0, 0o777),
        entry(0, STAFF, 0o775),
        entry(BOB, BOB, 0o755),
        entry(BOB, BOB, 0o1777),
    ] {
        assert!(why(&trust, &refused, Part::Above).is_some(), "{refused:?}");
    }
}

#[test]
fn an_access_list_counts() {
    let trust = trust(&[ALICE]);
    let listed = |writers: &[u32], groups: &[u32]| Entry {
        writers: writers.into(),
        writing_groups: groups.into(),
        ..entry(ALICE, ALICE, 0o775)
    };
    assert_eq!(why(&trust, &listed(&[0, ALICE], &[ALICE]), Part::Own), None);
    assert!(
        why(&trust, &listed(&[BOB], &[]), Part::Own)
            .unwrap()
            .contains("user `bob`")
    );
    assert!(
        why(&trust, &listed(&[], &[STAFF]), Part::Own)
            .unwrap()
            .contains("group `staff`")
    );
}

#[test]
fn under_sudo_files_of_the_caller_are_trusted() {
    let (root, sudo) = (trust(&[0]), trust(&[0, ALICE]));
    let own = entry(ALICE, ALICE, 0o775);
    assert!(why(&root, &own, Part::Own).is_some());
    assert_eq!(why(&sudo, &own, Part::Own), None);
    assert!(why(&sudo, &entry(BOB, BOB, 0o755), Part::Own).is_some());
}

#[test]
fn root_of_a_container_trusts_mounted_files() {
    let container = Trust {
        container: Some(1),
        ..trust(&[0])
    };
    let mounted = |uid| Entry {
        device: 2,
        ..entry(uid, uid, 0o775)
    };
    assert_eq!(why(&container, &mounted(501), Part::Own), None);
    assert!(
        why(&container, &mounted(BOB), Part::Own).is_some(),
        "bob is a user of the container"
    );
    assert!(
        why(&container, &entry(501, 501, 0o775), Part::Own).is_some(),
        "created in the container"
    );
    let open = Entry {
        device: 2,
        ..entry(501, 501, 0o777)
    };
    assert!(why(&container, &open, Part::Own).is_some());
}

#[test]
fn in_a_user_namespace_parents_may_be_owned_outside() {
    let namespaced = Trust {
        unmapped: Some(65534),
        ..trust(&[0])
    };
    let outside = entry(65534, 65534, 0o755);
    assert_eq!(why(&namespaced, &outside, Part::Above), None);
    assert!(why(&namespaced, &outside, Part::Own).is_some());
}

/// A folder of this process's user, with `inner/file` in it.
fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::create_dir(folder.path().join("inner")).unwrap();
    fs::write(folder.path().join("inner/file"), "").unwrap();
    folder
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

#[test]
fn links_are_resolved_first_and_folders_above_count() {
    let (folder, trust) = (folder(), Trust::new(false, |_| None));
    let path = |name: &str| folder.path().canonicalize().unwrap().join(name);
    symlink(path("inner/file"), path("link")).unwrap();
    for name in ["link", "inner/file", "inner/nothing/yet"] {
        trust.check(&path(name)).unwrap();
    }
    set_mode(&path("inner"), 0o777);
    for name in ["link", "inner/file", "inner", "inner/nothing/yet"] {
        let exposed = trust.check(&path(name)).unwrap_err();
        assert_eq!(exposed.path, path("inner"), "{name}");
        assert_eq!(
            exposed.fix,
            format!("chmod go-w {}", path("inner").display())
        );
    }
    set_mode(&path("inner"), 0o1777);
    trust.check(&path("link")).unwrap();
    trust.check(&path("inner")).unwrap_err();
    Trust::new(true, |_| None).check(&path("inner")).unwrap();
}

#[test]
fn devices_and_pipes_have_no_contents_to_change() {
    let (folder, trust) = (folder(), Trust::new(false, |_| None));
    let path = |name: &str| folder.path().canonicalize().unwrap().join(name);
    for device in ["null", "zero", "full", "urandom"] {
        // As a masked unit of systemd.
        symlink(format!("/dev/{device}"), path(device)).unwrap();
    }
    let pipe = path("inner/pipe");
    rustix::fs::mkfifoat(rustix::fs::CWD, &pipe, Mode::from_raw_mode(0o666)).unwrap();
    set_mode(&pipe, 0o666);
    trust.check_tree(folder.path()).unwrap();
    trust.check(Path::new("/dev/null")).unwrap();
    // The folder with a pipe counts like any other.
    set_mode(&path("inner"), 0o777);
    assert_eq!(trust.check(&pipe).unwrap_err().path, path("inner"));
}

#[test]
fn a_tree_is_checked_except_git_and_build_output() {
    let (folder, trust) = (folder(), Trust::new(false, |_| None));
    let path = |name: &str| folder.path().canonicalize().unwrap().join(name);
    trust.check_tree(folder.path()).unwrap();
    set_mode(&path("inner/file"), 0o666);
    trust.check(folder.path()).unwrap();
    trust.check_own(folder.path()).unwrap();
    let exposed = trust.check_tree(folder.path()).unwrap_err();
    assert_eq!(exposed.path, path("inner/file"));
    assert_eq!(
        exposed.fix,
        format!(
            "chmod -R go-w {}",
            path("").display().to_string().trim_end_matches('/')
        )
    );
    fs::write(path("inner/CACHEDIR.TAG"), "").unwrap();
    trust.check_tree(folder.path()).unwrap();
    set_mode(&path("inner"), 0o777);
    trust.check_tree(folder.path()).unwrap_err();
    trust.check_own(folder.path()).unwrap_err();
}

#[test]
fn the_hint_fixes_it() {
    let trust = trust(&[ALICE]);
    let exposed = |entry: Entry| {
        trust
            .judge_entry(Path::new("/a b"), &entry, Part::Own)
            .unwrap_err()
    };
    let error = exposed(entry(ALICE, ALICE, 0o777)).error(Kind::Plugin, "library `x`");
    assert_eq!(
        error.to_string(),
        "library `x` can be changed by other users: `/a b` is writable by everyone (mode 0777)"
    );
    assert_eq!(
        error.next_step(),
        Some("run `chmod go-w '/a b'`, or accept the risk with --trust")
    );
    let error = exposed(entry(BOB, BOB, 0o700)).error(Kind::Plugin, "library `x`");
    assert_eq!(
        error.next_step(),
        Some("run `chown alice '/a b'`, or accept the risk with --trust")
    );
}

#[test]
fn files_of_another_user_are_refused_on_this_machine() {
    if !rustix::process::geteuid().is_root() {
        // Only root can give files away; `judge_entry` is tested above.
        return;
    }
    let folder = folder();
    chown(folder.path().join("inner"), Some(65534), Some(65534)).unwrap();
    let trust = Trust::new(false, |_| None);
    trust.check(folder.path()).unwrap();
    for path in ["inner", "inner/file"] {
        let exposed = trust.check(&folder.path().join(path)).unwrap_err();
        assert!(
            exposed.why.contains("/inner` is owned by user `nobody`"),
            "{}",
            exposed.why
        );
    }
    let sudo = Trust::new(false, |name| {
        (name == "SUDO_UID").then(|| "65534".to_string())
    });
    sudo.check(&folder.path().join("inner/file")).unwrap();
}
