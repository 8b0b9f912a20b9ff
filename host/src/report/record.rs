//! Clusters and nodes as programs read them: the same shapes in every answer. Additions leave `schema_version` as it
//! is; a field is never taken away or given another meaning.

use super::json::SCHEMA_VERSION;
use super::status;
use crate::cluster::{Cluster, ClusterState, Node};
use crate::engine::{PublishedPort, State};
use jiff::Timestamp;
use serde::Serialize;
use std::net::Ipv4Addr;

/// A cluster. What is not known is null.
#[derive(Debug, Serialize)]
pub(super) struct ClusterRecord<'a> {
    name: &'a str,
    state: ClusterState,
    networks: &'a [String],
    topology: Option<&'a str>,
    /// RFC 3339, UTC.
    created: Option<&'a str>,
    /// How many nodes there should be.
    size: usize,
    /// How many nodes run.
    running: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<Vec<NodeRecord<'a>>>,
}

/// A node.
#[derive(Debug, Serialize)]
pub(super) struct NodeRecord<'a> {
    cluster: &'a str,
    hostname: &'a str,
    fqdn: &'a str,
    group: Option<&'a str>,
    network: &'a str,
    ip_address: Option<Ipv4Addr>,
    ports: &'a [PublishedPort],
    image: &'a str,
    container_id: &'a str,
    container_name: &'a str,
    state: State,
    /// The engine's sentence.
    status: &'a str,
    /// Of the last run, where the node does not run.
    exit_code: Option<i64>,
    /// RFC 3339, UTC.
    created: Option<String>,
    /// Of the clusterdock that made it.
    version: Option<&'a str>,
}

impl<'a> ClusterRecord<'a> {
    /// The cluster without its nodes.
    pub(super) fn of(cluster: &'a Cluster) -> ClusterRecord<'a> {
        ClusterRecord {
            name: &cluster.name,
            state: cluster.state,
            networks: &cluster.networks,
            topology: known(&cluster.topology),
            created: known(&cluster.created),
            size: cluster.size,
            running: cluster.nodes.iter().filter(|node| node.is_running()).count(),
            nodes: None,
        }
    }

    /// The cluster with its nodes.
    pub(super) fn with_nodes(cluster: &'a Cluster) -> ClusterRecord<'a> {
        let nodes = cluster.nodes.iter().map(NodeRecord::of).collect();
        ClusterRecord { nodes: Some(nodes), ..ClusterRecord::of(cluster) }
    }
}

impl<'a> NodeRecord<'a> {
    /// The node.
    pub(super) fn of(node: &'a Node) -> NodeRecord<'a> {
        let container = &node.container;
        NodeRecord {
            cluster: &node.cluster,
            hostname: &node.hostname,
            fqdn: &node.fqdn,
            group: known(&node.group),
            network: &node.network,
            ip_address: node.address,
            ports: node.ports(),
            image: &container.image,
            container_id: &container.id,
            container_name: &container.name,
            state: container.state,
            status: &container.status,
            exit_code: status::exit_code(container),
            created: Timestamp::from_second(container.created).ok().map(|created| created.to_string()),
            version: known(&node.version),
        }
    }
}

/// `what` with the schema's version, pretty, with a line end.
pub(super) fn document(what: impl Serialize) -> String {
    serde_json::to_string_pretty(&Versioned::of(what)).expect("strings and numbers are JSON") + "\n"
}

/// Each of `items` with the schema's version, on a line of its own.
pub(super) fn lines(items: impl IntoIterator<Item = impl Serialize>) -> String {
    let line = |item| serde_json::to_string(&Versioned::of(item)).expect("strings and numbers are JSON") + "\n";
    items.into_iter().map(line).collect()
}

#[derive(Serialize)]
struct Versioned<T> {
    schema_version: u32,
    #[serde(flatten)]
    what: T,
}

impl<T> Versioned<T> {
    fn of(what: T) -> Versioned<T> {
        Versioned { schema_version: SCHEMA_VERSION, what }
    }
}

fn known(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
