//! The facts of a cluster that its topology's hook gets.

use std::collections::BTreeMap;

use clusterdock_plugin_wire::{ClusterFacts, NodeFacts, PublishedPort};

use super::order::Order;
use super::session::Session;
use crate::engine::Inventory;
use crate::error::Result;
use crate::execution::work::Ids;
use crate::plan::StartPlan;

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
                let state = session.guarded().container_state(&id).await?;
                state
                    .networks
                    .get(&spec.network)
                    .and_then(|endpoint| endpoint.address)
            }
        };
        let host_ip = crate::engine::user_address(&session.engine, order.bind);
        let ports = spec.ports.iter().map(|port| PublishedPort {
            container_port: port.container_port,
            protocol: port.protocol,
            host_ip: host_ip.clone(),
            host_port: port.host_port,
        });
        let requested = order.request.nodes.iter();
        let mut requested = requested.filter(|requested| requested.hostname == node.hostname);
        let facts = NodeFacts {
            hostname: node.hostname.clone(),
            fqdn: node.fqdn().into(),
            group: node.group.clone(),
            image: spec.image.clone(),
            container_id: id,
            ip_address: address
                .map(|address| address.to_string())
                .unwrap_or_default(),
            ports: ports.collect(),
            number: requested.next().map_or(0, |requested| requested.number),
        };
        nodes.push((node.position, facts));
    }
    nodes.sort_by_key(|(position, _)| *position);
    let nodes = nodes.into_iter().map(|(_, facts)| facts).collect();
    Ok(ClusterFacts {
        name: plan.run.cluster.clone(),
        network: plan.network.name().into(),
        domain: order.request.domain.clone(),
        nodes,
        outputs: BTreeMap::new(),
    })
}
