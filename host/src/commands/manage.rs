//! `manage`: the original's way to remove, everything or clusters by name.

use super::rm;
use crate::cli::{Manage, ManageAction};
use crate::cluster;
use crate::error::{Error, Kind, Result};
use crate::plan::removal as plan;
use crate::select;
use crate::session::Session;
use std::io::IsTerminal;

/// Removes what the action says.
pub async fn manage(session: &Session<'_>, args: &Manage) -> Result<()> {
    match &args.action {
        ManageAction::Nuke { all, yes } => nuke(session, *all, *yes, args.dry_run).await,
        ManageAction::Remove { network, clusters } => remove(session, clusters, *network, args.dry_run).await,
    }
}

async fn nuke(session: &Session<'_>, all: bool, yes: bool, dry_run: bool) -> Result<()> {
    let observed = session.observe().await?;
    if !all {
        let plan = plan::everything_of_ours(&observed);
        return rm::carry_out(session, &plan, dry_run, "clusterdock containers").await;
    }
    let plan = plan::everything(&observed);
    if !dry_run && !yes && !plan.is_empty() {
        ask(session, &plan).await?;
    }
    rm::carry_out(session, &plan, dry_run, "all containers").await
}

async fn remove(session: &Session<'_>, names: &[String], networks: bool, dry_run: bool) -> Result<()> {
    let observed = session.observe().await?;
    let clusters = cluster::clusters(&observed);
    for name in names {
        select::cluster(&clusters, name)?;
    }
    let chosen = names.iter().cloned().collect();
    let plan = plan::clusters(&observed, &chosen, networks);
    rm::carry_out(session, &plan, dry_run, &format!("cluster {}", names.join(", "))).await
}

/// Asks on a terminal; without one the user has to have said yes already.
async fn ask(session: &Session<'_>, plan: &crate::plan::RemovalPlan) -> Result<()> {
    let refused = |why: &str| Error::new(Kind::Usage, "nothing was removed").cause(why);
    if !std::io::stdin().is_terminal() {
        return Err(refused("--all removes what is not clusterdock's, and there is no terminal to ask on")
            .hint("add --yes; --dry-run shows what would go"));
    }
    session.report.ask(&format!("{plan}Remove all of these, also what is not clusterdock's? [y/N] "));
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    let answer = session.stop.wait(async { Ok(answer.await) }).await?;
    match answer {
        Ok(Ok(line)) if matches!(line.trim(), "y" | "Y" | "yes") => Ok(()),
        _ => Err(refused("the answer was not yes")),
    }
}
