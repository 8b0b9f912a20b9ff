//! `ps` and `ls`: nodes and clusters, as the engine's labels show them.

use super::Console;
use crate::cli::list_args::{Ls, Ps};
use crate::cluster::identity::Identity;
use crate::cluster::observe;
use crate::cluster::observed::{Observed, ObservedContainer};
use crate::cluster::{self, Cluster, filter, select};
use crate::error::Result;
use crate::event::Event;
use crate::printable;

/// How many containers a warning names.
const NAMED: usize = 10;

/// Lists nodes, by cluster.
pub async fn ps(console: &Console<'_>, args: &Ps) -> Result<()> {
    let observed = observe::ours(&console.guarded()).await?;
    let observed = console.with_records(observed).await?;
    let clusters = named(cluster::clusters(&observed), &args.clusters)?;
    let shown = filter::nodes(&clusters, &args.filters);
    console.report.ps(&shown, args.form.format())?;
    report_strangers(console, &observed);
    Ok(())
}

/// Lists clusters, and unused networks of former clusters.
pub async fn ls(console: &Console<'_>, args: &Ls) -> Result<()> {
    let observed = console.observe().await?;
    let observed = console.with_records(observed).await?;
    let clusters = named(cluster::clusters(&observed), &args.clusters)?;
    // Networks belong to no cluster.
    let unused = if args.clusters.is_empty() && args.filters.is_empty() {
        cluster::unused_networks(&observed)
    } else {
        Vec::new()
    };
    let clusters = filter::clusters(clusters, &args.filters);
    console.report.ls(&clusters, &unused, args.form.format())?;
    report_strangers(console, &observed);
    Ok(())
}

/// The clusters with these names, or all if there are none.
fn named(clusters: Vec<Cluster>, names: &[String]) -> Result<Vec<Cluster>> {
    for name in names {
        select::cluster(&clusters, name)?;
    }
    let is_named = |cluster: &Cluster| names.is_empty() || names.contains(&cluster.name);
    Ok(clusters.into_iter().filter(is_named).collect())
}

/// Warns about containers that carry labels of clusterdock but are skipped.
pub(super) fn report_strangers(console: &Console<'_>, observed: &Observed) {
    let (damaged, foreign): (Vec<_>, Vec<_>) = observed
        .strangers()
        .partition(|stranger| matches!(stranger.identity, Identity::Damaged(_)));
    if !foreign.is_empty() {
        let message = format!(
            "skipping containers that have labels of clusterdock but were not created by it: {}",
            names(&foreign, name)
        );
        console.event(Event::Warning { message });
    }
    if !damaged.is_empty() {
        let message = format!(
            "skipping containers with damaged labels: {}; remove them with `docker rm -f`",
            names(&damaged, |stranger| match &stranger.identity {
                Identity::Damaged(damage) => format!("{} ({})", name(stranger), damage.problem),
                _ => name(stranger),
            })
        );
        console.event(Event::Warning { message });
    }
}

/// A container's name, safe for a terminal.
fn name(container: &ObservedContainer) -> String {
    format!("`{}`", printable::line(&container.seen.name))
}

fn names(
    containers: &[&ObservedContainer],
    shown: impl Fn(&ObservedContainer) -> String,
) -> String {
    let mut names: Vec<String> = containers
        .iter()
        .map(|container| shown(container))
        .collect();
    names.sort();
    let more = names.len().saturating_sub(NAMED);
    names.truncate(NAMED);
    match more {
        0 => names.join(", "),
        more => format!("{} and {more} more", names.join(", ")),
    }
}

/// All clusters, with their records, which show whether their starts were completed.
pub(super) async fn clusters_with_records(console: &Console<'_>) -> Result<Vec<Cluster>> {
    let observed = observe::ours(&console.guarded()).await?;
    Ok(cluster::clusters(&console.with_records(observed).await?))
}

/// All clusters, without their records.
pub(super) async fn clusters(console: &Console<'_>) -> Result<Vec<Cluster>> {
    Ok(cluster::clusters(&observe::ours(&console.guarded()).await?))
}
