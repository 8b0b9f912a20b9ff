//! `rm`: clusters or nodes, by name. A network of ours goes with the last node on it.

use crate::cli::Rm;
use crate::cluster::{self, Cluster, Node, Observed, is_helper};
use crate::error::Result;
use crate::event::Event;
use crate::execution::removal;
use crate::labels;
use crate::plan::RemovalPlan;
use crate::plan::removal as plan;
use crate::select;
use crate::session::Session;
use std::collections::BTreeSet;

/// Removes what is named; nothing when one of the names is unknown.
pub async fn rm(session: &Session<'_>, args: &Rm) -> Result<()> {
    let observed = session.observe().await?;
    let clusters = cluster::clusters(&observed);
    let (whole, nodes) = meant(&observed, &clusters, &args.names)?;
    let ids = nodes.iter().map(|node| node.container.id.clone()).collect();
    let plan = plan::chosen(&observed, &whole, &ids);
    let what = whole.iter().map(|name| format!("cluster {name}"));
    let what = what.chain(nodes.iter().map(|node| format!("node {}", node.fqdn)));
    carry_out(session, &plan, args.dry_run, &what.collect::<Vec<_>>().join(", ")).await
}

/// Prints a removal's plan, or carries it out.
pub(super) async fn carry_out(session: &Session<'_>, plan: &RemovalPlan, dry_run: bool, what: &str) -> Result<()> {
    if dry_run {
        return session.report.answer(&plan.to_string());
    }
    let containers = plan.containers.iter().map(|named| named.name.clone()).collect();
    session.event(Event::Removing { what: what.to_string(), containers });
    let removed_all = removal::carry_out(session.engine, plan, session.stop, &|event| session.event(event)).await;
    session.forget_names(&plan.nodes);
    session.forget_keys(&plan.runs);
    removed_all?;
    session.event(Event::Done { message: removed(plan) });
    Ok(())
}

/// The clusters, by name, and the nodes that are meant.
fn meant<'a>(
    observed: &Observed,
    clusters: &'a [Cluster],
    names: &[String],
) -> Result<(BTreeSet<String>, Vec<&'a Node>)> {
    let mut whole = BTreeSet::new();
    let mut nodes = Vec::new();
    for name in names {
        if clusters.iter().any(|cluster| cluster.name == *name) || has_left_overs(observed, name) {
            whole.insert(name.clone());
        } else {
            nodes.push(select::node(clusters, name).map_err(|error| select::neither(error, clusters, name))?);
        }
    }
    Ok((whole, nodes))
}

/// Whether a removal of the cluster that did not get through left what is no node: a network of its own, or a container
/// that holds volumes.
fn has_left_overs(observed: &Observed, cluster: &str) -> bool {
    let networks = observed.networks.iter().map(|network| &network.labels);
    let networks = networks.filter(|labels| labels.contains_key(labels::RUN));
    let helpers = observed.containers.iter().filter(|container| is_helper(container)).map(|helper| &helper.labels);
    networks.chain(helpers).filter_map(labels::cluster_of).any(|name| name == cluster)
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
