//! Monitors nodes while they are started and waited for: which have died, and what each is waited for.

use std::cell::RefCell;
use std::collections::{BTreeMap, BTreeSet};
use std::future::Future;
use std::time::Duration;

use clusterdock_plugin_wire::Probe;
use futures_util::future::{FutureExt, select_all};
use tokio::time::Instant;

use super::hold::NodeRun;
use super::ready::{self, Deaths, NodeWait, Starts, WaitReasons};
use crate::engine::Engine;
use crate::error::Error;
use crate::event::Event;
use crate::plan::step::{Action, Plan};
use crate::pulse;
use crate::topology::plugin::Hook;

/// The known state of nodes.
pub struct NodeMonitor<'a> {
    engine: &'a dyn Engine,
    /// When it began, Unix seconds: the engine's events are asked for from then on.
    since: i64,
    events: &'a (dyn Fn(Event) + Sync),
    /// Deaths so far.
    pub(super) deaths: Deaths,
    /// Starts so far, of nodes that something else starts.
    pub(super) starts: Starts,
    /// What nodes are waited for.
    pub(super) wait_reasons: WaitReasons,
    /// The runs that the plan started, by FQDN.
    runs: RefCell<BTreeMap<String, NodeRun>>,
}

impl<'a> NodeMonitor<'a> {
    /// Begins now; nothing is asked before [`NodeMonitor::during`].
    pub fn new(engine: &'a dyn Engine, events: &'a (dyn Fn(Event) + Sync)) -> NodeMonitor<'a> {
        NodeMonitor {
            engine,
            since: jiff::Timestamp::now().as_second(),
            events,
            deaths: Deaths::default(),
            starts: Starts::default(),
            wait_reasons: WaitReasons::default(),
            runs: RefCell::default(),
        }
    }

    /// Does the work, and meanwhile notes the deaths of nodes that the plan starts, waits for or runs hooks on, and the
    /// starts of those that something else is expected to start.
    pub async fn during<T>(&self, plan: &Plan, work: impl Future<Output = T>) -> T {
        let deaths = labels(plan, |action| match action {
            Action::StartContainer(node) => Some(&node.label),
            Action::RunHook { hook, nodes } if *hook != Hook::OnStop => Some(&nodes.label),
            action => action.waits_for().map(|node| &node.label),
        });
        let starts = labels(plan, |action| match action {
            Action::AwaitStart(node) => Some(&node.label),
            _ => None,
        });
        let deaths = deaths.into_iter().map(|(key, value)| {
            ready::watch_deaths(self.engine, (key, value), self.since, &self.deaths).boxed_local()
        });
        let starts = starts.into_iter().map(|(key, value)| {
            ready::watch_starts(self.engine, (key, value), self.since, &self.starts).boxed_local()
        });
        let watches: Vec<_> = deaths.chain(starts).collect();
        if watches.is_empty() {
            return work.await;
        }
        tokio::pin!(work);
        tokio::select! {
            biased;
            done = &mut work => done,
            // A subscription only ends if the engine is lost.
            (error, ..) = select_all(watches) => {
                self.deaths.lose(error);
                work.await
            }
        }
    }

    /// A wait for a node.
    pub fn node_wait<'b>(
        &'b self,
        fqdn: &'b str,
        id: &'b str,
        label: (&'b str, &'b str),
        probes: &'b [Probe],
    ) -> NodeWait<'b> {
        NodeWait {
            engine: self.engine,
            fqdn,
            id,
            probes,
            label,
            since: self.since,
            deaths: &self.deaths,
            wait_reasons: &self.wait_reasons,
            events: self.events,
        }
    }

    /// Notes that the engine has just started a node, and how long that took.
    pub(super) fn has_started(&self, fqdn: &str, starting: Duration) {
        let answered = Instant::now();
        let run = NodeRun { answered, starting };
        self.runs.borrow_mut().insert(fqdn.into(), run);
    }

    /// The run of a node, if the plan started it.
    pub fn run(&self, fqdn: &str) -> Option<NodeRun> {
        self.runs.borrow().get(fqdn).copied()
    }

    /// Notes what a node is waited for.
    pub(super) fn waits_for(&self, fqdn: &str, what: String) {
        self.wait_reasons.borrow_mut().insert(fqdn.into(), what);
    }

    /// Notes that a node is not waited for any more.
    pub fn forget(&self, fqdn: &str) {
        self.wait_reasons.borrow_mut().remove(fqdn);
    }

    /// The nodes that are waited for.
    pub fn awaited_nodes(&self) -> Vec<String> {
        self.wait_reasons.borrow().keys().cloned().collect()
    }

    /// Adds to the error of a wait that is over which nodes were waited for, and for what.
    pub fn still_waiting(&self, error: Error) -> Error {
        ready::still_waiting(error, &self.wait_reasons)
    }

    /// What nodes are waited for, in one line; `otherwise` if none is.
    pub fn in_words(&self, otherwise: &str) -> String {
        pulse::awaited(self.wait_reasons.borrow(), otherwise)
    }
}

/// The labels of the nodes of some of a plan's steps.
fn labels<'p>(
    plan: &'p Plan,
    of: impl Fn(&'p Action) -> Option<&'p (String, String)>,
) -> BTreeSet<&'p (String, String)> {
    let labels = plan.steps.iter().filter_map(|step| of(&step.action));
    labels.collect()
}
