//! Carries the plan of a start out: with its locks and host ports for as long as they are needed, its keys, its
//! deadlines, and its hook.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::pending;
use std::sync::Arc;

use bytes::Bytes;
use futures_util::FutureExt;
use futures_util::future::join;
use tokio::time::timeout;

use super::hook::{Closing, TopologyWork};
use super::hook_calls::Made;
use super::hook_calls::under_way::UnderWay;
use super::order::Order;
use super::prepare::Prepared;
use super::session::Session;
use crate::cluster::observed::Observed;
use crate::cluster::{self, Cluster};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execution::executor::{Execution, Means};
use crate::execution::watch::Watch;
use crate::files::lock::Lock;
use crate::keys;
use crate::machine::host_port::HeldPorts;
use crate::plan::StartPlan;
use crate::plan::again::{Again, again};
use crate::plan::explain;
use crate::plan::outcome::Outcome;
use crate::plan::step::{Action, Plan, StepId};
use crate::pulse;
use crate::stop::Stop;

/// A cluster that has started successfully.
#[derive(Debug)]
pub struct Started {
    /// As the engine shows it.
    pub cluster: Cluster,
    /// What the topology wants the user to know.
    pub closing: Vec<String>,
    /// Images that its hook made.
    pub made: Vec<Made>,
}

/// A failed start.
#[derive(Debug)]
pub(super) struct StartFailed {
    /// Why.
    pub(super) error: Error,
    /// Nodes that died or did not become ready, whose logs are worth keeping.
    pub(super) nodes: Vec<String>,
    /// Why looking again and planning anew may succeed, if it may.
    pub(super) again: Option<Again>,
}

impl From<Error> for StartFailed {
    fn from(error: Error) -> StartFailed {
        StartFailed {
            error,
            nodes: Vec::new(),
            again: None,
        }
    }
}

/// Carries the plan of a start out.
pub(super) async fn carry_out(
    session: &Session<'_>,
    order: &Order<'_>,
    prepared: Prepared,
) -> Result<Started, StartFailed> {
    let Prepared { plan, locks, ports } = prepared;
    let nodes = plan.nodes.iter().map(|node| node.fqdn().to_string());
    session.event(Event::Starting {
        cluster: plan.run.cluster.clone(),
        network: plan.network.name().into(),
        nodes: nodes.collect(),
    });
    let keys = make_keys(session, &plan).await?;
    let events = |event| session.event(event);
    let (steps, watch) = (plan.steps(), Watch::new(&session.engine, &events));
    // What ends this attempt must not end the next one.
    let stop = Stop::new();
    let work = TopologyWork {
        session,
        order,
        plan: &plan,
        stop: &stop,
        events: &events,
        closing: RefCell::default(),
        under_way: Arc::default(),
    };
    let means = Means {
        engine: session.engine,
        stop: &stop,
        watch: &watch,
        workers: order.workers,
        keys: &keys,
        work: &work,
        events: &events,
    };
    let deadline = Deadline::new(&work, &steps, &watch);
    let outcome = execute(session, means, &deadline, (locks, ports)).await;
    if outcome.is_success() {
        let closing = work.closing.take();
        return Ok(started(session, &plan, outcome, closing).await?);
    }
    let failed = outcome.failed_nodes().map(String::from);
    Err(StartFailed {
        nodes: failed.chain(deadline.late_nodes.take()).collect(),
        again: again(&steps, &outcome),
        error: explain::why(&steps, outcome),
    })
}

/// Carries the steps out. Locks and ports are held for as long as they are needed.
async fn execute(
    session: &Session<'_>,
    means: Means<'_>,
    deadline: &Deadline<'_>,
    (locks, ports): (Vec<Option<Lock>>, HeldPorts),
) -> Outcome {
    let steps = deadline.steps;
    let execution = Execution::new(steps, means);
    let let_go = async {
        // Other starts on this machine may look as soon as all containers exist.
        execution.ended(&steps.ids(is_creation)).await;
        drop(locks);
        execution.ended(&steps.ids(is_start)).await;
        drop(ports);
    };
    let late = deadline.passes(&execution);
    let run = means.stop.unless(late, execution.run().boxed_local());
    let run = join(session.stop.also(means.stop, run), let_go);
    let run = means.watch.over(steps, run).boxed_local();
    let what = || {
        let otherwise = format!("Starting cluster {}", deadline.cluster);
        means.watch.in_words(&otherwise)
    };
    let (outcome, ()) = pulse::with_pulse(means.events, what, run).await;
    outcome
}

/// Creates keys for the nodes that need them; only then the engine's id is requested.
async fn make_keys(session: &Session<'_>, plan: &StartPlan) -> Result<BTreeMap<String, Bytes>> {
    if plan.nodes.iter().all(|node| !node.keys) {
        return Ok(BTreeMap::new());
    }
    let engine = &session.engine_info().await?.id;
    keys::make(&session.places.config, engine, plan)
}

/// The cluster of a start that got through.
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
        made: closing.made,
    })
}

/// The time that a start may take: as long again for its hook as for its nodes to become ready.
struct Deadline<'a> {
    cluster: &'a str,
    order: &'a Order<'a>,
    steps: &'a Plan,
    watch: &'a Watch<'a>,
    /// What the hook is waiting for.
    under_way: &'a UnderWay,
    /// The nodes that were waited for when it passed.
    late_nodes: RefCell<Vec<String>>,
}

impl<'a> Deadline<'a> {
    fn new(work: &'a TopologyWork<'a>, steps: &'a Plan, watch: &'a Watch<'a>) -> Deadline<'a> {
        Deadline {
            cluster: &work.plan.run.cluster,
            order: work.order,
            steps,
            watch,
            under_way: &work.under_way,
            late_nodes: RefCell::default(),
        }
    }

    /// Completes with the error of a start that takes too long. The last look is not bound to it.
    async fn passes(&self, execution: &Execution<'_>) -> Error {
        let (hook, look) = (self.place(is_hook), self.place(is_last_look));
        let before = |id: StepId| {
            timeout(
                self.order.timeout,
                execution.ended(&self.steps.steps[id].after),
            )
        };
        if before(hook).await.is_err() {
            self.unready(&format!("cluster `{}` was not ready in time", self.cluster))
        } else if before(look).await.is_ok() {
            pending().await
        } else if execution.has_ended(hook) {
            self.unready("the nodes were not ready in time")
        } else {
            let late = self.late(&format!(
                "the {} hook of topology `{}` took too long",
                self.order.hook.name(),
                self.order.topology.name
            ));
            self.under_way.lines().into_iter().fold(late, Error::cause)
        }
    }

    fn place(&self, is_wanted: fn(&Action) -> bool) -> StepId {
        let found = self.steps.ids(is_wanted);
        *found.first().expect("every start has one")
    }

    /// The error, with which nodes are awaited, and for what.
    fn unready(&self, message: &str) -> Error {
        self.late_nodes.replace(self.watch.awaited_nodes());
        self.watch.still_waiting(self.late(message))
    }

    fn late(&self, message: &str) -> Error {
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
