//! `rm`: clusters or nodes, by name. A network of ours goes with the last node on it.

use crate::cli::Rm;
use crate::cluster::{self, Cluster, Observed};
use crate::error::Result;
use crate::event::Event;
use crate::execution::removal;
use crate::plan::RemovalPlan;
use crate::plan::removal as plan;
use crate::select;
use crate::session::Session;
use std::collections::BTreeSet;

/// Removes what is named; nothing when one of the names is unknown.
pub async fn rm(session: &Session<'_>, args: &Rm) -> Result<()> {
    let observed = session.observe().await?;
    let clusters = cluster::clusters(&observed);
    let plan = plan_of(&observed, &clusters, &args.names)?;
    carry_out(session, &plan, args.dry_run, &args.names.join(", ")).await
}

/// Prints a removal's plan, or carries it out.
pub(super) async fn carry_out(session: &Session<'_>, plan: &RemovalPlan, dry_run: bool, what: &str) -> Result<()> {
    if dry_run {
        return session.report.answer(&plan.to_string());
    }
    let containers = plan.containers.iter().map(|named| named.name.clone()).collect();
    session.event(Event::Removing { what: what.to_string(), containers });
    removal::carry_out(session.engine, plan, session.stop, &|event| session.event(event)).await?;
    session.event(Event::Done { message: removed(plan) });
    Ok(())
}

fn plan_of(observed: &Observed, clusters: &[Cluster], names: &[String]) -> Result<RemovalPlan> {
    let mut whole = BTreeSet::new();
    let mut nodes = BTreeSet::new();
    for name in names {
        if clusters.iter().any(|cluster| cluster.name == *name) {
            whole.insert(name.clone());
        } else {
            let node = select::node(clusters, name).map_err(|error| select::neither(error, clusters, name))?;
            nodes.insert(node.fqdn.clone());
        }
    }
    Ok(plan::chosen(observed, &whole, &nodes))
}

/// One sentence on what is gone.
pub(super) fn removed(plan: &RemovalPlan) -> String {
    let count = |count: usize, one: &str, many: &str| match count {
        0 => None,
        1 => Some(format!("1 {one}")),
        _ => Some(format!("{count} {many}")),
    };
    let parts = [
        count(plan.containers.len(), "container", "containers"),
        count(plan.networks.len(), "network", "networks"),
        count(plan.volumes.len(), "volume", "volumes"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    match parts.is_empty() {
        true => "Nothing to remove.".into(),
        false => format!("Removed {}.", parts.join(", ")),
    }
}
