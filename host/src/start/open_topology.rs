//! Opens a topology for use: finds what the user named, compiles it if necessary, inspects the library, and starts its
//! plugin in a separate process.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use futures_util::FutureExt;

use crate::error::{Kind, Result};
use crate::event::Event;
use crate::files::trust::{Exposed, Trust};
use crate::start::cargo_story::find_library;
use crate::start::session::Session;
use crate::topology::cargo_config;
use crate::topology::folder::{self, Folder, Found};
use crate::topology::held::Held;
use crate::topology::inspection::Inspected;
use crate::topology::manifest::Manifest;
use crate::topology::plugin::Plugin;
use crate::topology::plugin_library::Library;
use crate::topology::plugin_process::{Launch, PluginProcess};
use crate::topology::{cache, inspection};

/// How long a plugin may take for each of loading, declaring itself and naming its nodes: all of these only compute.
const DEADLINE: Duration = Duration::from_secs(30);

/// A topology whose plugin runs.
pub struct Topology {
    /// Its manifest: the folder's, or the one in the library's note if there is no folder.
    pub manifest: Manifest,
    /// The absolute path of its folder, or of a lone library.
    pub path: PathBuf,
    /// Its folder; `None` for a lone library.
    pub folder: Option<PathBuf>,
    /// SHA-256 of the library.
    pub digest: String,
    process: PluginProcess,
}

impl Topology {
    /// Opens what the user named.
    ///
    /// # Errors
    /// The topology is not found, its manifest is invalid, or its plugin cannot be found, built or loaded.
    pub async fn open(session: &Session<'_>, given: &Path) -> Result<Topology> {
        let (library, found) = match find(session, given)? {
            Found::Folder(folder) => {
                let library = Topology::library(session, &folder).await?;
                (library.path, Some(*folder))
            }
            Found::Library(path) => (path, None),
        };
        Topology::load(session, &library, found).await
    }

    /// The library of a topology's folder, compiled if necessary.
    ///
    /// # Errors
    /// It cannot be found or built, or others can change it.
    pub async fn library(session: &Session<'_>, folder: &Folder) -> Result<Library> {
        tell_hidden(session, folder);
        check_folder(session.trust, folder)?;
        session
            .cancellation
            .wait(find_library(session, folder))
            .await
    }

    /// The plugin.
    pub fn plugin(&self) -> &dyn Plugin {
        &self.process
    }

    /// Lets the plugin end.
    pub async fn close(self) {
        self.process.shut_down().await;
    }

    /// Starts the plugin of a library, that of a folder or a lone one.
    ///
    /// # Errors
    /// It cannot be loaded, or its manifest is invalid.
    pub async fn load(
        session: &Session<'_>,
        library: &Path,
        found: Option<Folder>,
    ) -> Result<Topology> {
        check_library(session.trust, library)?;
        let inspected = inspection::inspect(library)?;
        let (manifest, folder) = match found {
            Some(found) => (found.manifest, Some(found.path)),
            None => (manifest_of(&inspected)?, None),
        };
        let copy = cache::keep(&session.paths.config, &inspected)?;
        let held = Held::new(&inspected, &copy)?;
        let opened = Opened {
            name: &manifest.plugin,
            api: &inspected.identity.api,
            library: &held,
        };
        let process = session.cancellation.wait(opened.spawn(session)).await?;
        Ok(Topology {
            path: folder.clone().unwrap_or(inspected.path),
            manifest,
            folder,
            digest: inspected.digest,
            process,
        })
    }
}

/// A library that is about to be loaded.
pub(super) struct Opened<'a> {
    /// Name of the plugin.
    pub(super) name: &'a str,
    /// The version of plugin-api that it was built with.
    pub(super) api: &'a str,
    /// Its inspected bytes.
    pub(super) library: &'a Held,
}

impl Opened<'_> {
    /// Starts its plugin. What it prints goes to the sink.
    ///
    /// # Errors
    /// It cannot be loaded.
    pub(super) async fn spawn(self, session: &Session<'_>) -> Result<PluginProcess> {
        let sink = session.sink.clone();
        let source = self.name.to_string();
        let launch = Launch {
            executable: &session.paths.executable,
            library: self.library,
            name: self.name,
            api: self.api,
            deadline: DEADLINE,
            log_level: if session.verbose { "debug" } else { "info" },
            on_line: Arc::new(move |_, line| {
                sink.event(Event::Output {
                    source: source.clone(),
                    line: line.to_string(),
                });
                let sink = sink.clone();
                async move { sink.story_room().await }.boxed()
            }),
        };
        PluginProcess::spawn(launch).await
    }
}

/// Finds the topology that the user named.
pub fn find(session: &Session<'_>, given: &Path) -> Result<Found> {
    find_in(session, given, &session.paths.current)
}

/// The same, with relative paths and local names that begin at a folder.
pub fn find_in(session: &Session<'_>, given: &Path, folder: &Path) -> Result<Found> {
    let paths = folder::SearchPaths {
        current: folder.into(),
        config: session.paths.config.clone(),
    };
    folder::find(given, &paths)
}

/// The manifest of a topology, without running its code.
///
/// # Errors
/// It is a lone library whose manifest is invalid.
pub fn manifest(found: &Found) -> Result<Manifest> {
    match found {
        Found::Folder(folder) => Ok(folder.manifest.clone()),
        Found::Library(path) => manifest_of(&inspection::inspect(path)?),
    }
}

/// The manifest in the note of a lone library.
pub fn manifest_of(library: &Inspected) -> Result<Manifest> {
    let shown = note_of(&library.path).display().to_string();
    Manifest::parse(&library.manifest, &shown)
}

/// The name of a lone library's manifest in errors.
fn note_of(library: &Path) -> PathBuf {
    library.join("topology.toml")
}

/// An installed topology takes precedence over a folder of the same name, which is not obvious.
fn tell_hidden(session: &Session<'_>, folder: &Folder) {
    if let Some(hidden) = &folder.hidden {
        let used = folder.path.display();
        let hidden = hidden.display();
        let message =
            format!("Using the installed topology {used}; to use the local one, write ./{hidden}");
        session.event(Event::Progress { message });
    }
}

/// Refuses a library that others can change.
pub fn check_library(trust: &Trust, library: &Path) -> Result<()> {
    let subject = || format!("library `{}`", library.display());
    trust
        .check(library)
        .map_err(|exposed| exposed.error(Kind::Plugin, &subject()))
}

/// Refuses what others can change: the folder, and the crate that its library is compiled from, with what cargo reads
/// on the way there.
pub fn check_folder(trust: &Trust, folder: &Folder) -> Result<()> {
    let subject = |path: &Path| format!("topology folder `{}`", path.display());
    let check = |path: &Path| {
        trust
            .check_tree(path)
            .map_err(|error| error.error(Kind::Plugin, &subject(path)))
    };
    check(&folder.path)?;
    let Some(source) = folder.source() else {
        return Ok(());
    };
    let subject = format!("crate `{}`", source.display());
    let error = |exposed: Exposed| exposed.error(Kind::Plugin, &subject);
    trust.check_tree(&source).map_err(error)?;
    cargo_config::read_above(&source).try_for_each(|path| trust.check(&path).map_err(error))
}
