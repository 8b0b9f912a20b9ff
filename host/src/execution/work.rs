//! What a use case does for its plan: the steps that need more than calls to the engine.

use std::collections::BTreeMap;

use async_trait::async_trait;
use clusterdock_plugin_wire::File;

use super::retired::Retired;
use crate::cluster::record::Record;
use crate::error::{Error, Kind, Result};
use crate::topology::plugin::Hook;

/// The ids of containers by the names of their nodes.
pub type Ids = BTreeMap<String, String>;

/// What a use case does for its plan.
#[async_trait(?Send)]
pub trait Work {
    /// Provides an image. Ends by itself when the work is cancelled.
    async fn provide_image(&self, _reference: &str) -> Result<()> {
        Err(out_of_place())
    }

    /// Runs a hook of a cluster; the containers are those that the plan has created. Dropped when a node dies that the
    /// hook has not retired, and when the work is to end.
    async fn run_hook(
        &self,
        _cluster: &str,
        _hook: Hook,
        _containers: &Ids,
        _retired: &Retired,
    ) -> Result<()> {
        Err(out_of_place())
    }

    /// Puts files into the container with this id of the node with this name, which has not been started.
    async fn put_files(&self, _node: &str, _id: &str, _files: &[File]) -> Result<()> {
        Err(out_of_place())
    }

    /// What the cluster's record contains, besides the result of the start.
    fn record(&self) -> Record {
        Record::default()
    }
}

/// The error for a step that does not belong in the use case's plans.
fn out_of_place() -> Error {
    Error::new(
        Kind::Other,
        "the plan has a step that its command cannot carry out",
    )
}

/// For plans that only call the engine and wait for nodes.
pub struct EngineAlone;

impl Work for EngineAlone {}
