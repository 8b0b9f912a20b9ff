//! `hook`: runs a hook of a topology again, on a cluster that exists, with the library of its folder as it is now.

use std::time::Duration;

use clusterdock_plugin_wire::Request;

use crate::cli::hook_args::{HookArgs, HookName};
use crate::cluster::labels::RunId;
use crate::cluster::provenance::Provenance;
use crate::cluster::record::{self, Record};
use crate::cluster::{self, Cluster, select};
use crate::commands::Console;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execution::records;
use crate::report::words;
use crate::start::hook_again::HookRun;
use crate::start::open_topology::Topology;
use crate::start::signing::verified;
use crate::topology::plugin::Hook;

/// Runs a hook again.
pub async fn hook(console: &Console<'_>, args: &HookArgs) -> Result<()> {
    let hook = match args.hook {
        HookName::Start => Hook::Start,
        HookName::Check => Hook::Check,
    };
    let found = find(console, &args.cluster).await?;
    // Before the path in its labels is looked at.
    found.request(console)?;
    let topology = Topology::open(console, &found.provenance.topology).await?;
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
    let found = find(console, cluster).await?;
    let request = found.request(console)?;
    if topology.manifest.name != found.cluster.topology {
        let message = format!(
            "cluster `{cluster}` is one of topology `{}`",
            found.cluster.topology
        );
        return Err(Error::new(Kind::Conflict, message).cause(format!(
            "`{}` is now topology `{}`",
            topology.path.display(),
            topology.manifest.name
        )));
    }
    let run = HookRun {
        topology,
        cluster: &found.cluster,
        record: found.record.as_ref(),
        request,
        hook,
        timeout,
    };
    run.run(console).await
}

/// A cluster, and where it comes from.
struct FoundCluster {
    cluster: Cluster,
    record: Option<Record>,
    run: RunId,
    provenance: Provenance,
}

impl FoundCluster {
    /// The request of its start, if that was one of this user.
    fn request(&self, console: &Console<'_>) -> Result<Request> {
        let (config, cluster) = (&console.paths.config, &self.cluster.name);
        verified(config, &self.run, cluster, &self.provenance)
    }
}

async fn find(console: &Console<'_>, name: &str) -> Result<FoundCluster> {
    let observed = console.observe().await?;
    let clusters = cluster::clusters(&observed);
    let cluster = select::cluster(&clusters, name)?.clone();
    let run = cluster.nodes.iter().find_map(|node| node.run.as_ref());
    let run = run.map(|run| run.id.clone()).ok_or_else(|| {
        Error::new(
            Kind::Conflict,
            format!("cluster `{name}` was started by the original clusterdock"),
        )
        .cause("its topology has no hooks that this clusterdock could run")
    })?;
    let volume = record::volume_name(name);
    let record = observed.volumes.iter().find(|one| one.name == volume);
    let provenance = match record.map(|record| record.provenance.clone()) {
        Some(Ok(provenance)) => provenance,
        Some(Err(fault)) => return Err(unknown(name, fault)),
        None => return Err(unknown(name, "it has no record".into())),
    };
    let guarded = console.guarded();
    let record = records::whole(&guarded, &cluster).await?;
    Ok(FoundCluster {
        record,
        cluster,
        run,
        provenance,
    })
}

fn unknown(cluster: &str, why: String) -> Error {
    let message = format!("the topology of cluster `{cluster}` is unknown");
    Error::new(Kind::Other, message)
        .cause(why)
        .hint("start the cluster again with this clusterdock")
}
