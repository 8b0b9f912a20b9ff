//! What every command works with: the engine, the report, and where things are. Everything the program touches is in
//! here or in its arguments, so that a test can run the whole program without Docker.

use crate::engine::Engine;
use crate::error::Result;
use crate::event::Event;
use crate::execution::Stop;
use crate::execution::removal;
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
    /// The command that would clean up after this one, told when the user leaves at once.
    pub clean_up: &'a Mutex<Option<String>>,
}

/// Where things are.
#[derive(Debug, Clone)]
pub struct Places {
    /// The folder of locks, logs and libraries.
    pub config: PathBuf,
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

    /// Looks at the engine.
    pub async fn observe(&self) -> Result<crate::cluster::Observed> {
        self.stop.look(removal::observe(self.engine)).await
    }
}
