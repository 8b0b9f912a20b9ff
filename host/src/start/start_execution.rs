//! Executes the plan of a start: with its locks and host ports, held as long as they are needed, its keys, deadlines
//! and hook.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join;
use tokio::time::timeout;

use super::hook_calls::CreatedImage;
use super::hook_calls::under_way::UnderWay;
use super::library_notes;
use super::order::Order;
use super::preparation::PreparedStart;
use super::session::Session;
use super::topology_work::{Closing, TopologyWork};
use crate::cancellation::Cancellation;
use crate::cluster::observed::Observed;
use crate::cluster::{self, Cluster};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execution::executor::{Execution, ExecutionContext};
use crate::execution::node_monitor::NodeMonitor;
use crate::files::lock::Lock;
use crate::keys;
use crate::machine::host_port::HeldPorts;
use crate::plan::StartPlan;
use crate::plan::explain;
use crate::plan::outcome::Outcome;
use crate::plan::retry::{Retry, retry};
use crate::plan::step::{Action, Plan, StepId};
use crate::pulse;

/// A cluster that has started successfully.
#[derive(Debug)]
pub struct Started {
    /// As the engine shows it.
    pub cluster: Cluster,
    /// What the topology wants the user to know.
    pub closing: Vec<String>,
    /// Images that its hook created.
    pub created_images: Vec<CreatedImage>,
}

/// A failed start.
#[derive(Debug)]
pub(super) struct StartFailed {
    /// Why.
    pub(super) error: Error,
    /// Nodes that died or did not become ready, whose logs are worth keeping.
    pub(super) nodes: Vec<String>,
    /// Why another attempt may succeed, if it may.
    pub(super) retry: Option<Retry>,
}

impl From<Error> for StartFailed {
    fn from(error: Error) -> StartFailed {
        StartFailed {
            error,
            nodes: Vec::new(),
            retry: None,
        }
    }
}

/// Executes the plan of a start.
pub(super) async fn execute_start(
    session: &Session<'_>,
    order: &Order<'_>,
    prepared: PreparedStart,
) -> Result<Started, StartFailed> {
    let PreparedStart { plan, locks, ports } = prepared;
    let nodes = plan.nodes.iter().map(|node| node.fqdn().to_string());
    session.event(Event::Starting {
        cluster: plan.run.cluster.clone(),
        network: plan.network.name().into(),
        nodes: nodes.collect(),
    });
    let keys = make_keys(session, &plan).await?;
    note_library(session, order, &plan).await?;
    let events = |event| session.event(event);
    let (steps, monitor) = (plan.steps(), NodeMonitor::new(&session.engine, &events));
    // Cancelling this attempt must not cancel the next one.
    let cancellation = Cancellation::new();
    let work = TopologyWork {
        session,
        order,
        plan: &plan,
        cancellation: &cancellation,
        events: &events,
        closing: RefCell::default(),
        under_way: Arc::default(),
    };
    let context = ExecutionContext {
        engine: session.engine,
        cancellation: &cancellation,
        monitor: &monitor,
        workers: order.workers,
        keys: &keys,
        work: &work,
        events: &events,
    };
    let deadline = Deadline::new(&work, &steps, &monitor);
    let outcome = execute(session, context, &deadline, (locks, ports)).await;
    if outcome.is_success() {
        let closing = work.closing.take();
        return Ok(started(session, &plan, outcome, closing).await?);
    }
    let failed = outcome.failed_nodes().map(String::from);
    Err(StartFailed {
        nodes: failed.chain(deadline.late_nodes.take()).collect(),
        retry: retry(&steps, &outcome),
        error: explain::why(&steps, outcome),
    })
}

/// Executes the steps. Locks and ports are held for as long as they are needed.
async fn execute(
    session: &Session<'_>,
    context: ExecutionContext<'_>,
    deadline: &Deadline<'_>,
    (locks, ports): (Vec<Option<Lock>>, HeldPorts),
) -> Outcome {
    let steps = deadline.steps;
    let execution = Execution::new(steps, context);
    let let_go = async {
        // Other starts on this machine may look as soon as all containers exist.
        execution.finished(&steps.ids(is_creation)).await;
        drop(locks);
        execution.finished(&steps.ids(is_start)).await;
        drop(ports);
    };
    let time_limit = deadline.passes(&execution);
    let run = context
        .cancellation
        .unless(time_limit, execution.execute().boxed_local());
    let run = join(session.cancellation.also(context.cancellation, run), let_go);
    let run = context.monitor.during(steps, run).boxed_local();
    let what = || {
        let otherwise = format!("Starting cluster {}", deadline.cluster);
        context.monitor.in_words(&otherwise)
    };
    let (outcome, ()) = pulse::with_pulse(context.events, what, run).await;
    outcome
}

/// Generates keys for the nodes that need them. The engine's id is only requested if there are any.
async fn make_keys(session: &Session<'_>, plan: &StartPlan) -> Result<BTreeMap<String, Bytes>> {
    if plan.nodes.iter().all(|node| !node.keys) {
        return Ok(BTreeMap::new());
    }
    let engine = &session.engine_info().await?.id;
    keys::make(&session.paths.config, engine, plan)
}

/// Keeps the library for hooks that the topology has for later.
async fn note_library(session: &Session<'_>, order: &Order<'_>, plan: &StartPlan) -> Result<()> {
    let topology = &order.topology;
    library_notes::note(
        &session.paths.config,
        &session.engine_info().await?.id,
        &plan.run,
        &topology.plugin_digest,
        &topology.hooks,
    )
}

/// The cluster of a successful start.
async fn started(
    session: &Session<'_>,
    plan: &StartPlan,
    outcome: Outcome,
    closing: Closing,
) -> Result<Started> {
    let record = outcome.record.unwrap_or_default();
    let name = &plan.run.cluster;
    // No later removal will find the nodes that the hook removed.
    let gone = record.removed.iter();
    let gone: Vec<_> = gone.map(|fqdn| (name.clone(), fqdn.clone())).collect();
    session.forget_names(&gone, &BTreeSet::new()).await;
    let mut observed = Observed::new(outcome.found, Vec::new(), Vec::new());
    observed.records.insert(name.clone(), record);
    let cluster = cluster::clusters(&observed)
        .pop()
        .ok_or_else(|| Error::new(Kind::Node, "the nodes are gone"))?;
    Ok(Started {
        cluster,
        closing: closing.messages,
        created_images: closing.created_images,
    })
}

/// The time limit of a start: it applies to its nodes becoming ready, and again to its hook.
struct Deadline<'a> {
    cluster: &'a str,
    order: &'a Order<'a>,
    steps: &'a Plan,
    monitor: &'a NodeMonitor<'a>,
    /// What the hook is waiting for.
    under_way: &'a UnderWay,
    /// The nodes that were being waited for when it passed.
    late_nodes: RefCell<Vec<String>>,
}

impl<'a> Deadline<'a> {
    fn new(
        work: &'a TopologyWork<'a>,
        steps: &'a Plan,
        monitor: &'a NodeMonitor<'a>,
    ) -> Deadline<'a> {
        Deadline {
            cluster: &work.plan.run.cluster,
            order: work.order,
            steps,
            monitor,
            under_way: &work.under_way,
            late_nodes: RefCell::default(),
        }
    }

    /// Completes with the error of a start that takes too long. It does not apply to the last look.
    async fn passes(&self, execution: &Execution<'_>) -> Error {
        let (hook, look) = (self.place(is_hook), self.place(is_last_look));
        let before = |id: StepId| {
            timeout(
                self.order.timeout,
                execution.finished(&self.steps.steps[id].after),
            )
        };
        if before(hook).await.is_err() {
            self.unready(&format!("cluster `{}` was not ready in time", self.cluster))
        } else if before(look).await.is_ok() {
            pending().await
        } else if execution.has_finished(hook) {
            self.unready("the nodes were not ready in time")
        } else {
            let error = self.timed_out(&format!(
                "the {} hook of topology `{}` timed out",
                self.order.hook.name(),
                self.order.topology.name
            ));
            self.under_way.lines().into_iter().fold(error, Error::cause)
        }
    }

    fn place(&self, is_wanted: fn(&Action) -> bool) -> StepId {
        let found = self.steps.ids(is_wanted);
        *found.first().expect("every start has one")
    }

    /// The error, with the nodes that are waited for, and why.
    fn unready(&self, message: &str) -> Error {
        self.late_nodes.replace(self.monitor.awaited_nodes());
        self.monitor.still_waiting(self.timed_out(message))
    }

    fn timed_out(&self, message: &str) -> Error {
        let given = humantime::format_duration(self.order.timeout);
        Error::new(Kind::Timeout, message)
            .cause(format!("after {given}"))
            .hint("allow more time with --timeout")
    }
}

fn is_hook(action: &Action) -> bool {
    matches!(action, Action::RunHook { .. })
}

fn is_last_look(action: &Action) -> bool {
    matches!(action, Action::CheckRunning(_))
}

fn is_creation(action: &Action) -> bool {
    matches!(action, Action::CreateContainer(_))
}

fn is_start(action: &Action) -> bool {
    matches!(action, Action::StartContainer(_))
}
