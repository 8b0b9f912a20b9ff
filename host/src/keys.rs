//! Ssh keys of a cluster, made for one start: a pair that root of every node has and that opens every node, and for each
//! node a host key of its own, which all of them know. They are put into the nodes before sshd starts, and kept below
//! the config directory for the ssh of this machine.

mod kept;
mod node;
mod pair;

pub use kept::{KNOWN_HOSTS, PRIVATE_KEY, folder, remove};

use crate::error::{Error, Kind, Result};
use crate::plan::{NodePlan, StartPlan};
use bytes::Bytes;
use pair::Pair;
use std::collections::BTreeMap;
use std::path::Path;

/// Makes and keeps the keys of a start that is about to be carried out; gives for each node that gets some, by FQDN, an
/// archive to be unpacked at its root.
///
/// # Errors
/// The keys cannot be kept.
pub fn make(config: &Path, engine: &str, plan: &StartPlan) -> Result<BTreeMap<String, Bytes>> {
    let mut nodes = plan.nodes.iter().filter(|node| node.keys).peekable();
    if nodes.peek().is_none() {
        return Ok(BTreeMap::new());
    }
    let cluster = &plan.run.cluster;
    let pair = Pair::make(&format!("clusterdock {cluster}"))?;
    let nodes: Vec<(&NodePlan, Pair)> =
        nodes.map(|node| Ok((node, Pair::make(node.fqdn())?))).collect::<Result<_>>()?;
    let known_hosts: String = nodes.iter().map(|(node, host)| known_host(node, host)).collect();
    let folder = folder(config, cluster, &plan.run.id);
    kept::sweep(config, cluster, engine).and_then(|()| kept::keep(&folder, engine, &pair, &known_hosts)).map_err(
        |error| {
            Error::new(Kind::Other, format!("cannot keep the ssh keys of cluster `{cluster}`"))
                .cause(format!("{}: {error}", folder.display()))
                .hint("choose a folder you may write to with --clusterdock-config-directory")
        },
    )?;
    let archive = |(node, host): &(&NodePlan, Pair)| {
        let archive = node::archive(&pair, host, &known_hosts).expect("an archive in memory can be written");
        (node.fqdn().to_string(), Bytes::from(archive))
    };
    Ok(nodes.iter().map(archive).collect())
}

/// The line by which ssh knows a node: all its names, and its address where that is settled.
fn known_host(node: &NodePlan, host: &Pair) -> String {
    let address = node.container.address.map(|address| format!(",{address}")).unwrap_or_default();
    format!("{},{}{address} {}\n", node.fqdn(), node.hostname, host.public_without_comment())
}
