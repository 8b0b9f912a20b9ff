//! Readiness: a node runs, and its probes hold. A wait for a node ends at once when the node dies, and says how.

use super::probe;
use super::start::{Awaited, Start};
use crate::engine::{Container, Death, Engine, LogOptions};
use crate::error::{Error, Kind, Result};
use crate::event::{Event, NodePhase};
use crate::labels;
use crate::plan::NodePlan;
use clusterdock_plugin_api::Probe;
use futures_util::StreamExt;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::sync::watch;
use tokio::time::timeout;

/// How many lines of a dead node's log an error shows.
const LOG_LINES: u32 = 10;

/// How long the engine may take to tell how a node died: that it did is told in any case.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// How often a lost connection to the engine's events is made again before the start is given up.
const RECONNECTS: usize = 3;

/// Deaths of containers seen so far, by id.
#[derive(Debug)]
pub struct Deaths {
    seen: watch::Sender<BTreeMap<String, Death>>,
}

impl Default for Deaths {
    fn default() -> Deaths {
        Deaths { seen: watch::Sender::new(BTreeMap::new()) }
    }
}

impl Deaths {
    /// Completes when this container has died.
    pub async fn of(&self, id: &str) -> Death {
        let mut seen = self.seen.subscribe();
        let found = seen.wait_for(|seen| seen.contains_key(id)).await;
        found.ok().and_then(|seen| seen.get(id).cloned()).unwrap_or_default()
    }

    fn add(&self, death: Death) {
        self.seen.send_modify(|seen| drop(seen.insert(death.id.clone(), death)));
    }
}

/// Notes every death of a run's containers. Ends only when the engine's events are lost for good.
pub async fn watch_deaths(engine: &dyn Engine, run: &str, since: i64, deaths: &Deaths) -> Error {
    let mut lost = Error::new(Kind::Engine, "the engine's events ended");
    for _ in 0..=RECONNECTS {
        // Events are replayed from `since` on, so nothing is missed in between; a death noted twice is one death.
        match engine.deaths((labels::RUN, run), since).await {
            Err(error) => lost = error.into(),
            Ok(mut stream) => {
                while let Some(event) = stream.next().await {
                    match event {
                        Ok(death) => deaths.add(death),
                        Err(error) => {
                            lost = error.into();
                            break;
                        }
                    }
                }
            }
        }
    }
    lost.context("lost sight of the nodes")
}

/// Waits until a started node is ready.
///
/// # Errors
/// It died (exit code, last log lines), or the start is to end.
pub(super) async fn node_is_ready(
    start: Start<'_>,
    node: &NodePlan,
    id: &str,
    deaths: &Deaths,
    awaited: &Awaited,
) -> Result<()> {
    let wait = async {
        for probe in &node.probes {
            let phase = NodePhase::Waiting { probe: probe.to_string() };
            (start.events)(Event::Node { node: node.fqdn().to_string(), phase });
            awaited.borrow_mut().insert(node.fqdn().into(), probe.to_string());
            until(start.engine, id, probe).await?;
        }
        awaited.borrow_mut().remove(node.fqdn());
        Ok(())
    };
    let or_death = async {
        tokio::select! {
            biased;
            death = deaths.of(id), if node.stays_dead() => Err(died(start.engine, node.fqdn(), &death).await),
            held = wait => held,
        }
    };
    start.stop.wait(or_death).await
}

/// Waits until a probe holds; the caller sets the deadline.
pub async fn until(engine: &dyn Engine, id: &str, wanted: &Probe) -> Result<()> {
    probe::wait(engine, id, wanted)
        .await
        .map_err(|error| Error::from(error).context(format!("failed to look at {wanted}")))
}

/// What there is to say of a node that died.
pub async fn died(engine: &dyn Engine, fqdn: &str, death: &Death) -> Error {
    let look = async {
        let oom = engine.container_state(&death.id).await.is_ok_and(|state| state.oom_killed);
        (oom, log_tail(engine, &death.id, LOG_LINES).await)
    };
    let (oom, lines) = timeout(LAST_WORDS, look).await.unwrap_or_default();
    let how = match death.exit_code {
        _ if oom => "the kernel killed it: out of memory".to_string(),
        code @ 129..=192 => format!("its command ended by signal {} (exit code {code})", code - 128),
        code => format!("its command ended with exit code {code}"),
    };
    let error = Error::new(Kind::Node, format!("node `{fqdn}` died")).cause(how);
    match lines {
        None => error.cause("its log could not be read"),
        Some(lines) if lines.is_empty() => error.cause("its log is empty"),
        Some(lines) => error.cause(format!("last log lines:\n{}", lines.join("\n"))),
    }
}

/// What there is to say of a node that turned out not to run.
pub async fn found_dead(engine: &dyn Engine, container: &Container) -> Error {
    let state = engine.container_state(&container.id).await.unwrap_or_default();
    let exit_code = state.exit_code.unwrap_or_default();
    died(engine, &container.name, &Death { id: container.id.clone(), name: container.name.clone(), exit_code }).await
}

/// The last lines of a container's log; none when the engine does not give them.
pub async fn log_tail(engine: &dyn Engine, id: &str, lines: u32) -> Option<Vec<String>> {
    let options = LogOptions { tail: Some(lines), ..LogOptions::default() };
    let mut stream = engine.logs(id, &options).await.ok()?;
    let mut log = Vec::new();
    while let Some(line) = stream.next().await {
        match line {
            Ok(line) => log.extend_from_slice(&line.bytes),
            Err(_) if log.is_empty() => return None,
            Err(_) => break,
        }
    }
    Some(String::from_utf8_lossy(&log).lines().map(str::to_string).collect())
}
