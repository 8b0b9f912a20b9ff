//! `env`: a cluster's names, addresses and ports as variables that a shell can evaluate.

use super::list;
use crate::cli::lifecycle::Env;
use crate::cluster::Cluster;
use crate::engine::{Engine, user_address};
use crate::error::Result;
use crate::select;
use crate::session::Session;

/// Answers with lines for a shell.
pub async fn env(session: &Session<'_>, args: &Env) -> Result<()> {
    let clusters = list::clusters(session).await?;
    let cluster = select::cluster(&clusters, &args.cluster)?;
    let line = |(name, value): (String, String)| format!("export {name}={}\n", quoted(&value));
    session.report.answer(&variables(session.engine, cluster).into_iter().map(line).collect::<String>())
}

/// A cluster's facts as environment variables: its name, network and nodes, and for each node
/// `CLUSTERDOCK_<HOST NAME>_ADDRESS`, `.._FQDN` and `.._PORT_<PORT>_<PROTOCOL>`, where the port is reached from here. What
/// is not known (the ports of a node that does not run) is left out.
pub fn variables(engine: &dyn Engine, cluster: &Cluster) -> Vec<(String, String)> {
    let fqdns: Vec<&str> = cluster.nodes.iter().map(|node| node.fqdn.as_str()).collect();
    let mut variables = vec![
        ("CLUSTERDOCK_CLUSTER".to_string(), cluster.name.clone()),
        ("CLUSTERDOCK_NETWORK".to_string(), cluster.networks.join(" ")),
        ("CLUSTERDOCK_NODES".to_string(), fqdns.join(" ")),
    ];
    for node in &cluster.nodes {
        let name = |what: &str| format!("CLUSTERDOCK_{}_{what}", word(&node.hostname));
        variables.push((name("FQDN"), node.fqdn.clone()));
        variables.extend(node.address.map(|address| (name("ADDRESS"), address.to_string())));
        for port in node.ports() {
            let host = match user_address(engine, port.host_ip) {
                host if host.contains(':') => format!("[{host}]"),
                host => host,
            };
            let what = format!("PORT_{}_{}", port.container_port, port.protocol.as_str().to_uppercase());
            // A port bound to all IPv4 and all IPv6 addresses is listed twice.
            if !variables.iter().any(|(known, _)| *known == name(&what)) {
                variables.push((name(&what), format!("{host}:{}", port.host_port)));
            }
        }
    }
    variables
}

/// A host name as part of a variable's name. Host names have no `_`, so no two become one.
fn word(hostname: &str) -> String {
    hostname.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_uppercase() } else { '_' }).collect()
}

/// A word of a shell's that stands for just this text.
pub(super) fn quoted(text: &str) -> String {
    let is_plain = |c: char| c.is_ascii_alphanumeric() || "_-./:@%+,".contains(c);
    match !text.is_empty() && text.chars().all(is_plain) {
        true => text.into(),
        false => format!("'{}'", text.replace('\'', r"'\''")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_shell_reads_what_was_meant() {
        assert_eq!(quoted("127.0.0.1:32768"), "127.0.0.1:32768");
        assert_eq!(quoted("a b"), "'a b'");
        assert_eq!(quoted("it's $HOME; `x`"), r"'it'\''s $HOME; `x`'");
        assert_eq!(quoted(""), "''");
    }

    #[test]
    fn a_host_name_becomes_part_of_a_variables_name() {
        assert_eq!(word("node-1"), "NODE_1");
        assert_eq!(word("db"), "DB");
    }
}
