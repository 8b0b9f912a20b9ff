//! The place of a node that is started again: its network and its address, which stay its own.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::{LifecycleInputs, Networks};
use crate::cluster::Node;
use crate::cluster::names;
use crate::cluster::observed::ObservedContainer;
use crate::engine::{ContainerState, Endpoint, Network, NetworkSpec};
use crate::error::{Error, Kind, Result};
use crate::plan::address;
use crate::plan::step::{Place, Target};

/// The network that a node is on. Once it was started it keeps to one by id: another of the same name is not its own.
pub(super) fn network_of<'a>(
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

/// A place on the network of the node's network's name, whose own network is unknown.
pub(super) fn find_place(
    inputs: &LifecycleInputs<'_>,
    node: &Node,
    address: Option<Ipv4Addr>,
    networks: &mut Networks,
) -> Result<Place> {
    if !node.is_ours() {
        let why = "another clusterdock made the node, and only that one knows its other names";
        return Err(gone(node, why.into()));
    }
    let there = inputs.observed.networks.iter().map(|network| &network.seen);
    let named = there.filter(|network| network.name == node.network);
    let named: Vec<&Network> = named.collect();
    match (&named[..], address) {
        ([network], None) => Ok(place(node, Some(network.id.clone()), None)),
        ([network], Some(address)) => place_on(node, network, address),
        ([], Some(address)) => place_on_new(inputs, node, address, networks),
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

/// The place of a node with its address on a network that was made since.
fn place_on(node: &Node, network: &Network, address: Ipv4Addr) -> Result<Place> {
    let subnets = &network.subnets;
    if subnets.iter().any(|subnet| subnet.contains(&address)) {
        return Ok(place(node, Some(network.id.clone()), Some(address)));
    }
    let subnets: Vec<String> = subnets.iter().map(ToString::to_string).collect();
    let why = format!(
        "the one made since has {}, and the node's address is {address}",
        subnets.join(", ")
    );
    Err(gone(node, why))
}

/// The place of a node with its address on its network, which is created again.
fn place_on_new(
    inputs: &LifecycleInputs<'_>,
    node: &Node,
    address: Ipv4Addr,
    networks: &mut Networks,
) -> Result<Place> {
    if !networks.contains_key(&node.network) {
        let network = network_again(inputs, node, address).ok_or_else(|| {
            gone(
                node,
                format!(
                    "it cannot be recreated: something else is where its address {address} was"
                ),
            )
        })?;
        networks.insert(node.network.clone(), network);
    }
    Ok(place(node, None, Some(address)))
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

/// One of clusterdock's networks as it was: around the addresses of all nodes that were on it, with the labels of its start.
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
    Some(address::made_again(&given, &taken)?.spec(&node.network, node.run.as_ref()?.labels()))
}

pub(super) fn place(node: &Node, network_id: Option<String>, address: Option<Ipv4Addr>) -> Place {
    let network = Target {
        name: node.network.clone(),
        id: network_id,
    };
    Place {
        network,
        address,
        aliases: names::aliases(&node.hostname, &node.network, &node.domain),
    }
}

/// The address that a node was made with: every node has the names and addresses of all nodes of its start.
pub(super) fn own_address(node: &Node, made: &ContainerState) -> Option<Ipv4Addr> {
    let own = |names: &str| names.split_whitespace().any(|name| name == node.name);
    made.extra_hosts
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
