//! The nodes that a topology asked for, checked before the engine is asked anything.

use std::collections::BTreeSet;

use clusterdock_plugin_wire::NodeSpec;

use super::{node_files, settings};
use crate::cluster::names;
use crate::error::{Error, Kind, Result};

/// Checks host names: there is at least one, each is valid and unique, and none is too long for the kernel together
/// with its domain. Checks settings too.
///
/// # Errors
/// [`Kind::Usage`] for the first that can never work.
pub fn check(specs: &[NodeSpec], domain: &str) -> Result<()> {
    if specs.is_empty() {
        return Err(Error::new(Kind::Usage, "a cluster needs at least one node")
            .hint("name nodes with the topology's node groups; `start TOPOLOGY -h` lists them"));
    }
    let mut seen = BTreeSet::new();
    for spec in specs {
        names::check_hostname(&spec.hostname)?;
        names::fqdn(&spec.hostname, domain)?;
        if !seen.insert(&spec.hostname) {
            return Err(Error::new(
                Kind::Usage,
                format!("host name `{}` is given twice", spec.hostname),
            )
            .hint("every node of a cluster needs a name of its own"));
        }
        check_ports(spec)?;
        node_files::check(spec)?;
        settings::check(spec)?;
    }
    Ok(())
}

/// Port 0 means any port, to the engine as to the kernel, so it would be unknown which.
fn check_ports(spec: &NodeSpec) -> Result<()> {
    let bad = spec
        .ports
        .iter()
        .find(|port| port.container_port == 0 || port.host_port == Some(0));
    let Some(port) = bad else { return Ok(()) };
    let host = port
        .host_port
        .map(|host| format!("{host}->"))
        .unwrap_or_default();
    Err(Error::new(
        Kind::Usage,
        format!(
            "invalid port `{host}{}` of node `{}`",
            port.container_port, spec.hostname
        ),
    )
    .cause("port `0` is out of range: 1 to 65535")
    .hint("leave out the host port: a free one is chosen then"))
}

#[cfg(test)]
mod tests {
    use clusterdock_plugin_wire::Port;

    use super::*;

    fn checked(spec: NodeSpec, network: &str) -> Result<(), String> {
        check(&[spec], network).map_err(|error| {
            assert_eq!(error.kind(), Kind::Usage);
            error.to_string()
        })
    }

    #[test]
    fn port_0_is_refused_in_every_setting() {
        let with = |host_port, container_port| {
            let port = Port {
                host_port,
                ..Port::tcp(container_port)
            };
            checked(NodeSpec::new("a", "nodes").port(port), "net")
        };
        with(None, 80).unwrap();
        with(Some(8080), 80).unwrap();
        let error = "invalid port `0->80` of node `a`: port `0` is out of range: 1 to 65535";
        assert_eq!(with(Some(0), 80).unwrap_err(), error);
        assert!(
            with(None, 0)
                .unwrap_err()
                .contains("invalid port `0` of node `a`")
        );
        assert!(with(Some(80), 0).is_err());
    }

    #[test]
    fn names_with_another_meaning_are_refused() {
        for (hostname, network) in [
            ("1", "net"),
            ("2", "8"),
            ("1", "2.3"),
            ("0x7f", "1"),
            ("017", "net"),
        ] {
            assert!(
                checked(NodeSpec::new(hostname, "nodes"), network)
                    .unwrap_err()
                    .contains("as an address")
            );
        }
        assert!(
            checked(NodeSpec::new("localhost", "nodes"), "net")
                .unwrap_err()
                .contains("the machine itself")
        );
        checked(NodeSpec::new("a", "nodes"), "2.8").unwrap();
    }
}
