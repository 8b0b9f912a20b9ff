//! Which of the selected nodes are running.

use std::collections::BTreeSet;

use super::Console;
use crate::cluster::Node;
use crate::error::{Error, Kind, Result};
use crate::event::Event;

/// The running ones. Warnings name the others.
///
/// # Errors
/// None is running, or there are none.
pub(super) fn running<'a>(console: &Console<'_>, nodes: Vec<&'a Node>) -> Result<Vec<&'a Node>> {
    if nodes.is_empty() {
        return Err(Error::new(Kind::NotFound, "no nodes").hint("`clusterdock ps` lists all nodes"));
    }
    let (running, others): (Vec<&Node>, Vec<&Node>) =
        nodes.into_iter().partition(|node| node.is_running());
    if running.is_empty() {
        return Err(none_is_running(&others));
    }
    for node in others {
        let message = format!("skipping node {}: not running ({})", node.name, state(node));
        console.event(Event::Warning { message });
    }
    Ok(running)
}

/// A node's state in one word: `exited`.
fn state(node: &Node) -> &'static str {
    node.container.state.as_str()
}

fn none_is_running(nodes: &[&Node]) -> Error {
    let states: Vec<String> = nodes
        .iter()
        .map(|node| format!("{} ({})", node.name, state(node)))
        .collect();
    let clusters: BTreeSet<&str> = nodes.iter().map(|node| node.cluster.as_str()).collect();
    let clusters: Vec<&str> = clusters.into_iter().collect();
    Error::new(Kind::Conflict, "no node is running")
        .cause(states.join(", "))
        .hint(format!(
            "start them with `clusterdock resume {}`",
            clusters.join(" ")
        ))
}
