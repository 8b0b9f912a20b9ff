//! What every command works with: the engine, the report, and where things are. Everything the program touches is in
//! here or in its arguments, so that a test can run the whole program without Docker.

use crate::engine::Engine;
use crate::error::Result;
use crate::event::Event;
use crate::execution::Stop;
use crate::execution::observe;
use crate::image::registry::Registries;
use crate::keys;
use crate::machine::hosts_file;
use crate::report::Report;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

/// What a command works with.
pub struct Session<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// What the user reads.
    pub report: &'a Arc<Report>,
    /// Ends the command early.
    pub stop: &'a Stop,
    /// Whether the user wants to be told more.
    pub verbose: bool,
    /// Where things are.
    pub places: &'a Places,
    /// Who the user is to registries; one for the whole command, so that nobody is asked twice.
    pub registries: Registries,
    /// The command that would clean up after this one, told when the user leaves at once.
    pub clean_up: &'a Mutex<Option<String>>,
}

/// Where things are.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folder of locks, logs, libraries and ssh keys.
    pub config: PathBuf,
    /// The machine's hosts file.
    pub hosts_file: PathBuf,
    /// The folder of Docker's own configuration, where there is a home.
    pub docker_config: Option<PathBuf>,
    /// The current folder.
    pub current: PathBuf,
    /// This program, which plugins run in a second process of.
    pub executable: PathBuf,
}

impl Session<'_> {
    /// Tells the report what happened.
    pub fn event(&self, event: Event) {
        self.report.event(event);
    }

    /// Takes nodes that are gone out of the machine's hosts file, where they were put into it.
    pub fn forget_names(&self, nodes: &[(String, String)]) {
        let file = &self.places.hosts_file;
        if let Err(error) = hosts_file::remove(file, nodes) {
            let message = format!("nodes could not be taken out of {}: {error}", file.display());
            self.event(Event::Warning { message });
        }
    }

    /// Removes the keys of starts that are gone, each its cluster and run.
    pub fn forget_keys<'r>(&self, runs: impl IntoIterator<Item = &'r (String, String)>) {
        for (cluster, run) in runs {
            let folder = keys::folder(&self.places.config, cluster, run);
            if let Err(error) = keys::remove(&folder) {
                let message = format!("keys could not be removed: {}: {error}", folder.display());
                self.event(Event::Warning { message });
            }
        }
    }

    /// Looks at the engine.
    pub async fn observe(&self) -> Result<crate::cluster::Observed> {
        self.stop.look(observe::everything(self.engine)).await
    }
}
