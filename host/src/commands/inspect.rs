//! `inspect`: everything known about clusters and nodes, the engine's own inspection included.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::Console;
use super::list;
use crate::cli::lifecycle_args::Inspect;
use crate::cluster::select;
use crate::cluster::{Cluster, Node};
use crate::engine::Inventory;
use crate::error::Result;
use crate::report::Inspected;

/// Inspections under way at once.
const LOOKS: usize = 16;

/// Prints clusters and nodes as JSON.
pub async fn inspect(console: &Console<'_>, args: &Inspect) -> Result<()> {
    let clusters = list::clusters_with_records(console).await?;
    // Nothing is printed if one of the names is unknown.
    let things = args
        .names
        .iter()
        .map(|name| Thing::named(&clusters, name))
        .collect::<Result<Vec<_>>>()?;
    let mut inspected = Vec::with_capacity(things.len());
    for thing in things {
        inspected.push(match thing {
            Thing::Cluster(cluster) => Inspected::Cluster {
                cluster,
                outputs: console.outputs(cluster).await?,
                engine: inspections(console, &cluster.nodes, args.brief).await?,
            },
            Thing::Node(node) => Inspected::Node {
                node,
                engine: inspections(console, std::slice::from_ref(node), args.brief).await?,
            },
        });
    }
    console.report.inspect(&inspected)
}

/// What a name stands for.
enum Thing<'a> {
    Cluster(&'a Cluster),
    Node(&'a Node),
}

impl<'a> Thing<'a> {
    fn named(clusters: &'a [Cluster], name: &str) -> Result<Thing<'a>> {
        if let Some(cluster) = clusters.iter().find(|cluster| cluster.name == *name) {
            return Ok(Thing::Cluster(cluster));
        }
        select::node(clusters, name)
            .map(Thing::Node)
            .map_err(|error| select::no_cluster_or_node(error, clusters, name))
    }
}

/// The engine's inspections of nodes, in their order; `None` if the answer is to be brief.
async fn inspections(
    console: &Console<'_>,
    nodes: &[Node],
    brief: bool,
) -> Result<Option<Vec<Value>>> {
    if brief {
        return Ok(None);
    }
    let engine = console.guarded();
    let look = async |node: &Node| {
        let state = engine.container_state(&node.container.id).await;
        Ok(state
            .map_err(|error| {
                crate::error::Error::from(error).context(format!("node `{}`", node.name))
            })?
            .raw)
    };
    stream::iter(nodes)
        .map(look)
        .buffered(LOOKS)
        .try_collect()
        .await
        .map(Some)
}
