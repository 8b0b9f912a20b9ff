//! The plan of a start: a record, a network, and for each node a container. Host names, addresses and host ports are
//! all chosen here, so that no node has to be queried afterwards.

mod inputs;
pub mod network_plan;
mod node_plan;
mod steps;

use clusterdock_plugin_wire::Security;

use super::volumes;
use crate::cluster;
use crate::cluster::advice;
use crate::cluster::labels::Run;
use crate::cluster::names;
use crate::cluster::observed::ObservedContainer;
use crate::cluster::record;
use crate::engine::{ContainerSpec, State, Volume};
use crate::error::{Error, Kind, Result};
use crate::topology::plugin::Hook;
pub use inputs::{Limits, StartInputs, TopologyFacts};
pub use network_plan::NetworkPlan;
pub use node_plan::NodePlan;

/// What a start will create.
#[derive(Debug, Clone, PartialEq)]
pub struct StartPlan {
    /// The engine, by its address.
    pub engine: String,
    /// This start.
    pub run: Run,
    /// The topology's name.
    pub topology: String,
    /// Its hook.
    pub hook: Hook,
    /// The cluster's record.
    pub record: Volume,
    /// Containers that hold the volumes of images for nodes, and are never started.
    pub helpers: Vec<ContainerSpec>,
    /// The network.
    pub network: NetworkPlan,
    /// The nodes, sorted by FQDN.
    pub nodes: Vec<NodePlan>,
    /// What the user should know before the plan is executed.
    pub warnings: Vec<String>,
    /// What the user should be told once per engine.
    pub once: Vec<String>,
}

/// Plans a start.
///
/// # Errors
/// The cluster's name, a host name or a host port is in use, or the network cannot be used.
pub fn plan(inputs: &StartInputs<'_>) -> Result<StartPlan> {
    check_cluster_is_new(inputs)?;
    check_host_names_are_free(inputs)?;
    check_host_ports_are_free(inputs)?;
    check_privileges(inputs)?;
    let helpers = volumes::helpers(inputs.run, inputs.specs, inputs.images)?;
    let (mut warnings, mut once) = (Vec::new(), Vec::new());
    let (network, addresses) = network_plan::plan(inputs, &mut warnings)?;
    if !inputs.capabilities_missing.is_empty() {
        let missing = inputs.capabilities_missing.join(", ");
        once.push(format!(
            "the engine cannot grant {missing}; nodes run with all other capabilities"
        ));
    }
    let mut nodes = node_plan::plan_all(inputs, &helpers, &addresses, &mut warnings)?;
    nodes.sort_by(|a, b| a.fqdn().cmp(b.fqdn()));
    let record = record::volume(inputs.run, inputs.provenance);
    Ok(StartPlan {
        engine: inputs.observed.engine.clone(),
        run: inputs.run.clone(),
        topology: inputs.topology.name.clone(),
        hook: inputs.hook,
        record,
        helpers,
        network,
        nodes,
        warnings,
        once,
    })
}

fn check_cluster_is_new(inputs: &StartInputs<'_>) -> Result<()> {
    let name = &inputs.run.cluster;
    let clusters = cluster::clusters(inputs.observed);
    let Some(existing) = clusters.iter().find(|cluster| cluster.name == *name) else {
        return Ok(());
    };
    let names: Vec<String> = clusters
        .iter()
        .map(|cluster| format!("{} ({})", cluster.name, cluster.state.as_str()))
        .collect();
    Err(
        Error::new(Kind::Conflict, format!("cluster name `{name}` is in use"))
            .cause(format!("clusters: {}", names.join(", ")))
            .hint(format!(
                "{}; or choose another --cluster-name, or remove that one: clusterdock rm {}",
                advice::to_run(existing),
                existing.name
            )),
    )
}

fn check_host_names_are_free(inputs: &StartInputs<'_>) -> Result<()> {
    for spec in inputs.specs {
        let name = names::container(&spec.hostname, inputs.network);
        // A node keeps its name if its container gets another one, and other containers have names, too.
        let has_name = |one: &&ObservedContainer| {
            one.seen.name == name || one.identity.container_name().as_ref() == Some(&name)
        };
        let Some(holder) = inputs.observed.containers.iter().find(has_name) else {
            continue;
        };
        let error = names::in_use(&name);
        return Err(match holder.identity.cluster() {
            Some(cluster) => error.cause(format!("it is a node of cluster `{cluster}`")).hint(format!(
                "choose other host names or another network (-n), or remove that cluster: clusterdock rm {cluster}"
            )),
            None => error
                .cause("a container of that name exists, and clusterdock did not create it")
                .hint("choose another host name or another network (-n)"),
        });
    }
    Ok(())
}

fn check_host_ports_are_free(inputs: &StartInputs<'_>) -> Result<()> {
    for port in inputs.ports.values().flatten() {
        let has_it =
            |one: &&ObservedContainer| one.seen.ports.iter().any(|other| port.clashes(other));
        let holder = inputs
            .observed
            .containers
            .iter()
            .find(has_it)
            .map(|one| &one.seen);
        if let Some(holder) = holder {
            let runs = matches!(holder.state, State::Running | State::Paused);
            let how = if runs {
                "publishes it"
            } else {
                "does not run now, and keeps it for when it does"
            };
            return Err(Error::new(
                Kind::Conflict,
                format!("host port `{}` is in use", port.host_port),
            )
            .cause(format!("container `{}` {how}", holder.name))
            .hint("choose another host port, or omit it: -p NODE:CONTAINER"));
        }
    }
    Ok(())
}

/// An engine that would refuse a capability it lacks gives a privileged node all of them or nothing.
fn check_privileges(inputs: &StartInputs<'_>) -> Result<()> {
    let privileged = inputs
        .specs
        .iter()
        .find(|spec| spec.settings.security == Security::Privileged);
    let Some(spec) = privileged.filter(|_| !inputs.capabilities_missing.is_empty()) else {
        return Ok(());
    };
    Err(Error::new(Kind::Engine, format!("a privileged node cannot be started: `{}`", spec.hostname))
        .cause(format!("the engine lacks {}", inputs.capabilities_missing.join(", ")))
        .hint("upgrade Docker to 23 or newer, which leaves out what it lacks; a host-like node needs no upgrade"))
}
