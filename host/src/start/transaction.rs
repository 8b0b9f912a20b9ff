//! A start as one transaction: images, locks, a look at the engine, a plan, its execution, the hook; and in the end
//! either all of it exists, or nothing.

use std::collections::BTreeSet;
use std::path::PathBuf;

use futures_util::FutureExt;

use super::order::Order;
use super::preparation::{RefusedStart, prepare};
use super::rollback;
use super::session::Session;
use super::start_execution::{StartFailed, Started, execute_start};
use super::start_images::{self, Images};
use crate::cluster::generated_name;
use crate::cluster::labels::{Run, RunId};
use crate::engine::System;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::image::Provider;
use crate::machine::shown_notices;
use crate::plan::retry::Retry;
use crate::plan::step::Plan;
use crate::plan::{self, StartPlan};

/// How many attempts a start has if other starts interfere.
const ATTEMPTS: usize = 5;

/// A start that did not fail.
pub enum StartResult {
    /// The cluster was started.
    Started(Box<Started>),
    /// The cluster was only planned.
    Planned(Plan),
}

/// Starts a cluster, or plans it.
///
/// # Errors
/// What went wrong. Nothing of the start remains, unless it was to be kept, or the error says so
/// ([`Kind::Leftovers`](crate::error::Kind::Leftovers)).
pub async fn start(session: &Session<'_>, mut order: Order<'_>) -> Result<StartResult> {
    let events = |event| session.event(event);
    let provider = Provider {
        engine: session.engine,
        registries: &session.registries,
        pull: order.pull,
        cancellation: session.cancellation,
        events: &events,
    };
    let (mut images, mut missing) = provided(&provider, &order).await?;
    let is_generated = order.asked_again.is_some();
    let mut guesses = plan::capability_guesses::GUESSES.iter();
    let mut attempts = ATTEMPTS;
    loop {
        let (error, retry) = match attempt_start(session, &order, &images, &missing).await {
            Attempt::Final(result) => return result,
            Attempt::Failed(error, Retry::NameTaken) if !is_generated => return Err(error),
            Attempt::Failed(error, retry) => (error, retry),
        };
        // After an interrupt during the rollback, do not start another attempt.
        session.cancellation.check()?;
        attempts -= 1;
        match retry {
            Retry::Capability => match guesses.next() {
                Some(guess) => order.leave_out = guess.iter().map(ToString::to_string).collect(),
                None => return Err(error),
            },
            Retry::Raced | Retry::NameTaken if attempts == 0 => return Err(error),
            Retry::Raced => {}
            Retry::NameTaken => {
                let attempt = order.dry_run.then_some(ATTEMPTS - attempts);
                order.rename(generated_name::cluster_name(attempt)).await?;
                (images, missing) = provided(&provider, &order).await?;
            }
        }
        session.event(Event::Debug {
            message: format!("planning again: {error}"),
        });
    }
}

/// Provides the images of an order; a dry run only looks for them, and plans to provide the missing ones.
async fn provided(provider: &Provider<'_>, order: &Order<'_>) -> Result<(Images, Plan)> {
    if order.dry_run {
        let found = provider.look(&order.images).await?;
        let missing = start_images::plan(provider, &order.images, &found).await?;
        Ok((found, missing))
    } else {
        let provided = start_images::provide(provider, &order.images).await?;
        Ok((provided, Plan::default()))
    }
}

/// Reports the plan's warnings and one-time notices. A dry run does not mark a notice as shown.
fn warn(session: &Session<'_>, plan: &StartPlan, dry_run: bool) {
    let (config, engine) = (&session.paths.config, session.engine.address());
    let was_shown = if dry_run {
        shown_notices::was_shown
    } else {
        shown_notices::mark_shown
    };
    let once = plan
        .once
        .iter()
        .filter(|sentence| !was_shown(config, engine, sentence));
    for message in plan.warnings.iter().chain(once) {
        session.event(Event::Warning {
            message: message.clone(),
        });
    }
}

enum Attempt {
    Final(Result<StartResult>),
    /// Fully rolled back; another attempt may succeed.
    Failed(Error, Retry),
}

async fn attempt_start(
    session: &Session<'_>,
    order: &Order<'_>,
    images: &Images,
    missing: &Plan,
) -> Attempt {
    let run = new_run(session, order);
    let planned = prepare(session, order, images, &run).await;
    let prepared = match planned {
        Ok(prepared) => prepared,
        Err(RefusedStart {
            error,
            name_taken: true,
        }) => return Attempt::Failed(error, Retry::NameTaken),
        Err(RefusedStart { error, .. }) => return Attempt::Final(Err(error)),
    };
    warn(session, &prepared.plan, order.dry_run);
    if order.dry_run {
        let plan = prepared.plan.steps_after(missing.clone());
        return Attempt::Final(Ok(StartResult::Planned(plan)));
    }
    let command = Some(format!("clusterdock rm {}", run.cluster));
    session.event(Event::CleanUp { command });
    match execute_start(session, order, prepared).boxed_local().await {
        Ok(started) => {
            forget_clean_up(session);
            Attempt::Final(Ok(StartResult::Started(Box::new(started))))
        }
        Err(failed) => give_up(session, order, &run, failed).await,
    }
}

fn new_run(session: &Session<'_>, order: &Order<'_>) -> Run {
    Run {
        // The same command line prints the same plan.
        id: if order.dry_run {
            RunId::default()
        } else {
            RunId::random()
        },
        cluster: order.request.cluster.clone(),
        created: jiff::Timestamp::now()
            .round(jiff::Unit::Second)
            .unwrap_or_else(|_| jiff::Timestamp::now())
            .to_string(),
        location: session.paths.executable.display().to_string(),
        size: order.specs.len(),
        ..Run::default()
    }
}

async fn give_up(
    session: &Session<'_>,
    order: &Order<'_>,
    run: &Run,
    failed: StartFailed,
) -> Attempt {
    let StartFailed {
        error,
        nodes,
        retry,
    } = failed;
    let cluster = &run.cluster;
    if retry == Some(Retry::NameTaken) {
        // The engine has nothing of this start; what has the cluster's name belongs to another one.
        forget_clean_up(session);
        session.forget_runs([&(cluster.clone(), run.id.clone())]);
        return Attempt::Failed(error, Retry::NameTaken);
    }
    if order.keep && retry.is_none() {
        let message = format!(
            "keeping the unfinished cluster `{cluster}`; remove it with `clusterdock rm {cluster}`"
        );
        session.event(Event::Warning { message });
        return Attempt::Final(Err(error));
    }
    let rolled_back = roll_back(session, run, &nodes).await;
    let error = match rolled_back.logs {
        Some(folder) => error.hint(format!("whole logs of what failed: {}", folder.display())),
        None => error,
    };
    if let Err(left) = rolled_back.removed {
        let left = left.cause(format!("it was being removed because {error}"));
        return Attempt::Final(Err(left));
    }
    forget_clean_up(session);
    match retry {
        Some(retry) => Attempt::Failed(error, retry),
        None => Attempt::Final(Err(error)),
    }
}

/// A start that was rolled back.
struct RolledBack {
    /// The folder with the logs of nodes that failed, if there are any.
    logs: Option<PathBuf>,
    /// Whether everything is gone, or what is left.
    removed: Result<()>,
}

async fn roll_back(session: &Session<'_>, run: &Run, failed: &[String]) -> RolledBack {
    let (engine, cluster) = (session.engine, &run.cluster);
    session.event(Event::RollingBack {
        cluster: cluster.clone(),
    });
    let logs = rollback::save_logs(engine, &run.id, cluster, failed, &session.paths.config).await;
    let removed = remove_created(session, run).await;
    RolledBack { logs, removed }
}

/// Removes what a start created, on the engine and on this machine.
async fn remove_created(session: &Session<'_>, run: &Run) -> Result<()> {
    let cluster = &run.cluster;
    let events = |event| session.event(event);
    let removed = rollback::roll_back(session.engine, &run.id, cluster, &events).await;
    let clusters = BTreeSet::from([cluster.clone()]);
    session.forget_names(&[], &clusters).await;
    session.forget_runs([&(cluster.clone(), run.id.clone())]);
    removed
}

/// Removes the cluster of a start, even if the command is about to end.
///
/// # Errors
/// [`Kind::Leftovers`](crate::error::Kind::Leftovers): what is left.
pub async fn remove_run(session: &Session<'_>, run: &Run) -> Result<()> {
    session.event(Event::Removing {
        what: format!("cluster {}", run.cluster),
        containers: Vec::new(),
    });
    remove_created(session, run).await
}

/// Withdraws the clean-up hint: there is nothing left to clean up.
fn forget_clean_up(session: &Session<'_>) {
    session.event(Event::CleanUp { command: None });
}
