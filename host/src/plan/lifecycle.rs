//! The plan of what becomes of nodes that are there: stopped, started again, frozen, signalled, awaited. Each node gets
//! a list of steps; a node that is as wanted gets none.
//!
//! A node that is started again keeps what it was given: its address, its host ports, its names, its files. So its
//! network has to be there. One that was removed meanwhile is made again, and a node whose place on it was lost (Docker
//! from 29.0 on drops it when a start fails on a busy port) is put there again before its start.

use super::address;
use crate::cluster::{Node, Observed};
use crate::engine::{Container, ContainerState, Endpoint, Labels, Network, NetworkSpec, PublishedPort, State};
use crate::error::{Error, Kind, Result};
use crate::labels;
use crate::select;
use clusterdock_plugin_api::Probe;
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// What is to become of nodes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// They no longer run.
    Stop {
        /// How long each may take before it is killed.
        grace_seconds: u32,
    },
    /// They run, and are ready.
    Resume,
    /// They run, and are ready, and everything in them was started anew.
    Restart {
        /// How long each may take to stop before it is killed.
        grace_seconds: u32,
    },
    /// They are frozen.
    Pause,
    /// They are no longer frozen.
    Unpause,
    /// They got this signal, such as `SIGHUP`.
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
    /// What is to become of the nodes.
    pub change: &'a Change,
    /// The nodes.
    pub nodes: &'a [&'a Node],
    /// What the engine has.
    pub observed: &'a Observed,
    /// Inspections, by id, of the nodes that are to be started ([`Change::starts`]).
    pub made: &'a BTreeMap<String, ContainerState>,
    /// Where this machine's routes lead, so that no network of ours hides one.
    pub routes: &'a [Ipv4Net],
}

/// What will be done.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct LifecyclePlan {
    /// Networks that are made again, first.
    pub networks: Vec<NetworkSpec>,
    /// What is done to each node, in parallel.
    pub nodes: Vec<NodeLife>,
}

/// What is done to a node, step by step.
#[derive(Debug, Clone, PartialEq)]
pub struct NodeLife {
    /// Its FQDN.
    pub fqdn: String,
    /// Its container's full id.
    pub id: String,
    /// A label, key and value, by which the engine's events of this node are found.
    pub label: (String, String),
    /// How its container was when it was looked at.
    pub state: State,
    /// The steps; none: it is as wanted.
    pub steps: Vec<Step>,
}

/// One step of a node.
#[derive(Debug, Clone, PartialEq)]
pub enum Step {
    /// It gets its stop signal, and is killed when it still runs after so long.
    Stop {
        /// How long.
        grace_seconds: u32,
    },
    /// It gets its place on a network, in the stead of one on a network that is gone.
    Join(Place),
    /// It is started.
    Start {
        /// Its place, to be given again if a failed start costs it; none for a node that was given none.
        place: Option<Place>,
        /// Its ports on the machine.
        ports: Vec<PublishedPort>,
    },
    /// It is frozen.
    Pause,
    /// It goes on.
    Unpause,
    /// It gets a signal.
    Signal(String),
    /// Somebody else starts it.
    AwaitStart,
    /// It goes on running for a moment: a node without probes shows in no other way that its start went well.
    Settle,
    /// Its probes hold.
    Await(Vec<Probe>),
}

impl Step {
    /// Whether nothing is done, only awaited.
    pub fn waits(&self) -> bool {
        matches!(self, Step::AwaitStart | Step::Settle | Step::Await(_))
    }
}

/// A node's place on its network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    /// The network's name.
    pub network: String,
    /// The network's id; none for one that the plan makes again.
    pub network_id: Option<String>,
    /// The node's fixed address; none: the engine chooses.
    pub address: Option<Ipv4Addr>,
    /// The node's short name.
    pub alias: String,
}

impl NodeLife {
    /// Whether something is done to it, and it is not only awaited.
    pub fn changes(&self) -> bool {
        self.steps.iter().any(|step| !step.waits())
    }

    /// Whether it is to run in the end.
    pub fn is_awaited(&self) -> bool {
        self.steps.iter().any(Step::waits)
    }
}

impl LifecyclePlan {
    /// Ports of the machine that nodes will need which do not have them now, by FQDN.
    pub fn ports(&self) -> BTreeMap<String, Vec<PublishedPort>> {
        let ports = self.nodes.iter().filter(|node| !has_ports(node.state)).filter_map(|node| {
            let ports = node.steps.iter().find_map(|step| match step {
                Step::Start { ports, .. } => Some(ports.clone()),
                _ => None,
            });
            Some((node.fqdn.clone(), ports?))
        });
        ports.collect()
    }
}

/// Plans what is to become of nodes.
///
/// # Errors
/// [`Kind::Conflict`]: a node is in a state that the change is not possible from; a host port or an address of a node
/// that is to be started is in use; or its network is gone and cannot be made again.
pub fn plan(inputs: &LifecycleInputs<'_>) -> Result<LifecyclePlan> {
    let mut plan = LifecyclePlan::default();
    for node in inputs.nodes {
        let steps = steps(inputs, node, &mut plan.networks)?;
        plan.nodes.push(NodeLife {
            fqdn: node.fqdn.clone(),
            id: node.container.id.clone(),
            label: event_label(&node.container.labels),
            state: node.container.state,
            steps,
        });
    }
    Ok(plan)
}

fn steps(inputs: &LifecycleInputs<'_>, node: &Node, networks: &mut Vec<NetworkSpec>) -> Result<Vec<Step>> {
    let ready = Step::Await(node.probes());
    let started = if node.probes().is_empty() { Step::Settle } else { ready.clone() };
    Ok(match (inputs.change, node.container.state) {
        (Change::Stop { .. }, State::Created | State::Exited | State::Removing | State::Dead) => Vec::new(),
        (_, State::Removing | State::Dead) => {
            return Err(Error::new(Kind::Conflict, format!("node `{}` is being removed", node.fqdn)));
        }
        (Change::Wait, State::Created | State::Exited | State::Paused) => vec![Step::AwaitStart, ready],
        (Change::Wait | Change::Resume, State::Running | State::Restarting) => vec![ready],
        (Change::Stop { grace_seconds }, _) => vec![Step::Stop { grace_seconds: *grace_seconds }],
        (Change::Resume, State::Paused) => vec![Step::Unpause, ready],
        (Change::Resume | Change::Restart { .. }, State::Created | State::Exited) => {
            let mut steps = start(inputs, node, networks)?;
            steps.push(started);
            steps
        }
        (Change::Restart { grace_seconds }, _) => {
            let mut steps = vec![Step::Stop { grace_seconds: *grace_seconds }];
            steps.extend(start(inputs, node, networks)?);
            steps.push(started);
            steps
        }

        (Change::Pause, State::Paused) | (Change::Unpause, State::Running) => Vec::new(),
        (Change::Pause, State::Running) => vec![Step::Pause],
        (Change::Unpause, State::Paused) => vec![Step::Unpause],
        (Change::Signal(signal), State::Running | State::Paused) => vec![Step::Signal(signal.clone())],
        (Change::Pause | Change::Unpause | Change::Signal(_), _) => return Err(select::not_running(node)),
    })
}

/// The steps up to the start of a node that has been made before.
fn start(inputs: &LifecycleInputs<'_>, node: &Node, networks: &mut Vec<NetworkSpec>) -> Result<Vec<Step>> {
    let container = &node.container;
    let made = inputs.made.get(&container.id);
    let ports = made.map(|made| made.wanted_ports.clone()).unwrap_or_default();
    if !has_ports(container.state) {
        check_ports(inputs, node, &ports)?;
    }
    let endpoint = container.networks.get(&node.network);
    let address = endpoint.and_then(|endpoint| endpoint.fixed_address).or_else(|| own_address(node, made?));
    let mut steps = Vec::new();
    let place = match (endpoint, endpoint.and_then(|endpoint| network_of(inputs, node, endpoint))) {
        (_, Some(network)) => place(node, Some(network.id.clone()), address),
        (None, None) if !container.networks.is_empty() || !is_named(node) => {
            // It was put elsewhere on purpose.
            return Ok(vec![Step::Start { place: None, ports }]);
        }
        (_, None) => {
            let place = find_place(inputs, node, address, networks)?;
            steps.push(Step::Join(place.clone()));
            place
        }
    };
    if let Some(address) = place.address {
        check_address(inputs, node, &place.network, address)?;
    }
    steps.push(Step::Start { place: is_named(node).then_some(place), ports });
    Ok(steps)
}

/// The network that a node is on. Once it was started it keeps to one by id: another of the same name is not its own.
fn network_of<'a>(inputs: &LifecycleInputs<'a>, node: &Node, endpoint: &Endpoint) -> Option<&'a Network> {
    let networks = &inputs.observed.networks;
    match endpoint.network_id.as_str() {
        "" => networks.iter().find(|network| network.name == node.network),
        id => networks.iter().find(|network| network.id == id),
    }
}

/// A place on the network of the node's network's name, whose own network is not known any more.
fn find_place(
    inputs: &LifecycleInputs<'_>,
    node: &Node,
    address: Option<Ipv4Addr>,
    networks: &mut Vec<NetworkSpec>,
) -> Result<Place> {
    let name = &node.network;
    let named: Vec<&Network> = inputs.observed.networks.iter().filter(|network| network.name == *name).collect();
    let removed = |why: String| {
        Error::new(Kind::Conflict, format!("network `{name}` of node `{}` was removed", node.fqdn)).cause(why)
    };
    let gone = |why: String| {
        removed(why).hint(format!("remove the cluster and start it again: clusterdock rm {}", node.cluster))
    };
    if !is_named(node) {
        return Err(gone("another clusterdock made the node, and only that one knows its other names".into()));
    }
    match (&named[..], address) {
        ([network], None) => Ok(place(node, Some(network.id.clone()), None)),
        ([network], Some(address)) if network.subnets.iter().any(|subnet| subnet.contains(&address)) => {
            Ok(place(node, Some(network.id.clone()), Some(address)))
        }
        ([network], Some(address)) => {
            let subnets: Vec<String> = network.subnets.iter().map(ToString::to_string).collect();
            Err(gone(format!("the one made since has {}, and the node's address is {address}", subnets.join(", "))))
        }
        ([], Some(address)) => {
            if !networks.iter().any(|network| network.name == *name) {
                networks.push(network_again(inputs, node, address).ok_or_else(|| {
                    gone(format!("it cannot be made again: something else is where its address {address} was"))
                })?);
            }
            Ok(place(node, None, Some(address)))
        }
        ([], None) => Err(removed("it was not clusterdock's, which therefore does not make it again".into())
            .hint(format!("make it again: docker network create {name}"))),
        _ => Err(gone(format!("there are {} of that name", named.len()))),
    }
}

/// A network of ours as it was: around the addresses of all nodes that were on it, with the labels of its start.
fn network_again(inputs: &LifecycleInputs<'_>, node: &Node, address: Ipv4Addr) -> Option<NetworkSpec> {
    let on_it = inputs.observed.containers.iter().filter_map(|container| container.networks.get(&node.network));
    let mut given: BTreeSet<Ipv4Addr> = on_it.filter_map(|endpoint| endpoint.fixed_address).collect();
    given.insert(address);
    let subnets = inputs.observed.networks.iter().flat_map(|network| &network.subnets);
    let taken: Vec<Ipv4Net> = subnets.chain(inputs.routes).copied().collect();
    let of_start = [labels::ORIGIN, labels::RUN, labels::CREATED, labels::VERSION];
    let labels = &node.container.labels;
    let labels: Labels =
        of_start.iter().filter_map(|key| Some(((*key).to_string(), labels.get(*key)?.clone()))).collect();
    Some(address::made_again(&given, &taken)?.spec(&node.network, labels))
}

fn place(node: &Node, network_id: Option<String>, address: Option<Ipv4Addr>) -> Place {
    Place { network: node.network.clone(), network_id, address, alias: node.hostname.clone() }
}

/// Whether our labels name it: then its aliases are known.
fn is_named(node: &Node) -> bool {
    node.container.labels.contains_key(labels::NODE)
}

/// The address that a node was made with: every node has the names and addresses of all nodes of its start.
fn own_address(node: &Node, made: &ContainerState) -> Option<Ipv4Addr> {
    let own = |names: &str| names.split_whitespace().any(|name| name == node.fqdn);
    made.extra_hosts.iter().find(|(names, _)| own(names)).map(|(_, address)| *address)
}

fn has_ports(state: State) -> bool {
    matches!(state, State::Running | State::Paused)
}

fn check_ports(inputs: &LifecycleInputs<'_>, node: &Node, ports: &[PublishedPort]) -> Result<()> {
    for port in ports.iter().filter(|port| port.host_port != 0) {
        if let Some(holder) =
            inputs.observed.containers.iter().find(|other| other.ports.iter().any(|other| port.clashes(other)))
        {
            return Err(port_in_use(&node.fqdn, port).cause(format!("container `{}` publishes it now", holder.name)));
        }
    }
    Ok(())
}

/// The error for a host port of a node that something else got meanwhile.
pub fn port_in_use(fqdn: &str, port: &PublishedPort) -> Error {
    let PublishedPort { container_port, host_port, protocol, .. } = port;
    Error::new(Kind::Conflict, format!("host port `{host_port}/{protocol}` of node `{fqdn}` is in use"))
        .cause(format!("it was given to port {container_port} of the node, which stays with it"))
        .hint(format!("free the port, then try again; look who has it: ss -lnp 'sport = {host_port}'"))
}

fn check_address(inputs: &LifecycleInputs<'_>, node: &Node, network: &str, address: Ipv4Addr) -> Result<()> {
    let has_it = |other: &&Container| {
        let endpoint = other.networks.get(network);
        other.id != node.container.id && endpoint.is_some_and(|endpoint| endpoint.address == Some(address))
    };
    match inputs.observed.containers.iter().find(has_it) {
        None => Ok(()),
        Some(holder) => {
            Err(Error::new(Kind::Conflict, format!("address `{address}` of node `{}` is in use", node.fqdn))
                .cause(format!("container `{}` has it now", holder.name))
                .hint(format!("stop that container, then try again: docker stop {}", holder.name)))
        }
    }
}

/// The start that made it; for a node of the original, all that it says of its cluster.
fn event_label(labels: &Labels) -> (String, String) {
    let label = |key: &str| labels.get(key).map(|value| (key.to_string(), value.clone()));
    label(labels::RUN).or_else(|| label(labels::ORIGIN)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
