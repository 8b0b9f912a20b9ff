//! Clusters and nodes in JSON, in the same shape in all answers. Fields may be added without a new `schema_version`; a
//! field is never removed and never changes its meaning.

use std::net::Ipv4Addr;

use jiff::Timestamp;
use serde::Serialize;

use super::json::SCHEMA_VERSION;
use super::status;
use crate::cluster::filter::Shown;
use crate::cluster::{Cluster, ClusterState, Node};
use crate::engine::{PublishedPort, State};
use crate::printable;

/// A cluster. Unknown facts are null.
#[derive(Debug, Serialize)]
pub(super) struct ClusterJson<'a> {
    name: &'a str,
    state: ClusterState,
    networks: &'a [String],
    domains: &'a [String],
    topology: Option<&'a str>,
    /// RFC 3339, UTC.
    created: Option<&'a str>,
    /// How many nodes the cluster should have.
    size: usize,
    /// How many nodes are running.
    running: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    nodes: Option<Vec<NodeJson<'a>>>,
}

/// A node.
#[derive(Debug, Serialize)]
pub(super) struct NodeJson<'a> {
    cluster: &'a str,
    hostname: &'a str,
    fqdn: &'a str,
    group: Option<&'a str>,
    topology: Option<&'a str>,
    topology_version: Option<&'a str>,
    network: &'a str,
    domain: &'a str,
    ip_address: Option<Ipv4Addr>,
    ports: &'a [PublishedPort],
    image: &'a str,
    container_id: &'a str,
    container_name: &'a str,
    state: State,
    /// The engine's description of the state.
    status: &'a str,
    /// The exit code of the last run, if the node is not running.
    exit_code: Option<i64>,
    /// RFC 3339, UTC.
    created: Option<String>,
    /// The version of clusterdock that created it.
    version: Option<&'a str>,
}

impl<'a> ClusterJson<'a> {
    /// The cluster without its nodes.
    pub(super) fn new(cluster: &'a Cluster) -> ClusterJson<'a> {
        ClusterJson {
            name: &cluster.name,
            state: cluster.state,
            networks: &cluster.networks,
            domains: &cluster.domains,
            topology: known(&cluster.topology),
            created: known(&cluster.created),
            size: cluster.size,
            running: cluster.running_nodes(),
            nodes: None,
        }
    }

    /// The cluster with the nodes that are shown.
    pub(super) fn with_nodes(shown: &Shown<'a>) -> ClusterJson<'a> {
        let nodes = shown.nodes.iter().copied().map(NodeJson::new).collect();
        ClusterJson {
            nodes: Some(nodes),
            ..ClusterJson::new(shown.cluster)
        }
    }
}

impl<'a> NodeJson<'a> {
    /// The node.
    pub(super) fn new(node: &'a Node) -> NodeJson<'a> {
        let container = &node.container;
        NodeJson {
            cluster: &node.cluster,
            hostname: &node.hostname,
            fqdn: &node.fqdn,
            group: known(&node.group),
            topology: known(&node.topology),
            topology_version: known(&node.topology_version),
            network: &node.network,
            domain: &node.domain,
            ip_address: node.address,
            ports: node.ports(),
            image: &container.image,
            container_id: &container.id,
            container_name: &container.name,
            state: container.state,
            status: &container.status,
            exit_code: status::exit_code(container),
            created: Timestamp::from_second(container.created)
                .ok()
                .map(|created| created.to_string()),
            version: known(&node.version),
        }
    }
}

/// `what` with the schema's version, indented, with a line end.
pub(super) fn document(what: impl Serialize) -> String {
    let text =
        serde_json::to_string_pretty(&Versioned::new(what)).expect("strings and numbers are JSON");
    printable::json(&text) + "\n"
}

/// Each of `items` with the schema's version, on a line of its own.
pub(super) fn lines(items: impl IntoIterator<Item = impl Serialize>) -> String {
    let line =
        |item| serde_json::to_string(&Versioned::new(item)).expect("strings and numbers are JSON");
    items
        .into_iter()
        .map(|item| printable::json(&line(item)) + "\n")
        .collect()
}

#[derive(Serialize)]
struct Versioned<T> {
    schema_version: u32,
    #[serde(flatten)]
    what: T,
}

impl<T> Versioned<T> {
    fn new(what: T) -> Versioned<T> {
        Versioned {
            schema_version: SCHEMA_VERSION,
            what,
        }
    }
}

fn known(text: &str) -> Option<&str> {
    (!text.is_empty()).then_some(text)
}
