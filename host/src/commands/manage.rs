//! `manage`: the original's commands to remove everything, or clusters by name.

use std::io::IsTerminal;

use super::Console;
use super::{list, rm};
use crate::cli::{Manage, ManageAction};
use crate::cluster;
use crate::cluster::observed::Observed;
use crate::cluster::select;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::plan::RemovalPlan;
use crate::plan::removal_plan as plan;
use crate::plan::step::Stream;
use crate::printable;
use crate::report::Format;
use crate::start::sweep::sweep;

/// Runs a `manage` command.
pub async fn manage(console: &Console<'_>, args: &Manage) -> Result<()> {
    match &args.action {
        ManageAction::Nuke { all, yes } => nuke(console, *all, *yes, args.dry_run()).await,
        ManageAction::Remove { network, clusters } => {
            remove(console, clusters, *network, args.dry_run()).await
        }
    }
}

async fn nuke(console: &Console<'_>, all: bool, yes: bool, dry_run: Option<Format>) -> Result<()> {
    let observed = console.observe().await?;
    if dry_run.is_none() {
        sweep(console, &observed, None).await;
    }
    if !all {
        let originals = plan::everything_of_the_original(&observed);
        let originals_too = !originals.is_empty()
            && with_originals(console, &originals, yes, dry_run.is_some()).await?;
        let plan = |observed: &Observed| plan::everything_of_ours(observed, originals_too);
        rm::remove(
            console,
            plan(&observed),
            plan,
            dry_run,
            "clusterdock containers",
        )
        .await?;
        list::report_strangers(console, &observed);
        return Ok(());
    }
    let plan = plan::everything(&observed);
    if dry_run.is_none() && !yes && !plan.is_empty() {
        let refused = |why: &str| Error::new(Kind::Usage, "nothing was removed").cause(why);
        let question =
            format!("{plan}Remove all of these, including what clusterdock did not create? [y/N] ");
        match ask(console, &question).await? {
            Some(true) => {}
            Some(false) => return Err(refused("not confirmed")),
            None => {
                return Err(refused(
                    "--all requires confirmation, and standard input is not a terminal",
                )
                .hint("confirm with --yes; --dry-run shows what would be removed"));
            }
        }
    }
    // In further rounds, only resources of clusterdock: the user has not confirmed what others create meanwhile.
    let ours = |observed: &Observed| plan::everything_of_ours(observed, false);
    rm::remove(console, plan, ours, dry_run, "all containers").await
}

/// Whether to remove what the original clusterdock created, too. Its label alone proves nothing, so the user must confirm.
async fn with_originals(
    console: &Console<'_>,
    plan: &RemovalPlan,
    yes: bool,
    dry_run: bool,
) -> Result<bool> {
    let question = format!("{plan}Also remove these, created by the original clusterdock? [y/N] ");
    let agreed = match (yes, dry_run) {
        (true, _) => true,
        (false, true) => false,
        (false, false) => ask(console, &question).await?.unwrap_or(false),
    };
    if !agreed {
        let names: Vec<String> = plan
            .subjects()
            .filter(|subject| !matches!(subject, Stream::Volume(_)))
            .map(|subject| format!("`{}`", printable::line(subject.name())))
            .collect();
        let message = format!(
            "skipping what the original clusterdock created: {}; to remove it too, add --yes",
            names.join(", ")
        );
        console.event(Event::Warning { message });
    }
    Ok(agreed)
}

async fn remove(
    console: &Console<'_>,
    names: &[String],
    networks: bool,
    dry_run: Option<Format>,
) -> Result<()> {
    let observed = console.observe().await?;
    if dry_run.is_none() {
        sweep(console, &observed, None).await;
    }
    let clusters = cluster::clusters(&observed);
    for name in names {
        select::cluster(&clusters, name)?;
    }
    let chosen = names.iter().cloned().collect();
    let plan = |observed: &Observed| plan::clusters(observed, &chosen, networks);
    rm::remove(
        console,
        plan(&observed),
        plan,
        dry_run,
        &format!("cluster {}", names.join(", ")),
    )
    .await
}

/// Asks whether to continue. Returns `None` if standard input is not a terminal.
async fn ask(console: &Console<'_>, question: &str) -> Result<Option<bool>> {
    if !std::io::stdin().is_terminal() {
        return Ok(None);
    }
    console.report.ask(question);
    let answer = tokio::task::spawn_blocking(|| {
        let mut line = String::new();
        std::io::stdin().read_line(&mut line).map(|_| line)
    });
    let answer = console
        .cancellation
        .wait(async { Ok(answer.await) })
        .await?;
    Ok(Some(
        matches!(answer, Ok(Ok(line)) if matches!(line.trim(), "y" | "Y" | "yes")),
    ))
}
