//! Opens a topology for use: finds what the user named, compiles it where that is needed, inspects the library, and
//! starts its plugin in a process of its own.

use super::compile::Cargo;
use super::folder::{self, Folder, Found};
use super::library::{self, Event as LibraryEvent, Library};
use super::manifest::Manifest;
use super::plugin::Plugin;
use super::process::{Launch, PluginProcess};
use super::{cache, inspect};
use crate::error::Result;
use crate::event::Event;
use crate::session::Session;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

/// How long a plugin may take to load, to declare itself and to name its nodes, each: all of it is computing.
const DEADLINE: Duration = Duration::from_secs(30);

/// A topology whose plugin runs.
pub struct Topology {
    /// Its manifest: the folder's, or the one in the library's note where there is no folder.
    pub manifest: Manifest,
    /// Its folder; none for a lone library.
    pub folder: Option<PathBuf>,
    /// SHA-256 of the library.
    pub digest: String,
    process: PluginProcess,
}

impl Topology {
    /// Opens what the user named.
    ///
    /// # Errors
    /// There is no such topology, its manifest is wrong, or its plugin cannot be found, built or loaded.
    pub async fn open(session: &Session<'_>, given: &Path) -> Result<Topology> {
        let places = folder::Places { current: session.places.current.clone(), config: session.places.config.clone() };
        let (library, found) = match folder::find(given, &places)? {
            Found::Folder(folder) => {
                let library = session.stop.wait(find_library(session, &folder)).await?;
                (library.path, Some(folder))
            }
            Found::Library(path) => (path, None),
        };
        Topology::load(session, &library, found).await
    }

    /// The plugin.
    pub fn plugin(&self) -> &dyn Plugin {
        &self.process
    }

    /// Lets the plugin end.
    pub async fn close(self) {
        self.process.shut_down().await;
    }

    async fn load(session: &Session<'_>, library: &Path, found: Option<Box<Folder>>) -> Result<Topology> {
        let inspected = inspect::inspect(library)?;
        let (manifest, folder) = match found {
            Some(found) => (found.manifest, Some(found.path)),
            None => (Manifest::parse(&inspected.manifest, &note_of(library).display().to_string())?, None),
        };
        let kept = cache::keep(&session.places.config, &inspected)?;
        let report = session.report.clone();
        let source = manifest.plugin.clone();
        let launch = Launch {
            executable: &session.places.executable,
            library: &kept,
            name: &manifest.plugin,
            deadline: DEADLINE,
            log_level: if session.verbose { "debug" } else { "info" },
            on_line: Arc::new(move |_, line| {
                report.event(Event::Output { source: source.clone(), line: line.to_string() });
            }),
        };
        let process = session.stop.wait(PluginProcess::spawn(launch)).await?;
        Ok(Topology { manifest, folder, digest: inspected.digest, process })
    }
}

/// What errors call the manifest of a lone library.
fn note_of(library: &Path) -> PathBuf {
    library.join("topology.toml")
}

async fn find_library(session: &Session<'_>, folder: &Folder) -> Result<Library> {
    let mut lent = None;
    let mut tell = |event: LibraryEvent<'_>| match event {
        LibraryEvent::Waiting { plugin } => session.event(Event::Progress {
            message: format!("Waiting for another clusterdock that compiles plugin {plugin} ..."),
        }),
        LibraryEvent::Compiling { plugin, .. } => {
            session.event(Event::Compiling { plugin: plugin.to_string() });
            // The compiler writes to the terminal itself.
            lent = Some(session.report.lend_terminal());
        }
        LibraryEvent::Compiled { plugin, took } => {
            lent = None;
            session.event(Event::Debug { message: format!("compiled plugin {plugin} in {} ms", took.as_millis()) });
        }
    };
    library::find(folder, &Cargo::from_environment(), &mut tell).await
}
