//! `stop`, `resume`, `restart`, `pause`, `unpause`, `kill` and `wait`: changes to existing nodes.

use std::collections::BTreeMap;
use std::future::pending;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use ipnet::Ipv4Net;
use tokio::time::timeout;

use super::{Console, dry_run};
use crate::cancellation::Cancellation;
use crate::cli::lifecycle_args as cli;
use crate::cli::selection::SelectionArgs;
use crate::cluster::observed::Observed;
use crate::cluster::select;
use crate::cluster::{self, Node};
use crate::engine::{ContainerState, Inventory, System};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execution::executor::{self, Execution, ExecutionContext, WORKERS};
use crate::execution::node_monitor::NodeMonitor;
use crate::machine::host_port::{self, HeldPorts};
use crate::plan::explain;
use crate::plan::lifecycle_plan::{Change, LifecycleInputs};
use crate::plan::step::{Action, Attachment, Plan, StepId, Target};
use crate::plan::{self, LifecyclePlan};
use crate::pulse;
use crate::report::words;
use crate::start::cluster_hooks::ClusterHooks;
use crate::start::look::look;
use crate::topology::plugin::Hook;

/// Inspections under way at once.
const LOOKS: usize = 16;

/// How long a change may take.
#[derive(Clone, Copy, Default)]
struct Limits {
    /// Until the nodes are ready; none if they are not waited for.
    nodes: Option<Duration>,
    /// Each hook.
    hook: Duration,
}

impl Limits {
    /// As long for the nodes as for each hook.
    fn both(limit: Duration) -> Limits {
        Limits {
            nodes: Some(limit),
            hook: limit,
        }
    }
}

/// Stops nodes.
pub async fn stop(console: &Console<'_>, args: &cli::Stop) -> Result<()> {
    let change = Change::Stop {
        grace_seconds: seconds(args.time),
    };
    let limits = Limits {
        nodes: None,
        hook: args.timeout,
    };
    carry_out(console, &args.change, &change, limits).await
}

/// Starts stopped nodes.
pub async fn resume(console: &Console<'_>, args: &cli::Resume) -> Result<()> {
    let limits = Limits::both(args.timeout);
    carry_out(console, &args.change, &Change::Resume, limits).await
}

/// Stops nodes and starts them again.
pub async fn restart(console: &Console<'_>, args: &cli::Restart) -> Result<()> {
    let change = Change::Restart {
        grace_seconds: seconds(args.time),
    };
    carry_out(console, &args.change, &change, Limits::both(args.timeout)).await
}

/// Pauses nodes.
pub async fn pause(console: &Console<'_>, args: &cli::ChangeArgs) -> Result<()> {
    carry_out(console, args, &Change::Pause, Limits::default()).await
}

/// Unpauses nodes.
pub async fn unpause(console: &Console<'_>, args: &cli::ChangeArgs) -> Result<()> {
    carry_out(console, args, &Change::Unpause, Limits::default()).await
}

/// Sends nodes a signal.
pub async fn kill(console: &Console<'_>, args: &cli::Kill) -> Result<()> {
    let change = Change::Signal(args.signal.clone());
    carry_out(console, &args.change, &change, Limits::default()).await
}

/// Waits until nodes are running and ready.
pub async fn wait(console: &Console<'_>, args: &cli::Wait) -> Result<()> {
    let plan = plan(console, &args.selection, &Change::Wait).await?;
    finish(console, &plan, &Change::Wait, Limits::both(args.timeout)).await
}

async fn carry_out(
    console: &Console<'_>,
    args: &cli::ChangeArgs,
    change: &Change,
    limits: Limits,
) -> Result<()> {
    let plan = plan(console, &args.selection, change).await?;
    if let Some(format) = args.dry_run.format() {
        return dry_run::print(console.report, &plan.plan, format);
    }
    let held = if console.engine.is_local() {
        host_port::hold_again(&plan.ports)?
    } else {
        HeldPorts::default()
    };
    finish(console, &plan, change, limits).await?;
    drop(held);
    Ok(())
}

/// Executes a plan, and reports what was done.
async fn finish(
    console: &Console<'_>,
    plan: &LifecyclePlan,
    change: &Change,
    limits: Limits,
) -> Result<()> {
    for message in &plan.warnings {
        let message = message.clone();
        console.event(Event::Warning { message });
    }
    let closing = execute(console, plan, limits).await?;
    console.event(Event::Done {
        message: done(plan, change),
    });
    for message in closing {
        console.event(Event::Progress { message });
    }
    Ok(())
}

/// Returns what topologies want the user to know.
async fn execute(
    console: &Console<'_>,
    lifecycle: &LifecyclePlan,
    limits: Limits,
) -> Result<Vec<String>> {
    let events = |event| console.event(event);
    let monitor = NodeMonitor::new(&console.engine, &events);
    // Stopping this work must not stop the repair after a failure.
    let cancellation = Cancellation::new();
    let plan = &lifecycle.plan;
    let hooks = ClusterHooks::new(console, &cancellation, limits.hook);
    let context = ExecutionContext {
        engine: console.engine,
        cancellation: &cancellation,
        monitor: &monitor,
        workers: WORKERS,
        keys: &BTreeMap::new(),
        work: &hooks,
        events: &events,
    };
    let execution = Execution::new(plan, context);
    let late = passes(limits, plan, &execution, &monitor);
    let work = cancellation.unless(late, monitor.during(plan, execution.execute()));
    let work = console.cancellation.also(&cancellation, work);
    let what = || {
        let of_nodes = || monitor.in_words("Waiting for the engine");
        hooks.in_words().unwrap_or_else(of_nodes)
    };
    let outcome = pulse::with_pulse(&events, what, work.boxed_local()).await;
    let closing = hooks.close().await;
    if outcome.is_success() {
        return Ok(closing);
    }
    put_back(console, lifecycle.endangered(&outcome)).await;
    Err(explain::why(plan, outcome))
}

/// Completes with the error of nodes that are not ready in time. It is not the time of hooks, which have their own.
async fn passes(
    limits: Limits,
    plan: &Plan,
    execution: &Execution<'_>,
    monitor: &NodeMonitor<'_>,
) -> Error {
    let Some(limit) = limits.nodes else {
        return pending().await;
    };
    let is_hook = |action: &Action| matches!(action, Action::RunHook { .. });
    let of_stop =
        |action: &Action| matches!(action, Action::RunHook { hook, .. } if *hook == Hook::OnStop);
    execution.finished(&plan.ids(of_stop)).await;
    let hooks = plan.ids(|action| is_hook(action) && !of_stop(action));
    // All steps before the first of these bring the nodes to where it can run.
    let before: Vec<StepId> = (0..plan.steps.len())
        .take_while(|id| !hooks.contains(id))
        .collect();
    if timeout(limit, execution.finished(&before)).await.is_err() {
        return unready(monitor, limit);
    }
    execution.finished(&hooks).await;
    match timeout(limit, execution.finished(&plan.so_far())).await {
        Ok(()) => pending().await,
        Err(_) => unready(monitor, limit),
    }
}

fn unready(monitor: &NodeMonitor<'_>, limit: Duration) -> Error {
    let error = Error::new(Kind::Timeout, "the nodes were not ready in time")
        .cause(format!("after {}", humantime::format_duration(limit)))
        .hint("allow more time with --timeout");
    monitor.still_waiting(error)
}

/// Restores network connections that a failed start has cost nodes. If this fails too, the next start plans to restore
/// them.
async fn put_back(console: &Console<'_>, nodes: Vec<(Target, Attachment)>) {
    let mut lost = Vec::new();
    for (container, attachment) in nodes {
        let id = container.id.as_deref().unwrap_or_default();
        let state = console.guarded().container_state(id).await;
        if state.is_ok_and(|state| state.networks.is_empty()) {
            lost.push((container, attachment));
        }
    }
    let plan = plan::lifecycle_plan::put_back(console.engine.address(), lost);
    executor::execute(&plan, console.engine, console.cancellation, &|_| ()).await;
}

async fn plan(
    console: &Console<'_>,
    selection: &SelectionArgs,
    change: &Change,
) -> Result<LifecyclePlan> {
    let is_in_use = |observed: &Observed, _: &[Ipv4Net], subnet: Ipv4Net| {
        let mut fixed = observed.fixed_addresses();
        fixed.any(|address| subnet.contains(&address))
    };
    let (routes, observed) = look(console, is_in_use).await?;
    let clusters = cluster::clusters(&observed);
    let nodes = select::nodes(&clusters, &selection.selection())?;
    let inspected = inspections(console, &nodes, change).await?;
    let inputs = LifecycleInputs {
        change,
        nodes: &nodes,
        observed: &observed,
        inspected: &inspected,
        routes: &routes,
    };
    plan::lifecycle_plan::plan(&inputs)
}

/// Inspections of the nodes that are about to be started.
async fn inspections(
    console: &Console<'_>,
    nodes: &[&Node],
    change: &Change,
) -> Result<BTreeMap<String, ContainerState>> {
    let started = nodes
        .iter()
        .filter(|node| change.starts(node.container.state))
        .map(|node| &node.container.id);
    let engine = console.guarded();
    stream::iter(started)
        .map(|id| async move { Ok((id.clone(), engine.container_state(id).await?)) })
        .buffer_unordered(LOOKS)
        .try_collect()
        .await
}

/// One sentence on how many nodes were changed, and how many did not have to be.
fn done(plan: &LifecyclePlan, change: &Change) -> String {
    if plan.nodes == 0 {
        return "Nothing to do: there are no nodes.".into();
    }
    let all = words::count(plan.nodes, "node");
    let (verb, unchanged) = match change {
        Change::Wait if plan.nodes == 1 => return "1 node is ready.".into(),
        Change::Wait => return format!("{all} are ready."),
        Change::Signal(signal) => return format!("Sent {signal} to {all}."),
        Change::Restart { .. } => return format!("Restarted {all}."),
        Change::Stop { .. } => ("Stopped", "not running"),
        Change::Resume => ("Started", "already running"),
        Change::Pause => ("Paused", "already paused"),
        Change::Unpause => ("Unpaused", "not paused"),
    };
    let changed = plan.changed;
    let left = plan.nodes - changed;
    let were = if left == 1 { "was" } else { "were" };
    let left_sentence = format!("{} {were} {unchanged}", words::count(left, "node"));
    match (changed, left) {
        (0, _) => format!("Nothing to do: {left_sentence}."),
        (_, 0) => format!("{verb} {all}."),
        _ => format!("{verb} {}; {left_sentence}.", words::count(changed, "node")),
    }
}

/// Whole seconds, rounded up: the engine's unit.
fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
