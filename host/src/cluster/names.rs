//! Checks of names at the edge of the program: host names, domains, networks and clusters.

use clusterdock_plugin_wire::host_name::{self, check_label, is_number};

use crate::error::{Error, Kind, Result};

/// The kernel's limit for a host name, and so for `HOSTNAME.DOMAIN`.
pub const FQDN_MAX: usize = 64;

/// The longest name of a network or cluster, which is part of the names of files.
const LONGEST_NAME: usize = 128;

/// The built-in networks of every engine, which no cluster can be on.
const RESERVED_NETWORKS: [&str; 4] = ["bridge", "host", "none", "default"];

/// The error for a host name that a node of this name cannot have.
pub fn in_use(name: &str) -> Error {
    Error::new(Kind::Conflict, format!("host name `{name}` is in use"))
}

/// Whether an error is [`in_use`].
pub fn is_in_use(error: &Error) -> bool {
    error.kind() == Kind::Conflict
        && error.message().starts_with("host name `")
        && error.message().ends_with("` is in use")
}

/// Checks a host name: one label of at most 63 letters, digits and hyphens that every resolver looks up.
pub fn check_hostname(name: &str) -> Result<()> {
    let invalid =
        |why: String| Error::new(Kind::Usage, format!("invalid host name `{name}`")).cause(why);
    host_name::check(name).map_err(|fault| match fault.hint {
        Some(hint) => invalid(fault.why).hint(hint),
        None => invalid(fault.why),
    })
}

/// Checks the domain that a user chooses for nodes: labels separated by dots, the last of which is not a number.
pub fn check_domain(name: &str) -> Result<()> {
    let invalid =
        |why: String| Error::new(Kind::Usage, format!("invalid domain `{name}`")).cause(why);
    check_labels(name).map_err(|why| {
        invalid(why)
            .hint("choose another with --domain: labels separated by dots, e.g. `lab.example`")
    })?;
    // `node-1.8` is looked up, but browsers refuse it, and `8` itself is an address.
    if name.rsplit('.').next().is_some_and(is_number) {
        return Err(
            invalid("names that end in a number are read as addresses".into())
                .hint(format!("end it with a word, e.g. `{name}.example`")),
        );
    }
    Ok(())
}

/// Checks a network's name, which is the nodes' domain if the user chooses none: labels separated by dots.
pub fn check_network(name: &str) -> Result<()> {
    let invalid =
        |why: String| Error::new(Kind::Usage, format!("invalid network name `{name}`")).cause(why);
    if RESERVED_NETWORKS.contains(&name) {
        return Err(
            Error::new(Kind::Conflict, format!("network `{name}` cannot be used"))
                .cause("it is a built-in network, where containers cannot resolve each other")
                .hint("choose another name with --network"),
        );
    }
    if name.len() > LONGEST_NAME {
        return Err(invalid(format!(
            "it is longer than {LONGEST_NAME} characters"
        )));
    }
    check_labels(name).map_err(|why| {
        invalid(why).hint(
            "choose another with --network: it is a domain of letters, digits, hyphens and dots",
        )
    })
}

/// Checks labels separated by dots, below which nodes can be looked up.
fn check_labels(domain: &str) -> Result<(), String> {
    domain.split('.').try_for_each(check_label)?;
    if domain.rsplit('.').next() == Some("localhost") {
        return Err("every name below `localhost` refers to the machine itself".into());
    }
    Ok(())
}

/// Checks a cluster's name. As in the engine's names, underscores and dots are allowed.
pub fn check_cluster(name: &str) -> Result<()> {
    let invalid = |why: &str| {
        Err(Error::new(Kind::Usage, format!("invalid cluster name `{name}`")).cause(why))
    };
    match name.chars().next() {
        None => invalid("it is empty"),
        Some(first) if !first.is_ascii_alphanumeric() => {
            invalid("it must begin with a letter or digit")
        }
        _ if name.len() > LONGEST_NAME => invalid("it is longer than 128 characters"),
        _ if !name
            .chars()
            .all(|c| c.is_ascii_alphanumeric() || "_.-".contains(c)) =>
        {
            invalid("only letters, digits, `_`, `.` and `-` are allowed")
        }
        _ => Ok(()),
    }
}

/// The name of a node's container: what makes it unique on an engine, whatever its domain.
pub fn container(hostname: &str, network: &str) -> String {
    format!("{hostname}.{network}")
}

/// The names that a node's network knows it by, beside its container's: its host name, and its FQDN if that is another.
pub fn aliases(hostname: &str, network: &str, domain: &str) -> Vec<String> {
    let mut names = vec![hostname.to_string()];
    if network != domain {
        names.push(format!("{hostname}.{domain}"));
    }
    names
}

/// Checks the name of a container, or of a network that clusterdock did not create, by the engine's own, wider rule.
pub fn check_engine_name(name: &str) -> Result<()> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    if begins_well && name.len() <= 255 && name.chars().all(is_allowed) {
        Ok(())
    } else {
        Err(Error::new(Kind::Usage, format!("invalid name `{name}`")))
    }
}

/// Joins a host name and its domain, and checks the kernel's limit.
pub fn fqdn(hostname: &str, domain: &str) -> Result<String> {
    let fqdn = format!("{hostname}.{domain}");
    if fqdn.len() > FQDN_MAX {
        return Err(
            Error::new(Kind::Usage, format!("host name `{fqdn}` is too long"))
                .cause(format!(
                    "it has {} characters; the kernel allows at most {FQDN_MAX}",
                    fqdn.len()
                ))
                .hint("shorten the host name, or choose a shorter domain with --domain"),
        );
    }
    Ok(fqdn)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_is_one_label() {
        for good in [
            "a",
            "node-1",
            "0x7g",
            "1a",
            "x1",
            "0x7f-1",
            "1-2",
            &"x".repeat(63),
        ] {
            check_hostname(good).unwrap();
        }
        for bad in [
            "",
            "-a",
            "a-",
            "a.b",
            "a_b",
            "Node",
            "ä",
            "a b",
            &"x".repeat(64),
        ] {
            assert_eq!(
                check_hostname(bad).unwrap_err().kind(),
                Kind::Usage,
                "{bad}"
            );
        }
    }

    #[test]
    fn a_host_name_is_not_an_address() {
        for bad in [
            "0",
            "1",
            "2",
            "255",
            "256",
            "017",
            "08",
            "0x",
            "0x7f",
            "0xff000001",
            "4294967296",
        ] {
            let error = check_hostname(bad).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage, "{bad}");
            assert!(
                error.to_string().contains("read it as an address"),
                "{error}"
            );
        }
    }

    #[test]
    fn a_host_name_is_not_localhost() {
        for bad in ["localhost", "ip6-localhost", "ip6-allrouters"] {
            assert_eq!(
                check_hostname(bad).unwrap_err().kind(),
                Kind::Usage,
                "{bad}"
            );
        }
        for bad in ["localhost", "lab.localhost", "a.b.localhost"] {
            assert_eq!(check_network(bad).unwrap_err().kind(), Kind::Usage, "{bad}");
        }
        for good in ["localhost.example", "localhosts", "localhost2"] {
            check_network(good).unwrap();
        }
    }

    #[test]
    fn a_network_is_a_domain_and_not_built_in() {
        check_network("cluster").unwrap();
        check_network("lab.example").unwrap();
        for bad in ["", "a..b", "my_net", "Net"] {
            assert_eq!(check_network(bad).unwrap_err().kind(), Kind::Usage, "{bad}");
        }
        assert_eq!(check_network("bridge").unwrap_err().kind(), Kind::Conflict);
    }

    #[test]
    fn a_networks_name_fits_a_file_name() {
        let name = |last: usize| [&"x".repeat(63), &*"y".repeat(last)].join(".");
        check_network(&name(128 - 64)).unwrap_err();
        check_network(&name(63)).unwrap();
        let long = [name(63), "z".into()].join(".");
        assert_eq!(
            check_network(&long).unwrap_err().to_string(),
            format!("invalid network name `{long}`: it is longer than 128 characters")
        );
    }

    #[test]
    fn a_domain_is_looked_up_and_not_an_address() {
        for good in [
            "lab",
            "lab.example",
            "8.example",
            "x8",
            "localhost.example",
            "bridge",
        ] {
            check_domain(good).unwrap();
        }
        for bad in [
            "",
            ".",
            "lab.",
            ".lab",
            "a..b",
            "Lab",
            "my_lab",
            "-a",
            "a b",
            "ä",
            "8",
            "2.8",
            "lab.017",
            "10.0.0.1",
            "lab.0x7f",
            "localhost",
            "lab.localhost",
        ] {
            let error = check_domain(bad).unwrap_err();
            assert_eq!(error.kind(), Kind::Usage, "{bad}");
            assert_eq!(error.message(), format!("invalid domain `{bad}`"));
            assert!(error.next_step().is_some(), "{bad}");
        }
    }

    #[test]
    fn an_fqdn_fits_the_kernel() {
        assert_eq!(fqdn("node-1", "cluster").unwrap(), "node-1.cluster");
        fqdn(&"x".repeat(56), "cluster").unwrap();
        assert_eq!(
            fqdn(&"x".repeat(57), "cluster").unwrap_err().kind(),
            Kind::Usage
        );
    }
}
