//! One look at the engine, from which everything else follows.

use crate::cluster::{self, Observed};
use crate::engine::{Container, Engine, Filter};
use crate::error::Result;
use crate::labels;
use futures_util::future::try_join_all;

/// Everything of ours, and all containers and networks besides: what else is on our networks, and which names are
/// taken.
///
/// # Errors
/// What the engine said.
pub async fn everything(engine: &dyn Engine) -> Result<Observed> {
    let (all, ours) = (Filter::all(), Filter::has(labels::ORIGIN));
    let (containers, networks, volumes) =
        tokio::try_join!(engine.containers(&all), engine.networks(&all), engine.volumes(&ours))?;
    Ok(Observed { containers: with_host_names(engine, containers).await?, networks, volumes })
}

/// The containers and volumes of ours, which show all clusters.
///
/// # Errors
/// What the engine said.
pub async fn ours(engine: &dyn Engine) -> Result<Observed> {
    let ours = Filter::has(labels::ORIGIN);
    let (containers, volumes) = tokio::try_join!(engine.containers(&ours), engine.volumes(&ours))?;
    Ok(Observed { containers: with_host_names(engine, containers).await?, volumes, networks: Vec::new() })
}

/// Asks for the host names of nodes that the original clusterdock made, which has no label for them.
async fn with_host_names(engine: &dyn Engine, containers: Vec<Container>) -> Result<Vec<Container>> {
    let named = containers.into_iter().map(async |mut container| {
        let labels = &container.labels;
        let named = labels.contains_key(labels::NODE) || cluster::is_helper(&container);
        if labels.contains_key(labels::ORIGIN) && !named {
            match engine.container_state(&container.id).await {
                Ok(state) => container.hostname = Some(state.hostname),
                // It went since it was listed.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(container)
    });
    try_join_all(named).await
}
