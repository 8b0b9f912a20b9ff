//! Names, checked once where they come in: host names, networks, clusters, and how a user refers to a node.

use crate::error::{Error, Kind, Result};

/// The kernel's limit for a host name, and so for `HOSTNAME.NETWORK`.
pub const FQDN_MAX: usize = 64;

/// Names of networks that every engine has and that no cluster can be on.
const RESERVED_NETWORKS: [&str; 4] = ["bridge", "host", "none", "default"];

/// Checks a host name: one label of letters, digits and hyphens, at most 63 characters.
pub fn check_hostname(name: &str) -> Result<()> {
    check_label(name).map_err(|why| Error::new(Kind::Usage, format!("invalid host name `{name}`")).cause(why))
}

/// Checks a network's name: it is the nodes' domain, so labels separated by dots.
pub fn check_network(name: &str) -> Result<()> {
    let invalid = |why: String| Error::new(Kind::Usage, format!("invalid network name `{name}`")).cause(why);
    if RESERVED_NETWORKS.contains(&name) {
        return Err(Error::new(Kind::Conflict, format!("network `{name}` cannot be used"))
            .cause("it is one of the engine's own, which have no names for containers")
            .hint("choose another name with --network"));
    }
    name.split('.').try_for_each(check_label).map_err(|why| {
        invalid(why).hint("the network's name is the nodes' domain: lower-case letters, digits, hyphens and dots")
    })
}

/// Checks a cluster's name: as the engine's names, which may have underscores and dots.
pub fn check_cluster(name: &str) -> Result<()> {
    let invalid = |why: &str| Err(Error::new(Kind::Usage, format!("invalid cluster name `{name}`")).cause(why));
    match name.chars().next() {
        None => invalid("it is empty"),
        Some(first) if !first.is_ascii_alphanumeric() => invalid("it does not begin with a letter or digit"),
        _ if name.len() > 128 => invalid("it has more than 128 characters"),
        _ if !name.chars().all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) => {
            invalid("only letters, digits, `_`, `.` and `-` are allowed")
        }
        _ => Ok(()),
    }
}

/// Joins a host name and its network, and checks the kernel's limit.
pub fn fqdn(hostname: &str, network: &str) -> Result<String> {
    let fqdn = format!("{hostname}.{network}");
    if fqdn.len() > FQDN_MAX {
        return Err(Error::new(Kind::Usage, format!("host name `{fqdn}` is too long"))
            .cause(format!("it has {} characters, the kernel allows {FQDN_MAX}", fqdn.len()))
            .hint("shorten the host name, or the network's name with --network"));
    }
    Ok(fqdn)
}

fn check_label(label: &str) -> Result<(), String> {
    if label.is_empty() {
        return Err("it is empty, or has an empty part".into());
    }
    if label.len() > 63 {
        return Err(format!("`{label}` has {} characters, a host name's part has at most 63", label.len()));
    }
    if let Some(bad) = label.chars().find(|c| !c.is_ascii_lowercase() && !c.is_ascii_digit() && *c != '-') {
        return Err(format!("`{bad}` is not allowed: only lower-case letters, digits and hyphens are"));
    }
    if label.starts_with('-') || label.ends_with('-') {
        return Err("it begins or ends with a hyphen".into());
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_is_one_label() {
        for good in ["a", "node-1", "0", &"x".repeat(63)] {
            check_hostname(good).unwrap();
        }
        for bad in ["", "-a", "a-", "a.b", "a_b", "Node", "ä", "a b", &"x".repeat(64)] {
            assert_eq!(check_hostname(bad).unwrap_err().kind(), Kind::Usage, "{bad}");
        }
    }

    #[test]
    fn a_network_is_a_domain_and_none_of_the_engines_own() {
        check_network("cluster").unwrap();
        check_network("lab.example").unwrap();
        for bad in ["", "a..b", "my_net", "Net"] {
            assert_eq!(check_network(bad).unwrap_err().kind(), Kind::Usage, "{bad}");
        }
        assert_eq!(check_network("bridge").unwrap_err().kind(), Kind::Conflict);
    }

    #[test]
    fn an_fqdn_fits_the_kernel() {
        assert_eq!(fqdn("node-1", "cluster").unwrap(), "node-1.cluster");
        fqdn(&"x".repeat(56), "cluster").unwrap();
        assert_eq!(fqdn(&"x".repeat(57), "cluster").unwrap_err().kind(), Kind::Usage);
    }
}
