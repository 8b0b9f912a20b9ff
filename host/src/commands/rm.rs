//! `rm`: removes clusters or nodes by name. A network created by clusterdock is removed with the last node on it.

use std::collections::BTreeSet;

use super::{Console, dry_run};
use crate::cli::removal_args::Rm;
use crate::cluster::identity::Owner;
use crate::cluster::observed::Observed;
use crate::cluster::select;
use crate::cluster::{self, Cluster, Node};
use crate::error::{Kind, Result};
use crate::event::Event;
use crate::execution::executor::execute;
use crate::plan::RemovalPlan;
use crate::plan::leftovers::Leftovers;
use crate::plan::removal_plan as plan;
use crate::plan::step::Stream;
use crate::report::{Format, words};
use crate::start::sweep::sweep;

/// How many rounds a removal has, in case a start creates more resources meanwhile.
const ROUNDS: usize = 5;

/// Removes clusters and nodes, or nothing if one of the names is unknown; with `--force`, unknown names are skipped.
pub async fn rm(console: &Console<'_>, args: &Rm) -> Result<()> {
    let observed = console.observe().await?;
    if !args.dry_run.dry_run {
        sweep(console, &observed, None).await;
    }
    let clusters = cluster::clusters(&observed);
    let Named {
        whole,
        nodes,
        unknown,
    } = named(&observed, &clusters, &args.names, args.force)?;
    for name in &unknown {
        let message = format!("No cluster or node {name}");
        console.event(Event::Notice { message });
    }
    if whole.is_empty() && nodes.is_empty() && args.dry_run.format().is_none() {
        let message = removed(&BTreeSet::new());
        console.event(Event::Done { message });
        return Ok(());
    }
    let ids = nodes.iter().map(|node| node.container.id.clone()).collect();
    let plan = |observed: &Observed| plan::chosen(observed, &whole, &ids);
    let what = whole.iter().map(|name| format!("cluster {name}"));
    let what = what.chain(nodes.iter().map(|node| format!("node {}", node.name)));
    remove(
        console,
        plan(&observed),
        plan,
        args.dry_run.format(),
        &what.collect::<Vec<_>>().join(", "),
    )
    .await
}

/// Removes a whole cluster and its networks, or prints the plan.
pub(super) async fn remove_cluster(
    console: &Console<'_>,
    cluster: &str,
    dry_run: Option<Format>,
) -> Result<()> {
    let observed = console.observe().await?;
    let names = BTreeSet::from([cluster.to_string()]);
    let plan = |observed: &Observed| plan::clusters(observed, &names, true);
    let what = format!("cluster {cluster}");
    remove(console, plan(&observed), plan, dry_run, &what).await
}

/// Prints the plan of a removal, or carries it out. If it fails because a start has created more meanwhile, or joined a
/// network, `later` plans another round.
pub(super) async fn remove(
    console: &Console<'_>,
    mut plan: RemovalPlan,
    later: impl Fn(&Observed) -> RemovalPlan,
    dry_run: Option<Format>,
    what: &str,
) -> Result<()> {
    if let Some(format) = dry_run {
        return dry_run::print(console.report, &plan.plan, format);
    }
    console.event(Event::Removing {
        what: what.to_string(),
        containers: plan.containers().map(String::from).collect(),
    });
    console.event(Event::CleanUp {
        command: plan.clean_up(),
    });
    let mut gone: BTreeSet<Stream> = BTreeSet::new();
    for rounds_left in (0..ROUNDS).rev() {
        gone.extend(plan.subjects().cloned());
        let (engine, cancellation) = (console.engine, console.cancellation);
        let outcome = execute(&plan.plan, engine, cancellation, &|event| {
            console.event(event)
        })
        .await;
        console.forget_names(&plan.nodes, &plan.clusters).await;
        console.forget_runs(&plan.runs);
        if outcome.is_success() {
            break;
        }
        let left = Leftovers::new(&plan.plan, &outcome).error(cancellation.reason());
        if rounds_left == 0 || cancellation.reason().is_some() {
            return Err(left);
        }
        let next = later(&console.observe().await.map_err(|_| left.clone())?);
        if !next.is_worth_another_round(&plan, &outcome) {
            return Err(left);
        }
        plan = next;
    }
    console.event(Event::CleanUp { command: None });
    console.event(Event::Done {
        message: removed(&gone),
    });
    Ok(())
}

/// What names stand for.
struct Named<'a> {
    whole: BTreeSet<String>,
    nodes: Vec<&'a Node>,
    unknown: Vec<String>,
}

/// The clusters and nodes that the names stand for. An unknown name is only an error without `force`.
fn named<'a>(
    observed: &Observed,
    clusters: &'a [Cluster],
    names: &[String],
    force: bool,
) -> Result<Named<'a>> {
    let mut named = Named {
        whole: BTreeSet::new(),
        nodes: Vec::new(),
        unknown: Vec::new(),
    };
    for name in names {
        if exists(observed, clusters, name) {
            named.whole.insert(name.clone());
            continue;
        }
        match select::node(clusters, name) {
            Ok(node) => named.nodes.push(node),
            Err(error) if force && error.kind() == Kind::NotFound => {
                named.unknown.push(name.clone());
            }
            Err(error) => {
                return Err(select::no_cluster_or_node(error, clusters, name)
                    .hint("with -f, unknown names are skipped"));
            }
        }
    }
    Ok(named)
}

/// Whether there is anything of a cluster.
pub(super) fn exists(observed: &Observed, clusters: &[Cluster], name: &str) -> bool {
    clusters.iter().any(|cluster| cluster.name == name) || has_left_overs(observed, name)
}

/// Whether an incomplete removal of a cluster left a network, or a container that holds volumes, but no node.
fn has_left_overs(observed: &Observed, cluster: &str) -> bool {
    let networks = observed
        .networks
        .iter()
        .filter_map(|network| network.owner.as_ref());
    let networks = networks
        .filter_map(Owner::run)
        .map(|run| run.cluster.as_str());
    // Of containers with a cluster, only helpers are not nodes.
    let helpers = observed
        .containers
        .iter()
        .filter(|one| one.identity.fqdn().is_none());
    networks
        .chain(helpers.filter_map(|one| one.identity.cluster()))
        .any(|name| name == cluster)
}

/// One sentence on what was removed.
pub(super) fn removed(gone: &BTreeSet<Stream>) -> String {
    let count = |is_kind: fn(&Stream) -> bool| gone.iter().filter(|one| is_kind(one)).count();
    let containers = count(|one| matches!(one, Stream::Container(_)));
    let networks = count(|one| matches!(one, Stream::Network(_)));
    // The record means nothing to a user, unless it is all that was left.
    let volumes = if containers + networks == 0 {
        gone.len()
    } else {
        0
    };
    let parts: Vec<String> = [
        (containers, "container"),
        (networks, "network"),
        (volumes, "volume"),
    ]
    .into_iter()
    .filter(|(count, _)| *count > 0)
    .map(|(count, what)| words::count(count, what))
    .collect();
    if parts.is_empty() {
        "Nothing to remove.".into()
    } else {
        format!("Removed {}.", parts.join(", "))
    }
}
