//! `hook`: runs a hook of a topology again, on a cluster that exists, with the library of its folder as it is now.

use std::time::Duration;

use crate::cli::hook_args::{HookArgs, HookName};
use crate::commands::Console;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::report::words;
use crate::start::found_cluster::FoundCluster;
use crate::start::hook_again::{self, HookRun};
use crate::start::open_topology::Topology;
use crate::topology::plugin::Hook;

/// Runs a hook again.
pub async fn hook(console: &Console<'_>, args: &HookArgs) -> Result<()> {
    let hook = match args.hook {
        HookName::Start => Hook::Start,
        HookName::Check => Hook::Check,
        HookName::OnStop => Hook::OnStop,
        HookName::OnResume => Hook::OnResume,
    };
    let found = FoundCluster::find(console, &args.cluster).await?;
    // Before the path in its labels is looked at.
    found.request(console)?;
    let topology = Topology::open(console, found.topology()?).await?;
    let ran = run(console, &topology, &args.cluster, hook, args.timeout).await;
    topology.close().await;
    let closing = ran?;
    let took = words::took(console.report.elapsed());
    console.event(Event::Done {
        message: format!(
            "The {hook} hook of cluster {} ended in {took}",
            args.cluster
        ),
    });
    for message in closing {
        console.event(Event::Progress { message });
    }
    Ok(())
}

/// Runs a hook on a cluster with an opened topology. Returns what the topology wants the user to know.
pub(super) async fn run(
    console: &Console<'_>,
    topology: &Topology,
    cluster: &str,
    hook: Hook,
    timeout: Duration,
) -> Result<Vec<String>> {
    let found = FoundCluster::find(console, cluster).await?;
    let request = found.request(console)?;
    let name = &topology.manifest.name;
    if *name != found.cluster.topology {
        let message = format!(
            "cluster `{cluster}` is one of topology `{}`",
            found.cluster.topology
        );
        return Err(Error::new(Kind::Conflict, message).cause(format!(
            "`{}` is now topology `{name}`",
            topology.path.display()
        )));
    }
    hook_again::check_declared(console, topology, hook).await?;
    let run = HookRun {
        plugin: topology.plugin(),
        topology: name,
        found: &found,
        request,
        hook,
        timeout,
    };
    run.run(console).await
}
