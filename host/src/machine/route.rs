//! The routes of the local machine, so that no network of clusterdock hides one, such as a VPN's.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

const TABLE: &str = "/proc/net/route";

/// The shortest prefix of a route to a particular network. Shorter ones stand for the Internet: the default route, and
/// those that VPNs put over it, 0.0.0.0/1 and 128.0.0.0/1 or smaller parts.
const SHORTEST: u8 = 8;

/// A route of the local machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Route {
    /// Where it leads.
    pub destination: Ipv4Net,
    /// The network interface.
    interface: String,
}

impl Route {
    /// The first 12 digits of the id of the engine's network whose bridge it leads to.
    pub fn network_id(&self) -> Option<&str> {
        let id = self.interface.strip_prefix("br-")?;
        let is_id = id.len() == 12 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
        is_id.then_some(id)
    }
}

/// The local IPv4 routes, without those that stand for the Internet. Empty if the kernel shows none.
pub fn routes() -> Vec<Route> {
    std::fs::read_to_string(TABLE)
        .map(|table| parse(&table))
        .unwrap_or_default()
}

/// Reads lines such as `eth0 000011AC 00000000 0001 0 0 0 0000FFFF ...`: addresses are in this machine's byte order.
fn parse(table: &str) -> Vec<Route> {
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let field = |index: usize| {
            let number = u32::from_str_radix(fields.get(index)?, 16).ok()?;
            Some(Ipv4Addr::from(number.to_ne_bytes()))
        };
        Some(Route {
            destination: Ipv4Net::with_netmask(field(1)?, field(7)?).ok()?,
            interface: (*fields.first()?).to_string(),
        })
    };
    table
        .lines()
        .skip(1)
        .filter_map(route)
        .filter(|route| route.destination.prefix_len() >= SHORTEST)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn destinations(table: &str) -> Vec<String> {
        let routes = parse(table).into_iter();
        routes.map(|route| route.destination.to_string()).collect()
    }

    #[test]
    fn only_bridges_of_the_engines_networks_have_a_network_id() {
        let table = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
docker0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0
br-0123456789ab 0000A00A 00000000 0001 0 0 0 00FFFFFF 0 0 0
br-lan 0000A10A 00000000 0001 0 0 0 00FFFFFF 0 0 0
br-0123456789xy 0000A20A 00000000 0001 0 0 0 00FFFFFF 0 0 0";
        let routes = parse(table);
        let ids: Vec<_> = routes.iter().map(Route::network_id).collect();
        assert_eq!(ids, [None, Some("0123456789ab"), None, None]);
    }

    #[test]
    fn the_default_route_is_ignored() {
        let table = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 0100A8C0 0003 0 0 0 00000000 0 0 0
docker0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0";
        assert_eq!(destinations(table), ["172.17.0.0/16"]);
    }

    #[test]
    fn a_vpns_default_routes_are_ignored() {
        let table = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
tun0 00000000 0100080A 0003 0 0 0 00000080 0 0 0
tun0 00000080 0100080A 0003 0 0 0 00000080 0 0 0
tun0 00000040 0100080A 0003 0 0 0 000000C0 0 0 0
tun0 0000000A 0100080A 0003 0 0 0 000000FF 0 0 0
tun0 0000A8C0 00000000 0001 0 0 0 00FFFFFF 0 0 0";
        assert_eq!(destinations(table), ["10.0.0.0/8", "192.168.0.0/24"]);
    }
}
