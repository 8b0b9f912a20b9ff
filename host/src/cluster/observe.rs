//! One look at the engine, on which all decisions are based.

use futures_util::future::try_join_all;
use futures_util::{StreamExt, TryStreamExt, stream};

use crate::cluster::identity::Identity;
use crate::cluster::labels;
use crate::cluster::observed::Observed;
use crate::engine::{Container, Engine, Filter, State};
use crate::error::{Error, Result};

/// Inspections under way at once.
const LOOKS: usize = 16;

/// All containers and networks, which show what else is on the networks of clusterdock and which names are in use, and
/// the volumes of clusterdock.
///
/// # Errors
/// The engine failed.
pub async fn everything(engine: &dyn Engine) -> Result<Observed> {
    let (all, own) = (Filter::all(), Filter::has(labels::ORIGIN));
    let (containers, networks, volumes) = tokio::try_join!(
        engine.containers(&all),
        engine.networks(&all),
        engine.volumes(&own)
    )?;
    Ok(Observed::new(
        with_host_names(engine, containers).await?,
        networks,
        volumes,
    )
    .on_engine(engine.address()))
}

/// Clusterdock's containers and volumes, which show all clusters.
///
/// # Errors
/// The engine failed.
pub async fn ours(engine: &dyn Engine) -> Result<Observed> {
    let own = Filter::has(labels::ORIGIN);
    let (containers, volumes) = tokio::try_join!(engine.containers(&own), engine.volumes(&own))?;
    Ok(Observed::new(
        with_host_names(engine, containers).await?,
        Vec::new(),
        volumes,
    )
    .on_engine(engine.address()))
}

/// Adds the host names of the original clusterdock's nodes, which have no label for them.
async fn with_host_names(
    engine: &dyn Engine,
    containers: Vec<Container>,
) -> Result<Vec<Container>> {
    let named = containers.into_iter().map(async |mut container| {
        let is_originals =
            |one: &Identity| matches!(one, Identity::Original(original) if !original.is_helper);
        if is_originals(&Identity::of(&container)) {
            match engine.container_state(&container.id).await {
                Ok(state) => container.hostname = Some(state.hostname),
                // It was removed after it was listed.
                Err(error) if error.is_not_found() => {}
                Err(error) => return Err(error.into()),
            }
        }
        Ok(container)
    });
    try_join_all(named).await
}

/// Adds the host ports of stopped nodes, which they keep: a list does not show them.
///
/// # Errors
/// The engine failed.
pub async fn ports_of_stopped(engine: &dyn Engine, observed: &mut Observed) -> Result<()> {
    let stopped = observed.containers.iter_mut().filter(|one| {
        let is_node = match &one.identity {
            Identity::Node(_) => true,
            Identity::Original(original) => !original.is_helper,
            _ => false,
        };
        is_node && !matches!(one.seen.state, State::Running | State::Paused)
    });
    let looks = stopped.map(
        async |one| match engine.container_state(&one.seen.id).await {
            Ok(state) => {
                one.seen.ports = state
                    .wanted_ports
                    .into_iter()
                    .filter(|port| port.host_port != 0)
                    .collect();
                Ok(())
            }
            // It was removed after it was listed.
            Err(error) if error.is_not_found() => Ok(()),
            Err(error) => Err(Error::from(error)),
        },
    );
    stream::iter(looks)
        .buffer_unordered(LOOKS)
        .try_collect()
        .await
}
