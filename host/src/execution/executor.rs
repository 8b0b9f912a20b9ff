//! Executes a plan, whatever it is for. It decides nothing: the plan determines what is done, in which order, how often
//! and despite which failures, and pure functions of the plan determine what a failure means.
//!
//! Each stream of the plan is a future over borrowed data. They are joined, never spawned, and all of them run to their
//! end whatever happens, since calls in progress have to end before anything is rolled back.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::future::pending;

use bytes::Bytes;
use futures_util::future::join_all;
use tokio::sync::{Semaphore, SemaphorePermit, watch};

use super::node_monitor::NodeMonitor;
use super::ready;
use super::retired::Retired;
use super::work::{EngineAlone, Ids, Work};
use crate::cancellation::Cancellation;
use crate::cluster::record::Record;
use crate::engine::{Container, GuardedEngine};
use crate::error::Error;
use crate::event::{Event, NodePhase};
use crate::plan::explain::explain;
use crate::plan::outcome::{Failure, Outcome};
use crate::plan::step::{Action, OnFailure, Plan, Step, StepId, Stream, Target};

/// Parallel calls that start something: more only makes the engine slower (measured on Docker 20.10 to 28).
pub const WORKERS: usize = 6;

/// Parallel removals: as with starts, more are slower.
const REMOVALS: usize = 6;

/// Parallel stops: most of the time, a stop waits for the processes of the node.
const STOPS: usize = 32;

/// What a plan is executed with.
#[derive(Clone, Copy)]
pub struct ExecutionContext<'a> {
    /// The engine.
    pub engine: GuardedEngine<'a>,
    /// Ends the work early: no call begins then, and waits end.
    pub cancellation: &'a Cancellation,
    /// The known state of the nodes, updated while the plan runs.
    pub monitor: &'a NodeMonitor<'a>,
    /// How many calls may create or start something in parallel.
    pub workers: usize,
    /// The ssh keys of nodes by FQDN: archives to be unpacked at the root.
    pub keys: &'a BTreeMap<String, Bytes>,
    /// What the use case does for the plan.
    pub work: &'a dyn Work,
    /// Called with what happens.
    pub events: &'a (dyn Fn(Event) + Sync),
}

/// A plan that is being executed.
pub struct Execution<'a> {
    pub(super) plan: &'a Plan,
    pub(super) context: ExecutionContext<'a>,
    /// The engine, whose calls end with the work.
    pub(super) engine: GuardedEngine<'a>,
    /// Ends waits. Calls go on if the plan says so.
    pub(super) waits: Cancellation,
    slots: CallSlots,
    /// Whether each finished step succeeded.
    results: Vec<watch::Sender<Option<bool>>>,
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
    /// How many steps have not finished, not counting last looks: no node may die while there are any.
    pub(super) open: watch::Sender<usize>,
}

/// Slots for calls in progress.
struct CallSlots {
    starts: Semaphore,
    stops: Semaphore,
    removals: Semaphore,
}

impl CallSlots {
    async fn take(&self, action: &Action) -> Option<SemaphorePermit<'_>> {
        let slots = match action {
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
            // A plan has few of these, or they only look or wait.
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
        slots.acquire().await.ok()
    }
}

impl<'a> Execution<'a> {
    /// Starts nothing yet.
    pub fn new(plan: &'a Plan, context: ExecutionContext<'a>) -> Execution<'a> {
        let open = plan.steps.iter().filter(|step| !is_last_look(step));
        Execution {
            plan,
            context,
            engine: context.engine.with_cancellation(context.cancellation),
            waits: Cancellation::new(),
            slots: CallSlots {
                starts: Semaphore::new(context.workers.max(1)),
                stops: Semaphore::new(STOPS),
                removals: Semaphore::new(REMOVALS),
            },
            results: plan
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

    /// Executes all steps; ends when each has succeeded, has failed, or can no longer be executed.
    pub async fn execute(&self) -> Outcome {
        let streams = self.plan.streams();
        let all = join_all(streams.iter().map(|steps| self.stream(steps)));
        let work = self.context.cancellation.also(&self.waits, all);
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

    /// Completes when these steps have finished, whether they succeeded or not.
    pub async fn finished(&self, steps: &[StepId]) {
        for step in steps {
            self.has_succeeded(*step).await;
        }
    }

    /// Whether this step has finished.
    pub fn has_finished(&self, step: StepId) -> bool {
        self.results[step].borrow().is_some()
    }

    /// Completes if deaths are no longer reported while a node is waited for, which may have died unnoticed. Everything
    /// else continues: the last look shows what happened to the nodes.
    async fn loses_sight(&self) -> Error {
        let error = self.context.monitor.deaths.lost().await;
        let mut waits = self.plan.steps.iter().enumerate();
        if waits.any(|(id, step)| step.action.is_wait() && !self.has_finished(id)) {
            error
        } else {
            pending().await
        }
    }

    fn outcome(&self) -> Outcome {
        let failures = self.failures.take();
        let was_begun = |id: &StepId| {
            *self.results[*id].borrow() == Some(true)
                || failures.iter().any(|(failed, _)| failed == id)
        };
        Outcome {
            skipped: (0..self.plan.steps.len())
                .filter(|id| !was_begun(id))
                .collect(),
            failures,
            found: self.found.take(),
            record: self.record.take(),
            reason: self.waits.reason().or(self.context.cancellation.reason()),
        }
    }

    async fn stream(&self, steps: &[StepId]) {
        let mut before = None;
        for id in steps {
            let is_done = self.execute_step(*id, before).await;
            self.finish(*id, is_done);
            before = Some(*id);
        }
        let Some(last) = before.filter(|last| *self.results[*last].borrow() == Some(true)) else {
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

    fn finish(&self, id: StepId, is_done: bool) {
        self.results[id].send_replace(Some(is_done));
        if !is_last_look(&self.plan.steps[id]) {
            self.open.send_modify(|open| *open -= 1);
        }
    }

    /// Executes a step when its turn has come; returns whether it succeeded.
    async fn execute_step(&self, id: StepId, before: Option<StepId>) -> bool {
        let step = &self.plan.steps[id];
        let mut is_possible = true;
        for earlier in before.iter().chain(&step.after) {
            is_possible &= self.has_succeeded(*earlier).await;
        }
        if !(is_possible || step.despite_failures) || self.is_cancelled(step) {
            return false;
        }
        let _slot = self.slots.take(&step.action).await;
        if self.is_cancelled(step) {
            return false;
        }
        match self.execute_action(step).await {
            Ok(()) => {
                self.context.monitor.forget(step.stream.name());
                true
            }
            Err(failure) => {
                self.fail(id, failure);
                false
            }
        }
    }

    /// Waits until a step has finished; returns whether it succeeded.
    async fn has_succeeded(&self, step: StepId) -> bool {
        let mut end = self.results[step].subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        let end = end.wait_for(Option::is_some).await;
        end.is_ok_and(|end| *end == Some(true))
    }

    /// Whether a step must not begin any more.
    fn is_cancelled(&self, step: &Step) -> bool {
        self.context.cancellation.reason().is_some()
            || (step.action.is_wait() && self.waits.reason().is_some())
    }

    /// Notes a failure, which ends others as the plan says.
    fn fail(&self, id: StepId, failure: Failure) {
        let step = &self.plan.steps[id];
        let error = explain(self.plan, id, &failure);
        // A step that was cancelled by the user, or by the failure of another step, has not failed itself.
        if !self.is_cancelled(step)
            && let Stream::Node(_) = step.stream
        {
            self.report(step, ready::failed(&error));
        }
        self.end_others(error);
        self.failures.borrow_mut().push((id, failure));
    }

    fn end_others(&self, error: Error) {
        let reason = self.context.cancellation.reason().unwrap_or(error);
        if self.plan.on_failure == OnFailure::Stop {
            self.context.cancellation.cancel(reason.clone());
        }
        self.waits.cancel(reason);
    }

    pub(super) fn report(&self, step: &Step, phase: NodePhase) {
        if let Stream::Node(node) = &step.stream {
            let node = node.clone();
            (self.context.events)(Event::Node { node, phase });
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

/// Executes a plan that creates nothing and waits for no node.
pub async fn execute(
    plan: &Plan,
    engine: GuardedEngine<'_>,
    cancellation: &Cancellation,
    events: &(dyn Fn(Event) + Sync),
) -> Outcome {
    let monitor = NodeMonitor::new(&engine, events);
    let context = ExecutionContext {
        engine,
        cancellation,
        monitor: &monitor,
        workers: WORKERS,
        keys: &BTreeMap::new(),
        work: &EngineAlone,
        events,
    };
    Execution::new(plan, context).execute().await
}
