//! Arguments of `port`.

use clap::Args;
use clusterdock_plugin_wire::Protocol;

use crate::report::Format;

/// Arguments of `port`.
#[derive(Debug, Args)]
pub struct PortArgs {
    /// Node: FQDN, CLUSTER/HOSTNAME, or a host name, if unique
    #[arg(value_name = "NODE")]
    pub node: String,
    /// Only this port of the node, e.g. 80 or 53/udp
    #[arg(value_name = "PORT", value_parser = inner_port)]
    pub port: Option<InnerPort>,
    /// Output format: table, json (one object) or jsonl (one object per line)
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "table",
        hide_possible_values = true
    )]
    pub format: Format,
}

/// A port inside a node.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InnerPort {
    /// Its number.
    pub number: u16,
    /// Its protocol.
    pub protocol: Protocol,
}

fn inner_port(text: &str) -> Result<InnerPort, String> {
    let (number, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let protocol = match protocol {
        "tcp" => Protocol::Tcp,
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        _ => return Err("expected tcp, udp or sctp after the slash".into()),
    };
    match number.parse() {
        Ok(number @ 1..) => Ok(InnerPort { number, protocol }),
        _ => Err("expected a port from 1 to 65535, e.g. 80 or 53/udp".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_has_a_protocol() {
        let read = |text: &str| inner_port(text).map(|port| (port.number, port.protocol));
        assert_eq!(read("80"), Ok((80, Protocol::Tcp)));
        assert_eq!(read("53/udp"), Ok((53, Protocol::Udp)));
        for bad in ["0", "65536", "http", "80/icmp", "80/", ""] {
            read(bad).unwrap_err();
        }
    }
}
