//! A cluster or a node with all that is known of it: `inspect`. The shapes are those of `ps`, with more fields.

use super::Report;
use super::record::{ClusterRecord, NodeRecord, document};
use crate::cluster::{Cluster, Node};
use crate::engine::Labels;
use crate::error::Result;
use clusterdock_plugin_api::Probe;
use serde::Serialize;
use serde_json::Value;

#[derive(Serialize)]
struct ClusterAnswer<'a> {
    cluster: WholeCluster<'a>,
}

#[derive(Serialize)]
struct NodeAnswer<'a> {
    node: WholeNode<'a>,
}

#[derive(Serialize)]
struct WholeCluster<'a> {
    #[serde(flatten)]
    record: ClusterRecord<'a>,
    nodes: Vec<WholeNode<'a>>,
}

#[derive(Serialize)]
struct WholeNode<'a> {
    #[serde(flatten)]
    record: NodeRecord<'a>,
    labels: &'a Labels,
    /// What it is ready by, as the plugin said it.
    probes: Vec<Probe>,
    /// The engine's own inspection, in its words.
    engine: &'a Value,
}

impl<'a> WholeNode<'a> {
    fn of(node: &'a Node, engine: &'a Value) -> WholeNode<'a> {
        WholeNode { record: NodeRecord::of(node), labels: &node.container.labels, probes: node.probes(), engine }
    }
}

impl Report {
    /// Answers with a cluster; `engine` has the engine's inspections of its nodes, in their order.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn inspect_cluster(&self, cluster: &Cluster, engine: &[Value]) -> Result<()> {
        let nodes = cluster.nodes.iter().zip(engine).map(|(node, engine)| WholeNode::of(node, engine)).collect();
        let cluster = WholeCluster { record: ClusterRecord::of(cluster), nodes };
        self.answer(&document(ClusterAnswer { cluster }))
    }

    /// Answers with a node, and the engine's inspection of it.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn inspect_node(&self, node: &Node, engine: &Value) -> Result<()> {
        self.answer(&document(NodeAnswer { node: WholeNode::of(node, engine) }))
    }
}
