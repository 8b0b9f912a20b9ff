//! Carries out a plan, whatever it is for. It decides nothing: what is done, in which order, how often and despite what,
//! is in the plan, and pure functions of the plan say what a failure means.
//!
//! Each stream of the plan is a future over borrowed data. They are joined, never spawned, and all of them come to an
//! end whatever happens, since calls under way have to end before anything is undone.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::pending;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::ready;
use super::retired::Retired;
use super::watch::Watch;
use super::work::{EngineAlone, Ids, Work};
use crate::cluster::record::Record;
use crate::engine::{Container, GuardedEngine};
use crate::error::Error;
use crate::event::{Event, NodePhase};
use crate::plan::explain::explain;
use crate::plan::outcome::{Failure, Outcome};
use crate::plan::step::{Action, OnFailure, Plan, Step, StepId, Stream, Target};
use crate::stop::Stop;

/// Calls under way at once that start something: more only makes the engine slower (measured on Docker 20.10 to 28).
pub const WORKERS: usize = 6;

/// Removals under way at once: as with starts, more is slower.
const REMOVALS: usize = 6;

/// Nodes that are stopped at once: for most of its time, a stop waits for what runs in the node.
const STOPS: usize = 32;

/// What a plan is carried out with.
#[derive(Clone, Copy)]
pub struct Means<'a> {
    /// The engine.
    pub engine: GuardedEngine<'a>,
    /// Ends the work early: no call begins then, and waits end.
    pub stop: &'a Stop,
    /// The known state of the nodes, updated while the plan runs.
    pub watch: &'a Watch<'a>,
    /// Calls under way at once that create or start something.
    pub workers: usize,
    /// The ssh keys of nodes by FQDN: archives to be unpacked at the root.
    pub keys: &'a BTreeMap<String, Bytes>,
    /// What the use case does for the plan.
    pub work: &'a dyn Work,
    /// Called with what happens.
    pub events: &'a (dyn Fn(Event) + Sync),
}

/// A plan that is being carried out.
pub struct Execution<'a> {
    pub(super) plan: &'a Plan,
    pub(super) means: Means<'a>,
    /// The engine, whose calls end with the work.
    pub(super) engine: GuardedEngine<'a>,
    /// Ends waits. Calls go on if the plan says so.
    pub(super) waits: Stop,
    places: Places,
    /// Whether each step that has ended was done.
    ends: Vec<watch::Sender<Option<bool>>>,
    failures: RefCell<Vec<(StepId, Failure)>>,
    /// The ids of what was created, by the names of their streams.
    pub(super) containers: RefCell<Ids>,
    pub(super) networks: RefCell<BTreeMap<String, String>>,
    /// Nodes that the hook has stopped or removed.
    pub(super) retired: Retired,
    /// The containers of the last look at whether nodes still run.
    pub(super) found: RefCell<Vec<Container>>,
    /// The cluster's record, once it is written.
    pub(super) record: RefCell<Option<Record>>,
    /// How many steps have not ended, last looks aside: until then no node may die.
    pub(super) open: watch::Sender<usize>,
}

/// Places for calls under way.
struct Places {
    starts: Semaphore,
    stops: Semaphore,
    removals: Semaphore,
}

impl Places {
    async fn take(&self, action: &Action) -> Option<SemaphorePermit<'_>> {
        let places = match action {
            Action::CreateContainer(_)
            | Action::PutKeys(_)
            | Action::PutFiles { .. }
            | Action::ConnectNetwork { .. }
            | Action::StartContainer(_) => &self.starts,
            Action::StopContainer { .. }
            | Action::PauseContainer(_)
            | Action::UnpauseContainer(_)
            | Action::SignalContainer { .. } => &self.stops,
            Action::RemoveContainer(_) | Action::RemoveNetwork(_) | Action::RemoveVolume(_) => {
                &self.removals
            }
            // Few of a plan, or looks and waits.
            Action::CreateVolume(_)
            | Action::CheckVolume(_)
            | Action::CreateNetwork(_)
            | Action::AwaitStart(_)
            | Action::AwaitProbe { .. }
            | Action::AwaitRunning { .. }
            | Action::CheckRunning(_)
            | Action::ProvideImage(_)
            | Action::RunHook { .. }
            | Action::WriteRecord { .. } => return None,
        };
        places.acquire().await.ok()
    }
}

impl<'a> Execution<'a> {
    /// Begins nothing yet.
    pub fn new(plan: &'a Plan, means: Means<'a>) -> Execution<'a> {
        let open = plan.steps.iter().filter(|step| !is_last_look(step));
        Execution {
            plan,
            means,
            engine: means.engine.with_stop(means.stop),
            waits: Stop::new(),
            places: Places {
                starts: Semaphore::new(means.workers.max(1)),
                stops: Semaphore::new(STOPS),
                removals: Semaphore::new(REMOVALS),
            },
            ends: plan
                .steps
                .iter()
                .map(|_| watch::Sender::new(None))
                .collect(),
            failures: RefCell::default(),
            containers: RefCell::default(),
            networks: RefCell::default(),
            retired: Retired::default(),
            found: RefCell::default(),
            record: RefCell::default(),
            open: watch::Sender::new(open.count()),
        }
    }

    /// Carries out all steps; ends when each was done, has failed, or cannot be done any more.
    pub async fn run(&self) -> Outcome {
        let streams = self.plan.streams();
        let all = join_all(streams.iter().map(|steps| self.stream(steps)));
        let work = self.means.stop.also(&self.waits, all);
        tokio::pin!(work);
        tokio::select! {
            _ = &mut work => {}
            error = self.loses_sight() => {
                self.end_others(error);
                work.await;
            }
        }
        self.outcome()
    }

    /// Completes when these steps have ended, whether they were done or not.
    pub async fn ended(&self, steps: &[StepId]) {
        for step in steps {
            self.is_done(*step).await;
        }
    }

    /// Whether this step has ended.
    pub fn has_ended(&self, step: StepId) -> bool {
        self.ends[step].borrow().is_some()
    }

    /// Completes if no deaths are reported any more while something is waited for, which may have died. Anything else goes
    /// on: the last look shows what has become of the nodes.
    async fn loses_sight(&self) -> Error {
        let error = self.means.watch.deaths.lost().await;
        let mut waits = self.plan.steps.iter().enumerate();
        if waits.any(|(id, step)| step.action.is_wait() && !self.has_ended(id)) {
            error
        } else {
            pending().await
        }
    }

    fn outcome(&self) -> Outcome {
        let failures = self.failures.take();
        let was_begun = |id: &StepId| {
            *self.ends[*id].borrow() == Some(true)
                || failures.iter().any(|(failed, _)| failed == id)
        };
        Outcome {
            skipped: (0..self.plan.steps.len())
                .filter(|id| !was_begun(id))
                .collect(),
            failures,
            found: self.found.take(),
            record: self.record.take(),
            reason: self.waits.reason().or(self.means.stop.reason()),
        }
    }

    async fn stream(&self, steps: &[StepId]) {
        let mut before = None;
        for id in steps {
            let is_done = self.step(*id, before).await;
            self.end(*id, is_done);
            before = Some(*id);
        }
        let Some(last) = before.filter(|last| *self.ends[*last].borrow() == Some(true)) else {
            return;
        };
        let step = &self.plan.steps[last];
        if step.action.is_wait() && !self.retired.contains(step.stream.name()) {
            self.report(step, NodePhase::Ready);
        }
        let started = steps.iter().find_map(|id| self.plan.steps[*id].starts());
        if let Some(node) = started
            && self.plan.on_failure == OnFailure::Stop
            && let Err(error) = self.stays_up(node).await
        {
            let fqdn = node.container.name.clone();
            self.fail(last, Failure::Node { fqdn, error });
        }
    }

    fn end(&self, id: StepId, is_done: bool) {
        self.ends[id].send_replace(Some(is_done));
        if !is_last_look(&self.plan.steps[id]) {
            self.open.send_modify(|open| *open -= 1);
        }
    }

    /// Carries out a step when its turn has come; returns whether it was done.
    async fn step(&self, id: StepId, before: Option<StepId>) -> bool {
        let step = &self.plan.steps[id];
        let mut is_possible = true;
        for earlier in before.iter().chain(&step.after) {
            is_possible &= self.is_done(*earlier).await;
        }
        if !(is_possible || step.despite_failures) || self.is_over(step) {
            return false;
        }
        let _place = self.places.take(&step.action).await;
        if self.is_over(step) {
            return false;
        }
        match self.perform(step).await {
            Ok(()) => {
                self.means.watch.forget(step.stream.name());
                true
            }
            Err(failure) => {
                self.fail(id, failure);
                false
            }
        }
    }

    /// Whether a step was done, once it has ended.
    async fn is_done(&self, step: StepId) -> bool {
        let mut end = self.ends[step].subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let end = end.wait_for(Option::is_some).await;
        end.is_ok_and(|end| *end == Some(true))
    }

    /// Whether a step is not to begin any more.
    fn is_over(&self, step: &Step) -> bool {
        self.means.stop.reason().is_some()
            || (step.action.is_wait() && self.waits.reason().is_some())
    }

    /// Notes a failure, which ends others as the plan says.
    fn fail(&self, id: StepId, failure: Failure) {
        let step = &self.plan.steps[id];
        let error = explain(self.plan, id, &failure);
        // What the user or the failure of another step has ended, has not failed by itself.
        if !self.is_over(step)
            && let Stream::Node(_) = step.stream
        {
            self.report(step, ready::failed(&error));
        }
        self.end_others(error);
        self.failures.borrow_mut().push((id, failure));
    }

    fn end_others(&self, error: Error) {
        let reason = self.means.stop.reason().unwrap_or(error);
        if self.plan.on_failure == OnFailure::Stop {
            self.means.stop.stop(reason.clone());
        }
        self.waits.stop(reason);
    }

    pub(super) fn report(&self, step: &Step, phase: NodePhase) {
        if let Stream::Node(node) = &step.stream {
            let node = node.clone();
            (self.means.events)(Event::Node { node, phase });
        }
    }

    /// The id of a container that is known, or was created.
    pub(super) fn container(&self, target: &Target) -> String {
        id(target, &self.containers)
    }

    /// The id of a network that is known, or was created.
    pub(super) fn network(&self, target: &Target) -> String {
        id(target, &self.networks)
    }
}

fn id(target: &Target, created: &RefCell<BTreeMap<String, String>>) -> String {
    let created = || created.borrow().get(&target.name).cloned();
    let id = target.id.clone().or_else(created);
    id.unwrap_or_else(|| target.name.clone())
}

fn is_last_look(step: &Step) -> bool {
    matches!(step.action, Action::CheckRunning(_))
}

/// Carries out a plan in which nothing is created and no node is waited for.
pub async fn execute(
    plan: &Plan,
    engine: GuardedEngine<'_>,
    stop: &Stop,
    events: &(dyn Fn(Event) + Sync),
) -> Outcome {
    let watch = Watch::new(&engine, events);
    let means = Means {
        engine,
        stop,
        watch: &watch,
        workers: WORKERS,
        keys: &BTreeMap::new(),
        work: &EngineAlone,
        events,
    };
    Execution::new(plan, means).run().await
}
