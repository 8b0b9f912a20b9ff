//! Carries out the plan of what becomes of nodes that are there. Each node goes through its steps, in parallel with the
//! others, whose failure does not keep it from what is to be done to it; nothing is undone. Waits end with the first
//! failure, since the command has failed then.

use super::Stop;
use super::ready::{self, Awaited, Deaths, Starts, Waiting};
use crate::engine::{Death, Engine, EngineError, EngineResult, Fault, Filter, State};
use crate::error::{Error, Kind, Result};
use crate::event::{Event, NodePhase};
use crate::plan::LifecyclePlan;
use crate::plan::lifecycle::{NodeLife, Place, Step};
use clusterdock_plugin_api::Probe;
use futures_util::future::{FutureExt, join_all, select_all};
use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::{Future, pending};
use std::time::Duration;
use tokio::sync::Semaphore;

/// Calls under way at once that start things: more only makes the engine slower (measured on Docker 20.10 to 28).
const WORKERS: usize = 6;
/// Nodes that are stopped at once: for most of its time, a stop waits for what runs in the node.
const STOPS: usize = 32;

/// What a plan is carried out with.
#[derive(Clone, Copy)]
pub struct Lifecycle<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// The plan.
    pub plan: &'a LifecyclePlan,
    /// Ends it early.
    pub stop: &'a Stop,
    /// How long it may take until every node is ready; none: as long as the engine takes.
    pub timeout: Option<Duration>,
    /// When it began, Unix seconds: events are asked for from then on.
    pub since: i64,
    /// Told what happens.
    pub events: &'a (dyn Fn(Event) + Sync),
}

/// Does what the plan says.
///
/// # Errors
/// The first failure, once everything else has been done: a call failed, a node that was awaited died
/// ([`Kind::Node`]), or the time is over ([`Kind::Timeout`], with what each node waits for).
pub async fn carry_out(work: Lifecycle<'_>) -> Result<()> {
    let stop = Stop::new();
    let nodes = Nodes::new(Lifecycle { stop: &stop, ..work });
    match work.timeout {
        None => work.stop.also(&stop, nodes.carry_out()).await,
        Some(time) => {
            let late = || {
                let late = Error::new(Kind::Timeout, "the nodes were not ready in time")
                    .cause(format!("they were given {}", humantime::format_duration(time)))
                    .hint("give them longer with --timeout");
                ready::still_waiting(late, &nodes.waiting)
            };
            work.stop.also(&stop, stop.within(time, late, nodes.carry_out())).await
        }
    }
}

struct Nodes<'a> {
    work: Lifecycle<'a>,
    /// Ends waits, and only them.
    waits: Stop,
    starts_at_once: Semaphore,
    stops_at_once: Semaphore,
    deaths: Deaths,
    starts: Starts,
    /// Ids of the networks that were made again, by name.
    networks: RefCell<BTreeMap<String, String>>,
    waiting: Waiting,
}

impl<'a> Nodes<'a> {
    fn new(work: Lifecycle<'a>) -> Nodes<'a> {
        Nodes {
            work,
            waits: Stop::new(),
            starts_at_once: Semaphore::new(WORKERS),
            stops_at_once: Semaphore::new(STOPS),
            deaths: Deaths::default(),
            starts: Starts::default(),
            networks: RefCell::default(),
            waiting: Waiting::default(),
        }
    }

    async fn carry_out(&self) -> Result<()> {
        self.make_networks().await?;
        let all = join_all(self.work.plan.nodes.iter().map(|node| self.steps(node)));
        let work = self.work.stop.also(&self.waits, all);
        tokio::pin!(work);
        // The watch ends only by losing the engine; then nothing can be awaited any more.
        let results = tokio::select! {
            results = &mut work => results,
            error = self.watch() => {
                self.waits.stop(error);
                work.await
            }
        };
        match results.into_iter().find_map(Result::err) {
            Some(error) => Err(self.waits.reason().unwrap_or(error)),
            None => self.all_run().await,
        }
    }

    async fn make_networks(&self) -> Result<()> {
        for spec in &self.work.plan.networks {
            let call = async { Ok(self.work.engine.create_network(spec).await) };
            let id = self.work.stop.call(call).await?.map_err(|error| {
                let raced = matches!(error.fault, Fault::NetworkExists | Fault::SubnetTaken);
                let error = Error::from(error).context(format!("failed to make network `{}` again", spec.name));
                if raced { error.hint("something else made it a moment ago: try again") } else { error }
            })?;
            self.networks.borrow_mut().insert(spec.name.clone(), id);
        }
        Ok(())
    }

    /// Notes deaths and starts of nodes that are awaited.
    async fn watch(&self) -> Error {
        let Lifecycle { engine, plan, since, .. } = self.work;
        let labels = |test: fn(&NodeLife) -> bool| -> BTreeSet<&(String, String)> {
            plan.nodes.iter().filter(|node| test(node)).map(|node| &node.label).collect()
        };
        let deaths = labels(NodeLife::is_awaited)
            .into_iter()
            .map(|(key, value)| ready::watch_deaths(engine, (key, value), since, &self.deaths).boxed_local());
        let by_others = |node: &NodeLife| node.steps.contains(&Step::AwaitStart);
        let starts = labels(by_others)
            .into_iter()
            .map(|(key, value)| ready::watch_starts(engine, (key, value), since, &self.starts).boxed_local());
        let watches: Vec<_> = deaths.chain(starts).collect();
        match watches.is_empty() {
            true => pending().await,
            false => select_all(watches).await.0,
        }
    }

    async fn steps(&self, node: &NodeLife) -> Result<()> {
        for step in &node.steps {
            if let Err(error) = self.step(node, step).await {
                // What the others' failure or the user ended has not failed itself.
                let ended = self.work.stop.reason().or_else(|| self.waits.reason().filter(|_| step.waits()));
                if ended.is_none() {
                    self.fail(node, &error);
                }
                self.waits.stop(error.clone());
                return Err(error);
            }
        }
        if node.is_awaited() {
            self.waiting.borrow_mut().remove(&node.fqdn);
            self.tell(node, NodePhase::Ready);
        }
        Ok(())
    }

    async fn step(&self, node: &NodeLife, step: &Step) -> Result<()> {
        let (engine, id) = (self.work.engine, &node.id);
        let verb = if matches!(step, Step::Stop { .. }) { "stopped" } else { "started" };
        self.waits_for(node, format!("it is being {verb}"));
        match step {
            Step::Stop { grace_seconds } => {
                let _place = self.stops_at_once.acquire().await;
                self.tell(node, NodePhase::Stopping);
                let call = async { Ok(engine.stop_container(id, *grace_seconds).await) };
                let grace = Duration::from_secs((*grace_seconds).into());
                let stopped = self.work.stop.long_call(grace, call).await?;
                stopped.map_err(|error| explain(node, "stop", error))?;
                self.tell(node, NodePhase::Stopped);
                Ok(())
            }
            Step::Join(place) => {
                let _place = self.starts_at_once.acquire().await;
                self.call(node, "start", self.join(node, place)).await
            }
            Step::Start { place, .. } => {
                let _place = self.starts_at_once.acquire().await;
                self.tell(node, NodePhase::Resuming);
                self.call(node, "start", self.start(node, place.as_ref())).await
            }
            Step::Pause => self.briefly(node, "pause", engine.pause_container(id)).await,
            Step::Unpause => self.briefly(node, "unpause", engine.unpause_container(id)).await,
            Step::Signal(signal) => self.briefly(node, "signal", engine.kill_container(id, signal)).await,
            Step::AwaitStart => self.waits.wait(self.is_started(node)).await,
            Step::Settle => self.waits.wait(self.awaited(node, &[]).goes_on()).await,
            Step::Await(probes) => self.waits.wait(self.awaited(node, probes).is_ready()).await,
        }
    }

    fn awaited<'b>(&'b self, node: &'b NodeLife, probes: &'b [Probe]) -> Awaited<'b> {
        Awaited {
            engine: self.work.engine,
            fqdn: &node.fqdn,
            id: &node.id,
            probes,
            deaths: &self.deaths,
            waiting: &self.waiting,
            events: self.work.events,
        }
    }

    async fn briefly(&self, node: &NodeLife, verb: &str, call: impl Future<Output = EngineResult<()>>) -> Result<()> {
        let _place = self.stops_at_once.acquire().await;
        self.call(node, verb, call).await
    }

    async fn call(&self, node: &NodeLife, verb: &str, call: impl Future<Output = EngineResult<()>>) -> Result<()> {
        let call = async { Ok(call.await) };
        self.work.stop.call(call).await?.map_err(|error| explain(node, verb, error))
    }

    async fn join(&self, node: &NodeLife, place: &Place) -> EngineResult<()> {
        let made = self.networks.borrow().get(&place.network).cloned();
        let network = place.network_id.clone().or(made).unwrap_or_else(|| place.network.clone());
        let aliases = std::slice::from_ref(&place.alias);
        self.work.engine.connect_network(&network, &node.id, place.address, aliases).await
    }

    async fn start(&self, node: &NodeLife, place: Option<&Place>) -> EngineResult<()> {
        let started = self.work.engine.start_container(&node.id).await;
        if let (Err(error), Some(place)) = (&started, place)
            && error.fault == Fault::PortTaken
        {
            // Docker from 29.0 on takes the node off its network then, and the next start would go well without. Where
            // this fails, too, the plan of the next start sees to it.
            let state = self.work.engine.container_state(&node.id).await;
            if state.is_ok_and(|state| state.networks.is_empty()) {
                self.join(node, place).await.ok();
            }
        }
        started
    }

    /// Waits until somebody else has started a node.
    async fn is_started(&self, node: &NodeLife) -> Result<()> {
        let look = || self.work.engine.container_state(&node.id);
        let first = look().await?;
        let mut now = first.clone();
        while now.state != State::Running {
            if now.ended != first.ended && now.state == State::Exited {
                let death =
                    Death { id: node.id.clone(), exit_code: now.exit_code.unwrap_or_default(), ..Death::default() };
                return Err(ready::died(self.work.engine, &node.fqdn, &death).await);
            }
            self.waits_for(node, format!("still waiting for its start, it is {}", now.state.as_str()));
            self.starts.of(&node.id).await;
            self.starts.forget(&node.id);
            now = look().await?;
        }
        Ok(())
    }

    /// Every node that was awaited still runs: one without probes may have died at once.
    async fn all_run(&self) -> Result<()> {
        let engine = self.work.engine;
        let awaited: Vec<&NodeLife> = self.work.plan.nodes.iter().filter(|node| node.is_awaited()).collect();
        let labels: BTreeSet<&(String, String)> = awaited.iter().map(|node| &node.label).collect();
        let mut containers = Vec::new();
        for (key, value) in labels {
            let look = async { Ok(engine.containers(&Filter::is(key, value)).await?) };
            containers.extend(self.work.stop.look(look).await?);
        }
        for node in awaited {
            let error = match containers.iter().find(|container| container.id == node.id) {
                Some(container) if !matches!(container.state, State::Exited | State::Dead) => continue,
                Some(container) => ready::found_dead(engine, container).await,
                None => Error::new(Kind::Node, format!("node `{}` is gone", node.fqdn)),
            };
            self.fail(node, &error);
            return Err(error);
        }
        Ok(())
    }

    fn waits_for(&self, node: &NodeLife, what: String) {
        self.waiting.borrow_mut().insert(node.fqdn.clone(), what);
    }

    fn fail(&self, node: &NodeLife, error: &Error) {
        let why = error.causes().first().map_or(error.message(), String::as_str);
        self.tell(node, NodePhase::Failed { why: why.to_string() });
    }

    fn tell(&self, node: &NodeLife, phase: NodePhase) {
        (self.work.events)(Event::Node { node: node.fqdn.clone(), phase });
    }
}

/// The engine's refusal as the user should read it.
fn explain(node: &NodeLife, verb: &str, error: EngineError) -> Error {
    let fault = error.fault;
    let error = Error::from(error).context(format!("failed to {verb} node `{}`", node.fqdn));
    let again = format!("then try again: clusterdock resume {}", node.fqdn);
    match fault {
        Fault::PortTaken => error.hint(format!("the node's ports stay with it: free the port, {again}")),
        Fault::AddressTaken => error.hint(format!("the node's address stays with it: stop what has it, {again}")),
        _ => error,
    }
}
