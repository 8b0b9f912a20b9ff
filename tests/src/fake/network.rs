//! Networks and the addresses on them. Subnets clash when a network is created; addresses when a container starts.

use std::collections::BTreeSet;
use std::net::Ipv4Addr;

use clusterdock::engine::{
    Endpoint, EngineError, EngineResult, Fault, Filter, Labels, Network, NetworkSpec,
};
use ipnet::Ipv4Net;

use super::EngineGeneration;
use super::state::Holdings;

/// Networks that every engine has; they can be neither created nor removed.
const PREDEFINED: [&str; 3] = ["bridge", "host", "none"];

/// A network, with facts that a list does not show.
pub(super) struct HeldNetwork {
    pub(super) network: Network,
    /// Whether the user chose the subnet: only then can containers have fixed addresses.
    pub(super) configured: bool,
    pub(super) gateway: Option<Ipv4Addr>,
    number: u32,
}

impl Holdings {
    pub(super) fn make_predefined_networks(&mut self) {
        let subnet = Ipv4Net::new_assert(Ipv4Addr::new(172, 17, 0, 0), 16);
        for (name, driver, subnets) in [
            ("bridge", "bridge", vec![subnet]),
            ("host", "host", vec![]),
            ("none", "null", vec![]),
        ] {
            let network = Network {
                name: name.into(),
                driver: driver.into(),
                subnets,
                ..Network::default()
            };
            self.hold_network(network, false, None);
        }
    }

    /// Stores a network, with a new id if it has none.
    pub(super) fn hold_network(
        &mut self,
        network: Network,
        configured: bool,
        gateway: Option<Ipv4Addr>,
    ) -> String {
        let number = self.next_number();
        let id = if network.id.is_empty() {
            self.new_id()
        } else {
            network.id.clone()
        };
        let scope = if network.scope.is_empty() {
            "local".into()
        } else {
            network.scope
        };
        let created = if network.created.is_empty() {
            rfc3339(self.now())
        } else {
            network.created
        };
        let gateway = gateway.or_else(|| {
            network
                .subnets
                .first()
                .and_then(|subnet| subnet.hosts().next())
        });
        let network = Network {
            id: id.clone(),
            scope,
            created,
            ..network
        };
        self.networks.insert(
            id.clone(),
            HeldNetwork {
                network,
                configured,
                gateway,
                number,
            },
        );
        id
    }

    pub(super) fn list_networks(&self, filter: &Filter) -> Vec<Network> {
        let mut found: Vec<_> = self
            .networks
            .values()
            .filter(|held| filter.matches(&held.network.labels))
            .collect();
        found.sort_by_key(|held| std::cmp::Reverse(held.number));
        found.into_iter().map(|held| held.network.clone()).collect()
    }

    /// Refuses a second network of the same name. If checked only at the beginning of a call, this leaves a gap for
    /// races.
    pub(super) fn check_network_name(&self, name: &str) -> EngineResult<()> {
        if self.networks.values().any(|held| held.network.name == name) {
            return Err(EngineError::new(
                Fault::NetworkExists,
                format!("network with name {name} already exists"),
            ));
        }
        Ok(())
    }

    /// Creates a network. Before 26, its name was checked earlier, and is not checked again.
    pub(super) fn create_network(&mut self, spec: &NetworkSpec) -> EngineResult<String> {
        if PREDEFINED.contains(&spec.name.as_str()) {
            return Err(refused(format!(
                "operation is not permitted on predefined {} network",
                spec.name
            )));
        }
        if self.generation >= EngineGeneration::V26 {
            self.check_network_name(&spec.name)?;
        }
        self.check_subnet(spec)?;
        let network = Network {
            name: spec.name.clone(),
            driver: "bridge".into(),
            labels: spec.labels.clone(),
            subnets: vec![spec.subnet],
            engine_range: Some(spec.engine_range),
            ..Network::default()
        };
        Ok(self.hold_network(network, true, Some(spec.gateway)))
    }

    fn check_subnet(&self, spec: &NetworkSpec) -> EngineResult<()> {
        let NetworkSpec {
            subnet,
            engine_range,
            gateway,
            ..
        } = spec;
        if self.generation >= EngineGeneration::V26
            && (*subnet != subnet.trunc() || *engine_range != engine_range.trunc())
        {
            return Err(refused(format!(
                "invalid network config: invalid subnet {subnet} or range {engine_range}: mask it"
            )));
        }
        if !subnet.contains(engine_range) || !subnet.contains(gateway) {
            return Err(refused(format!(
                "no matching subnet for range {engine_range} or gateway {gateway}"
            )));
        }
        let taken = |held: &HeldNetwork| {
            held.network
                .subnets
                .iter()
                .any(|other| overlap(other, subnet))
        };
        if self.networks.values().any(taken) {
            let prefix = if self.generation >= EngineGeneration::V29 {
                "invalid pool request: "
            } else {
                ""
            };
            let message = format!("{prefix}Pool overlaps with other one on this address space");
            return Err(EngineError::new(Fault::SubnetTaken, message));
        }
        Ok(())
    }

    pub(super) fn remove_network(&mut self, key: &str) -> EngineResult<()> {
        let held = self.find_network(key)?;
        let Network { id, name, .. } = held.network.clone();
        if PREDEFINED.contains(&name.as_str()) {
            return Err(refused(format!(
                "{name} is a pre-defined network and cannot be removed"
            )));
        }
        if self
            .containers
            .values()
            .any(|container| container.is_up() && container.is_on(&id))
        {
            let message = format!(
                "error while removing network: network {name} id {id} has active endpoints"
            );
            return Err(EngineError::new(Fault::InUse, message));
        }
        self.networks.remove(&id);
        Ok(())
    }

    /// Connects a container to a network: a running one gets its address at once, any other when it starts.
    pub(super) fn connect_network(
        &mut self,
        network: &str,
        key: &str,
        address: Option<Ipv4Addr>,
        aliases: &[String],
    ) -> EngineResult<()> {
        let id = self.container_id(key)?;
        let held = self.find_network(network)?;
        let Network {
            id: network_id,
            name,
            ..
        } = held.network.clone();
        if let Some(address) = address {
            Holdings::check_fixed_address(held, address)?;
        }
        let container = &self.containers[&id];
        // The connection of a stopped container is replaced, whichever network of that name it was to.
        if container.is_up() && container.endpoints.contains_key(&name) {
            let message = format!(
                "endpoint with name {} already exists in network {name}",
                container.spec.name
            );
            return Err(EngineError::new(Fault::Other, message));
        }
        let leased = if container.is_up() {
            self.lease(held, address)?
        } else {
            None
        };
        let container = self.container_mut(&id)?;
        container.spec.aliases = aliases.to_vec();
        container.endpoints.insert(
            name,
            Endpoint {
                network_id,
                address: leased,
                fixed_address: address,
            },
        );
        self.deaths.other_event();
        Ok(())
    }

    /// The network with this id, or with this name if it is unique.
    pub(super) fn find_network(&self, key: &str) -> EngineResult<&HeldNetwork> {
        if let Some(held) = self.networks.get(key) {
            return Ok(held);
        }
        let found: Vec<_> = self
            .networks
            .values()
            .filter(|held| held.network.name == key)
            .collect();
        match found.as_slice() {
            [] => Err(EngineError::new(
                Fault::NotFound,
                format!("network {key} not found"),
            )),
            [held] => Ok(held),
            several => Err(refused(format!(
                "network {key} is ambiguous ({} matches found on name)",
                several.len()
            ))),
        }
    }

    /// A network's name, or the given text if there is no such network, for the record of calls.
    pub(super) fn network_name_of(&self, key: &str) -> String {
        self.networks
            .get(key)
            .map_or_else(|| key.to_string(), |held| held.network.name.clone())
    }

    /// Why a fixed address is refused, whether or not it is free.
    pub(super) fn check_fixed_address(held: &HeldNetwork, address: Ipv4Addr) -> EngineResult<()> {
        if !held.configured {
            return Err(refused(
                "user specified IP address is supported only when connecting to networks with user configured subnets"
                    .into(),
            ));
        }
        if !held
            .network
            .subnets
            .iter()
            .any(|subnet| subnet.contains(&address))
        {
            let message = format!(
                "Invalid address {address}: It does not belong to any of this network's subnets"
            );
            return Err(refused(message));
        }
        Ok(())
    }

    /// The address of a container that is being started; `None` on a network without addresses.
    pub(super) fn lease(
        &self,
        held: &HeldNetwork,
        fixed: Option<Ipv4Addr>,
    ) -> EngineResult<Option<Ipv4Addr>> {
        let Network {
            id,
            name,
            subnets,
            engine_range,
            ..
        } = &held.network;
        let taken: BTreeSet<Ipv4Addr> = self.attached(id).chain(held.gateway).collect();
        if let Some(address) = fixed {
            Holdings::check_fixed_address(held, address)?;
            if taken.contains(&address) {
                return Err(EngineError::new(
                    Fault::AddressTaken,
                    "Address already in use",
                ));
            }
            return Ok(Some(address));
        }
        let Some(subnet) = subnets.first() else {
            return Ok(None);
        };
        let (network, broadcast) = (subnet.network(), subnet.broadcast());
        let range = engine_range.unwrap_or(*subnet);
        // Every address of the range except the subnet's first and last, which no container may have.
        let mut candidates =
            (u32::from(range.network())..=u32::from(range.broadcast())).map(Ipv4Addr::from);
        let free = candidates.find(|address| {
            *address != network && *address != broadcast && !taken.contains(address)
        });
        let exhausted = || {
            format!("no available IPv4 addresses on this network's address pools: {name} ({id})")
        };
        free.map(Some)
            .ok_or_else(|| EngineError::new(Fault::Other, exhausted()))
    }

    /// The addresses of running containers on a network.
    fn attached<'a>(&'a self, network_id: &'a str) -> impl Iterator<Item = Ipv4Addr> + 'a {
        let endpoints = self
            .containers
            .values()
            .flat_map(|container| container.endpoints.values());
        endpoints
            .filter(move |endpoint| endpoint.network_id == network_id)
            .filter_map(|endpoint| endpoint.address)
    }
}

/// A network as other programs create it: the engine chose its subnet.
pub(super) fn plain(name: &str, subnet: Ipv4Net, labels: Labels) -> Network {
    Network {
        name: name.into(),
        driver: "bridge".into(),
        subnets: vec![subnet],
        labels,
        ..Network::default()
    }
}

/// A time in seconds, in the engine's form.
pub(super) fn rfc3339(seconds: i64) -> String {
    jiff::Timestamp::from_second(seconds)
        .expect("a clock within jiff's range")
        .to_string()
}

fn overlap(one: &Ipv4Net, other: &Ipv4Net) -> bool {
    one.contains(other) || other.contains(one)
}

fn refused(message: String) -> EngineError {
    EngineError::new(Fault::Refused, message)
}
