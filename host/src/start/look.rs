//! A consistent view of the engine and the local machine's routes, as far as that is possible.

use std::time::Duration;

use ipnet::Ipv4Net;
use tokio::time::{Instant, sleep};

use super::session::Session;
use crate::cluster::observed::Observed;
use crate::engine::System;
use crate::error::Result;
use crate::machine::route::{self, Route};

/// How long an engine may take to list a network after its bridge, whose route is visible at once. It takes well below
/// 100 ms on an idle machine; after this time, the bridge belongs to something else.
const CREATION: Duration = Duration::from_secs(3);

/// No event announces a network that is not listed yet, so the engine is asked again.
const PAUSE: Duration = Duration::from_millis(50);

/// What the engine has, and where the machine's routes lead.
///
/// The engine lists a network later than its route appears. Such a route must not look like a stranger's: a start would
/// then choose another subnet, and create a second network of the same name. So as long as the bridge of an unlisted
/// network has a subnet that `concerns` the caller, given the other routes, both are inspected again.
///
/// # Errors
/// The engine's, or the signal that ends the command.
pub async fn look(
    session: &Session<'_>,
    concerns: impl Fn(&Observed, &[Ipv4Net], Ipv4Net) -> bool,
) -> Result<(Vec<Ipv4Net>, Observed)> {
    if !session.engine.is_local() {
        return Ok((Vec::new(), session.observe().await?));
    }
    let deadline = Instant::now() + CREATION;
    loop {
        // Routes first: the network of each is listed then, unless it is still being created.
        let routes = route::routes();
        let observed = session.observe().await?;
        let (unlisted, mut routes): (Vec<Route>, Vec<Route>) = routes
            .into_iter()
            .partition(|route| is_unlisted(route, &observed));
        let others = destinations(&routes);
        let is_awaited = |route: &Route| concerns(&observed, &others, route.destination);
        if Instant::now() >= deadline || !unlisted.iter().any(is_awaited) {
            routes.extend(unlisted);
            return Ok((destinations(&routes), observed));
        }
        sleep(PAUSE).await;
    }
}

fn destinations(routes: &[Route]) -> Vec<Ipv4Net> {
    routes.iter().map(|route| route.destination).collect()
}

/// Whether a route leads to the bridge of a network that the engine does not list.
fn is_unlisted(route: &Route, observed: &Observed) -> bool {
    let mut networks = observed.networks.iter();
    route
        .network_id()
        .is_some_and(|id| !networks.any(|network| network.seen.id.starts_with(id)))
}
