//! Addresses: the subnet of a new network, and the address of each node on it.
//!
//! A network of ours is cut in two: nodes get fixed addresses from the lower three quarters, which stay theirs while
//! they are stopped; the upper quarter is the engine's, so that an address it chooses itself is never one of ours.

use crate::engine::{Network, NetworkSpec};
use crate::error::{Error, Kind, Result};
use ipnet::Ipv4Net;
use std::collections::BTreeSet;
use std::net::Ipv4Addr;

/// Where subnets are looked for: far from what home routers, the engine's own pools and most VPNs use.
const POOL: Ipv4Net = Ipv4Net::new_assert(Ipv4Addr::new(10, 128, 0, 0), 9);
/// Every candidate begins at a multiple of this size, so that two starts that think of the same one always overlap.
const BLOCK: u8 = 20;
/// What a network has at least: room for 190 nodes.
const SMALLEST: u8 = 24;

/// The addresses of a new network named `name` for `nodes` nodes, away from `taken`.
///
/// The first candidate follows from the name alone: of two starts that make the same network at once, the engine
/// refuses the second for the overlap.
pub fn new_network(name: &str, nodes: usize, taken: &[Ipv4Net]) -> Result<Addresses> {
    let prefix = (BLOCK..=SMALLEST).rev().find(|prefix| capacity(*prefix) >= nodes * 2).unwrap_or(BLOCK);
    if capacity(prefix) < nodes {
        return Err(Error::new(Kind::Usage, format!("network `{name}` cannot have {nodes} nodes"))
            .cause(format!("its addresses are enough for {}", capacity(prefix)))
            .hint("start several clusters on networks of their own"));
    }
    let blocks = 1u32 << (BLOCK - POOL.prefix_len());
    let first = hash(name) % blocks;
    let candidates = (0..blocks).map(|step| {
        let block = (first + step) % blocks;
        let base = u32::from(POOL.network()) + (block << (32 - BLOCK));
        Ipv4Net::new_assert(Ipv4Addr::from(base), prefix)
    });
    let free = candidates.into_iter().find(|candidate| !taken.iter().any(|net| overlap(candidate, net)));
    free.map(Addresses::of).ok_or_else(|| {
        Error::new(Kind::Conflict, format!("no subnet is free for network `{name}`"))
            .cause(format!("every part of {POOL} overlaps with a network of the engine or a route of this machine"))
            .hint("remove networks that nobody needs: `docker network ls`, `docker network prune`")
    })
}

/// The addresses of a network of ours that is gone, from those that nodes on it were given: every network begins at a
/// block of its own. None where they do not fit into one, or something else is there now.
pub fn made_again(given: &BTreeSet<Ipv4Addr>, taken: &[Ipv4Net]) -> Option<Addresses> {
    let block = Ipv4Net::new_assert(*given.first()?, BLOCK).network();
    let fits = |addresses: &Addresses| {
        given.iter().all(|given| addresses.subnet.contains(given) && !addresses.engine_range.contains(given))
    };
    let sizes = (BLOCK..=SMALLEST).rev().map(|prefix| Addresses::of(Ipv4Net::new_assert(block, prefix)));
    let free = |addresses: &Addresses| !taken.iter().any(|net| overlap(&addresses.subnet, net));
    sizes.into_iter().find(fits).filter(free)
}

/// The addresses of one network.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Addresses {
    /// All of them.
    pub subnet: Ipv4Net,
    /// The engine's part.
    pub engine_range: Ipv4Net,
    /// The machine's own.
    pub gateway: Ipv4Addr,
}

impl Addresses {
    fn of(subnet: Ipv4Net) -> Addresses {
        let base = u32::from(subnet.network());
        let size = 1u32 << (32 - subnet.prefix_len());
        Addresses {
            subnet,
            engine_range: Ipv4Net::new_assert(Ipv4Addr::from(base + size / 4 * 3), subnet.prefix_len() + 2),
            gateway: Ipv4Addr::from(base + 1),
        }
    }

    /// Those of a network that the engine has; none where it does not show how it is cut.
    pub fn seen(network: &Network) -> Option<Addresses> {
        let subnet = *network.subnets.first()?;
        let engine_range = network.engine_range?;
        (subnet.prefix_len() <= 30).then(|| Addresses { engine_range, ..Addresses::of(subnet) })
    }

    /// `count` addresses for nodes that are not in `used`; fewer when it is full. The first of them.
    pub fn first_free(&self, count: usize, used: &BTreeSet<Ipv4Addr>) -> Vec<Ipv4Addr> {
        self.for_nodes().filter(|address| !used.contains(address)).take(count).collect()
    }

    /// The same from a place on that `seed` gives, so that starts which join at once, and cannot see each other's
    /// choice, rarely choose the same.
    pub fn scattered(&self, count: usize, used: &BTreeSet<Ipv4Addr>, seed: &str) -> Vec<Ipv4Addr> {
        let all: Vec<Ipv4Addr> = self.for_nodes().collect();
        let start = hash(seed) as usize % all.len().max(1);
        let from_there = all[start..].iter().chain(&all[..start]);
        from_there.filter(|address| !used.contains(address)).take(count).copied().collect()
    }

    fn for_nodes(&self) -> impl Iterator<Item = Ipv4Addr> {
        let Addresses { subnet, engine_range, gateway } = *self;
        subnet.hosts().filter(move |address| *address != gateway && !engine_range.contains(address))
    }

    /// With a name and labels it is a network to be made.
    pub fn spec(self, name: &str, labels: crate::engine::Labels) -> NetworkSpec {
        let Addresses { subnet, engine_range, gateway } = self;
        NetworkSpec { name: name.into(), labels, subnet, engine_range, gateway }
    }
}

/// How many nodes a subnet has addresses for: three quarters, without the network's own and the gateway's.
fn capacity(prefix: u8) -> usize {
    (1usize << (32 - prefix)) / 4 * 3 - 2
}

fn overlap(a: &Ipv4Net, b: &Ipv4Net) -> bool {
    a.contains(&b.network()) || b.contains(&a.network())
}

/// FNV-1a: the same on every machine and in every version, which the race above relies on.
fn hash(name: &str) -> u32 {
    name.bytes().fold(0x811c_9dc5, |hash, byte| (hash ^ u32::from(byte)).wrapping_mul(0x0100_0193))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn net(text: &str) -> Ipv4Net {
        text.parse().unwrap()
    }

    #[test]
    fn two_starts_think_of_the_same_subnet_first() {
        let small = new_network("cluster", 2, &[]).unwrap();
        let large = new_network("cluster", 500, &[]).unwrap();
        assert_eq!(small.subnet.network(), large.subnet.network());
        assert_eq!((small.subnet.prefix_len(), large.subnet.prefix_len()), (24, 21));
        assert!(POOL.contains(&small.subnet));
    }

    #[test]
    fn what_exists_is_avoided_wherever_it_begins() {
        let first = new_network("cluster", 2, &[]).unwrap().subnet;
        let inside = Ipv4Net::new(first.network(), 28).unwrap();
        let around = Ipv4Net::new(first.network(), 14).unwrap().trunc();
        for taken in [first, inside, around] {
            let next = new_network("cluster", 2, &[taken]).unwrap().subnet;
            assert!(!overlap(&next, &taken), "{next} {taken}");
        }
    }

    #[test]
    fn a_network_that_is_gone_is_made_again_around_its_nodes() {
        let before = new_network("cluster", 300, &[]).unwrap();
        let nodes = BTreeSet::from_iter(before.first_free(300, &BTreeSet::new()));
        let again = made_again(&nodes, &[]).unwrap();
        assert_eq!((again.subnet.network(), again.subnet.prefix_len()), (before.subnet.network(), 23));
        assert!(nodes.iter().all(|node| again.subnet.contains(node) && !again.engine_range.contains(node)));
        assert_eq!(made_again(&nodes, &[again.subnet]), None);
        assert_eq!(made_again(&BTreeSet::from(["10.128.0.2", "10.129.0.2"].map(|a| a.parse().unwrap())), &[]), None);
        assert_eq!(made_again(&BTreeSet::new(), &[]), None);
    }

    #[test]
    fn a_full_pool_is_a_conflict() {
        assert_eq!(new_network("cluster", 2, &[net("10.0.0.0/8")]).unwrap_err().kind(), Kind::Conflict);
        assert_eq!(new_network("cluster", 5000, &[]).unwrap_err().kind(), Kind::Usage);
    }

    #[test]
    fn the_engines_quarter_the_gateway_and_used_addresses_are_left_alone() {
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
