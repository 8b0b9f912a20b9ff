//! Clusters as the engine's labels show them: clusterdock's, those of the original clusterdock, and unfinished ones. Pure:
//! observations go in, clusters come out.

pub mod advice;
pub mod filter;
pub mod generated_name;
pub mod identity;
pub mod labels;
pub mod names;
pub mod observe;
pub mod observed;
pub mod port_mapping;
pub mod provenance;
pub mod record;
pub mod select;

use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

use clusterdock_plugin_wire::{Hook, Probe};
use serde::Serialize;

use crate::cluster::identity::{Identity, Original};
use crate::cluster::labels::{NodeLabels, Run};
use crate::cluster::observed::{Observed, ObservedContainer, ObservedNetwork};
use crate::cluster::record::Record;
use crate::engine::{Container, Network, PublishedPort, State};

/// A cluster and its nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// Its state.
    pub state: ClusterState,
    /// The names of its nodes' networks, nearly always one.
    pub networks: Vec<String>,
    /// Its nodes' domains, nearly always one.
    pub domains: Vec<String>,
    /// The topology's name; empty for a cluster of the original.
    pub topology: String,
    /// When its first start began: RFC 3339, UTC. Empty if no label says so.
    pub created: String,
    /// How many nodes it should have, or has, if no label says so.
    pub size: usize,
    /// Its nodes by FQDN, in natural order (`node-2` before `node-10`).
    pub nodes: Vec<Node>,
}

/// The state of a cluster, from the states of its nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterState {
    /// All nodes are running.
    Running,
    /// Some nodes are not running.
    Degraded,
    /// All nodes are paused.
    Paused,
    /// No node is running.
    Stopped,
    /// The start was not completed, or nodes are missing.
    Partial,
}

impl Cluster {
    /// How many of its nodes are running.
    pub fn running_nodes(&self) -> usize {
        self.nodes.iter().filter(|node| node.is_running()).count()
    }
}

impl ClusterState {
    /// One word for tables.
    pub fn as_str(self) -> &'static str {
        match self {
            ClusterState::Running => "running",
            ClusterState::Degraded => "degraded",
            ClusterState::Paused => "paused",
            ClusterState::Stopped => "stopped",
            ClusterState::Partial => "partial",
        }
    }
}

/// A node: one container of a cluster.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Node {
    /// The cluster's name.
    pub cluster: String,
    /// Without the domain.
    pub hostname: String,
    /// `HOSTNAME.DOMAIN`, whatever the name of its container.
    pub fqdn: String,
    /// The name that commands accept for it: its FQDN, or `CLUSTER/HOSTNAME` if another cluster has that FQDN too.
    pub name: String,
    /// The node group; empty for a cluster of the original.
    pub group: String,
    /// The network's name.
    pub network: String,
    /// Its domain.
    pub domain: String,
    /// Its address: the fixed one, or the current one.
    pub address: Option<Ipv4Addr>,
    /// The version of clusterdock that created it.
    pub version: String,
    /// The topology's name; empty for a cluster of the original.
    pub topology: String,
    /// The topology's version; empty for a cluster of the original.
    pub topology_version: String,
    /// The start that created it. `None` for a cluster of the original.
    pub run: Option<Run>,
    /// The probes that decide when it is ready.
    pub probes: Vec<Probe>,
    /// The probes that hold once it serves.
    pub serves: Vec<Probe>,
    /// The groups whose nodes are ready before it starts.
    pub after: Vec<String>,
    /// The hooks of its topology.
    pub hooks: Vec<Hook>,
    /// SHA-256 of its topology's library; empty for a cluster of the original.
    pub plugin_digest: String,
    /// Whether it has the ssh keys of its start.
    pub ssh_keys: bool,
    /// A label, as key and value, that selects the engine's events about it.
    pub event_label: (String, String),
    /// Its container.
    pub container: Container,
}

impl Node {
    /// Its published ports, without duplicates.
    pub fn ports(&self) -> &[PublishedPort] {
        &self.container.ports
    }

    /// Whether it is running, so that commands can run in it.
    pub fn is_running(&self) -> bool {
        self.container.state.is_running()
    }

    /// Whether clusterdock created it, so that all its settings are known.
    pub fn is_ours(&self) -> bool {
        self.run.is_some()
    }

    fn of(observed: &ObservedContainer) -> Option<Node> {
        match &observed.identity {
            Identity::Node(labels) => Some(clusterdock_node(labels, &observed.seen)),
            Identity::Original(original) if !original.is_helper => {
                Some(original_node(original, &observed.seen))
            }
            _ => None,
        }
    }
}

fn clusterdock_node(labels: &NodeLabels, container: &Container) -> Node {
    Node {
        cluster: labels.run.cluster.clone(),
        hostname: labels.hostname.clone(),
        fqdn: labels.fqdn(),
        name: labels.fqdn(),
        group: labels.group.clone(),
        network: labels.network.clone(),
        domain: labels.domain.clone(),
        address: address(container, &labels.network),
        version: labels.run.version.clone(),
        topology: labels.topology.clone(),
        topology_version: labels.topology_version.clone(),
        run: Some(labels.run.clone()),
        probes: labels.probes.clone(),
        serves: labels.serves.clone(),
        after: labels.after.clone(),
        hooks: labels.hooks.clone(),
        plugin_digest: labels.plugin_digest.clone(),
        ssh_keys: labels.ssh_keys,
        event_label: (labels::RUN.into(), labels.run.id.to_string()),
        container: container.clone(),
    }
}

fn original_node(original: &Original, container: &Container) -> Node {
    Node {
        cluster: original.cluster.clone(),
        hostname: original.hostname.clone(),
        fqdn: original.fqdn(),
        name: original.fqdn(),
        network: original.network.clone(),
        domain: original.network.clone(),
        address: address(container, &original.network),
        version: original.version.clone(),
        event_label: (labels::ORIGIN.into(), original.label.clone()),
        container: container.clone(),
        ..Node::default()
    }
}

fn address(container: &Container, network: &str) -> Option<Ipv4Addr> {
    container
        .networks
        .get(network)
        .and_then(|endpoint| endpoint.address.or(endpoint.fixed_address))
}

/// The observed clusters, by name. A cluster that is being created or removed may consist of its record or a helper alone.
pub fn clusters(observed: &Observed) -> Vec<Cluster> {
    let mut parts: BTreeMap<&str, (Vec<Node>, Option<&Run>)> = BTreeMap::new();
    for container in &observed.containers {
        match (Node::of(container), container.identity.run()) {
            (Some(node), _) => parts
                .entry(container.identity.cluster().unwrap_or_default())
                .or_default()
                .0
                .push(node),
            (None, Some(run)) => drop(parts.entry(&run.cluster).or_default()),
            (None, None) => {}
        }
    }
    for run in observed
        .volumes
        .iter()
        .filter_map(|volume| volume.owner.as_ref()?.run())
    {
        parts.entry(&run.cluster).or_default().1 = Some(run);
    }
    let cluster = |(name, (nodes, run)): (&str, _)| cluster(name, nodes, run, observed);
    let mut clusters: Vec<Cluster> = parts.into_iter().map(cluster).collect();
    tell_apart(&mut clusters);
    clusters
}

/// Names nodes of several clusters that have one FQDN by their clusters.
fn tell_apart(clusters: &mut [Cluster]) {
    let mut count: BTreeMap<String, usize> = BTreeMap::new();
    for node in clusters.iter().flat_map(|cluster| &cluster.nodes) {
        *count.entry(node.fqdn.clone()).or_default() += 1;
    }
    for node in clusters.iter_mut().flat_map(|cluster| &mut cluster.nodes) {
        if count.get(&node.fqdn).is_some_and(|count| *count > 1) {
            node.name = format!("{}/{}", node.cluster, node.hostname);
        }
    }
}

/// The networks of clusters that no longer exist: `manage remove` keeps them, and the next start on one joins it.
pub fn unused_networks(observed: &Observed) -> Vec<String> {
    let clusters = clusters(observed);
    let is_left = |network: &&ObservedNetwork| {
        let of = network.owner.as_ref().and_then(|owner| owner.run());
        of.is_some_and(|run| clusters.iter().all(|cluster| cluster.name != run.cluster))
    };
    let is_used = |network: &Network| {
        observed
            .containers
            .iter()
            .any(|one| one.seen.is_on(&network.id, &network.name))
    };
    let left = observed
        .networks
        .iter()
        .filter(is_left)
        .map(|network| &network.seen);
    let unused: BTreeSet<String> = left
        .filter(|network| !is_used(network))
        .map(|network| network.name.clone())
        .collect();
    unused.into_iter().collect()
}

/// A cluster, from its nodes and the start that created its record.
fn cluster(
    name: &str,
    mut nodes: Vec<Node>,
    of_record: Option<&Run>,
    observed: &Observed,
) -> Cluster {
    let record = observed.records.get(name);
    nodes.sort_by_key(|node| natural_key(&node.fqdn));
    let runs = nodes
        .iter()
        .filter_map(|node| node.run.as_ref())
        .chain(of_record);
    let runs: BTreeMap<_, &Run> = runs.map(|run| (&run.id, run)).collect();
    let size = size(&nodes, runs.values().map(|run| run.size).sum(), record);
    let is_partial =
        nodes.len() < size || nodes.is_empty() || record.is_some_and(|record| !record.complete);
    let created = runs.values().map(|run| &run.created).min().cloned();
    let topologies = nodes
        .iter()
        .map(|node| &node.topology)
        .filter(|name| !name.is_empty());
    let domains: BTreeSet<&String> = nodes.iter().map(|node| &node.domain).collect();
    let mut networks: BTreeSet<&String> = nodes.iter().map(|node| &node.network).collect();
    if nodes.is_empty() {
        let owned = |network: &&ObservedNetwork| {
            network
                .owner
                .as_ref()
                .is_some_and(|owner| owner.cluster() == name)
        };
        networks.extend(
            observed
                .networks
                .iter()
                .filter(owned)
                .map(|network| &network.seen.name),
        );
    }
    Cluster {
        name: name.into(),
        state: state(&nodes, is_partial),
        networks: networks.into_iter().cloned().collect(),
        domains: domains.into_iter().cloned().collect(),
        topology: topologies.min().cloned().unwrap_or_default(),
        created: created.unwrap_or_default(),
        size,
        nodes,
    }
}

/// How many nodes there should be: those that its starts created, without those that were removed on purpose.
fn size(nodes: &[Node], created: usize, record: Option<&Record>) -> usize {
    let is_gone = |fqdn: &&String| nodes.iter().all(|node| node.fqdn != **fqdn);
    let removed = record.map_or(0, |record| record.removed.iter().filter(is_gone).count());
    created.saturating_sub(removed).max(nodes.len())
}

fn state(nodes: &[Node], partial: bool) -> ClusterState {
    let count = |state: State| {
        nodes
            .iter()
            .filter(|node| node.container.state == state)
            .count()
    };
    match (count(State::Running), count(State::Paused)) {
        _ if partial => ClusterState::Partial,
        (running, _) if running == nodes.len() => ClusterState::Running,
        (_, paused) if paused == nodes.len() => ClusterState::Paused,
        (0, 0) => ClusterState::Stopped,
        _ => ClusterState::Degraded,
    }
}

/// A key that orders names by their texts and the numbers in them.
pub fn natural_key(name: &str) -> Vec<(String, u64)> {
    let mut key = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest
            .find(|c: char| c.is_ascii_digit())
            .unwrap_or(rest.len());
        let (words, tail) = rest.split_at(text);
        let digits = tail
            .find(|c: char| !c.is_ascii_digit())
            .unwrap_or(tail.len());
        let (number, tail) = tail.split_at(digits);
        key.push((words.to_string(), number.parse().unwrap_or(u64::MAX)));
        rest = tail;
    }
    key
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_names_are_ordered_as_numbers() {
        let mut names = [
            "node-10.cluster",
            "node-2.cluster",
            "edge.cluster",
            "node-1.cluster",
        ];
        names.sort_by_key(|name| natural_key(name));
        assert_eq!(
            names,
            [
                "edge.cluster",
                "node-1.cluster",
                "node-2.cluster",
                "node-10.cluster"
            ]
        );
    }
}
