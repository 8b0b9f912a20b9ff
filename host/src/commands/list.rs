//! `ps` and `ls`: nodes and clusters, from the engine's labels alone.

use crate::cli::List;
use crate::cluster::{self, Cluster};
use crate::error::Result;
use crate::execution::observe;
use crate::session::Session;

/// Lists nodes, by cluster.
pub async fn ps(session: &Session<'_>, args: &List) -> Result<()> {
    let clusters = clusters(session).await?;
    session.report.ps(&clusters, args.format())
}

/// Lists clusters.
pub async fn ls(session: &Session<'_>, args: &List) -> Result<()> {
    let clusters = clusters(session).await?;
    session.report.ls(&clusters, args.format())
}

/// The clusters there are, half-made ones included.
pub(super) async fn clusters(session: &Session<'_>) -> Result<Vec<Cluster>> {
    Ok(cluster::clusters(&session.stop.look(observe::ours(session.engine)).await?))
}
