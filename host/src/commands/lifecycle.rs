//! `stop`, `resume`, `restart`, `pause`, `unpause`, `kill` and `wait`: changes to existing nodes.

use std::collections::BTreeMap;
use std::time::Duration;

use futures_util::{FutureExt, StreamExt, TryStreamExt, stream};
use ipnet::Ipv4Net;

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
use crate::execution::work::EngineAlone;
use crate::machine::host_port::{self, HeldPorts};
use crate::plan::explain;
use crate::plan::lifecycle_plan::{Change, LifecycleInputs};
use crate::plan::step::{Attachment, Target};
use crate::plan::{self, LifecyclePlan};
use crate::pulse;
use crate::report::words;
use crate::start::look::look;

/// Inspections under way at once.
const LOOKS: usize = 16;

/// Stops nodes.
pub async fn stop(console: &Console<'_>, args: &cli::Stop) -> Result<()> {
    carry_out(
        console,
        &args.change,
        &Change::Stop {
            grace_seconds: seconds(args.time),
        },
        None,
    )
    .await
}

/// Starts stopped nodes.
pub async fn resume(console: &Console<'_>, args: &cli::Resume) -> Result<()> {
    carry_out(console, &args.change, &Change::Resume, Some(args.timeout)).await
}

/// Stops nodes and starts them again.
pub async fn restart(console: &Console<'_>, args: &cli::Restart) -> Result<()> {
    let change = Change::Restart {
        grace_seconds: seconds(args.time),
    };
    carry_out(console, &args.change, &change, Some(args.timeout)).await
}

/// Pauses nodes.
pub async fn pause(console: &Console<'_>, args: &cli::ChangeArgs) -> Result<()> {
    carry_out(console, args, &Change::Pause, None).await
}

/// Unpauses nodes.
pub async fn unpause(console: &Console<'_>, args: &cli::ChangeArgs) -> Result<()> {
    carry_out(console, args, &Change::Unpause, None).await
}

/// Sends nodes a signal.
pub async fn kill(console: &Console<'_>, args: &cli::Kill) -> Result<()> {
    carry_out(
        console,
        &args.change,
        &Change::Signal(args.signal.clone()),
        None,
    )
    .await
}

/// Waits until nodes are running and ready.
pub async fn wait(console: &Console<'_>, args: &cli::Wait) -> Result<()> {
    let plan = plan(console, &args.selection, &Change::Wait).await?;
    execute(console, &plan, Some(args.timeout)).await?;
    console.event(Event::Done {
        message: done(&plan, &Change::Wait),
    });
    Ok(())
}

async fn carry_out(
    console: &Console<'_>,
    args: &cli::ChangeArgs,
    change: &Change,
    timeout: Option<Duration>,
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
    execute(console, &plan, timeout).await?;
    drop(held);
    console.event(Event::Done {
        message: done(&plan, change),
    });
    Ok(())
}

async fn execute(
    console: &Console<'_>,
    lifecycle: &LifecyclePlan,
    timeout: Option<Duration>,
) -> Result<()> {
    let events = |event| console.event(event);
    let monitor = NodeMonitor::new(&console.engine, &events);
    // Stopping this work must not stop the repair after a failure.
    let cancellation = Cancellation::new();
    let plan = &lifecycle.plan;
    let context = ExecutionContext {
        engine: console.engine,
        cancellation: &cancellation,
        monitor: &monitor,
        workers: WORKERS,
        keys: &BTreeMap::new(),
        work: &EngineAlone,
        events: &events,
    };
    let execution = Execution::new(plan, context);
    let work = async {
        let run = monitor.during(plan, execution.execute());
        match timeout {
            None => run.await,
            Some(time) => {
                cancellation
                    .within(time, || unready(&monitor, time), run)
                    .await
            }
        }
    };
    let work = console.cancellation.also(&cancellation, work);
    let what = || monitor.in_words("Waiting for the engine");
    let outcome = pulse::with_pulse(&events, what, work.boxed_local()).await;
    if outcome.is_success() {
        return Ok(());
    }
    put_back(console, lifecycle.endangered(&outcome)).await;
    Err(explain::why(plan, outcome))
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
