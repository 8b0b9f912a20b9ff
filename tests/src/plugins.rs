//! Plugins for tests: those of the workspace, and their processes.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use clusterdock::error::Result;
use clusterdock::sink::Stream;
use clusterdock::topology::held::Held;
use clusterdock::topology::inspection::inspect;
use clusterdock::topology::plugin_process::{Launch, OnLine, PluginProcess};
use clusterdock_plugin_wire::export::API_VERSION;

use crate::{cargo, program};

/// The library of a plugin of the workspace, such as `topology_nodebase`, built once for all tests of a process; or one
/// built by another compiler, from the folder in `CLUSTERDOCK_TEST_PLUGINS`.
pub fn library(package: &str) -> PathBuf {
    if let Some(folder) = std::env::var_os("CLUSTERDOCK_TEST_PLUGINS") {
        return Path::new(&folder).join(format!("lib{package}.so"));
    }
    static BUILT: Mutex<BTreeMap<String, PathBuf>> = Mutex::new(BTreeMap::new());
    let mut built = BUILT
        .lock()
        .expect("a package that does not build fails the first test");
    let path = built.entry(package.into()).or_insert_with(|| {
        let files = cargo::build(cargo::workspace(), &["-p", package]);
        let name = format!("lib{package}.so");
        files
            .into_iter()
            .find(|file| file.ends_with(&name))
            .expect("the package has a library")
    });
    path.clone()
}

/// Starts a process with a library under the name `topology_x`; also returns what it prints.
pub async fn spawn(
    executable: &Path,
    library: &Path,
    deadline: Duration,
) -> (Result<PluginProcess>, Lines) {
    let held = inspect(library).and_then(|inspected| {
        let held = Held::new(&inspected, library)?;
        Ok((held, inspected.identity.api))
    });
    match held {
        Ok((held, api)) => spawn_as(executable, &held, &api, deadline).await,
        Err(error) => (Err(error), Lines::default()),
    }
}

/// The same with a library that is already held.
pub async fn spawn_held(
    executable: &Path,
    library: &Held,
    deadline: Duration,
) -> (Result<PluginProcess>, Lines) {
    spawn_as(executable, library, API_VERSION, deadline).await
}

async fn spawn_as(
    executable: &Path,
    library: &Held,
    api: &str,
    deadline: Duration,
) -> (Result<PluginProcess>, Lines) {
    let lines = Lines::default();
    let on_line = lines.taker();
    let launch = Launch {
        executable,
        library,
        name: "topology_x",
        api,
        deadline,
        log_level: "info",
        on_line,
    };
    (PluginProcess::spawn(launch).await, lines)
}

/// A plugin that misbehaves in one way, from `tests/fixtures/plugins/misbehave`.
pub async fn misbehaving(what: &str) -> (Result<PluginProcess>, Lines) {
    misbehaving_within(what, Duration::from_secs(30)).await
}

/// A plugin that writes these bytes to its connection with the host, at the point that `what` names.
pub async fn misbehaving_raw(what: &str, raw: &[u8]) -> Result<PluginProcess> {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    std::fs::write(folder.path().join("raw"), raw).expect("it can be written to");
    misbehaving_in(folder.path(), what, Duration::from_secs(30))
        .await
        .0
}

/// The same with another deadline for each answer.
pub async fn misbehaving_within(what: &str, deadline: Duration) -> (Result<PluginProcess>, Lines) {
    let folder = tempfile::tempdir().expect("a temporary folder can be made");
    misbehaving_in(folder.path(), what, deadline).await
}

async fn misbehaving_in(
    folder: &Path,
    what: &str,
    deadline: Duration,
) -> (Result<PluginProcess>, Lines) {
    let library = library("topology_misbehave");
    let executable = folder.join(format!("misbehave-{what}"));
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
        lines
            .iter()
            .filter(|(from, _)| *from == stream)
            .map(|(_, line)| line.clone())
            .collect()
    }

    fn taker(&self) -> OnLine {
        let lines = self.0.clone();
        Arc::new(move |stream, line| {
            lines
                .lock()
                .expect("taking a line does not panic")
                .push((stream, line.into()));
            Box::pin(std::future::ready(()))
        })
    }
}
