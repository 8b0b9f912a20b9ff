//! Failures as the user should read them. Pure: everything follows from the plan and the failure.

use super::lost;
use super::outcome::{Failure, Outcome};
use super::step::{Action, Plan, Step, StepId};
use crate::cluster::labels::read;
use crate::cluster::names;
use crate::cluster::record::{self, Claim};
use crate::engine::{EngineError, Fault, Volume};
use crate::error::{Error, Kind};

/// Why not everything of a plan was done.
pub fn why(plan: &Plan, outcome: Outcome) -> Error {
    let first = outcome.failures.first();
    let first = first.map(|(id, failure)| explain(plan, *id, failure));
    let error = outcome.reason.or(first);
    error.unwrap_or_else(|| Error::new(Kind::Other, "the plan was not completed"))
}

/// The error for a step that failed.
pub fn explain(plan: &Plan, id: StepId, failure: &Failure) -> Error {
    let step = &plan.steps[id];
    match failure {
        Failure::Refused(error) => refused(plan, step, error),
        Failure::OtherVolume { wanted, found } => other_volume(wanted, found),
        Failure::VolumeGone(volume) => lost::record(volume),
        Failure::Node { error, .. } | Failure::Work(error) => error.clone(),
        Failure::Cancelled(error) => cancelled(step, error),
    }
}

/// Whether an answer is the volume that was asked for: it has the labels of the same start, and the engine has not
/// created it anew since.
pub fn is_same_volume(answer: &Volume, wanted: &Volume) -> bool {
    let run = read::run(&wanted.labels);
    answer.name == wanted.name
        && run.is_ok_and(|run| record::claim(&answer.labels, &run) == Claim::Own)
}

/// Whether the engine has no container, network or volume of that name or id. Missing images do not count.
pub(super) fn is_gone(error: &EngineError) -> bool {
    error.fault == Fault::NotFound && !error.message.to_lowercase().contains("no such image")
}

/// For a removal, names what was being removed, since it may be left over.
fn cancelled(step: &Step, error: &Error) -> Error {
    if step.action.is_removal() {
        Error::new(error.kind(), step.stream.to_string()).cause(error)
    } else {
        error.clone()
    }
}

fn refused(plan: &Plan, step: &Step, error: &EngineError) -> Error {
    let plain = Error::from(error.clone());
    let failed_to = |what: &str| {
        plain
            .clone()
            .context(format!("failed to {what} {}", step.stream))
    };
    match &step.action {
        Action::CreateVolume(_) => plain.context("failed to create the cluster's record"),
        Action::CreateContainer(spec) if step.is_helper() => helper(plain, error, &spec.image),
        Action::CreateContainer(_) => new_node(plan, step, error),
        Action::StartContainer(node) if node.container.id.is_none() => new_node(plan, step, error),
        Action::StartContainer(_) | Action::ConnectNetwork { .. } => old_node(step, error),
        Action::CreateNetwork(_) => failed_to("create"),
        Action::PutKeys(_) => failed_to("put ssh keys on"),
        Action::PutFiles { .. } => failed_to("put files on"),
        Action::StopContainer { .. } => failed_to("stop"),
        Action::PauseContainer(_) => failed_to("pause"),
        Action::UnpauseContainer(_) => failed_to("unpause"),
        Action::SignalContainer { .. } => failed_to("signal"),
        Action::RemoveContainer(_) | Action::RemoveNetwork(_) | Action::RemoveVolume(_) => {
            plain.context(step.stream.to_string())
        }
        Action::WriteRecord { .. } => plain.context("failed to write the cluster's record"),
        // Checks and waits, whose errors already name the node.
        Action::CheckVolume(_)
        | Action::CheckRunning(_)
        | Action::AwaitStart(_)
        | Action::AwaitProbe { .. }
        | Action::AwaitRunning { .. }
        | Action::ProvideImage(_)
        | Action::RunHook { .. } => plain,
    }
}

/// The error for a volume that belongs to something else.
fn other_volume(wanted: &Volume, found: &Volume) -> Error {
    let run = read::run(&wanted.labels).unwrap_or_default();
    let cluster = &run.cluster;
    match record::claim(&found.labels, &run) {
        Claim::Own | Claim::Recreated => lost::record(wanted),
        Claim::Other => Error::new(Kind::Conflict, format!("cluster name `{cluster}` is in use"))
            .cause("another start took it a moment ago")
            .hint(format!(
                "choose another --cluster-name, or remove that cluster: clusterdock rm {cluster}"
            )),
        Claim::Foreign => Error::new(
            Kind::Conflict,
            format!("volume `{}` is in use", wanted.name),
        )
        .cause(format!(
            "clusterdock keeps the record of cluster `{cluster}` in a volume of this name, but did not create this one"
        ))
        .hint(format!(
            "choose another --cluster-name, or remove it: docker volume rm {}",
            wanted.name
        )),
    }
}

/// A refusal that concerns a container that only holds the volumes of an image.
fn helper(plain: Error, error: &EngineError, image: &str) -> Error {
    let is_image = error.fault == Fault::NotFound;
    let plain = if is_image {
        plain.kind_of(Kind::Image)
    } else {
        plain
    };
    plain.context(format!("failed to create the volumes of image `{image}`"))
}

/// A refusal that concerns a node that the plan creates.
fn new_node(plan: &Plan, step: &Step, error: &EngineError) -> Error {
    if let Some(lost) = lost::by_call(plan, step, error) {
        return lost;
    }
    let plain = Error::from(error.clone());
    let fqdn = step.stream.name();
    let message = format!("failed to start node `{fqdn}`");
    match error.fault {
        Fault::NameTaken => name_taken(step),
        Fault::PortTaken => plain
            .context(message)
            .hint("choose another host port, or omit it: -p NODE:CONTAINER"),
        Fault::NotFound if !is_gone(error) => plain.kind_of(Kind::Image).context(message),
        _ => plain.context(message),
    }
}

/// The error for a node whose container's name another start took.
fn name_taken(step: &Step) -> Error {
    let name = match &step.action {
        Action::CreateContainer(spec) => &spec.name,
        _ => step.stream.name(),
    };
    names::in_use(name)
        .cause("another start took it a moment ago")
        .hint("choose other host names, or another network with -n")
}

/// A refusal that concerns a node that exists.
fn old_node(step: &Step, error: &EngineError) -> Error {
    let fqdn = step.stream.name();
    let plain = Error::from(error.clone()).context(format!("failed to start node `{fqdn}`"));
    let again = format!("then try again: clusterdock resume {fqdn}");
    match error.fault {
        Fault::PortTaken => plain.hint(format!(
            "the node's ports stay with it: free the port, {again}"
        )),
        Fault::AddressTaken => plain.hint(format!(
            "the node keeps its address: stop whatever uses it, {again}"
        )),
        _ => plain,
    }
}
