//! Which ports of which nodes to publish, before host ports are chosen.

use std::collections::{BTreeMap, BTreeSet};

use clusterdock_plugin_wire::{NodeSpec, Port, Protocol};

use crate::cluster::port_mapping::PortMapping;
use crate::error::{Error, Kind, Result};
use crate::machine::host_port::WantedPort;

/// The ports that a topology and its user want published. If both name a port, the user's choice counts; a user may
/// publish one port on several host ports. With `predictable`, the host port is the container port unless another was
/// given.
///
/// # Errors
/// An unknown node, or a host port that is requested twice.
pub fn wanted(
    specs: &[NodeSpec],
    domain: &str,
    mappings: &[PortMapping],
    predictable: bool,
) -> Result<Vec<WantedPort>> {
    let host_port = |port: &Port| {
        port.host_port
            .or(predictable.then_some(port.container_port))
    };
    let mut of_topology: BTreeMap<(usize, u16, Protocol), Option<u16>> = BTreeMap::new();
    for (index, spec) in specs.iter().enumerate() {
        for port in &spec.ports {
            of_topology.insert((index, port.container_port, port.protocol), host_port(port));
        }
    }
    let mut ports = BTreeSet::new();
    for mapping in mappings {
        let index = node_index(specs, domain, &mapping.node)?;
        let port = (index, mapping.port.container_port, mapping.port.protocol);
        of_topology.remove(&port);
        ports.insert((port, host_port(&mapping.port)));
    }
    ports.extend(of_topology);
    let wanted: Vec<WantedPort> = ports
        .into_iter()
        .map(
            |((index, container_port, protocol), host_port)| WantedPort {
                hostname: specs[index].hostname.clone(),
                container_port,
                protocol,
                host_port,
            },
        )
        .collect();
    check_distinct(&wanted)?;
    Ok(wanted)
}

fn node_index(specs: &[NodeSpec], domain: &str, name: &str) -> Result<usize> {
    let hostname = name.strip_suffix(&format!(".{domain}")).unwrap_or(name);
    specs
        .iter()
        .position(|spec| spec.hostname == hostname)
        .ok_or_else(|| {
            let names: Vec<&str> = specs.iter().map(|spec| spec.hostname.as_str()).collect();
            Error::new(
                Kind::Usage,
                format!("no node `{name}` to publish a port of"),
            )
            .hint(format!("the nodes are {}", names.join(", ")))
        })
}

fn check_distinct(wanted: &[WantedPort]) -> Result<()> {
    let mut seen = BTreeSet::new();
    for port in wanted {
        if let Some(host_port) = port.host_port
            && !seen.insert((host_port, port.protocol))
        {
            return Err(Error::new(
                Kind::Usage,
                format!(
                    "host port `{host_port}/{}` is requested twice",
                    port.protocol
                ),
            )
            .hint("give one of them another host port: -p \"NODE:HOST->CONTAINER\""));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn printed(mappings: &[&str], predictable: bool) -> String {
        let specs = [
            NodeSpec::new("a", "nodes").port(Port::tcp(80)),
            NodeSpec::new("b", "nodes").port(Port::udp(53)),
        ];
        let mappings: Vec<PortMapping> =
            mappings.iter().map(|text| text.parse().unwrap()).collect();
        match wanted(&specs, "cluster", &mappings, predictable) {
            Err(error) => error.to_string(),
            Ok(ports) => {
                let line = |port: &WantedPort| {
                    let host = port.host_port.map_or("any".into(), |port| port.to_string());
                    format!(
                        "{} {host}->{}/{}",
                        port.hostname, port.container_port, port.protocol
                    )
                };
                ports.iter().map(line).collect::<Vec<_>>().join(", ")
            }
        }
    }

    #[test]
    fn ports_of_the_user_override_the_topologys() {
        assert_eq!(printed(&[], false), "a any->80/tcp, b any->53/udp");
        assert_eq!(
            printed(&["a:8080->80", "b.cluster:22"], false),
            "a 8080->80/tcp, b any->22/tcp, b any->53/udp"
        );
    }

    #[test]
    fn a_port_may_be_published_on_several_host_ports() {
        assert_eq!(
            printed(&["a:8080->80", "a:80", "a:80"], false),
            "a any->80/tcp, a 8080->80/tcp, b any->53/udp"
        );
        assert_eq!(
            printed(&["a:80->80", "a:80"], true),
            "a 80->80/tcp, b 53->53/udp"
        );
    }

    #[test]
    fn predictable_ports_equal_the_container_ports() {
        assert_eq!(
            printed(&["a:8080->80"], true),
            "a 8080->80/tcp, b 53->53/udp"
        );
    }

    #[test]
    fn unknown_nodes_and_duplicate_ports_are_refused() {
        assert_eq!(
            printed(&["c:80"], false),
            "no node `c` to publish a port of"
        );
        assert_eq!(
            printed(&["a:1->80", "b:1->80"], false),
            "host port `1/tcp` is requested twice"
        );
    }
}
