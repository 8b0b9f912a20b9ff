//! A start as one transaction: images, locks, a look at the engine, a plan, its execution, the hook; and either all
//! of it stands in the end, or nothing of it.

use std::collections::BTreeSet;
use std::path::PathBuf;

use futures_util::FutureExt;

use super::carry_out::{StartFailed, Started, carry_out};
use super::images::{self, Images};
use super::order::Order;
use super::prepare::{Refused, prepare};
use super::session::Session;
use super::undo;
use crate::cluster::generated_name;
use crate::cluster::labels::{Run, RunId};
use crate::engine::System;
use crate::error::{Error, Result};
use crate::event::Event;
use crate::image::Provider;
use crate::machine::shown_notices;
use crate::plan::again::Again;
use crate::plan::step::Plan;
use crate::plan::{self, StartPlan};

/// How often a start that another one got in the way of looks again and plans anew.
const ATTEMPTS: usize = 5;

/// A start that did not fail.
pub enum Done {
    /// The cluster stands.
    Started(Box<Started>),
    /// It was only to be planned.
    Planned(Plan),
}

/// Starts a cluster, or plans it.
///
/// # Errors
/// What went wrong. Nothing of the start remains then, unless it was to be kept, or the error says so
/// ([`Kind::Left`](crate::error::Kind::Left)).
pub async fn start(session: &Session<'_>, mut order: Order<'_>) -> Result<Done> {
    let events = |event| session.event(event);
    let provider = Provider {
        engine: session.engine,
        registries: &session.registries,
        pull: order.pull,
        stop: session.stop,
        events: &events,
    };
    let (mut images, mut missing) = provided(&provider, &order).await?;
    let made_up = order.asked_again.is_some();
    let mut guesses = plan::capability::GUESSES.iter();
    let mut attempts = ATTEMPTS;
    loop {
        let (error, again) = match attempt_start(session, &order, &images, &missing).await {
            Attempt::Ended(result) => return result,
            Attempt::Failed(error, Again::NameTaken) if !made_up => return Err(error),
            Attempt::Failed(error, again) => (error, again),
        };
        // After an interrupt during the roll-back, do not start another attempt.
        session.stop.check()?;
        attempts -= 1;
        match again {
            Again::Capability => match guesses.next() {
                Some(guess) => order.leave_out = guess.iter().map(ToString::to_string).collect(),
                None => return Err(error),
            },
            Again::Raced | Again::NameTaken if attempts == 0 => return Err(error),
            Again::Raced => {}
            Again::NameTaken => {
                order
                    .rename(generated_name::cluster_name(|_| false))
                    .await?;
                (images, missing) = provided(&provider, &order).await?;
            }
        }
        session.event(Event::Debug {
            message: format!("planning anew: {error}"),
        });
    }
}

/// The images of an order: provided, or for a dry run looked for, with the plan to provide the others.
async fn provided(provider: &Provider<'_>, order: &Order<'_>) -> Result<(Images, Plan)> {
    if order.dry_run {
        let found = provider.look(&order.images).await?;
        let missing = images::plan(provider, &order.images, &found).await?;
        Ok((found, missing))
    } else {
        let provided = images::provide(provider, &order.images).await?;
        Ok((provided, Plan::default()))
    }
}

/// Reports the plan's warnings and one-time notices. A dry run does not mark a notice as shown.
fn warn(session: &Session<'_>, plan: &StartPlan, dry_run: bool) {
    let (config, engine) = (&session.places.config, session.engine.address());
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
    Ended(Result<Done>),
    /// Fully rolled back; another attempt may succeed.
    Failed(Error, Again),
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
        Err(Refused {
            error,
            name_taken: true,
        }) => return Attempt::Failed(error, Again::NameTaken),
        Err(Refused { error, .. }) => return Attempt::Ended(Err(error)),
    };
    warn(session, &prepared.plan, order.dry_run);
    if order.dry_run {
        let plan = prepared.plan.steps_after(missing.clone());
        return Attempt::Ended(Ok(Done::Planned(plan)));
    }
    let command = Some(format!("clusterdock rm {}", run.cluster));
    session.event(Event::CleanUp { command });
    match carry_out(session, order, prepared).boxed_local().await {
        Ok(started) => {
            forget_clean_up(session);
            Attempt::Ended(Ok(Done::Started(Box::new(started))))
        }
        Err(failed) => give_up(session, order, &run, failed).await,
    }
}

fn new_run(session: &Session<'_>, order: &Order<'_>) -> Run {
    Run {
        id: RunId::random(),
        cluster: order.request.cluster.clone(),
        created: jiff::Timestamp::now()
            .round(jiff::Unit::Second)
            .unwrap_or_else(|_| jiff::Timestamp::now())
            .to_string(),
        location: session.places.executable.display().to_string(),
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
        again,
    } = failed;
    let cluster = &run.cluster;
    if again == Some(Again::NameTaken) {
        // The engine has nothing of this start, and what carries the cluster's name is another's.
        forget_clean_up(session);
        session.forget_keys([&(cluster.clone(), run.id.clone())]);
        return Attempt::Failed(error, Again::NameTaken);
    }
    if order.keep && again.is_none() {
        let message = format!(
            "keeping the unfinished cluster `{cluster}`; remove it with `clusterdock rm {cluster}`"
        );
        session.event(Event::Warning { message });
        return Attempt::Ended(Err(error));
    }
    let undone = roll_back(session, run, &nodes).await;
    let error = match undone.logs {
        Some(folder) => error.hint(format!("whole logs of what failed: {}", folder.display())),
        None => error,
    };
    if let Err(left) = undone.removed {
        let left = left.cause(format!("it was being removed because {error}"));
        return Attempt::Ended(Err(left));
    }
    forget_clean_up(session);
    match again {
        Some(again) => Attempt::Failed(error, again),
        None => Attempt::Ended(Err(error)),
    }
}

/// A start that was undone.
struct Undone {
    /// The folder with the logs of nodes that failed, if there are any.
    logs: Option<PathBuf>,
    /// Whether everything is gone, or what is left.
    removed: Result<()>,
}

async fn roll_back(session: &Session<'_>, run: &Run, failed: &[String]) -> Undone {
    let (engine, cluster) = (session.engine, &run.cluster);
    session.event(Event::Undoing {
        cluster: cluster.clone(),
    });
    let logs = undo::save_logs(engine, &run.id, cluster, failed, &session.places.config).await;
    let removed = remove_made(session, run).await;
    Undone { logs, removed }
}

/// Removes what a start made, on the engine and on this machine.
async fn remove_made(session: &Session<'_>, run: &Run) -> Result<()> {
    let cluster = &run.cluster;
    let events = |event| session.event(event);
    let removed = undo::undo(session.engine, &run.id, cluster, &events).await;
    let clusters = BTreeSet::from([cluster.clone()]);
    session.forget_names(&[], &clusters).await;
    session.forget_keys([&(cluster.clone(), run.id.clone())]);
    removed
}

/// Removes the cluster of a start, also if the command is about to end.
///
/// # Errors
/// [`Kind::Left`](crate::error::Kind::Left): what is left.
pub async fn remove_run(session: &Session<'_>, run: &Run) -> Result<()> {
    session.event(Event::Removing {
        what: format!("cluster {}", run.cluster),
        containers: Vec::new(),
    });
    remove_made(session, run).await
}

/// Withdraws the clean-up hint: there is nothing left to clean up.
fn forget_clean_up(session: &Session<'_>) {
    session.event(Event::CleanUp { command: None });
}
