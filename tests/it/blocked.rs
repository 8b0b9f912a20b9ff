//! Pipes and locks of other programs where clusterdock reads files: they never block a command.

use std::fs;
use std::path::Path;
use std::sync::mpsc;
use std::time::Duration;

use clusterdock_tests::plugins;
use clusterdock_tests::run::Run;
use rustix::fs::{CWD, FileType, Mode, mknodat};

/// How long a command may take that must not hang.
const GUARD: Duration = Duration::from_secs(60);

fn pipe(path: &Path) {
    fs::remove_file(path).ok();
    mknodat(CWD, path, FileType::Fifo, Mode::from_raw_mode(0o600), 0).unwrap();
}

/// Asserts that a run ends by itself with this code and text.
#[track_caller]
fn assert_ends(run: Run, code: i32, text: &str) {
    let (ended, end) = mpsc::channel();
    let mut child = run.command().spawn().unwrap();
    let (process, story) = (child.id(), child.stderr.take().unwrap());
    std::thread::spawn(move || {
        ended.send((
            child.wait().unwrap(),
            std::io::read_to_string(story).unwrap(),
        ))
    });
    match end.recv_timeout(GUARD) {
        Ok((status, story)) => {
            assert_eq!(status.code(), Some(code), "{story}");
            assert!(story.contains(text), "no `{text}` in {story}");
        }
        Err(_) => {
            rustix::process::kill_process(
                rustix::process::Pid::from_raw(process as i32).unwrap(),
                rustix::process::Signal::KILL,
            )
            .unwrap();
            panic!("it hangs");
        }
    }
}

fn offline(arguments: &str) -> Run {
    Run::line(arguments).env("DOCKER_HOST", "unix:///nowhere/docker.sock")
}

#[test]
fn a_manifest_that_is_a_pipe_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    pipe(&folder.path().join("topology.toml"));
    assert_ends(
        offline("start").args([folder.path()]),
        3,
        "not a regular file",
    );
    assert_ends(
        offline("build").args([folder.path()]),
        3,
        "not a regular file",
    );
}

#[test]
fn a_library_that_is_a_pipe_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let library = folder.path().join("libtopology_lab.so");
    pipe(&library);
    assert_ends(offline("start").args([&library]), 9, "is not a file");
}

#[test]
fn dockers_files_that_are_pipes_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let at = |name: &str| folder.path().join(name);
    let with_tls = || {
        Run::line("-H tcp://127.0.0.1:1 ls")
            .env("DOCKER_TLS_VERIFY", "1")
            .env("DOCKER_CERT_PATH", folder.path().as_os_str())
    };
    pipe(&at("ca.pem"));
    assert_ends(with_tls(), 5, "not a regular file");
    fs::remove_file(at("ca.pem")).unwrap();
    fs::write(at("ca.pem"), "").unwrap();
    pipe(&at("cert.pem"));
    pipe(&at("key.pem"));
    assert_ends(with_tls(), 5, "ca.pem");
}

#[test]
fn a_lock_that_is_a_pipe_or_a_link_is_refused() {
    let config = tempfile::tempdir().unwrap();
    let locks = config.path().join("locks");
    fs::create_dir(&locks).unwrap();
    let lock = |name: &str| locks.join(name);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    let take = |name: &str| runtime.block_on(clusterdock::files::lock::take(config.path(), name));
    pipe(&lock("pipe"));
    std::os::unix::fs::symlink(config.path().join("elsewhere"), lock("link")).unwrap();
    for name in ["pipe", "link"] {
        assert_eq!(
            take(name).unwrap_err().message(),
            format!("cannot lock `{}`", lock(name).display())
        );
    }
    assert!(!config.path().join("elsewhere").exists());
}

#[test]
fn a_copy_of_a_library_that_is_a_pipe_is_replaced() {
    let config = tempfile::tempdir().unwrap();
    let start = || {
        Run::new(["start"])
            .config(config.path())
            .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
    };
    let help = || {
        start()
            .args([plugins::library("topology_settings")])
            .args(["-h"])
    };
    help().succeeds();
    let kept = fs::read_dir(config.path().join("plugins"))
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    pipe(&kept);
    assert_ends(help(), 0, "");
    assert!(kept.is_file());
}
