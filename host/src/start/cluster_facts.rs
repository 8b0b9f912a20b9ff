//! The facts of a cluster that its topology's hook gets.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use clusterdock_plugin_wire::{ClusterFacts, NodeFacts, PublishedPort};

use super::order::Order;
use super::session::Session;
use crate::engine::{Inventory, user_address};
use crate::error::Result;
use crate::execution::work::Ids;
use crate::plan::{NodePlan, StartPlan};

/// The cluster as hooks see it. Everything is in the plan, except for addresses that the engine chose.
pub(super) async fn facts(
    session: &Session<'_>,
    order: &Order<'_>,
    plan: &StartPlan,
    ids: &Ids,
) -> Result<ClusterFacts> {
    let mut planned: Vec<&NodePlan> = plan.nodes.iter().collect();
    planned.sort_by_key(|node| node.position);
    let mut nodes = Vec::new();
    for node in planned {
        nodes.push(node_facts(session, order, node, ids).await?);
    }
    Ok(ClusterFacts {
        name: plan.run.cluster.clone(),
        network: plan.network.name().into(),
        domain: order.request.domain.clone(),
        nodes,
        outputs: BTreeMap::new(),
    })
}

async fn node_facts(
    session: &Session<'_>,
    order: &Order<'_>,
    node: &NodePlan,
    ids: &Ids,
) -> Result<NodeFacts> {
    let spec = &node.container;
    let id = ids.get(node.fqdn()).cloned().unwrap_or_default();
    let address = match spec.address {
        Some(address) => Some(address),
        None => chosen_address(session, &id, &spec.network).await?,
    };
    let host_ip = user_address(&session.engine, order.bind);
    let ports = spec.ports.iter().map(|port| PublishedPort {
        container_port: port.container_port,
        protocol: port.protocol,
        host_ip: host_ip.clone(),
        host_port: port.host_port,
    });
    let mut requested = order.request.nodes.iter();
    let requested = requested.find(|requested| requested.hostname == node.hostname);
    Ok(NodeFacts {
        hostname: node.hostname.clone(),
        fqdn: node.fqdn().into(),
        group: node.group.clone(),
        image: spec.image.clone(),
        container_id: id,
        ip_address: address
            .map(|address| address.to_string())
            .unwrap_or_default(),
        ports: ports.collect(),
        number: requested.map_or(0, |requested| requested.number),
    })
}

/// The address that the engine chose for a container on a network.
async fn chosen_address(
    session: &Session<'_>,
    id: &str,
    network: &str,
) -> Result<Option<Ipv4Addr>> {
    let state = session.guarded().container_state(id).await?;
    let endpoint = state.networks.get(network);
    Ok(endpoint.and_then(|endpoint| endpoint.address))
}
