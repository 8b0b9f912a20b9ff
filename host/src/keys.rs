//! SSH keys of a cluster, generated for each start: one pair with which root can log in from and to every node, and a
//! host key for each node that all of them know. They are copied into the nodes before sshd starts, and stored in the
//! config directory for the local ssh.

mod key_pair;
mod key_store;
mod node_archive;

pub use key_store::{KNOWN_HOSTS, PRIVATE_KEY, any, folder, kept, remove};

use std::collections::BTreeMap;
use std::path::Path;

use bytes::Bytes;

use crate::error::{Error, Kind, Result};
use crate::plan::{NodePlan, StartPlan};
use key_pair::Pair;

/// Generates and stores the keys of a start. Returns an archive to extract at the root of each node with keys, by FQDN.
///
/// # Errors
/// The keys cannot be stored.
pub fn make(config: &Path, engine: &str, plan: &StartPlan) -> Result<BTreeMap<String, Bytes>> {
    let mut nodes = plan.nodes.iter().filter(|node| node.keys).peekable();
    if nodes.peek().is_none() {
        return Ok(BTreeMap::new());
    }
    let cluster = &plan.run.cluster;
    let pair = Pair::generate(&format!("clusterdock {cluster}"))?;
    let nodes: Vec<(&NodePlan, Pair)> = nodes
        .map(|node| Ok((node, Pair::generate(node.fqdn())?)))
        .collect::<Result<_>>()?;
    let known_hosts: String = nodes
        .iter()
        .map(|(node, host)| known_host(node, host))
        .collect();
    let folder = folder(config, cluster, &plan.run.id);
    key_store::keep(&folder, engine, &pair, &known_hosts).map_err(|error| {
        Error::new(
            Kind::Other,
            format!("cannot store the SSH keys of cluster `{cluster}`"),
        )
        .cause(format!("{}: {error}", folder.display()))
        .hint("choose a writable folder with --clusterdock-config-directory")
    })?;
    let archive = |(node, host): &(&NodePlan, Pair)| {
        let archive = node_archive::archive(&pair, host, &known_hosts)
            .expect("an archive in memory can be written");
        (node.fqdn().to_string(), Bytes::from(archive))
    };
    Ok(nodes.iter().map(archive).collect())
}

/// The line of a node in known_hosts: its names, and its address if that is fixed.
fn known_host(node: &NodePlan, host: &Pair) -> String {
    let address = node
        .container
        .address
        .map(|address| format!(",{address}"))
        .unwrap_or_default();
    format!(
        "{},{}{address} {}\n",
        node.fqdn(),
        node.hostname,
        host.public_without_comment()
    )
}
