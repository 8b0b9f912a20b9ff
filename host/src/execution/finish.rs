//! What follows once every node of a start is ready: its names go into the machine's hosts file, the topology's hook
//! runs, and a last look shows whether all nodes still do.

use super::hook::{HookCalls, Made};
use super::order::Order;
use super::start::Ids;
use super::{Stop, ready};
use crate::cli::start::UpdateHosts;
use crate::engine::{Container, Filter};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::image::Provider;
use crate::labels;
use crate::machine::hosts_file;
use crate::plan::StartPlan;
use crate::session::Session;
use clusterdock_plugin_api::ops::{ClusterFacts, NodeFacts};
use std::sync::Mutex;

/// What a hook left to do.
pub(super) struct Closing {
    /// What the topology wants the user to know.
    pub(super) messages: Vec<String>,
    /// Nodes that the hook stopped, which therefore need not run.
    pub(super) stopped: Vec<String>,
    /// Images that it made.
    pub(super) made: Vec<Made>,
}

/// The cluster as hooks see it. All of it is in the plan, but for addresses that the engine chose.
pub(super) async fn facts(
    session: &Session<'_>,
    order: &Order<'_>,
    plan: &StartPlan,
    ids: &Ids,
) -> Result<ClusterFacts> {
    let mut nodes: Vec<(usize, NodeFacts)> = Vec::new();
    for node in &plan.nodes {
        let spec = &node.container;
        let id = ids.get(node.fqdn()).cloned().unwrap_or_default();
        let address = match spec.address {
            Some(address) => Some(address),
            None => {
                let state = session.stop.look(async { Ok(session.engine.container_state(&id).await?) }).await?;
                state.networks.get(&spec.network).and_then(|endpoint| endpoint.address)
            }
        };
        let ports =
            spec.ports.iter().map(|port| (format!("{}/{}", port.container_port, port.protocol), port.host_port));
        let facts = NodeFacts {
            hostname: node.hostname.clone(),
            fqdn: node.fqdn().into(),
            group: node.group.clone(),
            image: spec.image.clone(),
            container_id: id,
            ip_address: address.map(|address| address.to_string()).unwrap_or_default(),
            host_ports: ports.collect(),
            host_address: crate::engine::user_address(session.engine, order.bind),
        };
        nodes.push((node.position, facts));
    }
    nodes.sort_by_key(|(position, _)| *position);
    let nodes = nodes.into_iter().map(|(_, facts)| facts).collect();
    Ok(ClusterFacts { name: plan.run.cluster.clone(), network: plan.network.name().into(), nodes })
}

/// Writes the nodes into the machine's hosts file, so that they can be reached by name from here.
pub(super) fn write_names(session: &Session<'_>, order: &Order<'_>, facts: &ClusterFacts) -> Result<()> {
    let wanted = match order.update_hosts {
        UpdateHosts::Never => false,
        UpdateHosts::Auto => session.engine.is_local(),
        UpdateHosts::Always => true,
    };
    let address = |node: &NodeFacts| Some((node.ip_address.parse().ok()?, node.fqdn.clone()));
    let nodes: Vec<_> = facts.nodes.iter().filter_map(address).collect();
    let file = &session.places.hosts_file;
    if !wanted {
        return Ok(());
    }
    match hosts_file::add(file, &facts.name, &nodes) {
        Ok(()) => Ok(()),
        Err(error) if order.update_hosts == UpdateHosts::Always => {
            Err(Error::new(Kind::Other, format!("nodes cannot be written into `{}`", file.display()))
                .cause(error)
                .hint("run it as root, or leave --update-etc-hosts out"))
        }
        Err(error) => {
            let message = format!("The nodes were not written into {}: {error}", file.display());
            session.event(Event::Progress { message });
            Ok(())
        }
    }
}

/// Runs the topology's hook, for as long as a start may take at most.
pub(super) async fn run_hook(
    session: &Session<'_>,
    order: &Order<'_>,
    ids: &Ids,
    facts: &ClusterFacts,
) -> Result<Closing> {
    session.event(Event::Hook { hook: order.hook.name().into(), topology: order.topology.name.clone() });
    let events = |event| session.event(event);
    let stop = Stop::new();
    let engine = session.engine;
    let provider = Provider { engine, registries: &session.registries, pull: order.pull, stop: &stop, events: &events };
    let calls = HookCalls {
        engine,
        provider,
        ids,
        stop: &stop,
        report: session.report,
        events: &events,
        closing: Mutex::default(),
        stopped: Mutex::default(),
        made: Mutex::default(),
    };
    let hook = order.plugin.hook(order.hook, facts, &order.request, &calls);
    let late = || {
        let hook = format!("the {} hook of topology `{}` took too long", order.hook.name(), order.topology.name);
        Error::new(Kind::Timeout, hook)
            .cause(format!("it was given {}", humantime::format_duration(order.timeout)))
            .hint("give it longer with --timeout")
    };
    let ran = session.stop.also(&stop, stop.within(order.timeout, late, stop.wait(hook))).await;
    ran.map_err(|error| if order.keep { error } else { look_closer(error) })?;
    let HookCalls { closing, stopped, made, .. } = calls;
    Ok(Closing { messages: inner(closing), stopped: inner(stopped), made: inner(made) })
}

/// What a hook met is seen best in the nodes, which are about to be removed.
fn look_closer(error: Error) -> Error {
    match error.kind() {
        Kind::Hook | Kind::Timeout => error.hint("to look into the nodes, start with --retain, which keeps them"),
        _ => error,
    }
}

fn inner<T>(mutex: Mutex<Vec<T>>) -> Vec<T> {
    mutex.into_inner().unwrap_or_default()
}

/// The last acts of a start that succeeds: every node still runs, and the marker goes.
pub(super) async fn last_look(session: &Session<'_>, plan: &StartPlan, stopped: &[String]) -> Result<Vec<Container>> {
    let engine = session.engine;
    let of_run = Filter::is(labels::RUN, &plan.run.id);
    let containers = session.stop.look(async { Ok(engine.containers(&of_run).await?) }).await?;
    for node in plan.nodes.iter().filter(|node| node.stays_dead() && !stopped.contains(&node.fqdn().to_string())) {
        let container = containers.iter().find(|container| container.name == node.fqdn());
        match container {
            Some(container) if container.state.is_running() => {}
            Some(container) => return Err(ready::found_dead(engine, container).await),
            None => return Err(Error::new(Kind::Node, format!("node `{}` is gone", node.fqdn()))),
        }
    }
    session.stop.call(async { Ok(engine.remove_volume(&plan.marker.name).await?) }).await?;
    // No later removal will find the nodes that the hook removed.
    let is_gone = |fqdn: &str| !containers.iter().any(|container| container.name == fqdn);
    let gone = plan.nodes.iter().map(|node| node.fqdn().to_string()).filter(|fqdn| is_gone(fqdn));
    session.forget_names(&gone.map(|fqdn| (plan.run.cluster.clone(), fqdn)).collect::<Vec<_>>());
    Ok(containers)
}
