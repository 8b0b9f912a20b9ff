//! `inspect`: everything known about a cluster or a node, the engine's own inspection included.

use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

use super::Console;
use super::list;
use crate::cli::lifecycle::Inspect;
use crate::cluster::Node;
use crate::cluster::select;
use crate::engine::Inventory;
use crate::error::Result;

/// Inspections under way at once.
const LOOKS: usize = 16;

/// Prints a cluster or a node as JSON.
pub async fn inspect(console: &Console<'_>, args: &Inspect) -> Result<()> {
    let clusters = list::clusters_with_records(console).await?;
    let name = &args.name;
    if let Some(cluster) = clusters.iter().find(|cluster| cluster.name == *name) {
        let engine = inspections(console, &cluster.nodes).await?;
        let outputs = console.outputs(cluster).await?;
        return console.report.inspect_cluster(cluster, &outputs, &engine);
    }
    let node = select::node(&clusters, name)
        .map_err(|error| select::no_cluster_or_node(error, &clusters, name))?;
    let engine = inspections(console, std::slice::from_ref(node)).await?;
    console.report.inspect_node(node, &engine[0])
}

/// The engine's inspections of nodes, in their order.
async fn inspections(console: &Console<'_>, nodes: &[Node]) -> Result<Vec<Value>> {
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
}
