//! `down`: removes a cluster, if it exists.

use super::{Console, given, rm};
use crate::cli::removal_args::Down;
use crate::cluster;
use crate::cluster::names;
use crate::error::Result;
use crate::event::Event;
use crate::start::sweep::sweep;

/// The variable that names the cluster of `up`, whatever its file says.
const CLUSTER_NAME: &str = "CLUSTERDOCK_START_CLUSTER_NAME";

/// Removes a cluster. A missing cluster is not an error.
pub async fn down(console: &Console<'_>, args: &Down) -> Result<()> {
    let name = name(console, args)?;
    names::check_cluster(&name)?;
    let observed = console.observe().await?;
    if !args.dry_run.dry_run {
        sweep(console, &observed, None).await;
    }
    let exists = rm::exists(&observed, &cluster::clusters(&observed), &name);
    if !exists && !args.dry_run.dry_run {
        let message = format!("Nothing to remove: there is no cluster {name}.");
        console.event(Event::Done { message });
        return Ok(());
    }
    rm::remove_cluster(console, &name, args.dry_run.format()).await
}

/// The cluster that the user names, or the one that `up` starts here.
fn name(console: &Console<'_>, args: &Down) -> Result<String> {
    if let Some(name) = &args.name {
        return Ok(name.clone());
    }
    let lab = match &args.file {
        Some(file) => given::open(console, file)?,
        None => given::default(console)?
            .ok_or_else(|| given::without(console, "clusterdock down NAME"))?,
    };
    match std::env::var(CLUSTER_NAME) {
        Ok(name) if !name.is_empty() => Ok(name),
        _ => given::cluster_of(console, &lab),
    }
}
