//! Whether a failed start may succeed after another look at the engine and a new plan. Pure.

use super::explain::is_gone;
use super::lost;
use super::outcome::{Failure, Outcome};
use super::step::{Action, Plan, Step, Stream};
use crate::engine::{EngineError, Fault};

/// Why another attempt may succeed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Retry {
    /// Another start got in between.
    Raced,
    /// The engine lacks a capability, and does not say which.
    Capability,
    /// Another start has taken the cluster's name: nothing was created, and only another name can succeed.
    NameTaken,
}

/// Why another attempt may succeed, if it may.
pub fn retry(plan: &Plan, outcome: &Outcome) -> Option<Retry> {
    outcome
        .failures
        .iter()
        .find_map(|(id, failure)| after(plan, &plan.steps[*id], failure))
}

fn after(plan: &Plan, step: &Step, failure: &Failure) -> Option<Retry> {
    match failure {
        Failure::OtherVolume { .. } => Some(Retry::NameTaken),
        Failure::Refused(error) => after_refusal(plan, step, error),
        Failure::VolumeGone(_)
        | Failure::Node { .. }
        | Failure::Work(_)
        | Failure::Cancelled(_) => None,
    }
}

fn after_refusal(plan: &Plan, step: &Step, error: &EngineError) -> Option<Retry> {
    let is_node = matches!(step.stream, Stream::Node(_));
    match &step.action {
        Action::CreateNetwork(_) => {
            let is_race = matches!(error.fault, Fault::NetworkExists | Fault::SubnetTaken);
            is_race.then_some(Retry::Raced)
        }
        Action::CreateContainer(_) | Action::StartContainer(_) if is_node => {
            after_refused_node(plan, step, error)
        }
        _ => None,
    }
}

fn after_refused_node(plan: &Plan, step: &Step, error: &EngineError) -> Option<Retry> {
    if lost::by_call(plan, step, error).is_some() {
        return None;
    }
    match error.fault {
        Fault::AddressTaken => Some(Retry::Raced),
        Fault::CapabilityMissing => Some(Retry::Capability),
        _ => is_gone(error).then_some(Retry::Raced),
    }
}
