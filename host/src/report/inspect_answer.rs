//! The answer of `inspect`: clusters and nodes in the shape that `ps` uses, with more fields.

use std::collections::BTreeMap;

use clusterdock_plugin_wire::Probe;
use serde::Serialize;
use serde_json::Value;

use super::Report;
use super::schema::{ClusterJson, NodeJson, document};
use crate::cluster::{Cluster, Node};
use crate::engine::Labels;
use crate::error::Result;

/// A cluster or node to print. `engine` has the engine's inspections of its nodes, in their order, unless the answer is to
/// be brief.
pub enum Inspected<'a> {
    /// A cluster.
    Cluster {
        /// The cluster.
        cluster: &'a Cluster,
        /// What the topology's hooks left, by name.
        outputs: BTreeMap<String, Value>,
        /// Of its nodes.
        engine: Option<Vec<Value>>,
    },
    /// A node.
    Node {
        /// The node.
        node: &'a Node,
        /// Of the node alone.
        engine: Option<Vec<Value>>,
    },
}

/// The answer for several names.
#[derive(Serialize)]
struct Answer<'a> {
    items: Vec<Item<'a>>,
}

/// The answer for one name.
#[derive(Serialize)]
#[serde(rename_all = "snake_case")]
enum Item<'a> {
    Cluster(WholeCluster<'a>),
    Node(WholeNode<'a>),
}

#[derive(Serialize)]
struct WholeCluster<'a> {
    #[serde(flatten)]
    record: ClusterJson<'a>,
    outputs: &'a BTreeMap<String, Value>,
    nodes: Vec<WholeNode<'a>>,
}

#[derive(Serialize)]
struct WholeNode<'a> {
    #[serde(flatten)]
    record: NodeJson<'a>,
    #[serde(flatten)]
    more: Option<More<'a>>,
}

/// What a brief answer leaves out.
#[derive(Serialize)]
struct More<'a> {
    labels: &'a Labels,
    /// The probes that decide whether it is ready, as the plugin declared them.
    probes: &'a [Probe],
    /// The probes that hold once it serves.
    serves: &'a [Probe],
    /// The engine's own inspection, unchanged.
    engine: &'a Value,
}

impl<'a> WholeNode<'a> {
    fn new(node: &'a Node, engine: Option<&'a Value>) -> WholeNode<'a> {
        WholeNode {
            record: NodeJson::new(node),
            more: engine.map(|engine| More {
                labels: &node.container.labels,
                probes: &node.probes,
                serves: &node.serves,
                engine,
            }),
        }
    }
}

impl<'a> Item<'a> {
    fn new(inspected: &'a Inspected<'a>) -> Item<'a> {
        match inspected {
            Inspected::Cluster {
                cluster,
                outputs,
                engine,
            } => Item::Cluster(WholeCluster {
                record: ClusterJson::new(cluster),
                outputs,
                nodes: whole_nodes(&cluster.nodes, engine.as_deref()),
            }),
            Inspected::Node { node, engine } => Item::Node(WholeNode::new(
                node,
                engine.as_ref().and_then(|all| all.first()),
            )),
        }
    }
}

fn whole_nodes<'a>(nodes: &'a [Node], engine: Option<&'a [Value]>) -> Vec<WholeNode<'a>> {
    let of = |index: usize| engine.and_then(|all| all.get(index));
    nodes
        .iter()
        .enumerate()
        .map(|(index, node)| WholeNode::new(node, of(index)))
        .collect()
}

impl Report {
    /// Prints clusters and nodes: a single one as `cluster` or `node`, several as `items` in their order.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn inspect(&self, inspected: &[Inspected<'_>]) -> Result<()> {
        self.answer(&match inspected {
            [one] => document(Item::new(one)),
            several => document(Answer {
                items: several.iter().map(Item::new).collect(),
            }),
        })
    }
}
