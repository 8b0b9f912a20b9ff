//! `env`: a cluster's names, addresses and ports as shell variables.

use std::collections::BTreeMap;

use serde_json::Value;

use super::Console;
use super::list;
use crate::cli::lifecycle_args::Env;
use crate::cluster::Cluster;
use crate::cluster::select;
use crate::engine::{System, reached_at};
use crate::error::Result;
use crate::shell::quoted;

/// Prints lines for a shell to evaluate.
pub async fn env(console: &Console<'_>, args: &Env) -> Result<()> {
    let clusters = list::clusters(console).await?;
    let cluster = select::cluster(&clusters, &args.cluster)?;
    let line = |(name, value): (String, String)| format!("export {name}={}\n", quoted(&value));
    let outputs = console.outputs(cluster).await?;
    let variables = variables(&console.engine, cluster, &outputs);
    let lines: String = variables.into_iter().map(line).collect();
    console.report.answer(&lines)
}

/// A cluster's facts as environment variables: its name, network, domain and nodes, and for each node
/// `CLUSTERDOCK_<HOST NAME>_ADDRESS`, `.._FQDN` and `.._PORT_<PORT>_<PROTOCOL>`, the address at which the port is reached
/// from this machine. Unknown facts, such as the ports of a stopped node, are omitted. What the topology's hooks left is
/// `CLUSTERDOCK_OUTPUT_<NAME>`: texts as they are, other values as JSON.
pub fn variables(
    engine: &dyn System,
    cluster: &Cluster,
    outputs: &BTreeMap<String, Value>,
) -> Vec<(String, String)> {
    let fqdns: Vec<&str> = cluster
        .nodes
        .iter()
        .map(|node| node.fqdn.as_str())
        .collect();
    let mut variables = vec![
        ("CLUSTERDOCK_CLUSTER".to_string(), cluster.name.clone()),
        (
            "CLUSTERDOCK_NETWORK".to_string(),
            cluster.networks.join(" "),
        ),
        ("CLUSTERDOCK_DOMAIN".to_string(), cluster.domains.join(" ")),
        ("CLUSTERDOCK_NODES".to_string(), fqdns.join(" ")),
    ];
    for (name, value) in outputs {
        let text = value
            .as_str()
            .map_or_else(|| value.to_string(), String::from);
        variables.push((format!("CLUSTERDOCK_OUTPUT_{}", word(name)), text));
    }
    for node in &cluster.nodes {
        let name = |what: &str| format!("CLUSTERDOCK_{}_{what}", word(&node.hostname));
        variables.push((name("FQDN"), node.fqdn.clone()));
        variables.extend(
            node.address
                .map(|address| (name("ADDRESS"), address.to_string())),
        );
        for port in node.ports() {
            let what = format!(
                "PORT_{}_{}",
                port.container_port,
                port.protocol.as_str().to_uppercase()
            );
            // A port bound to all IPv4 and all IPv6 addresses is listed twice.
            if !variables.iter().any(|(known, _)| *known == name(&what)) {
                variables.push((name(&what), reached_at(engine, port)));
            }
        }
    }
    variables
}

/// A host name as part of a variable's name. Host names have no `_`, so two of them stay different.
fn word(hostname: &str) -> String {
    hostname
        .chars()
        .map(|c| {
            if c.is_ascii_alphanumeric() {
                c.to_ascii_uppercase()
            } else {
                '_'
            }
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_host_name_becomes_part_of_a_variables_name() {
        assert_eq!(word("node-1"), "NODE_1");
        assert_eq!(word("db"), "DB");
    }
}
