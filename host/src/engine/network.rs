//! Networks: what one is made from, and how the engine's are seen.

use super::Labels;
use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

/// What a network is made from: a bridge that other containers may be attached to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NetworkSpec {
    /// Its name, which is the nodes' domain.
    pub name: String,
    /// Labels.
    pub labels: Labels,
    /// Its addresses.
    pub subnet: Ipv4Net,
    /// The part from which the engine itself hands out addresses, so that it never takes one of ours.
    pub engine_range: Ipv4Net,
    /// The machine's own address on it; set, since the engine would take it from its range.
    pub gateway: Ipv4Addr,
}

/// A network as a list shows it.
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
    /// The part kept for addresses that the engine chooses, if one was set.
    pub engine_range: Option<Ipv4Net>,
    /// When it was made, RFC 3339.
    pub created: String,
}
