//! The network of a start: created with a subnet that nothing else has, or joined.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::inputs::StartInputs;
use crate::cluster::observed::{Observed, ObservedNetwork};
use crate::engine::{Network, NetworkSpec};
use crate::error::{Error, Kind, Result};
use crate::plan::addresses::{self, Addresses};

/// How the nodes get their network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum NetworkPlan {
    /// No network has that name.
    Create(NetworkSpec),
    /// There is one.
    Join {
        /// Its id.
        id: String,
        /// Its name.
        name: String,
    },
}

impl NetworkPlan {
    /// The network's name.
    pub fn name(&self) -> &str {
        match self {
            NetworkPlan::Create(spec) => &spec.name,
            NetworkPlan::Join { name, .. } => name,
        }
    }
}

/// The addresses of nodes, in the order of the specs; if `None`, the engine chooses.
pub(super) type NodeAddresses = Vec<Option<Ipv4Addr>>;

/// Plans how the nodes get their network, and their addresses on it.
pub(super) fn plan(
    inputs: &StartInputs<'_>,
    warnings: &mut Vec<String>,
) -> Result<(NetworkPlan, NodeAddresses)> {
    let named: Vec<&ObservedNetwork> = inputs
        .observed
        .networks
        .iter()
        .filter(|network| network.seen.name == inputs.network)
        .collect();
    match named[..] {
        [] => create_network(inputs, warnings),
        _ if inputs.subnet.is_some() => Err(Error::new(
            Kind::Conflict,
            format!("network `{}` exists", inputs.network),
        )
        .cause("--subnet is for a network that a start creates")
        .hint("leave out --subnet, or choose another network with -n")),
        [network] => join_network(inputs, network, warnings),
        _ => {
            let ids: Vec<&str> = named
                .iter()
                .map(|network| short(&network.seen.id))
                .collect();
            Err(unusable(
                inputs.network,
                format!("there are {} of that name: {}", ids.len(), ids.join(", ")),
            )
            .hint("remove all but one: `docker network rm ID`"))
        }
    }
}

fn create_network(
    inputs: &StartInputs<'_>,
    warnings: &mut Vec<String>,
) -> Result<(NetworkPlan, NodeAddresses)> {
    let count = inputs.specs.len();
    let addresses = match inputs.subnet {
        Some(subnet) => {
            let addresses = addresses::chosen(inputs.network, subnet, count)?;
            check_subnet(inputs, subnet, warnings)?;
            addresses
        }
        None => {
            let taken = taken(inputs.observed, inputs.routes);
            addresses::new_network(inputs.network, count, &taken)?
        }
    };
    let nodes = addresses.first_free(count, &BTreeSet::new());
    let spec = addresses.spec(inputs.network, inputs.run.labels());
    Ok((
        NetworkPlan::Create(spec),
        nodes.into_iter().map(Some).collect(),
    ))
}

/// Whether a start would create its network in a part of `subnet`, if no route led there: with the chosen subnet, or
/// with one that avoids the networks of the engine and these routes.
pub fn may_create_in(
    observed: &Observed,
    routes: &[Ipv4Net],
    network: &str,
    chosen: Option<Ipv4Net>,
    nodes: usize,
    subnet: Ipv4Net,
) -> bool {
    if observed.networks.iter().any(|one| one.seen.name == network) {
        return false;
    }
    let own = || addresses::new_network(network, nodes, &taken(observed, routes)).ok();
    chosen
        .or_else(|| own().map(|addresses| addresses.subnet))
        .is_some_and(|wanted| addresses::overlap(&wanted, &subnet))
}

/// The subnets that no new network may have.
fn taken(observed: &Observed, routes: &[Ipv4Net]) -> Vec<Ipv4Net> {
    let networks = observed.networks.iter();
    let subnets = networks.flat_map(|network| &network.seen.subnets);
    subnets.chain(routes).copied().collect()
}

/// A subnet that the user chose may not be in use. It may be part of a route's destination, since a route can cover
/// everything: that part cannot be reached from this machine while the network exists.
fn check_subnet(
    inputs: &StartInputs<'_>,
    subnet: Ipv4Net,
    warnings: &mut Vec<String>,
) -> Result<()> {
    let in_use = |holder: String| {
        Err(
            Error::new(Kind::Conflict, format!("subnet `{subnet}` is in use"))
                .cause(holder)
                .hint("choose another one with --subnet, or omit it"),
        )
    };
    for network in inputs.observed.networks.iter().map(|network| &network.seen) {
        if let Some(taken) = network
            .subnets
            .iter()
            .find(|taken| addresses::overlap(taken, &subnet))
        {
            return in_use(format!("network `{}` has {taken}", network.name));
        }
    }
    for route in inputs
        .routes
        .iter()
        .filter(|route| addresses::overlap(route, &subnet))
    {
        if route.prefix_len() >= subnet.prefix_len() {
            return in_use(format!("a route of this machine leads to {route}"));
        }
        warnings.push(format!(
            "subnet {subnet} hides a part of {route}, which a route of this machine leads to"
        ));
    }
    Ok(())
}

fn join_network(
    inputs: &StartInputs<'_>,
    observed: &ObservedNetwork,
    warnings: &mut Vec<String>,
) -> Result<(NetworkPlan, NodeAddresses)> {
    let network = &observed.seen;
    let name = &network.name;
    check_driver(network)?;
    let plan = NetworkPlan::Join {
        id: network.id.clone(),
        name: name.clone(),
    };
    // Fixed addresses require a subnet that was set explicitly, which only networks created by a start are known to have.
    let ours = observed
        .owner
        .as_ref()
        .is_some_and(|owner| owner.run().is_some());
    let Some(addresses) = Addresses::seen(network).filter(|_| ours) else {
        warnings.push(format!(
            "network `{name}` was not created by clusterdock: the engine assigns addresses to its nodes, which resolve forwards only"
        ));
        return Ok((plan, vec![None; inputs.specs.len()]));
    };
    let used = used_addresses(inputs.observed, network);
    let free = addresses.scattered(inputs.specs.len(), &used, inputs.run.id.as_str());
    if free.len() < inputs.specs.len() {
        return Err(
            Error::new(Kind::Conflict, format!("network `{name}` is full"))
                .cause(format!(
                    "{} of {} addresses are free",
                    free.len(),
                    inputs.specs.len()
                ))
                .hint("choose another network with -n"),
        );
    }
    Ok((plan, free.into_iter().map(Some).collect()))
}

/// Whether nodes can be on a network, by its driver.
fn check_driver(network: &Network) -> Result<()> {
    let name = &network.name;
    match network.driver.as_str() {
        "bridge" | "macvlan" | "ipvlan" => Ok(()),
        "overlay" if network.attachable => Ok(()),
        "overlay" => Err(unusable(
            name,
            "it is an overlay network that plain containers may not join".into(),
        )
        .hint("make it attachable, or choose another with -n")),
        driver => {
            Err(unusable(name, format!("its driver is `{driver}`")).hint("choose another with -n"))
        }
    }
}

fn used_addresses(observed: &Observed, network: &Network) -> BTreeSet<Ipv4Addr> {
    let endpoints = observed
        .containers
        .iter()
        .flat_map(|container| &container.seen.networks);
    endpoints
        .filter(|(name, endpoint)| endpoint.network_id == network.id || **name == network.name)
        .flat_map(|(_, endpoint)| [endpoint.address, endpoint.fixed_address])
        .flatten()
        .collect()
}

fn unusable(network: &str, why: String) -> Error {
    Error::new(
        Kind::Conflict,
        format!("network `{network}` cannot be used"),
    )
    .cause(why)
}

fn short(id: &str) -> &str {
    id.get(..12).unwrap_or(id)
}
