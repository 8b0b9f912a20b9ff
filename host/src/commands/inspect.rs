//! `inspect`: everything that is known of a cluster or a node, the engine's own words included.

use super::list;
use crate::cli::lifecycle::Inspect;
use crate::cluster::Node;
use crate::error::Result;
use crate::select;
use crate::session::Session;
use futures_util::{StreamExt, TryStreamExt, stream};
use serde_json::Value;

/// Inspections under way at once.
const LOOKS: usize = 16;

/// Answers with a cluster, or a node, as JSON.
pub async fn inspect(session: &Session<'_>, args: &Inspect) -> Result<()> {
    let clusters = list::clusters(session).await?;
    let name = &args.name;
    if let Some(cluster) = clusters.iter().find(|cluster| cluster.name == *name) {
        let engine = inspections(session, &cluster.nodes).await?;
        return session.report.inspect_cluster(cluster, &engine);
    }
    let node = select::node(&clusters, name).map_err(|error| select::neither(error, &clusters, name))?;
    let engine = inspections(session, std::slice::from_ref(node)).await?;
    session.report.inspect_node(node, &engine[0])
}

/// The engine's inspections of nodes, in their order.
async fn inspections(session: &Session<'_>, nodes: &[Node]) -> Result<Vec<Value>> {
    let look = async |node: &Node| {
        let state = session.engine.container_state(&node.container.id).await;
        Ok(state.map_err(|error| crate::error::Error::from(error).context(format!("node `{}`", node.fqdn)))?.raw)
    };
    session.stop.look(stream::iter(nodes).map(look).buffered(LOOKS).try_collect()).await
}
