//! `top` and `stats`: what runs on nodes, and what it uses.

use futures_util::{StreamExt, TryStreamExt, stream};

use super::running::running;
use super::{Console, list};
use crate::cli::watch_args::{Stats, Top, selection_or_all};
use crate::cluster::{Node, select};
use crate::engine::{EngineResult, Fault, Usages};
use crate::error::{Error, Result};
use crate::event::Event;

/// Calls under way at once.
const LOOKS: usize = 16;

/// Prints the processes of nodes.
pub async fn top(console: &Console<'_>, args: &Top) -> Result<()> {
    let clusters = list::clusters(console).await?;
    let nodes = select::nodes(&clusters, &args.selection.selection())?;
    let nodes = running(console, nodes)?;
    let engine = console.guarded();
    let found = of_each(console, &nodes, async |node| {
        engine.processes(&node.container.id).await
    });
    console.report.processes(&found.await?, args.form.format)
}

/// Prints what nodes use.
pub async fn stats(console: &Console<'_>, args: &Stats) -> Result<()> {
    let clusters = list::clusters(console).await?;
    let nodes = select::nodes(&clusters, &selection_or_all(&args.selection))?;
    let nodes = running(console, nodes)?;
    let engine = console.guarded();
    let found = of_each(console, &nodes, async |node| {
        engine.usage(&node.container.id).await
    });
    console.report.usages(&found.await?, args.form.format)
}

/// What the engine says of each node, in their order. One that stops or is removed meanwhile is left out, with a warning.
async fn of_each<'a, T>(
    console: &Console<'_>,
    nodes: &[&'a Node],
    look: impl AsyncFn(&'a Node) -> EngineResult<T>,
) -> Result<Vec<(&'a Node, T)>> {
    let look = &look;
    let all = stream::iter(nodes.iter().copied())
        .map(async |node| match look(node).await {
            Ok(found) => Ok(Some((node, found))),
            Err(error) if error.is_not_found() || error.fault == Fault::WrongState => {
                let message = format!("skipping node {}: it has stopped", node.name);
                console.event(Event::Warning { message });
                Ok(None)
            }
            Err(error) => Err(Error::from(error).context(format!("node `{}`", node.name))),
        })
        .buffered(LOOKS)
        .try_filter_map(async |found| Ok(found));
    all.try_collect().await
}
