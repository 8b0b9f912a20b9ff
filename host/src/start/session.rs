//! What every command works with: the engine, the sink for its results, and the paths it uses. Everything the program
//! touches is in here or in its arguments, so that a test can run the whole program without Docker.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;

use serde_json::Value;
use tokio::sync::OnceCell;

use super::library_notes;
use crate::cancellation::Cancellation;
use crate::cluster::Cluster;
use crate::cluster::labels::RunId;
use crate::cluster::observe;
use crate::cluster::observed::Observed;
use crate::engine::{EngineInfo, GuardedEngine, System};
use crate::error::Result;
use crate::event::Event;
use crate::execution::records;
use crate::files::trust::Trust;
use crate::image::registry::Registries;
use crate::keys;
use crate::machine::hosts_file;
use crate::sink::Sink;

/// What a command works with.
pub struct Session<'a> {
    /// The engine, for work that is not cancelled with the command; calls of [`Session::guarded`] are.
    pub engine: GuardedEngine<'a>,
    /// Takes events, and the bytes of nodes.
    pub sink: &'a Arc<dyn Sink>,
    /// Ends the command early.
    pub cancellation: &'a Cancellation,
    /// Whether the user wants more detail.
    pub verbose: bool,
    /// Where the output of cargo and the compiler goes.
    pub compiler_output: CompilerOutput,
    /// The paths that the program uses.
    pub paths: &'a Paths,
    /// The users whose files are trusted.
    pub trust: &'a Trust,
    /// Registry credentials, shared by the whole command so that no helper is asked twice.
    pub registries: Registries,
    /// What the engine is and can do, once it was asked.
    pub engine_info: OnceCell<EngineInfo>,
}

/// Where the output of cargo and the compiler goes while a plugin is compiled.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CompilerOutput {
    /// To the terminal, as it comes.
    Terminal,
    /// Each line becomes an event.
    Events,
    /// It is kept, and shown if the plugin does not compile.
    IfItFails,
}

/// The paths that the program uses.
#[derive(Debug, Clone)]
pub struct Paths {
    /// The folder of locks, logs, libraries and ssh keys.
    pub config: PathBuf,
    /// The machine's hosts file.
    pub hosts_file: PathBuf,
    /// The folder of Docker's own configuration, if there is a home.
    pub docker_config: Option<PathBuf>,
    /// The current folder.
    pub current: PathBuf,
    /// This program, of which plugins run in a second process.
    pub executable: PathBuf,
}

impl Session<'_> {
    /// The engine, whose calls end with the command.
    pub fn guarded(&self) -> GuardedEngine<'_> {
        self.engine.with_cancellation(self.cancellation)
    }

    /// Passes an event to the sink.
    pub fn event(&self, event: Event) {
        self.sink.event(event);
    }

    /// What the engine is and can do; asked once per command.
    pub async fn engine_info(&self) -> Result<&EngineInfo> {
        let ask = async || Ok(self.guarded().info().await?);
        self.engine_info.get_or_try_init(ask).await
    }

    /// Removes names from the machine's hosts file: those of single nodes, each with its cluster, and whole blocks of
    /// clusters.
    pub async fn forget_names(&self, nodes: &[(String, String)], clusters: &BTreeSet<String>) {
        if nodes.is_empty() && clusters.is_empty() {
            return;
        }
        let file = &self.paths.hosts_file;
        let removed = match hosts_file::owners(file).await {
            Ok(owners) if owners.is_empty() => return,
            Ok(_) => self.remove_names(nodes, clusters).await,
            Err(error) => Err(error),
        };
        if let Err(error) = removed {
            let message = format!(
                "names of nodes could not be removed from {}: {error}",
                file.display()
            );
            self.event(Event::Warning { message });
        }
    }

    async fn remove_names(
        &self,
        nodes: &[(String, String)],
        clusters: &BTreeSet<String>,
    ) -> io::Result<()> {
        let engine = &self.engine_info().await.map_err(io::Error::other)?.id;
        hosts_file::remove_nodes(&self.paths.hosts_file, engine, nodes).await?;
        self.remove_blocks(clusters).await
    }

    /// Removes blocks of clusters from the machine's hosts file, whatever nodes they name.
    ///
    /// # Errors
    /// The file cannot be changed, or the engine does not answer.
    pub async fn remove_blocks(&self, clusters: &BTreeSet<String>) -> io::Result<()> {
        let engine = &self.engine_info().await.map_err(io::Error::other)?.id;
        hosts_file::remove_clusters(&self.paths.hosts_file, engine, clusters).await
    }

    /// Removes what is kept for starts that are gone, each its cluster and run: keys, and notes of libraries.
    pub fn forget_runs<'r>(&self, runs: impl IntoIterator<Item = &'r (String, RunId)>) {
        let config = &self.paths.config;
        for (cluster, run) in runs {
            if let Err(error) = keys::remove(config, cluster, run) {
                let folder = keys::folder(config, cluster, run);
                let message = format!("keys could not be removed: {}: {error}", folder.display());
                self.event(Event::Warning { message });
            }
            if let Err(error) = library_notes::forget(config, cluster, run) {
                let message = format!(
                    "the note that cluster `{cluster}` needs its library could not be removed: {error}"
                );
                self.event(Event::Warning { message });
            }
        }
    }

    /// Adds the records of clusters to what was observed.
    pub async fn with_records(&self, observed: Observed) -> Result<Observed> {
        let looks = async {
            Ok(records::with_records(&self.engine, observed, &|event| self.event(event)).await)
        };
        // An unreadable record is only a warning, but a stopped command is an error.
        self.cancellation.wait(looks).await
    }

    /// What the hooks of a cluster left, by name. A record that cannot be read is a warning: nodes can write it.
    pub async fn outputs(&self, cluster: &Cluster) -> Result<BTreeMap<String, Value>> {
        let read = async { Ok(records::whole(&self.engine, cluster).await) };
        match self.cancellation.wait(read).await? {
            Ok(record) => Ok(record.unwrap_or_default().outputs),
            Err(error) => {
                let name = &cluster.name;
                let message = format!("the record of cluster `{name}` cannot be read: {error}");
                self.event(Event::Warning { message });
                Ok(BTreeMap::new())
            }
        }
    }

    /// Looks at the engine.
    pub async fn observe(&self) -> Result<Observed> {
        observe::everything(&self.guarded()).await
    }
}
