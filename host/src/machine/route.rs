//! Where this machine's routes lead, so that no network of ours hides one: a VPN's, most of all.

use ipnet::Ipv4Net;
use std::net::Ipv4Addr;

const TABLE: &str = "/proc/net/route";

/// The destinations of this machine's IPv4 routes, without the default one. None where the kernel shows no table.
pub fn routes() -> Vec<Ipv4Net> {
    std::fs::read_to_string(TABLE).map(|table| parse(&table)).unwrap_or_default()
}

/// Reads lines such as `eth0 000011AC 00000000 0001 0 0 0 0000FFFF ...`: addresses are in this machine's byte order.
fn parse(table: &str) -> Vec<Ipv4Net> {
    let route = |line: &str| {
        let fields: Vec<&str> = line.split_whitespace().collect();
        let field = |index: usize| {
            let number = u32::from_str_radix(fields.get(index)?, 16).ok()?;
            Some(Ipv4Addr::from(number.to_ne_bytes()))
        };
        Ipv4Net::with_netmask(field(1)?, field(7)?).ok()
    };
    table.lines().skip(1).filter_map(route).filter(|net| net.prefix_len() > 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_route_hides_nothing() {
        let table = "Iface Destination Gateway Flags RefCnt Use Metric Mask MTU Window IRTT
eth0 00000000 0100A8C0 0003 0 0 0 00000000 0 0 0
docker0 000011AC 00000000 0001 0 0 0 0000FFFF 0 0 0";
        let nets: Vec<String> = parse(table).iter().map(ToString::to_string).collect();
        assert_eq!(nets, ["172.17.0.0/16"]);
    }
}
