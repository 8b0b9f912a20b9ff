//! Subnets as users write them: `172.30.5.0/24`.

use std::net::Ipv4Addr;

use ipnet::Ipv4Net;

/// Ranges that a subnet may be in: private addresses, shared ones (RFC 6598) and those for benchmarks (RFC 2544). Any other
/// would hide a part of the Internet, or of the machine itself.
const PRIVATE: [Ipv4Net; 5] = [
    Ipv4Net::new_assert(Ipv4Addr::new(10, 0, 0, 0), 8),
    Ipv4Net::new_assert(Ipv4Addr::new(172, 16, 0, 0), 12),
    Ipv4Net::new_assert(Ipv4Addr::new(192, 168, 0, 0), 16),
    Ipv4Net::new_assert(Ipv4Addr::new(100, 64, 0, 0), 10),
    Ipv4Net::new_assert(Ipv4Addr::new(198, 18, 0, 0), 15),
];

/// Reads a subnet that a network of clusterdock may have.
pub(super) fn parse(text: &str) -> Result<Ipv4Net, String> {
    let subnet: Ipv4Net = text
        .parse()
        .map_err(|_| "expected an IPv4 subnet such as 172.30.5.0/24".to_string())?;
    if subnet.addr() != subnet.network() {
        return Err(format!(
            "{} is not the first address of the subnet; expected {}",
            subnet.addr(),
            subnet.trunc()
        ));
    }
    if !(16..=29).contains(&subnet.prefix_len()) {
        return Err("the prefix must be from /16 to /29".into());
    }
    if !PRIVATE.iter().any(|private| private.contains(&subnet)) {
        let ranges = PRIVATE.map(|private| private.to_string()).join(", ");
        return Err(format!("not a private subnet; choose one within {ranges}"));
    }
    Ok(subnet)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subnet_is_private_masked_and_neither_small_nor_huge() {
        for good in [
            "10.0.0.0/16",
            "10.255.255.0/24",
            "172.31.0.0/20",
            "192.168.4.8/29",
            "100.127.0.0/16",
        ] {
            assert_eq!(parse(good).unwrap().to_string(), good);
        }
        for (bad, why) in [
            ("", "expected an IPv4 subnet"),
            ("10.1.2.0", "expected an IPv4 subnet"),
            ("10.1.2.0/33", "expected an IPv4 subnet"),
            ("fd00::/64", "expected an IPv4 subnet"),
            ("10.1.2.3/24", "expected 10.1.2.0/24"),
            ("10.0.0.0/8", "/16 to /29"),
            ("10.0.0.0/30", "/16 to /29"),
            ("8.8.8.0/24", "not a private subnet"),
            ("127.1.0.0/16", "not a private subnet"),
            ("169.254.0.0/16", "not a private subnet"),
            ("172.32.0.0/16", "not a private subnet"),
            ("224.0.1.0/24", "not a private subnet"),
        ] {
            let error = parse(bad).unwrap_err();
            assert!(error.contains(why), "{bad}: {error}");
        }
    }
}
