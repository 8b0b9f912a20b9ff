//! Plans changes to existing nodes: stop, start again, pause, signal, wait. Each node gets a list of steps; a node that
//! is already in the wanted state gets none.
//!
//! A node that is started again keeps what it was given: its address, its host ports, its names, its files. So its
//! network has to exist. If it was removed in the meantime, it is created again, and a node whose attachment to it was
//! lost (Docker from 29.0 on drops it when a start fails on a busy port) is connected again before its start.
//!
//! If all nodes of a cluster are meant, the hooks of its topology are steps too.

mod assembly;
mod attachment;
mod group_order;
mod hooks;

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::outcome::{Failure, Outcome};
use super::reason;
use super::step::{Action, Attachment, NodeTarget, OnFailure, Plan, Step, Stream, Target};
use crate::cluster::Node;
use crate::cluster::observed::{Observed, ObservedContainer};
use crate::cluster::select;
use crate::engine::{ContainerState, Fault, NetworkSpec, PublishedPort, State};
use crate::error::{Error, Kind, Result};
use crate::machine::host_port::port_in_use;

/// A change of the state of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// They no longer run.
    Stop {
        /// How long each may take before it is killed.
        grace_seconds: u32,
    },
    /// They run, and are ready.
    Resume,
    /// They run, and are ready, and all their processes have been restarted.
    Restart {
        /// How long each may take to stop before it is killed.
        grace_seconds: u32,
    },
    /// They are paused.
    Pause,
    /// They are no longer paused.
    Unpause,
    /// They received this signal, such as `SIGHUP`.
    Signal(String),
    /// They run, and are ready: nothing is done for it.
    Wait,
}

impl Change {
    /// Whether this change starts a node that is in that state: its inspection is needed for that.
    pub fn starts(&self, state: State) -> bool {
        match self {
            Change::Restart { .. } => true,
            Change::Resume => matches!(state, State::Created | State::Exited),
            _ => false,
        }
    }
}

/// Everything the plan follows from.
#[derive(Debug, Clone, Copy)]
pub struct LifecycleInputs<'a> {
    /// The change to make.
    pub change: &'a Change,
    /// The nodes.
    pub nodes: &'a [&'a Node],
    /// What the engine has.
    pub observed: &'a Observed,
    /// Inspections, by id, of the nodes that are to be started ([`Change::starts`]).
    pub inspected: &'a BTreeMap<String, ContainerState>,
    /// Where this machine's routes lead, so that no new network hides one.
    pub routes: &'a [Ipv4Net],
}

/// What will be done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LifecyclePlan {
    /// The steps: networks that are created again first, then those of each node.
    pub plan: Plan,
    /// How many nodes it is about.
    pub nodes: usize,
    /// How many of them are changed, not only waited for.
    pub changed: usize,
    /// What the user should know: hooks that are left out.
    pub warnings: Vec<String>,
    /// Ports of the machine that nodes will need and do not have now, by the nodes' names.
    pub ports: BTreeMap<String, Vec<PublishedPort>>,
    /// The attachments of nodes that are started, by the nodes' names.
    attachments: BTreeMap<String, Attachment>,
}

/// Networks that are created again, by name.
type Networks = BTreeMap<String, NetworkSpec>;

/// The steps of a node: what is done, and why.
type NodeSteps = Vec<(Action, String)>;

impl LifecyclePlan {
    /// The nodes that may have lost their attachment to their network because their start failed on a busy port (Docker
    /// drops it from 29.0 on), with those attachments.
    pub fn endangered(&self, outcome: &Outcome) -> Vec<(Target, Attachment)> {
        let failures = outcome.failures.iter();
        let refused = failures.filter_map(|(id, failure)| match failure {
            Failure::Refused(error) if error.fault == Fault::PortTaken => {
                self.plan.steps[*id].starts()
            }
            _ => None,
        });
        refused
            .filter_map(|node| {
                let attachment = self.attachments.get(&node.container.name)?;
                Some((node.container.clone(), attachment.clone()))
            })
            .collect()
    }
}

/// Plans to restore the attachments of nodes, so that their next start succeeds without clusterdock, too.
pub fn put_back(engine: &str, nodes: Vec<(Target, Attachment)>) -> Plan {
    let mut plan = Plan::new(OnFailure::Continue);
    for (container, attachment) in nodes {
        let stream = Stream::Node(container.name.clone());
        let reason = at(&attachment);
        let action = Action::ConnectNetwork {
            container,
            attachment,
        };
        plan.add(Step::new(engine, stream, action).with_reason(reason));
    }
    plan
}

/// Plans a change of nodes.
///
/// # Errors
/// [`Kind::Conflict`]: a node is in a state that the change is not possible from; a host port or an address of a node
/// that is to be started is in use; or its network is gone and cannot be created again.
pub fn plan(inputs: &LifecycleInputs<'_>) -> Result<LifecyclePlan> {
    let mut lifecycle = LifecyclePlan {
        nodes: inputs.nodes.len(),
        ..LifecyclePlan::default()
    };
    let mut networks = Networks::new();
    let mut of_nodes = Vec::new();
    for node in inputs.nodes {
        of_nodes.push((*node, steps(inputs, node, &mut networks, &mut lifecycle)?));
    }
    assembly::assemble(inputs, &mut lifecycle, networks, of_nodes);
    Ok(lifecycle)
}

fn steps(
    inputs: &LifecycleInputs<'_>,
    node: &Node,
    networks: &mut Networks,
    lifecycle: &mut LifecyclePlan,
) -> Result<NodeSteps> {
    let state = node.container.state;
    match inputs.change {
        Change::Stop { grace_seconds } => Ok(stopped(node, *grace_seconds)),
        _ if matches!(state, State::Removing | State::Dead) => Err(is_being_removed(node)),
        Change::Wait => awaited(inputs, node),
        Change::Resume => match state {
            State::Created | State::Exited => started(inputs, node, networks, lifecycle),
            State::Paused => Ok([vec![unpause(node)], ready(inputs, node)].concat()),
            _ => Ok(settled(inputs, node)),
        },
        Change::Restart { grace_seconds } => {
            let start = started(inputs, node, networks, lifecycle)?;
            Ok([stopped(node, *grace_seconds), start].concat())
        }
        Change::Pause | Change::Unpause | Change::Signal(_) => changed(inputs.change, node),
    }
}

/// The steps of a node that is to be stopped.
fn stopped(node: &Node, grace_seconds: u32) -> NodeSteps {
    match node.container.state {
        State::Created | State::Exited | State::Removing | State::Dead => Vec::new(),
        State::Running | State::Paused | State::Restarting => {
            let action = Action::StopContainer {
                container: target(node),
                grace_seconds,
            };
            vec![(action, format!("it is killed after {grace_seconds} s"))]
        }
    }
}

/// The steps of a node that runs, or is about to: none if it has been ready for long enough.
fn settled(inputs: &LifecycleInputs<'_>, node: &Node) -> NodeSteps {
    if node.container.state == State::Running && is_settled(node) {
        Vec::new()
    } else {
        ready(inputs, node)
    }
}

/// The steps of a node that is waited for.
fn awaited(inputs: &LifecycleInputs<'_>, node: &Node) -> Result<NodeSteps> {
    match node.container.state {
        // A start in progress has not reached it yet. A node that has stopped is only started again at a user's
        // request.
        State::Created => {
            let start = Action::AwaitStart(node_target(node));
            Ok([vec![(start, "its start".into())], ready(inputs, node)].concat())
        }
        State::Exited => Err(never_starts(node)),
        State::Paused => Err(select::not_running(node)),
        State::Running | State::Restarting => Ok(settled(inputs, node)),
        State::Removing | State::Dead => Err(is_being_removed(node)),
    }
}

/// The steps of a node that is to be started, and to become ready.
fn started(
    inputs: &LifecycleInputs<'_>,
    node: &Node,
    networks: &mut Networks,
    lifecycle: &mut LifecyclePlan,
) -> Result<NodeSteps> {
    let start = start(inputs, node, networks, lifecycle)?;
    Ok([start, ready(inputs, node)].concat())
}

/// The steps of a node that is to be paused, unpaused or signalled, for which it has to run.
fn changed(change: &Change, node: &Node) -> Result<NodeSteps> {
    match (change, node.container.state) {
        (Change::Pause, State::Paused) | (Change::Unpause, State::Running) => Ok(Vec::new()),
        (Change::Pause, State::Running) => {
            Ok(vec![(Action::PauseContainer(target(node)), String::new())])
        }
        (Change::Unpause, State::Paused) => Ok(vec![unpause(node)]),
        (Change::Signal(signal), State::Running | State::Paused) => {
            let action = Action::SignalContainer {
                container: target(node),
                signal: signal.clone(),
            };
            Ok(vec![(action, signal.clone())])
        }
        _ => Err(select::not_running(node)),
    }
}

fn unpause(node: &Node) -> (Action, String) {
    (Action::UnpauseContainer(target(node)), String::new())
}

fn target(node: &Node) -> Target {
    Target::known(&node.name, &node.container.id)
}

fn is_being_removed(node: &Node) -> Error {
    Error::new(
        Kind::Conflict,
        format!("node `{}` is being removed", node.name),
    )
}

fn node_target(node: &Node) -> NodeTarget {
    NodeTarget {
        container: target(node),
        label: node.event_label.clone(),
    }
}

/// The error for a node that nothing is going to start.
fn never_starts(node: &Node) -> Error {
    Error::new(
        Kind::Conflict,
        format!("node `{}` is not running", node.name),
    )
    .cause(format!("its container: {}", node.container.status))
    .hint(format!(
        "start it first: clusterdock resume {}",
        node.cluster
    ))
}

/// The waits until a started node is ready.
fn ready(inputs: &LifecycleInputs<'_>, node: &Node) -> NodeSteps {
    if node.probes.is_empty() && node.serves.is_empty() {
        let state = inputs.inspected.get(&node.container.id);
        let action = Action::AwaitRunning {
            node: node_target(node),
            may_restart: state.is_none_or(|state| state.may_restart),
        };
        return vec![(action, "that it runs for 200 ms".into())];
    }
    let probes = node.probes.iter().chain(&node.serves).map(|probe| {
        let action = Action::AwaitProbe {
            node: node_target(node),
            probe: probe.clone(),
        };
        (action, probe.to_string())
    });
    probes.collect()
}

/// Whether a node has no probes and has been running for long enough.
fn is_settled(node: &Node) -> bool {
    node.probes.is_empty() && node.serves.is_empty() && node.container.has_run_for_a_second()
}

/// The steps up to the start of a node that has been created before.
fn start(
    inputs: &LifecycleInputs<'_>,
    node: &Node,
    networks: &mut Networks,
    lifecycle: &mut LifecyclePlan,
) -> Result<NodeSteps> {
    let container = &node.container;
    let state = inputs.inspected.get(&container.id);
    let ports = state
        .map(|state| state.wanted_ports.clone())
        .unwrap_or_default();
    let start = (
        Action::StartContainer(node_target(node)),
        reason::ports(&ports),
    );
    if !has_ports(container.state) {
        check_ports(inputs, node, &ports)?;
        lifecycle.ports.insert(node.name.clone(), ports);
    }
    let Some((attachment, is_lost)) = attachment::of_start(inputs, node, state, networks)? else {
        return Ok(vec![start]);
    };
    if let Some(address) = attachment.address {
        attachment::check_address(inputs, node, &attachment.network.name, address)?;
    }
    if node.is_ours() {
        lifecycle
            .attachments
            .insert(node.name.clone(), attachment.clone());
    }
    if !is_lost {
        return Ok(vec![start]);
    }
    let reason = at(&attachment);
    let container = target(node);
    let join = Action::ConnectNetwork {
        container,
        attachment,
    };
    Ok(vec![(join, reason), start])
}

/// An attachment, as plans print it.
fn at(attachment: &Attachment) -> String {
    let network = &attachment.network.name;
    match attachment.address {
        Some(address) => format!("{network}, {address}"),
        None => network.clone(),
    }
}

fn has_ports(state: State) -> bool {
    matches!(state, State::Running | State::Paused)
}

fn check_ports(inputs: &LifecycleInputs<'_>, node: &Node, ports: &[PublishedPort]) -> Result<()> {
    for port in ports.iter().filter(|port| port.host_port != 0) {
        let has_it =
            |one: &&ObservedContainer| one.seen.ports.iter().any(|other| port.clashes(other));
        if let Some(holder) = inputs
            .observed
            .containers
            .iter()
            .find(has_it)
            .map(|one| &one.seen)
        {
            return Err(port_in_use(&node.name, port)
                .cause(format!("container `{}` publishes it now", holder.name)));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests;
