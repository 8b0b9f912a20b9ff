//! Networks: what to create, and what the engine lists.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use super::Labels;

/// A network to create: a bridge that other containers may join.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Its name.
    pub name: String,
    /// Labels.
    pub labels: Labels,
    /// Its subnet.
    pub subnet: Ipv4Net,
    /// The range from which the engine assigns addresses, so that it never assigns a node's fixed address.
    pub engine_range: Ipv4Net,
    /// The engine machine's address on it; always set, because the engine would otherwise take one from its range.
    pub gateway: Ipv4Addr,
}

/// A network as the engine lists it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Network {
    /// Full id.
    pub id: String,
    /// Not unique on engines before API 1.44.
    pub name: String,
    /// `bridge`, `overlay`, `host`, `null`, `macvlan`, ...
    pub driver: String,
    /// `local` or `swarm`.
    pub scope: String,
    /// Whether plain containers may join an overlay network.
    pub attachable: bool,
    /// Labels.
    pub labels: Labels,
    /// IPv4 subnets.
    pub subnets: Vec<Ipv4Net>,
    /// The range from which the engine assigns addresses, if one was set.
    pub engine_range: Option<Ipv4Net>,
    /// When it was created: RFC 3339.
    pub created: String,
}
