//! `ps` and `ls`: nodes and clusters, from the engine's labels alone.

use crate::cli::List;
use crate::cluster::{self, Cluster, Observed};
use crate::engine::Filter;
use crate::error::Result;
use crate::labels;
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
    let ours = Filter::has(labels::ORIGIN);
    let look = async { Ok(tokio::try_join!(session.engine.containers(&ours), session.engine.volumes(&ours))?) };
    let (containers, volumes) = session.stop.look(look).await?;
    Ok(cluster::clusters(&Observed { containers, volumes, networks: Vec::new() }))
}
