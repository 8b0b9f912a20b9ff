//! Undoing a start that failed or was interrupted: exactly what that start made, found by its label.

use super::{Stop, observe, ready, removal};
use crate::engine::Engine;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::labels;
use crate::plan;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long an undo may take before it is given up and what remains is told.
const DEADLINE: Duration = Duration::from_secs(120);

/// How many lines of a failed node's log are kept.
const LOG_LINES: u32 = 10_000;

/// Removes what a start made.
///
/// # Errors
/// [`Kind::Left`]: something of it remains.
pub async fn undo(engine: &dyn Engine, run: &str, cluster: &str, events: &(dyn Fn(Event) + Sync)) -> Result<()> {
    let stop = Stop::new();
    let late = || Error::new(Kind::Left, "the undo took too long");
    let work = async {
        let observed = stop.look(observe::everything(engine)).await?;
        removal::carry_out(engine, &plan::removal::undo(&observed, run), &stop, events).await
    };
    let result = stop.within(DEADLINE, late, work).await;
    result.map_err(|error| {
        error
            .context(format!("what was begun of cluster `{cluster}` could not be removed"))
            .kind_of(Kind::Left)
            .hint(format!("remove it once the engine answers: clusterdock rm {cluster}"))
    })
}

/// Saves the logs of nodes that failed, before they are removed; gives the folder, or none where there is nothing
/// to save or no place to save it to.
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
    let folder = config.join("logs").join(format!("{cluster}-{run}"));
    std::fs::create_dir_all(&folder).ok()?;
    let containers = engine.containers(&crate::engine::Filter::is(labels::RUN, run)).await.ok()?;
    for container in containers.iter().filter(|container| nodes.contains(&container.name)) {
        let lines = ready::log_tail(engine, &container.id, LOG_LINES).await;
        std::fs::write(folder.join(format!("{}.log", container.name)), lines.join("\n") + "\n").ok()?;
    }
    Some(folder)
}
