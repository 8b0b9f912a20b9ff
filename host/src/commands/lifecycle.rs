//! `stop`, `resume`, `restart`, `pause`, `unpause`, `kill` and `wait`: what becomes of nodes that are there.

use crate::cli::lifecycle as cli;
use crate::cluster::{self, Node};
use crate::engine::ContainerState;
use crate::error::Result;
use crate::event::Event;
use crate::execution::lifecycle::{self, Lifecycle};
use crate::machine::port::{self, HeldPorts};
use crate::machine::route;
use crate::plan::lifecycle::{Change, LifecycleInputs, NodeLife};
use crate::plan::{self, LifecyclePlan};
use crate::report::words;
use crate::select::{self, Selection};
use crate::session::Session;
use futures_util::{StreamExt, TryStreamExt, stream};
use std::collections::BTreeMap;
use std::time::Duration;

/// Inspections under way at once.
const LOOKS: usize = 16;

/// Stops nodes.
pub async fn stop(session: &Session<'_>, args: &cli::Stop) -> Result<()> {
    carry_out(session, &args.plain, &Change::Stop { grace_seconds: seconds(args.time) }, None).await
}

/// Starts nodes that have stopped.
pub async fn resume(session: &Session<'_>, args: &cli::Resume) -> Result<()> {
    carry_out(session, &args.plain, &Change::Resume, Some(args.timeout)).await
}

/// Stops nodes and starts them again.
pub async fn restart(session: &Session<'_>, args: &cli::Restart) -> Result<()> {
    let change = Change::Restart { grace_seconds: seconds(args.time) };
    carry_out(session, &args.plain, &change, Some(args.timeout)).await
}

/// Freezes nodes.
pub async fn pause(session: &Session<'_>, args: &cli::Plain) -> Result<()> {
    carry_out(session, args, &Change::Pause, None).await
}

/// Lets frozen nodes go on.
pub async fn unpause(session: &Session<'_>, args: &cli::Plain) -> Result<()> {
    carry_out(session, args, &Change::Unpause, None).await
}

/// Sends nodes a signal.
pub async fn kill(session: &Session<'_>, args: &cli::Kill) -> Result<()> {
    carry_out(session, &args.plain, &Change::Signal(args.signal.clone()), None).await
}

/// Waits until nodes run and are ready.
pub async fn wait(session: &Session<'_>, args: &cli::Wait) -> Result<()> {
    let plan = plan(session, &args.chosen, &Change::Wait).await?;
    execute(session, &plan, Some(args.timeout)).await?;
    session.event(Event::Done { message: done(&plan, &Change::Wait) });
    Ok(())
}

async fn carry_out(session: &Session<'_>, args: &cli::Plain, change: &Change, timeout: Option<Duration>) -> Result<()> {
    let plan = plan(session, &args.chosen, change).await?;
    if args.dry_run {
        return session.report.answer(&plan.to_string());
    }
    let held = match session.engine.is_local() {
        true => port::hold_again(&plan.ports())?,
        false => HeldPorts::default(),
    };
    execute(session, &plan, timeout).await?;
    drop(held);
    session.event(Event::Done { message: done(&plan, change) });
    Ok(())
}

async fn execute(session: &Session<'_>, plan: &LifecyclePlan, timeout: Option<Duration>) -> Result<()> {
    let work = Lifecycle {
        engine: session.engine,
        plan,
        stop: session.stop,
        timeout,
        since: jiff::Timestamp::now().as_second(),
        events: &|event| session.event(event),
    };
    lifecycle::carry_out(work).await
}

async fn plan(session: &Session<'_>, chosen: &cli::Chosen, change: &Change) -> Result<LifecyclePlan> {
    let observed = session.observe().await?;
    let clusters = cluster::clusters(&observed);
    let nodes = select::nodes(&clusters, &selection(chosen))?;
    let made = inspections(session, &nodes, change).await?;
    let routes = if session.engine.is_local() { route::routes() } else { Vec::new() };
    let inputs = LifecycleInputs { change, nodes: &nodes, observed: &observed, made: &made, routes: &routes };
    plan::lifecycle::plan(&inputs)
}

/// How the nodes were made that are to be started.
async fn inspections(
    session: &Session<'_>,
    nodes: &[&Node],
    change: &Change,
) -> Result<BTreeMap<String, ContainerState>> {
    let started = nodes.iter().filter(|node| change.starts(node.container.state)).map(|node| &node.container.id);
    let looks =
        stream::iter(started).map(|id| async move { Ok((id.clone(), session.engine.container_state(id).await?)) });
    session.stop.look(looks.buffer_unordered(LOOKS).try_collect()).await
}

/// What a command line names.
pub(super) fn selection(chosen: &cli::Chosen) -> Selection<'_> {
    Selection { names: &chosen.names, groups: &chosen.groups, nodes: &chosen.nodes }
}

/// One sentence on what was done, and to how many nodes nothing had to be.
fn done(plan: &LifecyclePlan, change: &Change) -> String {
    let (changed, left) = match change {
        Change::Wait => (plan.nodes.len(), 0),
        _ => {
            let changed = plan.nodes.iter().filter(|node| NodeLife::changes(node)).count();
            (changed, plan.nodes.len() - changed)
        }
    };
    let (verb, already) = match change {
        Change::Stop { .. } => ("Stopped", "did not run"),
        Change::Resume => ("Started", "ran already"),
        Change::Restart { .. } => ("Restarted", ""),
        Change::Pause => ("Paused", "had been paused already"),
        Change::Unpause => ("Unpaused", "ran already"),
        Change::Signal(_) => ("Signalled", ""),
        Change::Wait => ("", ""),
    };
    let count = |number| words::count(number, "node");
    match (change, changed, left) {
        (_, 0, 0) => "Nothing to do: there are no nodes.".into(),
        (_, 0, left) => format!("Nothing to do: {} {already}.", count(left)),
        (Change::Wait, 1, _) => "1 node is ready.".into(),
        (Change::Wait, ..) => format!("{} are ready.", count(changed)),
        (Change::Signal(signal), ..) => format!("Sent {signal} to {}.", count(changed)),
        (_, _, 0) => format!("{verb} {}.", count(changed)),
        _ => format!("{verb} {}; {} {already}.", count(changed), count(left)),
    }
}

/// Whole seconds, which is what the engine counts in; a part of one counts as one.
fn seconds(time: Duration) -> u32 {
    u32::try_from(time.as_millis().div_ceil(1000)).unwrap_or(u32::MAX)
}
