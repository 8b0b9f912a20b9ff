//! Ports as the user writes them: `NODE:80`, `NODE:8080:80` or, as in the original, `NODE:8080->80`; `NODE:53/udp`.

use std::fmt::{self, Display, Formatter};
use std::str::FromStr;

use clusterdock_plugin_wire::{Port, Protocol};

use crate::error::{Error, Kind, Result};

/// A port that the user wants published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortMapping {
    /// Host name or FQDN.
    pub node: String,
    /// The port, and the host port, if given.
    pub port: Port,
}

impl FromStr for PortMapping {
    type Err = Error;

    fn from_str(text: &str) -> Result<PortMapping> {
        let (node, rest) = text
            .split_once(':')
            // No host name is a number: the node is missing in `8080:80`.
            .filter(|(node, _)| !node.bytes().all(|byte| byte.is_ascii_digit()))
            .ok_or_else(|| malformed(text))?;
        let (ports, protocol) = match rest.split_once('/') {
            Some((ports, protocol)) => (ports, parse_protocol(text, protocol)?),
            None => (rest, Protocol::Tcp),
        };
        let (host_port, container_port) = match ports.split_once("->").or(ports.split_once(':')) {
            Some((host, container)) => {
                (Some(parse_port(text, host)?), parse_port(text, container)?)
            }
            None => (None, parse_port(text, ports)?),
        };
        Ok(PortMapping {
            node: node.into(),
            port: Port {
                container_port,
                host_port,
                protocol,
            },
        })
    }
}

/// As the user would write it.
impl Display for PortMapping {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let Port {
            container_port,
            host_port,
            protocol,
        } = &self.port;
        write!(f, "{}:", self.node)?;
        if let Some(host_port) = host_port {
            write!(f, "{host_port}->")?;
        }
        write!(f, "{container_port}")?;
        if *protocol == Protocol::Tcp {
            Ok(())
        } else {
            write!(f, "/{protocol}")
        }
    }
}

fn parse_port(text: &str, port: &str) -> Result<u16> {
    let port = port.trim();
    match port.parse::<u64>() {
        Ok(number @ 1..=65535) => Ok(number as u16),
        Ok(_) => Err(invalid(text).cause(format!("port `{port}` is out of range: 1 to 65535"))),
        Err(_) if !port.is_empty() && port.bytes().all(|b| b.is_ascii_digit()) => {
            Err(invalid(text).cause(format!("port `{port}` is out of range: 1 to 65535")))
        }
        Err(_) => Err(malformed(text)),
    }
}

fn parse_protocol(text: &str, protocol: &str) -> Result<Protocol> {
    match protocol.trim() {
        "tcp" => Ok(Protocol::Tcp),
        "udp" => Ok(Protocol::Udp),
        "sctp" => Ok(Protocol::Sctp),
        other => Err(invalid(text).cause(format!(
            "unknown protocol `{other}`; expected tcp, udp or sctp"
        ))),
    }
}

fn invalid(text: &str) -> Error {
    Error::new(Kind::Usage, format!("invalid port `{text}`"))
}

fn malformed(text: &str) -> Error {
    invalid(text).hint("use NODE:80 for a free host port, or NODE:8080:80 for a specific one")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> String {
        match text.parse::<PortMapping>() {
            Ok(PortMapping {
                node,
                port:
                    Port {
                        container_port,
                        host_port,
                        protocol,
                    },
            }) => {
                format!("{node} {host_port:?} {container_port} {protocol}")
            }
            Err(error) => error.to_string(),
        }
    }

    #[test]
    fn the_originals_port_labels_are_read() {
        assert_eq!(parsed("node-1:80"), "node-1 None 80 tcp");
        assert_eq!(parsed("node-1:8080->80"), "node-1 Some(8080) 80 tcp");
        assert_eq!(parsed("node-1:53/udp"), "node-1 None 53 udp");
        assert_eq!(parsed("node-1:5353->53/udp"), "node-1 Some(5353) 53 udp");
    }

    #[test]
    fn host_ports_stand_before_a_colon_as_in_docker() {
        assert_eq!(parsed("node-1:8080:80"), "node-1 Some(8080) 80 tcp");
        assert_eq!(parsed("node-1:5353:53/udp"), "node-1 Some(5353) 53 udp");
        for odd in [
            "8080:80",
            "n:8080:",
            "n::80",
            "n:1:2:3",
            "n:8080->1:80",
            "n:8080-",
        ] {
            assert_eq!(parsed(odd), format!("invalid port `{odd}`"));
        }
    }

    #[test]
    fn a_port_is_written_as_it_is_read() {
        for text in ["node-1:80", "n:8080->80", "n:53/udp", "n:5353->53/udp"] {
            assert_eq!(text.parse::<PortMapping>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn what_is_not_a_port_is_named() {
        assert_eq!(
            parsed("node-1:70000"),
            "invalid port `node-1:70000`: port `70000` is out of range: 1 to 65535"
        );
        assert_eq!(
            parsed("node-1:0"),
            "invalid port `node-1:0`: port `0` is out of range: 1 to 65535"
        );
        assert_eq!(parsed("80"), "invalid port `80`");
        assert_eq!(parsed(":80"), "invalid port `:80`");
        assert_eq!(parsed("n:http"), "invalid port `n:http`");
        assert_eq!(
            parsed("n:80/icmp"),
            "invalid port `n:80/icmp`: unknown protocol `icmp`; expected tcp, udp or sctp"
        );
    }
}
