//! The answer of `inspect`: a cluster or a node in the shape that `ps` uses, with more fields.

use std::collections::BTreeMap;

use clusterdock_plugin_wire::Probe;
use serde::Serialize;
use serde_json::Value;

use super::Report;
use super::schema::{ClusterJson, NodeJson, document};
use crate::cluster::{Cluster, Node};
use crate::engine::Labels;
use crate::error::Result;

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
    record: ClusterJson<'a>,
    /// What the topology's hooks left, by name.
    outputs: &'a BTreeMap<String, Value>,
    nodes: Vec<WholeNode<'a>>,
}

#[derive(Serialize)]
struct WholeNode<'a> {
    #[serde(flatten)]
    record: NodeJson<'a>,
    labels: &'a Labels,
    /// The probes that decide whether it is ready, as the plugin declared them.
    probes: &'a [Probe],
    /// The probes that hold once it serves.
    serves: &'a [Probe],
    /// The engine's own inspection, unchanged.
    engine: &'a Value,
}

impl<'a> WholeNode<'a> {
    fn new(node: &'a Node, engine: &'a Value) -> WholeNode<'a> {
        WholeNode {
            record: NodeJson::new(node),
            labels: &node.container.labels,
            probes: &node.probes,
            serves: &node.serves,
            engine,
        }
    }
}

impl Report {
    /// Prints a cluster with its outputs; `engine` has the engine's inspections of its nodes, in their order.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn inspect_cluster(
        &self,
        cluster: &Cluster,
        outputs: &BTreeMap<String, Value>,
        engine: &[Value],
    ) -> Result<()> {
        let nodes = cluster
            .nodes
            .iter()
            .zip(engine)
            .map(|(node, engine)| WholeNode::new(node, engine))
            .collect();
        let cluster = WholeCluster {
            record: ClusterJson::new(cluster),
            outputs,
            nodes,
        };
        self.answer(&document(ClusterAnswer { cluster }))
    }

    /// Prints a node, and the engine's inspection of it.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn inspect_node(&self, node: &Node, engine: &Value) -> Result<()> {
        self.answer(&document(NodeAnswer {
            node: WholeNode::new(node, engine),
        }))
    }
}
