//! Rolls back a start that failed or was interrupted: removes exactly what that start created, found by its label.

use std::fs::File;
use std::io::Write;
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

use futures_util::future::join_all;
use tokio::time::{sleep, timeout};

use crate::cancellation::Cancellation;
use crate::cluster::identity::Identity;
use crate::cluster::labels::{self, RunId};
use crate::cluster::observe;
use crate::cluster::observed::ObservedContainer;
use crate::engine::{Filter, GuardedEngine, Inventory};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execution::executor::execute;
use crate::execution::ready;
use crate::files::own_folder;
use crate::plan;
use crate::plan::leftovers::Leftovers;

/// Deadline of a rollback; leftovers are reported when it expires. Longer than the deadline of a single call.
const DEADLINE: Duration = Duration::from_secs(300);

/// Pause before each round of a rollback. Each round removes what the previous one failed to remove.
const ROUNDS: [Duration; 3] = [
    Duration::ZERO,
    Duration::from_millis(500),
    Duration::from_secs(3),
];

/// How many lines of a failed node's log are kept.
const LOG_LINES: u32 = 10_000;

/// How long the engine may take to return the logs of failed nodes.
const LOG_DEADLINE: Duration = Duration::from_secs(30);

/// Removes what a start created.
///
/// # Errors
/// [`Kind::Leftovers`]: the leftovers, as far as the engine reported them.
pub async fn roll_back(
    engine: GuardedEngine<'_>,
    run: &RunId,
    cluster: &str,
    events: &(dyn Fn(Event) + Sync),
) -> Result<()> {
    let cancellation = Cancellation::new();
    let timed_out = || Error::new(Kind::Leftovers, "it timed out");
    let left = cancellation
        .within(
            DEADLINE,
            timed_out,
            remove_in_rounds(engine, run, &cancellation, events),
        )
        .await;
    if left.is_empty() {
        return Ok(());
    }
    let error = Error::new(
        Kind::Leftovers,
        format!("failed to roll back cluster `{cluster}`"),
    );
    let error = cancellation.reason().into_iter().fold(error, Error::cause);
    Err(left.listed(error).hint(format!(
        "remove it once the engine answers: clusterdock rm {cluster}"
    )))
}

/// Removes in several rounds: the obstacle, such as a broken connection, may soon be gone.
async fn remove_in_rounds(
    engine: GuardedEngine<'_>,
    run: &RunId,
    cancellation: &Cancellation,
    events: &(dyn Fn(Event) + Sync),
) -> Leftovers {
    let mut left = Leftovers::default();
    for pause in ROUNDS {
        sleep(pause).await;
        match observe::everything(&engine.with_cancellation(cancellation)).await {
            Ok(observed) => {
                let plan = plan::removal_plan::roll_back(&observed, run).plan;
                left = Leftovers::new(&plan, &execute(&plan, engine, cancellation, events).await);
            }
            // Leftovers of an earlier round are still reported.
            Err(error) => left.add_unseen(error),
        }
        if left.is_empty() || cancellation.reason().is_some() {
            break;
        }
    }
    left
}

/// Saves the logs of nodes that failed, before they are removed; returns the folder, or `None` if there is nothing to
/// save, the engine does not answer in time, or the folder cannot be written.
pub async fn save_logs(
    engine: GuardedEngine<'_>,
    run: &RunId,
    cluster: &str,
    nodes: &[String],
    config: &Path,
) -> Option<PathBuf> {
    if nodes.is_empty() {
        return None;
    }
    let logs = timeout(LOG_DEADLINE, logs_of(engine, run, nodes))
        .await
        .ok()
        .flatten()?;
    let folder = config.join("logs").join(format!("{cluster}-{run}"));
    own_folder::create(&folder).ok()?;
    for (name, lines) in logs {
        // Programs log passwords, too: no other user may read them.
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join(format!("{name}.log")));
        file.ok()?
            .write_all((lines.join("\n") + "\n").as_bytes())
            .ok()?;
    }
    Some(folder)
}

/// The logs of nodes by name; `None` if the engine returns none.
async fn logs_of(
    engine: GuardedEngine<'_>,
    run: &RunId,
    nodes: &[String],
) -> Option<Vec<(String, Vec<String>)>> {
    let containers = engine
        .containers(&Filter::is(labels::RUN, run.as_str()))
        .await
        .ok()?;
    let failed = containers
        .into_iter()
        .map(ObservedContainer::from)
        .filter_map(|one| match one.identity {
            Identity::Node(labels) if nodes.contains(&labels.fqdn()) => {
                Some((labels.fqdn(), one.seen.id))
            }
            _ => None,
        });
    let logs = failed.map(async |(fqdn, id)| {
        let lines = ready::log_tail(&engine, &id, LOG_LINES).await?;
        Some((fqdn, lines))
    });
    let logs: Vec<_> = join_all(logs).await.into_iter().flatten().collect();
    (!logs.is_empty()).then_some(logs)
}
