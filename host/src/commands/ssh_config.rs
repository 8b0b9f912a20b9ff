//! `ssh-config`: a cluster's nodes as ~/.ssh/config names them, so that plain ssh, scp and rsync reach them.

use super::env::quoted;
use super::list;
use crate::cli::lifecycle::SshConfig;
use crate::cluster::{Cluster, Node};
use crate::engine::{Engine, user_address};
use crate::error::{Error, Kind, Result};
use crate::keys;
use crate::labels;
use crate::select;
use crate::session::{Places, Session};
use clusterdock_plugin_api::Protocol;
use std::path::{Path, PathBuf};

/// Answers with a block for each node that has the cluster's keys.
pub async fn ssh_config(session: &Session<'_>, args: &SshConfig) -> Result<()> {
    let clusters = list::clusters(session).await?;
    let cluster = select::cluster(&clusters, &args.cluster)?;
    let with_keys = |node: &&Node| node.container.labels.contains_key(labels::SSH_KEYS);
    let nodes: Vec<&Node> = cluster.nodes.iter().filter(with_keys).collect();
    if nodes.is_empty() {
        return Err(Error::new(Kind::NotFound, format!("no node of cluster `{}` has ssh keys", cluster.name))
            .cause("nodes get them whose image exposes port 22, when their cluster is started")
            .hint("`clusterdock ssh NODE` needs neither sshd nor keys"));
    }
    let mut text = String::new();
    for node in nodes {
        let folder = folder(&session.places.config, node)?;
        text += &block(session.engine, session.places, &clusters, node, &folder);
    }
    session.report.answer(&text)
}

/// Where a node's keys are kept.
fn folder(config: &Path, node: &Node) -> Result<PathBuf> {
    let run = node.container.labels.get(labels::RUN).map(String::as_str).unwrap_or_default();
    let folder = keys::folder(config, &node.cluster, run);
    match folder.join(keys::PRIVATE_KEY).is_file() {
        true => Ok(folder),
        false => Err(Error::new(Kind::NotFound, format!("the ssh keys of cluster `{}` are not here", node.cluster))
            .cause(format!("`{}` is not there: who started the cluster has them", folder.display()))
            .hint("`clusterdock ssh NODE` needs no keys")),
    }
}

fn block(engine: &dyn Engine, places: &Places, clusters: &[Cluster], node: &Node, folder: &Path) -> String {
    let (fqdn, hostname) = (&node.fqdn, &node.hostname);
    // As everywhere, a bare host name is one that is there once.
    let once =
        clusters.iter().flat_map(|cluster| &cluster.nodes).filter(|node| node.hostname == *hostname).count() == 1;
    let short = if once { format!(" {hostname}") } else { String::new() };
    format!(
        "Host {fqdn} {}/{hostname}{short}
  {}
  User root
  HostKeyAlias {fqdn}
  StrictHostKeyChecking yes
  UserKnownHostsFile {}
  IdentityFile {}
  IdentitiesOnly yes
  PasswordAuthentication no

",
        node.cluster,
        way(engine, places, node),
        path(&folder.join(keys::KNOWN_HOSTS)),
        path(&folder.join(keys::PRIVATE_KEY)),
    )
}

/// How ssh gets to a node's sshd: by a port that is published for it, at the node's address where that can be reached
/// from here, or else through the engine, by an sshd of its own.
fn way(engine: &dyn Engine, places: &Places, node: &Node) -> String {
    let published = node.ports().iter().find(|port| port.container_port == 22 && port.protocol == Protocol::Tcp);
    match (published, node.address) {
        (Some(port), _) => format!("HostName {}\n  Port {}", user_address(engine, port.host_ip), port.host_port),
        (None, Some(address)) if engine.is_local() => format!("HostName {address}\n  Port 22"),
        _ => {
            let program = quoted(&places.executable.display().to_string());
            let engine = quoted(engine.address());
            // At its end ssh hangs up on the command that it began: a shell takes that, and the program sees that its
            // input has ended, which is no error.
            let command = format!("{program} -H {engine} exec -T {} -- /usr/sbin/sshd -i; exit", node.fqdn);
            format!("ProxyCommand sh -c {}", quoted(&command).replace('%', "%%"))
        }
    }
}

/// A path as one word of ssh's configuration.
fn path(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}
