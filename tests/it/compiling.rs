//! A command that is ended while it compiles a plugin, or while it waits for another compiler. The compiler is a
//! script: what matters is its process.

use std::fs::{self, File, Permissions};
use std::io::{BufReader, Read};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, ChildStderr};

use clusterdock_tests::run::Run;
use rustix::process::{Pid, Signal, kill_process};

/// Reports that it began, and that it was not ended.
const CARGO: &str = "#!/bin/sh\necho compiling >&2\nsleep 20\necho went on >&2\nexit 1\n";

const MANIFEST: &str = r#"[topology]
name = "lab"
version = "1.0.0"
description = "For tests"
plugin = "topology_lab"
source = "crate"

[images]
namespace = "clusterdock"
repository = "topology_lab"
default = "host"

[images.host]
programs = ["bash", "sleep"]
"#;

/// A topology that has to be compiled by the script.
struct Scene {
    folder: tempfile::TempDir,
}

impl Scene {
    fn new() -> Scene {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("topology.toml"), MANIFEST).unwrap();
        fs::create_dir(folder.path().join("crate")).unwrap();
        fs::write(folder.path().join("crate/Cargo.toml"), "").unwrap();
        fs::create_dir(folder.path().join("bin")).unwrap();
        let cargo = folder.path().join("bin/cargo");
        fs::write(&cargo, CARGO).unwrap();
        fs::set_permissions(&cargo, Permissions::from_mode(0o755)).unwrap();
        Scene { folder }
    }

    /// Starts the topology until its story contains `text`.
    fn start_until(&self, text: &str) -> (Child, BufReader<ChildStderr>) {
        let path = format!("{}:/usr/bin:/bin", self.folder.path().join("bin").display());
        let run = Run::new(["start", "--progress", "plain"])
            .args([self.folder.path()])
            .env("PATH", path);
        run.until(text)
    }
}

#[test]
fn an_interrupted_command_ends_the_compiler() {
    for (signal, code) in [(Signal::INT, 130), (Signal::TERM, 143)] {
        let scene = Scene::new();
        let (mut child, mut story) = scene.start_until("compiling");
        kill_process(Pid::from_child(&child), signal).unwrap();
        // Read to the end: until every process has closed the other side of the pipe, the compiler included.
        let mut rest = String::new();
        story.read_to_string(&mut rest).unwrap();
        assert!(!rest.contains("went on"), "{rest}");
        assert_eq!(child.wait().unwrap().code(), Some(code), "{rest}");
    }
}

#[test]
fn waiting_for_another_compiler_is_reported_and_interruptible() {
    let scene = Scene::new();
    let libraries = scene
        .folder
        .path()
        .join("lib")
        .join(clusterdock::topology::target_triple::target());
    fs::create_dir_all(&libraries).unwrap();
    let lock = File::create(libraries.join("libtopology_lab.so.lock")).unwrap();
    lock.lock().unwrap();
    let (mut child, _story) = scene
        .start_until("Waiting for another clusterdock process that compiles plugin topology_lab");
    kill_process(Pid::from_child(&child), Signal::TERM).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(143));
}
