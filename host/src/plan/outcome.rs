//! How a plan ended, as data: what failed, and what was not done. The use case that planned it decides what that means.

use super::step::StepId;
use crate::cluster::record::Record;
use crate::engine::{Container, EngineError, Fault, Volume};
use crate::error::Error;

/// How a plan ended.
#[derive(Debug, Default)]
pub struct Outcome {
    /// The steps that failed, the first to fail first.
    pub failures: Vec<(StepId, Failure)>,
    /// The steps that were not begun, in the plan's order.
    pub skipped: Vec<StepId>,
    /// The containers of the last look at whether nodes still run.
    pub found: Vec<Container>,
    /// The cluster's record, if it was written.
    pub record: Option<Record>,
    /// The error of an incomplete execution: the first failure, or the reason why the work was stopped.
    pub reason: Option<Error>,
}

/// Why a step failed.
#[derive(Debug, Clone)]
pub enum Failure {
    /// The engine refused the call.
    Refused(EngineError),
    /// There already is a volume of that name, with other labels.
    OtherVolume {
        /// The volume that was to be created.
        wanted: Volume,
        /// The one that exists.
        found: Volume,
    },
    /// The volume that was created is gone.
    VolumeGone(Volume),
    /// A node died, was removed, or cannot be looked at.
    Node {
        /// Its FQDN.
        fqdn: String,
        /// The error to report.
        error: Error,
    },
    /// What the use case does for this step failed.
    Work(Error),
    /// It was cancelled: by the user, a deadline, or the failure of another step.
    Cancelled(Error),
}

impl From<EngineError> for Failure {
    fn from(error: EngineError) -> Failure {
        if error.fault == Fault::Cancelled {
            Failure::Cancelled(error.into())
        } else {
            Failure::Refused(error)
        }
    }
}

impl Outcome {
    /// Whether every step was done.
    pub fn is_success(&self) -> bool {
        self.failures.is_empty() && self.skipped.is_empty()
    }

    /// The nodes that died, or did not become ready for a reason other than time.
    pub fn failed_nodes(&self) -> impl Iterator<Item = &str> {
        self.failures
            .iter()
            .filter_map(|(_, failure)| match failure {
                Failure::Node { fqdn, .. } => Some(fqdn.as_str()),
                _ => None,
            })
    }

    /// Whether this step was not done.
    pub fn is_open(&self, step: StepId) -> bool {
        self.skipped.contains(&step) || self.failures.iter().any(|(failed, _)| *failed == step)
    }
}
