//! `topology`: what authors of topologies do.

mod check;
mod inspect;
mod new;

use std::fs;
use std::path::{Path, PathBuf};

use clusterdock_tests::cargo::workspace;
use clusterdock_tests::plugins;
use clusterdock_tests::run::Run;
use serde_json::Value;

/// A folder with a copy of nodebase: its manifest, README and Dockerfiles, and a prebuilt library.
struct Prebuilt(tempfile::TempDir);

impl Prebuilt {
    fn new() -> Prebuilt {
        let prebuilt = Prebuilt(tempfile::tempdir().unwrap());
        let original = workspace().join("topologies/topology_nodebase");
        for file in ["topology.toml", "README.md", "images/debian12/Dockerfile"] {
            let to = prebuilt.path(file);
            fs::create_dir_all(to.parent().unwrap()).unwrap();
            fs::copy(original.join(file), to).unwrap();
        }
        let library = plugins::library("topology_nodebase");
        fs::copy(library, prebuilt.library()).unwrap();
        fs::write(prebuilt.path("LICENSE"), "free").unwrap();
        prebuilt
    }

    fn folder(&self) -> &Path {
        self.0.path()
    }

    fn path(&self, path: &str) -> PathBuf {
        self.0.path().join(path)
    }

    fn library(&self) -> PathBuf {
        self.path("libtopology_nodebase.so")
    }

    /// Replaces `old` in a file.
    fn edit(&self, path: &str, old: &str, new: &str) {
        let text = fs::read_to_string(self.path(path)).unwrap();
        assert!(text.contains(old), "{text}");
        fs::write(self.path(path), text.replace(old, new)).unwrap();
    }
}

/// `topology ACTION PATH`, without cargo and without an engine.
fn topology(action: &str, path: &Path) -> Run {
    Run::new(["topology", action])
        .args([path])
        .env("PATH", "/usr/bin:/bin")
        .env("DOCKER_HOST", "unix:///nowhere/docker.sock")
}

fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
