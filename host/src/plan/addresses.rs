//! Addresses: the subnet of a new network, and the address of each node on it.
//!
//! A network that clusterdock creates is divided: nodes get fixed addresses from the lower three quarters and keep them
//! while they are stopped; the engine hands out addresses from the upper quarter only, so it never picks a node's.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

use crate::engine::{Network, NetworkSpec};
use crate::error::{Error, Kind, Result};

/// The ranges to search for subnets, in order: all private addresses, beginning with those that home routers, the
/// engine's own pools and most VPNs do not use.
const POOLS: [Ipv4Net; 4] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 128, 0, 0), 9),
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 9),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
];
/// Every candidate begins at a multiple of this size, so that two starts that choose the same one always overlap.
const BLOCK: u8 = 20;
/// The smallest network: room for 190 nodes.
const SMALLEST: u8 = 24;

/// The smallest subnet that a user may choose.
const LONGEST: u8 = 29;

/// The addresses of a new network named `name` for `nodes` nodes, away from `taken`.
///
/// The first candidate follows from the name alone: if two starts create the same network at once, the engine refuses
/// the second because they overlap.
pub fn new_network(name: &str, nodes: usize, taken: &[Ipv4Net]) -> Result<Addresses> {
    let prefix = (BLOCK..=SMALLEST)
        .rev()
        .find(|prefix| capacity(*prefix) >= nodes * 2)
        .unwrap_or(BLOCK);
    if capacity(prefix) < nodes {
        return Err(Error::new(
            Kind::Usage,
            format!("network `{name}` cannot have {nodes} nodes"),
        )
        .cause(format!("its addresses are enough for {}", capacity(prefix)))
        .hint("start several clusters on networks of their own"));
    }
    let candidates = POOLS
        .iter()
        .flat_map(|pool| candidates(*pool, name, prefix));
    let free = candidates
        .into_iter()
        .find(|candidate| !taken.iter().any(|net| overlap(candidate, net)));
    free.map(Addresses::of).ok_or_else(|| {
        Error::new(Kind::Conflict, format!("no subnet is free for network `{name}`"))
            .cause(
                "every part of 10.0.0.0/8, 172.16.0.0/12 and 192.168.0.0/16 overlaps with a network of the engine or \
                 a route of this machine",
            )
            .hint("choose one with --subnet CIDR, or remove unused networks: `docker network ls`")
    })
}

/// The subnets of a pool that a network may get, beginning at one that follows from its name.
fn candidates(pool: Ipv4Net, name: &str, prefix: u8) -> impl Iterator<Item = Ipv4Net> {
    let blocks = 1u32 << (BLOCK - pool.prefix_len());
    let first = hash(name) % blocks;
    (0..blocks).map(move |step| {
        let block = (first + step) % blocks;
        let base = u32::from(pool.network()) + (block << (32 - BLOCK));
        Ipv4Net::new_assert(Ipv4Addr::from(base), prefix)
    })
}

/// The addresses of a removed network, derived from those of the nodes that were on it: every network begins at its own
/// block. `None` if they do not fit into one block, or if the block is in use.
pub fn recreated(given: &BTreeSet<Ipv4Addr>, taken: &[Ipv4Net]) -> Option<Addresses> {
    let block = Ipv4Net::new_assert(*given.first()?, BLOCK).network();
    let fits = |addresses: &Addresses| {
        given.iter().all(|given| {
            addresses.subnet.contains(given) && !addresses.engine_range.contains(given)
        })
    };
    let of_pools = (BLOCK..=SMALLEST)
        .rev()
        .map(|prefix| Ipv4Net::new_assert(block, prefix));
    // A subnet that a user chose begins anywhere.
    let first = *given.first()?;
    let chosen = (SMALLEST..=LONGEST).map(|prefix| Ipv4Net::new_assert(first, prefix).trunc());
    let free = |addresses: &Addresses| !taken.iter().any(|net| overlap(&addresses.subnet, net));
    of_pools
        .chain(chosen)
        .map(Addresses::of)
        .filter(fits)
        .find(free)
}

/// The addresses of one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// All of them.
    pub subnet: Ipv4Net,
    /// Those that the engine hands out.
    pub engine_range: Ipv4Net,
    /// The gateway's, which is the machine itself.
    pub gateway: Ipv4Addr,
}

impl Addresses {
    fn of(subnet: Ipv4Net) -> Addresses {
        let base = u32::from(subnet.network());
        let size = 1u32 << (32 - subnet.prefix_len());
        Addresses {
            subnet,
            engine_range: Ipv4Net::new_assert(
                Ipv4Addr::from(base + size / 4 * 3),
                subnet.prefix_len() + 2,
            ),
            gateway: Ipv4Addr::from(base + 1),
        }
    }

    /// The addresses of an existing network; `None` if the engine does not report its ranges.
    pub fn seen(network: &Network) -> Option<Addresses> {
        let subnet = *network.subnets.first()?;
        let engine_range = network.engine_range?;
        (subnet.prefix_len() <= 30).then(|| Addresses {
            engine_range,
            ..Addresses::of(subnet)
        })
    }

    /// `count` addresses for nodes that are not in `used`; fewer if it is full. Takes the first ones.
    pub fn first_free(&self, count: usize, used: &BTreeSet<Ipv4Addr>) -> Vec<Ipv4Addr> {
        self.for_nodes()
            .filter(|address| !used.contains(address))
            .take(count)
            .collect()
    }

    /// Like `first_free`, but beginning at an address that `seed` determines, so that starts that join at the same
    /// time, and cannot see each other's choice, rarely choose the same ones.
    pub fn scattered(&self, count: usize, used: &BTreeSet<Ipv4Addr>, seed: &str) -> Vec<Ipv4Addr> {
        let all: Vec<Ipv4Addr> = self.for_nodes().collect();
        let start = hash(seed) as usize % all.len().max(1);
        let from_there = all[start..].iter().chain(&all[..start]);
        from_there
            .filter(|address| !used.contains(address))
            .take(count)
            .copied()
            .collect()
    }

    fn for_nodes(&self) -> impl Iterator<Item = Ipv4Addr> {
        let Addresses {
            subnet,
            engine_range,
            gateway,
        } = *self;
        subnet
            .hosts()
            .filter(move |address| *address != gateway && !engine_range.contains(address))
    }

    /// The network to create, with this name and these labels.
    pub fn spec(self, name: &str, labels: crate::engine::Labels) -> NetworkSpec {
        let Addresses {
            subnet,
            engine_range,
            gateway,
        } = self;
        NetworkSpec {
            name: name.into(),
            labels,
            subnet,
            engine_range,
            gateway,
        }
    }
}

/// The addresses of a new network in the subnet that the user chose.
///
/// # Errors
/// [`Kind::Usage`]: it is too small for that many nodes.
pub fn chosen(name: &str, subnet: Ipv4Net, nodes: usize) -> Result<Addresses> {
    let room = capacity(subnet.prefix_len());
    if room < nodes {
        return Err(Error::new(
            Kind::Usage,
            format!("subnet `{subnet}` is too small for network `{name}`"),
        )
        .cause(format!(
            "it has addresses for {room} nodes, and {nodes} are to be started"
        ))
        .hint("choose a larger one with --subnet"));
    }
    Ok(Addresses::of(subnet))
}

/// How many nodes a subnet has addresses for: three quarters, without the network's own and the gateway's.
fn capacity(prefix: u8) -> usize {
    (1usize << (32 - prefix)) / 4 * 3 - 2
}

/// Whether two networks have an address in common.
pub(super) fn overlap(a: &Ipv4Net, b: &Ipv4Net) -> bool {
    a.contains(&b.network()) || b.contains(&a.network())
}

/// FNV-1a: the same on every machine and in every version, which the race above relies on.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| {
        (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn two_starts_try_the_same_subnet_first() {
        let small = new_network("cluster", 2, &[]).unwrap();
        let large = new_network("cluster", 500, &[]).unwrap();
        assert_eq!(small.subnet.network(), large.subnet.network());
        assert_eq!(
            (small.subnet.prefix_len(), large.subnet.prefix_len()),
            (24, 21)
        );
        assert!(POOLS[0].contains(&small.subnet));
    }

    #[test]
    fn existing_subnets_and_routes_are_avoided() {
        let first = new_network("cluster", 2, &[]).unwrap().subnet;
        let inside = Ipv4Net::new(first.network(), 28).unwrap();
        let around = Ipv4Net::new(first.network(), 14).unwrap().trunc();
        for taken in [first, inside, around] {
            let next = new_network("cluster", 2, &[taken]).unwrap().subnet;
            assert!(!overlap(&next, &taken), "{next} {taken}");
        }
    }

    #[test]
    fn a_missing_network_is_recreated_around_its_nodes() {
        let before = new_network("cluster", 300, &[]).unwrap();
        let nodes = BTreeSet::from_iter(before.first_free(300, &BTreeSet::new()));
        let again = recreated(&nodes, &[]).unwrap();
        assert_eq!(
            (again.subnet.network(), again.subnet.prefix_len()),
            (before.subnet.network(), 23)
        );
        assert!(
            nodes
                .iter()
                .all(|node| again.subnet.contains(node) && !again.engine_range.contains(node))
        );
        assert_eq!(recreated(&nodes, &[again.subnet]), None);
        assert_eq!(
            recreated(
                &BTreeSet::from(["10.128.0.2", "10.129.0.2"].map(|a| a.parse().unwrap())),
                &[]
            ),
            None
        );
        assert_eq!(recreated(&BTreeSet::new(), &[]), None);
        let chosen = chosen("lab", net("10.5.3.64/26"), 3).unwrap();
        let nodes = BTreeSet::from_iter(chosen.first_free(3, &BTreeSet::new()));
        assert!(
            recreated(&nodes, &[net("10.5.0.0/24"), net("10.5.3.128/25")]).is_some(),
            "around it all is taken"
        );
    }

    #[test]
    fn full_address_pools_are_a_conflict() {
        let mut taken = Vec::new();
        for (pool, expected) in [
            ("10.128.0.0/9", "10.0.0.0/9"),
            ("10.0.0.0/8", "172.16.0.0/12"),
            ("172.16.0.0/12", "192.168.0.0/16"),
        ] {
            taken.push(net(pool));
            for nodes in [2, 500] {
                let found = new_network("cluster", nodes, &taken).unwrap().subnet;
                assert!(net(expected).contains(&found), "{found}");
            }
        }
        taken.push(net("192.168.0.0/17"));
        assert!(
            net("192.168.128.0/17").contains(&new_network("cluster", 2, &taken).unwrap().subnet)
        );
        taken.push(net("192.168.0.0/16"));
        let error = new_network("cluster", 2, &taken).unwrap_err();
        assert_eq!(error.kind(), Kind::Conflict);
        assert!(error.next_step().unwrap().contains("--subnet"), "{error}");
        assert_eq!(
            new_network("cluster", 5000, &[]).unwrap_err().kind(),
            Kind::Usage
        );
    }

    #[test]
    fn a_chosen_subnet_has_to_be_large_enough() {
        assert_eq!(
            chosen("lab", net("10.9.8.0/29"), 4)
                .unwrap()
                .first_free(9, &BTreeSet::new())
                .len(),
            4
        );
        for (subnet, nodes) in [("10.9.8.0/29", 5), ("10.9.8.0/24", 191)] {
            let error = chosen("lab", net(subnet), nodes).unwrap_err();
            assert_eq!(
                (error.kind(), error.message().contains("too small")),
                (Kind::Usage, true),
                "{error}"
            );
        }
    }

    #[test]
    fn nodes_get_no_reserved_or_used_address() {
        let addresses = Addresses::of(net("10.128.16.0/24"));
        assert_eq!(addresses.engine_range, net("10.128.16.192/26"));
        let used = BTreeSet::from(["10.128.16.2".parse().unwrap()]);
        let free = addresses.first_free(500, &used);
        assert_eq!(free.first().unwrap().to_string(), "10.128.16.3");
        assert_eq!(free.last().unwrap().to_string(), "10.128.16.191");
        assert_eq!(free.len(), capacity(24) - 1);
        let mut scattered = addresses.scattered(500, &used, "a run");
        assert_ne!(scattered, free);
        scattered.sort();
        assert_eq!(scattered, free);
    }
}
