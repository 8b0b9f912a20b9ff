//! Plans a start: takes the locks that other starts on this machine wait for, looks at the engine, holds host ports.

use std::collections::BTreeMap;

use ipnet::Ipv4Net;

use super::look::look;
use super::order::Order;
use super::session::Session;
use super::{signing, sweep};
use crate::cluster;
use crate::cluster::labels::Run;
use crate::cluster::observe;
use crate::cluster::observed::Observed;
use crate::cluster::provenance::Provenance;
use crate::engine::{EngineInfo, Image, System};
use crate::error::{Error, Result};
use crate::event::Event;
use crate::files::lock;
use crate::machine::host_port::{self, HeldPorts};
use crate::plan::start_plan::StartInputs;
use crate::plan::{self, StartPlan};

/// A plan, and what is held until enough of it is executed.
pub(super) struct PreparedStart {
    pub(super) plan: StartPlan,
    pub(super) locks: Vec<Option<lock::Lock>>,
    pub(super) ports: HeldPorts,
}

pub(super) struct RefusedStart {
    pub(super) error: Error,
    pub(super) name_taken: bool,
}

impl From<Error> for RefusedStart {
    fn from(error: Error) -> RefusedStart {
        RefusedStart {
            error,
            name_taken: false,
        }
    }
}

/// The locks of a start's cluster and network, which other starts on this machine wait for.
async fn take_locks(
    session: &Session<'_>,
    cluster: &str,
    network: &str,
) -> Result<Vec<Option<lock::Lock>>> {
    let config = &session.paths.config;
    let (cluster, network) = (format!("cluster-{cluster}"), format!("network-{network}"));
    // Always in this order, so that two starts never wait for each other.
    let locks = async {
        Ok(vec![
            lock::take(config, &cluster).await?,
            lock::take(config, &network).await?,
        ])
    };
    let locks = session.cancellation.wait(locks).await?;
    if locks.iter().any(Option::is_none) {
        let message = format!(
            "another program holds a lock in {}; starting without it",
            config.display()
        );
        session.event(Event::Warning { message });
    }
    Ok(locks)
}

/// What a start sees before it is planned.
struct Snapshot<'s> {
    observed: Observed,
    routes: Vec<Ipv4Net>,
    engine: &'s EngineInfo,
    capabilities_missing: Vec<String>,
    name_taken: bool,
}

pub(super) async fn prepare(
    session: &Session<'_>,
    order: &Order<'_>,
    images: &BTreeMap<String, Image>,
    run: &Run,
) -> Result<PreparedStart, RefusedStart> {
    let locks = take_locks(session, &run.cluster, &order.request.network).await?;
    let mut seen = see(session, order, &run.cluster).await?;
    let name_taken = seen.name_taken;
    // Names in use are reported before ports are looked for.
    let ports = if name_taken {
        HeldPorts::default()
    } else {
        hold_ports(session, order, &mut seen.observed).await?
    };
    // A dry run writes nothing, not even a key.
    let provenance = if order.dry_run {
        Provenance::default()
    } else {
        signing::signed(&session.paths.config, run, order)?
    };
    let inputs = StartInputs {
        run,
        topology: &order.topology,
        provenance: &provenance,
        network: &order.request.network,
        domain: &order.request.domain,
        subnet: order.subnet,
        image: &order.request.image,
        specs: &order.specs,
        ports: &ports.ports,
        limits: order.limits,
        observed: &seen.observed,
        routes: &seen.routes,
        images,
        capabilities_missing: &seen.capabilities_missing,
        cgroup_version: seen.engine.cgroup_version,
        logging_driver: &seen.engine.logging_driver,
        hook: order.hook,
    };
    let plan =
        plan::start_plan::plan(&inputs).map_err(|error| RefusedStart { error, name_taken })?;
    Ok(PreparedStart { plan, locks, ports })
}

/// Looks at the engine and at this machine's routes.
async fn see<'s>(
    session: &'s Session<'_>,
    order: &Order<'_>,
    cluster: &str,
) -> Result<Snapshot<'s>> {
    let (network, count) = (&order.request.network, order.specs.len());
    let is_wanted = |observed: &Observed, routes: &[Ipv4Net], subnet| {
        plan::start_plan::network_plan::may_create_in(
            observed,
            routes,
            network,
            order.subnet,
            count,
            subnet,
        )
    };
    let ((routes, observed), engine, mut capabilities_missing) =
        tokio::try_join!(look(session, is_wanted), session.engine_info(), async {
            Ok(session.guarded().missing_capabilities().await?)
        },)?;
    if !order.dry_run {
        sweep::sweep(session, &observed, Some(cluster)).await;
    }
    let mut clusters = cluster::clusters(&observed).into_iter();
    let name_taken = clusters.any(|one| one.name == cluster);
    // The states of clusters are only reported with a conflict.
    let observed = if name_taken {
        session.with_records(observed).await?
    } else {
        observed
    };
    for name in &order.leave_out {
        if !capabilities_missing.contains(name) {
            capabilities_missing.push(name.clone());
        }
    }
    Ok(Snapshot {
        observed,
        routes,
        engine,
        capabilities_missing,
        name_taken,
    })
}

/// Host ports for the nodes: free ones, held until the engine has them if it is on this machine.
async fn hold_ports(
    session: &Session<'_>,
    order: &Order<'_>,
    observed: &mut Observed,
) -> Result<HeldPorts> {
    if order.ports.is_empty() {
        return Ok(HeldPorts::default());
    }
    observe::ports_of_stopped(&session.guarded(), observed).await?;
    let ports = observed.containers.iter().flat_map(|one| &one.seen.ports);
    let taken: Vec<_> = ports.copied().collect();
    if session.engine.is_local() {
        host_port::hold(&order.ports, order.bind, &taken)
    } else {
        host_port::choose_unheld(&order.ports, order.bind, &taken)
    }
}
