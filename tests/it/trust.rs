//! Topologies, libraries and config folders that other users can change are refused; those that only look so are not: a
//! clone with `umask 002`, under `sudo`, as root of a container.

use std::fs::{self, Permissions};
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::Command;

use clusterdock_tests::plugins;
use clusterdock_tests::run::Run;
use clusterdock_tests::scene::skipped;

/// A user without an account on this machine, with a group of the same number.
const SOMEBODY: u32 = 4242;

/// A group that others are in, on every Debian and Alpine.
const USERS: u32 = 100;

/// A topology with its library, in a folder with another above it.
struct Clone {
    folder: tempfile::TempDir,
}

impl Clone {
    fn new() -> Clone {
        let clone = Clone {
            folder: tempfile::tempdir().unwrap(),
        };
        let library = clone.library();
        fs::create_dir_all(library.parent().unwrap()).unwrap();
        fs::copy(plugins::library("topology_nodebase"), library).unwrap();
        let manifest = include_str!("../../topologies/topology_nodebase/topology.toml");
        let manifest = manifest
            .lines()
            .filter(|line| !line.starts_with("source"))
            .collect::<Vec<_>>()
            .join("\n");
        fs::write(clone.path("above/topology/topology.toml"), manifest).unwrap();
        fs::create_dir(clone.path("config")).unwrap();
        clone.owned(rustix::process::geteuid().as_raw(), 0o755)
    }

    fn path(&self, path: &str) -> PathBuf {
        self.folder.path().canonicalize().unwrap().join(path)
    }

    fn topology(&self) -> PathBuf {
        self.path("above/topology")
    }

    fn library(&self) -> PathBuf {
        self.topology()
            .join("lib")
            .join(clusterdock::topology::target_triple::target())
            .join("libtopology_nodebase.so")
    }

    /// Everything belongs to this user and its own group, with the mode that folders get.
    fn owned(self, user: u32, folders: u32) -> Clone {
        for entry in everything(self.folder.path()) {
            let mode = if entry.is_dir() {
                folders
            } else {
                folders & !0o111
            };
            if rustix::process::geteuid().is_root() {
                chown(&entry, Some(user), Some(user)).unwrap();
            }
            set_mode(&entry, mode);
        }
        self
    }

    /// `start`'s help, which needs the library of the topology but no engine.
    fn start(&self) -> Run {
        self.start_of(self.topology())
    }

    fn start_of(&self, topology: impl Into<std::ffi::OsString>) -> Run {
        let run = Run::new(["start"])
            .args([topology])
            .args(["-h"])
            .config(&self.path("config"));
        run.env("DOCKER_HOST", "unix:///nowhere/docker.sock")
    }

    #[track_caller]
    fn assert_works(&self) {
        let help = self.start().succeeds().stdout;
        assert!(help.contains("--node-disks"), "{help}");
    }
}

fn everything(folder: &Path) -> Vec<PathBuf> {
    let inner = fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path());
    let inner = inner.flat_map(|path| {
        if path.is_dir() {
            everything(&path)
        } else {
            vec![path]
        }
    });
    [folder.to_path_buf()].into_iter().chain(inner).collect()
}

fn set_mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

fn mode_of(path: &Path) -> u32 {
    fs::metadata(path).unwrap().permissions().mode()
}

fn is_root() -> bool {
    let root = rustix::process::geteuid().is_root();
    if !root {
        skipped("only root can run as another user");
    }
    root
}

/// What the run writes and its exit code, as another user.
fn as_user(run: &Run, user: u32) -> (Option<i32>, String) {
    let mut command = run.command();
    let output = command
        .uid(user)
        .gid(user)
        .env("HOME", "/nowhere")
        .output()
        .unwrap();
    (
        output.status.code(),
        String::from_utf8_lossy(&output.stderr).into_owned(),
    )
}

/// Runs the command in a hint, `run `COMMAND`, or ...`.
fn follow_hint(story: &str) {
    let hint = story
        .lines()
        .find(|line| line.starts_with("hint: run `"))
        .unwrap_or_else(|| panic!("no hint in {story}"));
    let command = hint.split('`').nth(1).unwrap();
    assert!(
        Command::new("sh")
            .args(["-c", command])
            .status()
            .unwrap()
            .success(),
        "{command}"
    );
}

#[test]
fn world_writable_files_are_refused_with_the_fix() {
    let clone = Clone::new();
    clone.assert_works();
    let parts = [
        clone.topology(),
        clone.topology().join("topology.toml"),
        clone.topology().join("lib"),
        clone.library().parent().unwrap().to_path_buf(),
        clone.library(),
        clone.path("above"),
    ];
    for part in parts {
        let mode = mode_of(&part);
        for more in [0o002, 0o022] {
            set_mode(&part, mode | more);
            let shown = format!("`{}` is writable by everyone", part.display());
            let story = clone
                .start()
                .fails(9, &["can be changed by other users", &shown, "--trust"])
                .stderr;
            clone.start().args(["--trust"]).succeeds();
            clone.start().env("CLUSTERDOCK_TRUST", "1").succeeds();
            follow_hint(&story);
            clone.assert_works();
            set_mode(&part, mode);
        }
    }
    // Other users cannot rename the contents of such a folder.
    set_mode(&clone.path("above"), 0o1777);
    clone.assert_works();
}

#[test]
fn a_lone_library_is_judged_like_a_folder() {
    let clone = Clone::new();
    let library = clone.path("libtopology_nodebase.so");
    fs::copy(clone.library(), &library).unwrap();
    set_mode(&library, 0o755);
    clone.start_of(&library).succeeds();
    set_mode(&library, 0o757);
    clone.start_of(&library).fails(
        9,
        &[
            "library `",
            "libtopology_nodebase.so` can be changed by other users",
        ],
    );
    clone.start_of(&library).args(["--trust"]).succeeds();
}

#[test]
fn links_are_judged_by_their_targets() {
    let clone = Clone::new();
    let open = clone.path("open");
    fs::create_dir(&open).unwrap();
    symlink(clone.topology(), clone.path("link")).unwrap();
    clone.start_of(clone.path("link")).succeeds();
    // Everybody may write to this device; as a masked unit of systemd in an image's folder.
    symlink("/dev/null", clone.topology().join("masked.service")).unwrap();
    clone.start_of(clone.path("link")).succeeds();
    set_mode(&open, 0o777);
    fs::rename(clone.topology(), open.join("topology")).unwrap();
    fs::remove_file(clone.path("link")).unwrap();
    symlink(open.join("topology"), clone.path("link")).unwrap();
    clone
        .start_of(clone.path("link"))
        .fails(9, &["/open` is writable by everyone"]);
}

#[test]
fn a_clone_with_umask_002_works_for_its_owner_and_under_sudo() {
    if !is_root() {
        return;
    }
    let clone = Clone::new().owned(SOMEBODY, 0o775);
    let (code, story) = as_user(&clone.start(), SOMEBODY);
    assert_eq!(code, Some(0), "{story}");
    // Its config folder belongs to that user, too.
    clone
        .start()
        .env("SUDO_UID", SOMEBODY.to_string())
        .succeeds();
    clone
        .start()
        .fails(1, &["config folder `", "is owned by user 4242"]);
    clone
        .start()
        .env("SUDO_UID", "4243")
        .fails(1, &["is owned by user 4242"]);

    let (code, story) = as_user(&clone.start().env("SUDO_UID", "4243"), 4243);
    assert_eq!(
        code,
        Some(1),
        "only root may believe that variable: {story}"
    );
}

#[test]
fn files_of_another_user_and_of_a_shared_group_are_refused() {
    if !is_root() {
        return;
    }
    let clone = Clone::new();
    for part in [clone.topology(), clone.library(), clone.path("above")] {
        chown(&part, Some(65534), Some(65534)).unwrap();
        let shown = format!("`{}` is owned by user `nobody`", part.display());
        let story = clone.start().fails(9, &[&shown, "chown root"]).stderr;
        clone.start().args(["--trust"]).succeeds();
        follow_hint(&story);
        clone.assert_works();

        chown(&part, Some(0), Some(USERS)).unwrap();
        let mode = mode_of(&part);
        clone.assert_works();
        set_mode(&part, mode | 0o020);
        clone
            .start()
            .fails(9, &[&format!("`{}` is writable by group", part.display())]);
        chown(&part, Some(0), Some(0)).unwrap();
        clone.assert_works();
        set_mode(&part, mode);
    }
}

#[test]
fn files_of_root_are_trusted_by_everyone() {
    if !is_root() {
        return;
    }
    let clone = Clone::new();
    chown(clone.path("config"), Some(SOMEBODY), Some(SOMEBODY)).unwrap();
    set_mode(clone.folder.path(), 0o755);
    let (code, story) = as_user(&clone.start(), SOMEBODY);
    assert_eq!(code, Some(0), "a topology that root installed: {story}");
    chown(clone.library(), Some(4243), Some(4243)).unwrap();
    let (code, story) = as_user(&clone.start(), SOMEBODY);
    assert_eq!(code, Some(9), "{story}");
    assert!(story.contains("chown 4242"), "{story}");
}

#[test]
fn a_world_writable_config_folder_is_always_refused() {
    let clone = Clone::new();
    let config = clone.path("config");
    symlink(&config, clone.path("config link")).unwrap();
    let keys = config.join("keys");
    fs::create_dir(&keys).unwrap();
    for part in [&config, &keys] {
        set_mode(part, 0o777);
        let shown = format!("`{}` is writable by everyone (mode 0777)", part.display());
        for given in [config.clone(), clone.path("config link")] {
            let run = |line: &str| {
                Run::line(line)
                    .config(&given)
                    .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
            };
            run("ls").fails(
                1,
                &[
                    "config folder `",
                    "can be changed by other users",
                    &shown,
                    "--trust",
                ],
            );
            run("rm x").fails(1, &[&shown]);
            run("--trust ls").fails(5, &["/nowhere/docker.sock"]);
            run("ls")
                .env("CLUSTERDOCK_TRUST", "1")
                .fails(5, &["/nowhere/docker.sock"]);
        }
        let story = clone.start().fails(1, &[&shown]).stderr;
        follow_hint(&story);
        clone.assert_works();
    }
    // One that does not exist yet is created where others cannot put another in its place.
    set_mode(&clone.path("above"), 0o777);
    let run = Run::line("ls").config(&clone.path("above/new/config"));
    run.fails(
        1,
        &[&format!(
            "`{}` is writable by everyone",
            clone.path("above").display()
        )],
    );
}

#[test]
fn files_created_with_umask_0_are_not_world_writable() {
    let clone = Clone::new();
    fs::remove_dir(clone.path("config")).unwrap();
    let mut start = Command::new("sh");
    start
        .args(["-c", "umask 0; exec \"$0\" start \"$1\" -h"])
        .arg(clusterdock_tests::program::clusterdock());
    let start = start
        .arg(clone.topology())
        .env("CLUSTERDOCK_CONFIG_DIRECTORY", clone.path("config"));
    assert!(start.output().unwrap().status.success());
    assert_eq!(mode_of(&clone.path("config")) & 0o777, 0o700);
    clone.assert_works();
}

#[test]
fn an_installed_name_wins_over_a_local_folder_with_a_notice() {
    let clone = Clone::new();
    let installed = clone.path("config/topologies/nodebase");
    fs::create_dir_all(installed.parent().unwrap()).unwrap();
    let copied = Command::new("cp")
        .arg("-r")
        .args([clone.topology(), installed.clone()])
        .status()
        .unwrap();
    assert!(copied.success());
    let here = clone.path("here/nodebase");
    fs::create_dir_all(&here).unwrap();
    fs::write(here.join("topology.toml"), "not even TOML").unwrap();
    let run = |name: &str| clone.start_of(name).folder(&clone.path("here")).run();
    let ran = run("nodebase");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let expected = format!(
        "Using the installed topology {}; to use the local one, write ./nodebase",
        installed.display()
    );
    assert!(ran.stderr.contains(&expected), "{}", ran.stderr);
    assert_eq!(run("./nodebase").code, 2);
    fs::remove_dir_all(here).unwrap();
    assert!(!run("nodebase").stderr.contains("Using the installed"));
}
