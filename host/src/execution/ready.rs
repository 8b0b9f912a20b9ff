//! Readiness: a node runs, and its probes hold. A wait for a node ends as soon as the node dies, and reports how.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::Future;
use std::time::Duration;

use clusterdock_plugin_wire::Probe;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::watch;
use tokio::time::timeout;

use super::probe;
use crate::engine::{Container, ContainerState, Death, Engine, EngineResult, LogOptions, State};
use crate::error::{Error, Kind, Result};
use crate::event::{Event, NodePhase};
use crate::plan::lost;

/// How many lines of a dead node's log an error shows.
const LOG_LINES: u32 = 10;

/// How long to wait for the engine's report of how a node died; the death itself is reported in any case.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// How often a lost connection to the engine's events is re-established before the start is given up.
const RECONNECTS: usize = 3;

/// How long the news of a death may take.
pub const LATE_NEWS: Duration = Duration::from_secs(1);

/// What the engine's events have reported about containers so far, by id.
#[derive(Debug)]
pub struct SeenEvents<T> {
    seen: watch::Sender<BTreeMap<String, T>>,
    /// Why no further event will arrive, if the stream has ended.
    lost: watch::Sender<Option<Error>>,
}

/// Deaths of containers.
pub type Deaths = SeenEvents<Death>;
/// Containers that were started or unpaused.
pub type Starts = SeenEvents<()>;

impl<T> Default for SeenEvents<T> {
    fn default() -> SeenEvents<T> {
        SeenEvents {
            seen: watch::Sender::new(BTreeMap::new()),
            lost: watch::Sender::new(None),
        }
    }
}

impl<T: Clone + Default> SeenEvents<T> {
    /// Completes when an event of this container has arrived.
    pub async fn of(&self, id: &str) -> T {
        let mut seen = self.seen.subscribe();
        let found = seen.wait_for(|seen| seen.contains_key(id)).await;
        found
            .ok()
            .and_then(|seen| seen.get(id).cloned())
            .unwrap_or_default()
    }

    /// Forgets the events of this container.
    pub fn forget(&self, id: &str) {
        self.seen.send_if_modified(|seen| seen.remove(id).is_some());
    }

    /// Completes when the engine's events are lost for good.
    pub async fn lost(&self) -> Error {
        let mut lost = self.lost.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let found = lost
            .wait_for(Option::is_some)
            .await
            .ok()
            .and_then(|lost| lost.clone());
        found.unwrap_or_else(|| Error::new(Kind::Engine, "lost sight of the nodes"))
    }

    /// Notes that no further event will arrive.
    pub(super) fn lose(&self, why: Error) {
        self.lost.send_replace(Some(why));
    }

    fn add(&self, id: String, told: T) {
        self.seen.send_modify(|seen| drop(seen.insert(id, told)));
    }
}

/// Notes every death of the containers with this label. Ends only when the engine's events are lost for good.
pub async fn watch_deaths(
    engine: &dyn Engine,
    label: (&str, &str),
    since: i64,
    deaths: &Deaths,
) -> Error {
    watch(
        || engine.deaths(label, since),
        |death| deaths.add(death.id.clone(), death),
    )
    .await
}

/// Notes every start of the containers with this label. Ends only when the engine's events are lost for good.
pub async fn watch_starts(
    engine: &dyn Engine,
    label: (&str, &str),
    since: i64,
    starts: &Starts,
) -> Error {
    watch(|| engine.starts(label, since), |id| starts.add(id, ())).await
}

async fn watch<T, F>(subscribe: impl Fn() -> F, note: impl Fn(T)) -> Error
where
    F: Future<Output = EngineResult<BoxStream<'static, EngineResult<T>>>>,
{
    let mut lost = Error::new(Kind::Engine, "the engine's events ended");
    for _ in 0..=RECONNECTS {
        // Events are replayed from the beginning of the watch on, so nothing is missed in between; an event that
        // arrives twice changes nothing.
        match subscribe().await {
            Err(error) => lost = error.into(),
            Ok(mut stream) => {
                while let Some(event) = stream.next().await {
                    match event {
                        Ok(event) => note(event),
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

/// What nodes are waited for, by FQDN.
pub type WaitReasons = RefCell<BTreeMap<String, String>>;

/// Adds to the error of a wait that has ended what each node was waited for.
pub fn still_waiting(late: Error, wait_reasons: &WaitReasons) -> Error {
    wait_reasons
        .borrow()
        .iter()
        .fold(late, |late, (node, what)| {
            late.cause(format!("node `{node}`: {what}"))
        })
}

/// The phase of a node that failed.
pub fn failed(error: &Error) -> NodePhase {
    let why = error.causes().first();
    let why = why.map_or(error.message(), String::as_str);
    NodePhase::Failed { why: why.into() }
}

/// A node that is to become ready.
#[derive(Clone, Copy)]
pub struct NodeWait<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// The node.
    pub fqdn: &'a str,
    /// Its container.
    pub id: &'a str,
    /// The probes that must hold.
    pub probes: &'a [Probe],
    /// A label, key and value, by which the engine's events of this node are found.
    pub label: (&'a str, &'a str),
    /// Since when they are looked for, Unix seconds.
    pub since: i64,
    /// Where deaths are noted.
    pub deaths: &'a Deaths,
    /// Where the reason for the wait is noted.
    pub wait_reasons: &'a WaitReasons,
    /// Receives an event for each probe.
    pub events: &'a (dyn Fn(Event) + Sync),
}

impl NodeWait<'_> {
    /// Waits until a node that was started is ready; the caller sets the deadline.
    ///
    /// # Errors
    /// It died (exit code, last log lines), or the engine refuses to look.
    pub async fn until_ready(self) -> Result<()> {
        for probe in self.probes {
            let phase = NodePhase::Waiting {
                probe: probe.to_string(),
            };
            (self.events)(Event::Node {
                node: self.fqdn.to_string(),
                phase,
            });
            self.wait_reasons
                .borrow_mut()
                .insert(self.fqdn.to_string(), format!("still waiting for {probe}"));
            while !self.holds(probe).await? {}
        }
        self.wait_reasons.borrow_mut().remove(self.fqdn);
        Ok(())
    }

    /// Completes when a node has died for good, with the error to report.
    pub async fn until_death(self) -> Error {
        loop {
            let death = self.deaths.of(self.id).await;
            if let Err(error) = self.lives(&death).await {
                return error;
            }
        }
    }

    /// Waits until a probe holds; returns false if the node was restarted meanwhile, so that the probe has to be
    /// checked again.
    async fn holds(self, probe: &Probe) -> Result<bool> {
        tokio::select! {
            biased;
            death = self.deaths.of(self.id) => self.lives(&death).await.map(|_| false),
            held = until(self.engine, self.id, probe) => match held {
                Ok(()) => Ok(true),
                Err(error) => {
                    // A node that cannot be inspected has usually died, although no event has arrived yet.
                    let told = timeout(LATE_NEWS, self.deaths.of(self.id)).await;
                    let unheard = Death { id: self.id.into(), ..Death::default() };
                    self.lives(told.as_ref().unwrap_or(&unheard)).await?;
                    // Paused, or between two runs.
                    if told.is_ok() || error.kind() == Kind::Conflict { Ok(false) } else { Err(error) }
                }
            },
        }
    }

    /// An error if the node does not run and nothing brings it back. A death need not be final: events also report the
    /// previous run, and a restart policy may bring the node back.
    pub(super) async fn lives(self, death: &Death) -> Result<ContainerState> {
        self.deaths.forget(self.id);
        self.alive(Some(death)).await
    }

    /// The state of a node that runs, or is about to run again.
    pub(super) async fn alive(self, death: Option<&Death>) -> Result<ContainerState> {
        let state = match self.engine.container_state(self.id).await {
            Err(error) if error.is_not_found() => return Err(lost::node(self.fqdn)),
            state => state?,
        };
        match state.state {
            State::Running | State::Paused | State::Restarting => Ok(state),
            // A forced removal kills the command first: the node did not die by itself.
            State::Removing | State::Dead => Err(lost::node(self.fqdn)),
            _ => {
                let told = death.map(|death| death.exit_code);
                let exit_code = state.exit_code.or(told).unwrap_or_default();
                let death = Death {
                    id: self.id.into(),
                    name: self.fqdn.into(),
                    exit_code,
                };
                Err(died(self.engine, self.fqdn, &death).await)
            }
        }
    }
}

/// Waits until a probe holds; the caller sets the deadline.
async fn until(engine: &dyn Engine, id: &str, wanted: &Probe) -> Result<()> {
    probe::wait(engine, id, wanted)
        .await
        .map_err(|error| Error::from(error).context(format!("failed to look at {wanted}")))
}

/// The error for a node that died.
pub async fn died(engine: &dyn Engine, fqdn: &str, death: &Death) -> Error {
    let look = async {
        let oom = engine
            .container_state(&death.id)
            .await
            .is_ok_and(|state| state.oom_killed);
        (oom, log_tail(engine, &death.id, LOG_LINES).await)
    };
    let (oom, lines) = timeout(LAST_WORDS, look).await.unwrap_or_default();
    let how = match death.exit_code {
        _ if oom => "the kernel killed it: out of memory".to_string(),
        code @ 129..=192 => format!(
            "its command ended by signal {} (exit code {code})",
            code - 128
        ),
        code => format!("its command ended with exit code {code}"),
    };
    let error = Error::new(Kind::Node, format!("node `{fqdn}` died")).cause(how);
    match lines {
        None => error.cause("its log could not be read"),
        Some(lines) if lines.is_empty() => error.cause("its log is empty"),
        Some(lines) => error.cause(format!("last log lines:\n{}", lines.join("\n"))),
    }
}

/// The error for a node that is not running.
pub async fn found_dead(engine: &dyn Engine, fqdn: &str, container: &Container) -> Error {
    let state = engine
        .container_state(&container.id)
        .await
        .unwrap_or_default();
    let exit_code = state.exit_code.unwrap_or_default();
    died(
        engine,
        fqdn,
        &Death {
            id: container.id.clone(),
            name: container.name.clone(),
            exit_code,
        },
    )
    .await
}

/// The last lines of a container's log; `None` if the engine does not return them.
pub async fn log_tail(engine: &dyn Engine, id: &str, lines: u32) -> Option<Vec<String>> {
    let options = LogOptions {
        tail: Some(lines),
        ..LogOptions::default()
    };
    let mut stream = engine.logs(id, &options).await.ok()?;
    let mut log = Vec::new();
    while let Some(line) = stream.next().await {
        match line {
            Ok(line) => log.extend_from_slice(&line.bytes),
            Err(_) if log.is_empty() => return None,
            Err(_) => break,
        }
    }
    Some(
        String::from_utf8_lossy(&log)
            .lines()
            .map(str::to_string)
            .collect(),
    )
}
