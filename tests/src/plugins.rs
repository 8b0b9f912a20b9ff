//! Plugins to test with: those of the workspace, and their processes.

use crate::{cargo, program};
use clusterdock::error::Result;
use clusterdock::topology::process::{Launch, OnLine, PluginProcess, Stream};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// The library of a plugin of the workspace, such as `topology_nodebase`, built once for all tests of a process; or
/// that of another compiler, from the folder that `CLUSTERDOCK_TEST_PLUGINS` names.
pub fn library(package: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("CLUSTERDOCK_TEST_PLUGINS") {
        return Path::new(&folder).join(format!("lib{package}.so"));
    }
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT.lock().expect("a package that does not build fails the first test");
    let path = built.entry(package.into()).or_insert_with(|| {
        let files = cargo::build(cargo::workspace(), &["-p", package]);
        let name = format!("lib{package}.so");
        files.into_iter().find(|file| file.ends_with(&name)).expect("the package has a library")
    });
    path.clone()
}

/// Starts a process with a library, which is called `topology_x`, and what it prints.
pub async fn spawn(executable: &Path, library: &Path, deadline: Duration) -> (Result<PluginProcess>, Lines) {
    let lines = Lines::default();
    let launch =
        Launch { executable, library, name: "topology_x", deadline, log_level: "info", on_line: lines.taker() };
    (PluginProcess::spawn(launch).await, lines)
}

/// A plugin that does one wrong thing, of those in `tests/fixtures/plugins/misbehave`.
pub async fn misbehaving(what: &str) -> (Result<PluginProcess>, Lines) {
    misbehaving_within(what, Duration::from_secs(30)).await
}

/// The same with another deadline for each of its answers.
pub async fn misbehaving_within(what: &str, deadline: Duration) -> (Result<PluginProcess>, Lines) {
    let library = library("topology_misbehave");
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    let executable = folder.path().join(format!("misbehave-{what}"));
    std::os::unix::fs::symlink(program::clusterdock(), &executable).expect("a link can be made");
    spawn(&executable, &library, deadline).await
}

/// What a plugin printed.
#[derive(Clone, Default)]
pub struct Lines(Arc<Mutex<Vec<(Stream, String)>>>);

impl Lines {
    /// The lines of one stream so far.
    pub fn of(&self, stream: Stream) -> Vec<String> {
        let lines = self.0.lock().expect("taking a line does not panic");
        lines.iter().filter(|(from, _)| *from == stream).map(|(_, line)| line.clone()).collect()
    }

    fn taker(&self) -> OnLine {
        let lines = self.0.clone();
        Arc::new(move |stream, line| {
            lines.lock().expect("taking a line does not panic").push((stream, line.into()));
        })
    }
}
