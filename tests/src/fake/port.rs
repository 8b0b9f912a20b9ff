//! Host ports: bound when a container starts, released when it ends.

use std::net::IpAddr;

use clusterdock::engine::container::PublishedPort;
use clusterdock::engine::{EngineError, EngineResult, Fault};

use super::FakeEngine;
use super::state::Holdings;

/// The first port that the engine chooses itself.
const FIRST_CHOSEN: u16 = 32768;

impl FakeEngine {
    /// Makes another program hold a host port.
    pub fn take_port(&self, address: IpAddr, port: u16) {
        self.change(|holdings| holdings.busy_ports.insert((address, port)));
    }

    /// Releases such a port.
    pub fn free_port(&self, address: IpAddr, port: u16) {
        self.change(|holdings| holdings.busy_ports.remove(&(address, port)));
    }
}

impl Holdings {
    /// The ports of a container that is being started; the engine replaces host port 0 by a free one.
    pub(super) fn bind_ports(
        &self,
        name: &str,
        wanted: &[PublishedPort],
    ) -> EngineResult<Vec<PublishedPort>> {
        let mut bound: Vec<PublishedPort> = Vec::new();
        for port in wanted {
            let free = |host_port| {
                let port = PublishedPort { host_port, ..*port };
                let clashes = |other: &PublishedPort| same_door(&port, other);
                !bound.iter().any(clashes) && !self.is_busy(&port)
            };
            let host_port = match port.host_port {
                0 => (FIRST_CHOSEN..=u16::MAX).find(|candidate| free(*candidate)),
                fixed => Some(fixed).filter(|fixed| free(*fixed)),
            };
            let taken = || {
                let message = format!(
                    "driver failed programming external connectivity on endpoint {name}: Bind for {}:{} failed: port \
                     is already allocated",
                    port.host_ip, port.host_port
                );
                EngineError::new(Fault::PortTaken, message)
            };
            bound.push(PublishedPort {
                host_port: host_port.ok_or_else(taken)?,
                ..*port
            });
        }
        Ok(bound)
    }

    fn is_busy(&self, port: &PublishedPort) -> bool {
        let by_container = self
            .containers
            .values()
            .flat_map(|container| &container.ports)
            .any(|other| same_door(port, other));
        let by_other = self
            .busy_ports
            .iter()
            .any(|(address, busy)| *busy == port.host_port && same_address(*address, port.host_ip));
        by_container || by_other
    }
}

fn same_door(one: &PublishedPort, other: &PublishedPort) -> bool {
    one.host_port == other.host_port
        && one.protocol == other.protocol
        && same_address(one.host_ip, other.host_ip)
}

/// Whether two bindings of one port clash: on the same address, or because one is bound to all addresses.
fn same_address(one: IpAddr, other: IpAddr) -> bool {
    one == other || one.is_unspecified() || other.is_unspecified()
}
