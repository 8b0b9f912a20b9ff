//! Undoing a start that failed or was interrupted: exactly what that start made, found by its label.

use super::removal::{self, Left};
use super::{Stop, observe, ready};
use crate::engine::{Engine, Filter};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::labels;
use crate::plan;
use futures_util::future::join_all;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::{sleep, timeout};

/// How long an undo may take before it is given up and what remains is told: longer than a call that never answers.
const DEADLINE: Duration = Duration::from_secs(300);

/// What goes before each round of an undo; the next one is for what the last one did not get through with.
const ROUNDS: [Duration; 3] = [Duration::ZERO, Duration::from_millis(500), Duration::from_secs(3)];

/// How many lines of a failed node's log are kept.
const LOG_LINES: u32 = 10_000;

/// How long the engine may take to give the logs of failed nodes.
const LOG_DEADLINE: Duration = Duration::from_secs(30);

/// Removes what a start made.
///
/// # Errors
/// [`Kind::Left`]: something of it remains, and what, as far as the engine told.
pub async fn undo(engine: &dyn Engine, run: &str, cluster: &str, events: &(dyn Fn(Event) + Sync)) -> Result<()> {
    let stop = Stop::new();
    let late = || Error::new(Kind::Left, "it took too long");
    let left = stop.within(DEADLINE, late, remove_in_rounds(engine, run, &stop, events)).await;
    if left.is_empty() {
        return Ok(());
    }
    let error = Error::new(Kind::Left, format!("what was begun of cluster `{cluster}` could not be removed"));
    let error = stop.reason().into_iter().fold(error, Error::cause);
    Err(left.listed(error).hint(format!("remove it once the engine answers: clusterdock rm {cluster}")))
}

/// Looks and removes, again and again: what came in the way, as a broken connection, may be over soon.
async fn remove_in_rounds(engine: &dyn Engine, run: &str, stop: &Stop, events: &(dyn Fn(Event) + Sync)) -> Left {
    let mut left = Left::default();
    for pause in ROUNDS {
        sleep(pause).await;
        match stop.look(observe::everything(engine)).await {
            Ok(observed) => {
                left = removal::remove_all(engine, &plan::removal::undo(&observed, run), stop, events).await;
            }
            // What an earlier round left is still told.
            Err(error) => left.unseen(error),
        }
        if left.is_empty() || stop.reason().is_some() {
            break;
        }
    }
    left
}

/// Saves the logs of nodes that failed, before they are removed; gives the folder, or none where there is nothing
/// to save, nobody gives it in time, or there is no place to save it to.
pub async fn save_logs(
    engine: &dyn Engine,
    run: &str,
    cluster: &str,
    nodes: &[String],
    config: &Path,
) -> Option<PathBuf> {
    if nodes.is_empty() {
        return None;
    }
    let logs = timeout(LOG_DEADLINE, logs_of(engine, run, nodes)).await.ok().flatten()?;
    let folder = config.join("logs").join(format!("{cluster}-{run}"));
    std::fs::create_dir_all(&folder).ok()?;
    for (name, lines) in logs {
        std::fs::write(folder.join(format!("{name}.log")), lines.join("\n") + "\n").ok()?;
    }
    Some(folder)
}

/// The logs of nodes by name; none where the engine gives none.
async fn logs_of(engine: &dyn Engine, run: &str, nodes: &[String]) -> Option<Vec<(String, Vec<String>)>> {
    let containers = engine.containers(&Filter::is(labels::RUN, run)).await.ok()?;
    let failed = containers.into_iter().filter(|container| nodes.contains(&container.name));
    let logs = failed.map(async |container| {
        let lines = ready::log_tail(engine, &container.id, LOG_LINES).await?;
        Some((container.name, lines))
    });
    let logs: Vec<_> = join_all(logs).await.into_iter().flatten().collect();
    (!logs.is_empty()).then_some(logs)
}
