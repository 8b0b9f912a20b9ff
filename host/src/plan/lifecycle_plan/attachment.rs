//! The attachment of a node that is started again: its network and its address, which it keeps.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{LifecycleInputs, Networks};
use crate::cluster::Node;
use crate::cluster::names;
use crate::cluster::observed::ObservedContainer;
use crate::engine::{ContainerState, Endpoint, Network, NetworkSpec};
use crate::error::{Error, Kind, Result};
use crate::plan::addresses;
use crate::plan::step::{Attachment, Target};

/// The attachment that a node is started with, and whether it was lost and has to be restored first; `None` if the node
/// was put on other networks on purpose.
pub(super) fn of_start(
    inputs: &LifecycleInputs<'_>,
    node: &Node,
    state: Option<&ContainerState>,
    networks: &mut Networks,
) -> Result<Option<(Attachment, bool)>> {
    let container = &node.container;
    let endpoint = container.networks.get(&node.network);
    let address = endpoint
        .and_then(|endpoint| endpoint.fixed_address)
        .or_else(|| own_address(node, state?));
    let network = endpoint.and_then(|endpoint| network_of(inputs, node, endpoint));
    let is_elsewhere = !container.networks.is_empty() || !node.is_ours();
    match (endpoint, network) {
        (_, Some(network)) => {
            let attachment = attachment(node, Some(network.id.clone()), address);
            Ok(Some((attachment, false)))
        }
        (None, None) if is_elsewhere => Ok(None),
        (_, None) => {
            let attachment = find_attachment(inputs, node, address, networks)?;
            Ok(Some((attachment, true)))
        }
    }
}

/// The network that a node is on. After its first start, a node is bound to its network's id: another network of the
/// same name does not count.
fn network_of<'a>(
    inputs: &LifecycleInputs<'a>,
    node: &Node,
    endpoint: &Endpoint,
) -> Option<&'a Network> {
    let mut networks = inputs.observed.networks.iter().map(|network| &network.seen);
    match endpoint.network_id.as_str() {
        "" => networks.find(|network| network.name == node.network),
        id => networks.find(|network| network.id == id),
    }
}

/// An attachment to the network with the name that the node expects, for a node whose own network is unknown.
fn find_attachment(
    inputs: &LifecycleInputs<'_>,
    node: &Node,
    address: Option<Ipv4Addr>,
    networks: &mut Networks,
) -> Result<Attachment> {
    if !node.is_ours() {
        let why = "another clusterdock created the node, and only that one knows its other names";
        return Err(gone(node, why.into()));
    }
    let there = inputs.observed.networks.iter().map(|network| &network.seen);
    let named = there.filter(|network| network.name == node.network);
    let named: Vec<&Network> = named.collect();
    match (&named[..], address) {
        ([network], None) => Ok(attachment(node, Some(network.id.clone()), None)),
        ([network], Some(address)) => attach_to(node, network, address),
        ([], Some(address)) => attach_to_new(inputs, node, address, networks),
        ([], None) => {
            let why = "clusterdock did not create it, and therefore does not recreate it";
            let name = &node.network;
            let hint = format!("recreate it: docker network create {name}");
            Err(removed(node, why.into()).hint(hint))
        }
        _ => Err(gone(
            node,
            format!("there are {} of that name", named.len()),
        )),
    }
}

/// The attachment of a node with its address to a network that was created in the meantime.
fn attach_to(node: &Node, network: &Network, address: Ipv4Addr) -> Result<Attachment> {
    let subnets = &network.subnets;
    if subnets.iter().any(|subnet| subnet.contains(&address)) {
        return Ok(attachment(node, Some(network.id.clone()), Some(address)));
    }
    let subnets: Vec<String> = subnets.iter().map(ToString::to_string).collect();
    let why = format!(
        "the one created since has {}, and the node's address is {address}",
        subnets.join(", ")
    );
    Err(gone(node, why))
}

/// The attachment of a node with its address to its network, which is created again.
fn attach_to_new(
    inputs: &LifecycleInputs<'_>,
    node: &Node,
    address: Ipv4Addr,
    networks: &mut Networks,
) -> Result<Attachment> {
    if !networks.contains_key(&node.network) {
        let network = network_again(inputs, node, address).ok_or_else(|| {
            gone(
                node,
                format!("it cannot be recreated: the subnet of its address {address} is in use"),
            )
        })?;
        networks.insert(node.network.clone(), network);
    }
    Ok(attachment(node, None, Some(address)))
}

/// The error for a node whose network was removed.
fn removed(node: &Node, why: String) -> Error {
    let message = format!(
        "network `{}` of node `{}` was removed",
        node.network, node.name
    );
    Error::new(Kind::Conflict, message).cause(why)
}

/// The same, if the node cannot be started without it.
fn gone(node: &Node, why: String) -> Error {
    removed(node, why).hint(format!(
        "remove the cluster and start it again: clusterdock rm {}",
        node.cluster
    ))
}

/// A network of clusterdock as it was: around the addresses of all nodes that were on it, with the labels of its start.
fn network_again(
    inputs: &LifecycleInputs<'_>,
    node: &Node,
    address: Ipv4Addr,
) -> Option<NetworkSpec> {
    let on_it = inputs
        .observed
        .containers
        .iter()
        .filter_map(|one| one.seen.networks.get(&node.network));
    let mut given: BTreeSet<Ipv4Addr> = on_it
        .filter_map(|endpoint| endpoint.fixed_address)
        .collect();
    given.insert(address);
    let subnets = inputs
        .observed
        .networks
        .iter()
        .flat_map(|network| &network.seen.subnets);
    let taken: Vec<Ipv4Net> = subnets.chain(inputs.routes).copied().collect();
    Some(addresses::recreated(&given, &taken)?.spec(&node.network, node.run.as_ref()?.labels()))
}

fn attachment(node: &Node, network_id: Option<String>, address: Option<Ipv4Addr>) -> Attachment {
    let network = Target {
        name: node.network.clone(),
        id: network_id,
    };
    Attachment {
        network,
        address,
        aliases: names::aliases(&node.hostname, &node.network, &node.domain),
    }
}

/// The address that a node was created with: every node knows the names and addresses of all nodes of its start.
fn own_address(node: &Node, state: &ContainerState) -> Option<Ipv4Addr> {
    let own = |names: &str| names.split_whitespace().any(|name| name == node.name);
    state
        .extra_hosts
        .iter()
        .find(|(names, _)| own(names))
        .map(|(_, address)| *address)
}

pub(super) fn check_address(
    inputs: &LifecycleInputs<'_>,
    node: &Node,
    network: &str,
    address: Ipv4Addr,
) -> Result<()> {
    let has_it = |other: &&ObservedContainer| {
        let endpoint = other.seen.networks.get(network);
        other.seen.id != node.container.id
            && endpoint.is_some_and(|endpoint| endpoint.address == Some(address))
    };
    match inputs
        .observed
        .containers
        .iter()
        .find(has_it)
        .map(|other| &other.seen)
    {
        None => Ok(()),
        Some(holder) => Err(Error::new(
            Kind::Conflict,
            format!("address `{address}` of node `{}` is in use", node.name),
        )
        .cause(format!("container `{}` uses it", holder.name))
        .hint(format!(
            "stop that container, then try again: docker stop {}",
            holder.name
        ))),
    }
}
