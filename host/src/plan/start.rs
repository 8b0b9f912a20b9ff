//! The plan of a start: a marker, a network, and for each node a container. Host names, addresses and host ports are
//! all chosen here, so that nothing need be asked back per node.

use super::address::{self, Addresses};
use super::{node, volumes};
use crate::cluster::{self, Observed};
use crate::engine::{Container, ContainerSpec, Image, Labels, Network, NetworkSpec, PublishedPort, Volume};
use crate::error::{Error, Kind, Result};
use crate::labels::{self, Run};
use crate::names;
use clusterdock_plugin_api::{NodeSpec, Probe, Security};
use ipnet::Ipv4Net;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// Everything a start's plan follows from.
#[derive(Debug, Clone, Copy)]
pub struct StartInputs<'a> {
    /// This start.
    pub run: &'a Run,
    /// What is started.
    pub topology: &'a TopologyFacts,
    /// The network's name.
    pub network: &'a str,
    /// The image of nodes that name none.
    pub image: &'a str,
    /// The nodes asked for, checked.
    pub specs: &'a [NodeSpec],
    /// Published ports by host name, with host ports that are held.
    pub ports: &'a BTreeMap<String, Vec<PublishedPort>>,
    /// What the user wants for every node.
    pub limits: Limits,
    /// What the engine has.
    pub observed: &'a Observed,
    /// Where this machine's routes lead, so that no network of ours hides one.
    pub routes: &'a [Ipv4Net],
    /// The images of the nodes by reference, as far as the engine has them.
    pub images: &'a BTreeMap<String, Image>,
    /// Capabilities the engine lacks and would refuse a start for.
    pub capabilities_missing: &'a [String],
    /// The version of control groups on the engine's machine; 0 where no node asks for it.
    pub cgroup_version: u8,
    /// Whether nodes with sshd get keys.
    pub keys: bool,
}

/// A topology, as labels name it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopologyFacts {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the plugin's library.
    pub plugin_digest: String,
}

/// Limits for every node.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Processors.
    pub cpus: Option<f64>,
    /// Bytes.
    pub memory: Option<u64>,
}

/// What a start will make, in the order in which it is made.
#[derive(Debug, Clone, PartialEq)]
pub struct StartPlan {
    /// This start.
    pub run: Run,
    /// The topology's name.
    pub topology: String,
    /// While it is there, the start has not been completed: made first, removed last.
    pub marker: Volume,
    /// Containers that hold the volumes of images for nodes: made before the nodes, and never started.
    pub helpers: Vec<ContainerSpec>,
    /// The network.
    pub network: NetworkPlan,
    /// The nodes by FQDN. The first is created before the others: its name decides between starts that race.
    pub nodes: Vec<NodePlan>,
    /// What the user should know before it is carried out.
    pub warnings: Vec<String>,
}

/// How the nodes get their network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkPlan {
    /// There is none of that name.
    Create(NetworkSpec),
    /// There is one.
    Join {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    },
}

impl NetworkPlan {
    /// The network's name.
    pub fn name(&self) -> &str {
        match self {
            NetworkPlan::Create(spec) => &spec.name,
            NetworkPlan::Join { name, .. } => name,
        }
    }
}

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodePlan {
    /// Without the network.
    pub hostname: String,
    /// The node group.
    pub group: String,
    /// Its place among the nodes as the topology named them.
    pub position: usize,
    /// Its container; its name is the FQDN.
    pub container: ContainerSpec,
    /// What it is ready by, beside running.
    pub probes: Vec<Probe>,
    /// Whether it gets ssh keys before it starts.
    pub keys: bool,
}

impl NodePlan {
    /// `HOSTNAME.NETWORK`.
    pub fn fqdn(&self) -> &str {
        &self.container.name
    }

    /// Whether the end of its command is its end: no restart policy brings it back.
    pub fn stays_dead(&self) -> bool {
        matches!(self.container.settings.restart.as_deref(), None | Some("no" | ""))
    }
}

/// Plans a start.
///
/// # Errors
/// The cluster's name, a host name or a host port is in use, or the network cannot be used.
pub fn plan(inputs: &StartInputs<'_>) -> Result<StartPlan> {
    check_cluster_is_new(inputs)?;
    check_host_names_are_free(inputs)?;
    check_host_ports_are_free(inputs)?;
    check_privileges(inputs)?;
    let helpers = volumes::helpers(inputs.run, inputs.specs, inputs.images)?;
    let mut warnings = Vec::new();
    let (network, addresses) = plan_network(inputs, &mut warnings)?;
    if !inputs.capabilities_missing.is_empty() {
        let missing = inputs.capabilities_missing.join(", ");
        warnings.push(format!("the engine lacks {missing}: nodes get every other capability"));
    }
    let mut nodes = node::plan_all(inputs, &helpers, &addresses, &mut warnings);
    nodes.sort_by(|a, b| a.fqdn().cmp(b.fqdn()));
    let mut labels = inputs.run.labels();
    labels.insert(labels::SIZE.into(), inputs.specs.len().to_string());
    let marker = Volume { name: inputs.run.marker(), labels };
    let (run, topology) = (inputs.run.clone(), inputs.topology.name.clone());
    Ok(StartPlan { run, topology, marker, helpers, network, nodes, warnings })
}

fn check_cluster_is_new(inputs: &StartInputs<'_>) -> Result<()> {
    let name = &inputs.run.cluster;
    let clusters = cluster::clusters(inputs.observed);
    let Some(existing) = clusters.iter().find(|cluster| cluster.name == *name) else { return Ok(()) };
    let names: Vec<String> =
        clusters.iter().map(|cluster| format!("{} ({})", cluster.name, cluster.state.as_str())).collect();
    Err(Error::new(Kind::Conflict, format!("cluster name `{name}` is in use"))
        .cause(format!("clusters: {}", names.join(", ")))
        .hint(format!("choose another --cluster-name, or remove that one: clusterdock rm {}", existing.name)))
}

fn check_host_names_are_free(inputs: &StartInputs<'_>) -> Result<()> {
    let names: BTreeMap<&str, &Labels> =
        inputs.observed.containers.iter().map(|c| (c.name.as_str(), &c.labels)).collect();
    for spec in inputs.specs {
        let fqdn = names::fqdn(&spec.hostname, inputs.network)?;
        let Some(labels) = names.get(fqdn.as_str()) else { continue };
        let error = Error::new(Kind::Conflict, format!("host name `{fqdn}` is in use"));
        return Err(match labels::cluster_of(labels) {
            Some(cluster) => error.cause(format!("it is a node of cluster `{cluster}`")).hint(format!(
                "choose other host names or another network (-n), or remove that cluster: clusterdock rm {cluster}"
            )),
            None => error
                .cause("a container of that name is there, and it is not clusterdock's")
                .hint("choose another host name or another network (-n)"),
        });
    }
    Ok(())
}

fn check_host_ports_are_free(inputs: &StartInputs<'_>) -> Result<()> {
    for port in inputs.ports.values().flatten() {
        let has_it = |container: &&Container| container.ports.iter().any(|other| port.clashes(other));
        let holder = inputs.observed.containers.iter().find(has_it);
        if let Some(holder) = holder {
            return Err(Error::new(Kind::Conflict, format!("host port `{}` is in use", port.host_port))
                .cause(format!("container `{}` publishes it", holder.name))
                .hint("choose another host port, or leave it out: -p NODE:CONTAINER"));
        }
    }
    Ok(())
}

/// An engine that would refuse a capability it lacks gives a privileged node all of them or nothing.
fn check_privileges(inputs: &StartInputs<'_>) -> Result<()> {
    let privileged = inputs.specs.iter().find(|spec| spec.settings.security == Security::Privileged);
    let Some(spec) = privileged.filter(|_| !inputs.capabilities_missing.is_empty()) else { return Ok(()) };
    Err(Error::new(Kind::Engine, format!("a privileged node cannot be started: `{}`", spec.hostname))
        .cause(format!("the engine lacks {}", inputs.capabilities_missing.join(", ")))
        .hint("upgrade Docker to 23 or newer, which leaves out what it lacks; a host-like node needs no upgrade"))
}

/// How nodes get their addresses, in the order of the specs; none: the engine chooses.
pub(super) type NodeAddresses = Vec<Option<Ipv4Addr>>;

fn plan_network(inputs: &StartInputs<'_>, warnings: &mut Vec<String>) -> Result<(NetworkPlan, NodeAddresses)> {
    let named: Vec<&Network> =
        inputs.observed.networks.iter().filter(|network| network.name == inputs.network).collect();
    match named[..] {
        [] => create_network(inputs),
        [network] => join_network(inputs, network, warnings),
        _ => {
            let ids: Vec<&str> = named.iter().map(|network| short(&network.id)).collect();
            Err(unusable(inputs.network, format!("there are {} of that name: {}", ids.len(), ids.join(", ")))
                .hint("remove all but one: `docker network rm ID`"))
        }
    }
}

fn create_network(inputs: &StartInputs<'_>) -> Result<(NetworkPlan, NodeAddresses)> {
    let subnets = inputs.observed.networks.iter().flat_map(|network| &network.subnets);
    let taken: Vec<Ipv4Net> = subnets.chain(inputs.routes).copied().collect();
    let addresses = address::new_network(inputs.network, inputs.specs.len(), &taken)?;
    let nodes = addresses.first_free(inputs.specs.len(), &BTreeSet::new());
    let spec = addresses.spec(inputs.network, inputs.run.labels());
    Ok((NetworkPlan::Create(spec), nodes.into_iter().map(Some).collect()))
}

fn join_network(
    inputs: &StartInputs<'_>,
    network: &Network,
    warnings: &mut Vec<String>,
) -> Result<(NetworkPlan, NodeAddresses)> {
    let name = &network.name;
    match network.driver.as_str() {
        "bridge" | "macvlan" | "ipvlan" => {}
        "overlay" if network.attachable => {}
        "overlay" => {
            return Err(unusable(name, "it is an overlay network that plain containers may not join".into())
                .hint("make it attachable, or choose another with -n"));
        }
        driver => return Err(unusable(name, format!("its driver is `{driver}`")).hint("choose another with -n")),
    }
    let plan = NetworkPlan::Join { id: network.id.clone(), name: name.clone() };
    // Only a network made by a start is known to have a subnet of the user's choosing, which fixed addresses need.
    let ours = network.labels.contains_key(labels::RUN);
    let Some(addresses) = Addresses::seen(network).filter(|_| ours) else {
        warnings.push(format!(
            "network `{name}` is not clusterdock's: its nodes get the engine's addresses, which resolve forwards only"
        ));
        return Ok((plan, vec![None; inputs.specs.len()]));
    };
    let used = used_addresses(inputs.observed, network);
    let free = addresses.scattered(inputs.specs.len(), &used, &inputs.run.id);
    if free.len() < inputs.specs.len() {
        return Err(Error::new(Kind::Conflict, format!("network `{name}` is full"))
            .cause(format!("{} of {} addresses are free", free.len(), inputs.specs.len()))
            .hint("choose another network with -n"));
    }
    Ok((plan, free.into_iter().map(Some).collect()))
}

fn used_addresses(observed: &Observed, network: &Network) -> BTreeSet<Ipv4Addr> {
    let endpoints = observed.containers.iter().flat_map(|container| &container.networks);
    endpoints
        .filter(|(name, endpoint)| endpoint.network_id == network.id || **name == network.name)
        .flat_map(|(_, endpoint)| [endpoint.address, endpoint.fixed_address])
        .flatten()
        .collect()
}

fn unusable(network: &str, why: String) -> Error {
    Error::new(Kind::Conflict, format!("network `{network}` cannot be used")).cause(why)
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
