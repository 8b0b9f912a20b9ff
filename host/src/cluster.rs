//! Clusters as the engine's labels show them, whoever started them: ours, those of the original clusterdock, and
//! half-made ones. Pure: what was observed goes in, clusters come out.

use crate::engine::{Container, Labels, Network, PublishedPort, State, Volume};
use crate::labels;
use serde::Serialize;
use std::collections::{BTreeMap, BTreeSet};
use std::net::Ipv4Addr;

/// What an engine has, as one look shows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Observed {
    /// Containers, stopped ones included.
    pub containers: Vec<Container>,
    /// Networks.
    pub networks: Vec<Network>,
    /// Volumes that carry our label.
    pub volumes: Vec<Volume>,
}

/// A cluster and its nodes.
#[derive(Debug, Clone, PartialEq)]
pub struct Cluster {
    /// Its name.
    pub name: String,
    /// How it is.
    pub state: ClusterState,
    /// Names of the networks its nodes are on, nearly always one.
    pub networks: Vec<String>,
    /// The topology's name; empty for a cluster of the original.
    pub topology: String,
    /// When its first start began: RFC 3339, UTC; empty where no label says so.
    pub created: String,
    /// How many nodes there should be; as many as there are where no label says so.
    pub size: usize,
    /// Its nodes by FQDN, numbers in order (`node-2` before `node-10`).
    pub nodes: Vec<Node>,
}

/// How a cluster is, from all its nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum ClusterState {
    /// Every node runs.
    Running,
    /// Some nodes do not run.
    Degraded,
    /// Every node is paused.
    Paused,
    /// No node runs.
    Stopped,
    /// Its start was not completed, or nodes are missing.
    Partial,
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
    /// Without the network.
    pub hostname: String,
    /// `HOSTNAME.NETWORK`.
    pub fqdn: String,
    /// The node group; empty for a cluster of the original.
    pub group: String,
    /// The network's name.
    pub network: String,
    /// Its address, fixed or held while it runs.
    pub address: Option<Ipv4Addr>,
    /// The version of clusterdock that made it.
    pub version: String,
    /// Its container.
    pub container: Container,
}

impl Node {
    /// Published ports, each once.
    pub fn ports(&self) -> &[PublishedPort] {
        &self.container.ports
    }

    /// Whether commands can run in it.
    pub fn is_running(&self) -> bool {
        self.container.state.is_running()
    }

    /// What it is ready by.
    pub fn probes(&self) -> Vec<clusterdock_plugin_api::Probe> {
        let json = self.container.labels.get(labels::PROBES);
        json.and_then(|json| serde_json::from_str(json).ok()).unwrap_or_default()
    }

    fn of(container: &Container) -> Option<Node> {
        let cluster = labels::cluster_of(&container.labels)?;
        if is_helper(container) {
            return None;
        }
        let label = |key: &str| container.labels.get(key).cloned();
        // The original's containers have no label for the host name and a random container name.
        let named = label(labels::NODE).is_some();
        let network = match label(labels::NODE) {
            Some(hostname) => container.name.strip_prefix(&format!("{hostname}.")).unwrap_or_default().to_string(),
            None => container.networks.keys().next().cloned().unwrap_or_default(),
        };
        let endpoint = container.networks.get(&network);
        let called = || container.hostname.clone().filter(|name| !name.is_empty());
        let hostname = label(labels::NODE).or_else(called).unwrap_or_else(|| container.name.clone());
        // The original's containers call themselves by their FQDN.
        let hostname = hostname.strip_suffix(&format!(".{network}")).unwrap_or(&hostname).to_string();
        Some(Node {
            cluster,
            fqdn: if named { container.name.clone() } else { format!("{hostname}.{network}") },
            hostname,
            group: label(labels::GROUP).unwrap_or_default(),
            address: endpoint.and_then(|endpoint| endpoint.address.or(endpoint.fixed_address)),
            network,
            version: label(labels::VERSION)
                .or_else(|| Some(labels::origin(&container.labels)?.version))
                .unwrap_or_default(),
            container: container.clone(),
        })
    }
}

/// Whether it only holds the volumes of an image for nodes. The original clusterdock's have no label that says so, but
/// only those are on the engine's own network and never started.
pub fn is_helper(container: &Container) -> bool {
    let is_the_originals = !container.labels.contains_key(labels::NODE)
        && container.state == State::Created
        && container.networks.keys().eq(["bridge"]);
    container.labels.contains_key(labels::VOLUMES_OF) || is_the_originals
}

/// The clusters among what was observed, by name.
pub fn clusters(observed: &Observed) -> Vec<Cluster> {
    let mut nodes: BTreeMap<String, Vec<Node>> = BTreeMap::new();
    for node in observed.containers.iter().filter_map(Node::of) {
        nodes.entry(node.cluster.clone()).or_default().push(node);
    }
    let mut unfinished: BTreeMap<String, Vec<&Labels>> = BTreeMap::new();
    for volume in observed.volumes.iter().filter(|volume| volume.labels.contains_key(labels::SIZE)) {
        if let Some(name) = labels::cluster_of(&volume.labels) {
            nodes.entry(name.clone()).or_default();
            unfinished.entry(name).or_default().push(&volume.labels);
        }
    }
    nodes.into_iter().map(|(name, nodes)| cluster(&unfinished, name, nodes)).collect()
}

fn cluster(unfinished: &BTreeMap<String, Vec<&Labels>>, name: String, mut nodes: Vec<Node>) -> Cluster {
    nodes.sort_by_key(|node| natural_key(&node.fqdn));
    let markers = unfinished.get(&name).map_or(&[][..], Vec::as_slice);
    let all_labels = || nodes.iter().map(|node| &node.container.labels).chain(markers.iter().copied());
    let size = size_of_runs(all_labels()).unwrap_or(nodes.len());
    let networks: BTreeSet<String> = nodes.iter().map(|node| node.network.clone()).collect();
    let first = |key: &str| all_labels().filter_map(|labels| labels.get(key)).min().cloned().unwrap_or_default();
    Cluster {
        state: state(&nodes, !markers.is_empty() || nodes.len() < size),
        networks: networks.into_iter().collect(),
        topology: first(labels::TOPOLOGY),
        created: first(labels::CREATED),
        size,
        name,
        nodes,
    }
}

fn state(nodes: &[Node], partial: bool) -> ClusterState {
    let count = |state: State| nodes.iter().filter(|node| node.container.state == state).count();
    match (count(State::Running), count(State::Paused)) {
        _ if partial => ClusterState::Partial,
        (running, _) if running == nodes.len() => ClusterState::Running,
        (_, paused) if paused == nodes.len() => ClusterState::Paused,
        (0, 0) => ClusterState::Stopped,
        _ => ClusterState::Degraded,
    }
}

/// The sizes of all runs that made a cluster, added up; none where no label says one.
fn size_of_runs<'a>(labels: impl Iterator<Item = &'a Labels>) -> Option<usize> {
    let runs: BTreeMap<&str, usize> = labels
        .filter_map(|labels| Some((labels.get(labels::RUN)?.as_str(), labels.get(labels::SIZE)?.parse().ok()?)))
        .collect();
    (!runs.is_empty()).then(|| runs.values().sum())
}

/// Orders names by their texts and the numbers in them.
pub fn natural_key(name: &str) -> Vec<(String, u64)> {
    let mut key = Vec::new();
    let mut rest = name;
    while !rest.is_empty() {
        let text = rest.find(|c: char| c.is_ascii_digit()).unwrap_or(rest.len());
        let (words, tail) = rest.split_at(text);
        let digits = tail.find(|c: char| !c.is_ascii_digit()).unwrap_or(tail.len());
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
    fn numbers_in_names_order_as_numbers() {
        let mut names = ["node-10.cluster", "node-2.cluster", "edge.cluster", "node-1.cluster"];
        names.sort_by_key(|name| natural_key(name));
        assert_eq!(names, ["edge.cluster", "node-1.cluster", "node-2.cluster", "node-10.cluster"]);
    }

    #[test]
    fn what_the_original_made_for_an_images_volumes_is_no_node_and_a_stopped_node_is() {
        let container = |network: &str, state| {
            let labels = Labels::from([(labels::ORIGIN.into(), r#"{"cluster_name":"old"}"#.into())]);
            let networks = BTreeMap::from([(network.to_string(), Default::default())]);
            Container { name: "famous".into(), labels, state, networks, ..Container::default() }
        };
        let observed = Observed {
            containers: vec![container("bridge", State::Created), container("cluster", State::Created)],
            ..Observed::default()
        };
        assert_eq!(clusters(&observed)[0].nodes.len(), 1);
        assert!(!is_helper(&container("bridge", State::Exited)));
    }
}
