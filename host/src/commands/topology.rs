//! `topology`: commands for authors of topologies, and for those who receive one.

mod check_topology;
mod inspect_topology;
mod new_topology;
mod phases;
mod test_topology;

use super::Console;
use crate::cli::topology_actions::{Topology, TopologyAction};
use crate::error::Result;

/// Runs a command of `topology`.
pub async fn topology(console: &Console<'_>, args: &Topology) -> Result<()> {
    match &args.action {
        TopologyAction::New(args) => new_topology::new(console, args),
        TopologyAction::Test(args) => test_topology::test(console, args).await,
        TopologyAction::Check(args) => check_topology::check(console, args).await,
        TopologyAction::Inspect(args) => inspect_topology::inspect(console, args),
    }
}
