//! `ssh-config`: entries for ~/.ssh/config, so that plain ssh, scp and rsync reach a cluster's nodes.

use std::path::{Path, PathBuf};

use clusterdock_plugin_wire::Protocol;

use super::Console;
use super::list;
use crate::cli::lifecycle_args::SshConfig;
use crate::cluster::select;
use crate::cluster::{Cluster, Node};
use crate::engine::{System, user_address};
use crate::error::{Error, Kind, Result};
use crate::keys;
use crate::shell::quoted;
use crate::start::session::Paths;

/// Prints an entry for each node that has the cluster's keys.
pub async fn ssh_config(console: &Console<'_>, args: &SshConfig) -> Result<()> {
    let clusters = list::clusters(console).await?;
    let cluster = select::cluster(&clusters, &args.cluster)?;
    let nodes: Vec<&Node> = cluster.nodes.iter().filter(|node| node.ssh_keys).collect();
    if nodes.is_empty() {
        return Err(Error::new(
            Kind::NotFound,
            format!("no node of cluster `{}` has ssh keys", cluster.name),
        )
        .cause("only nodes whose image exposes port 22 get keys, when their cluster is started")
        .hint("`clusterdock ssh NODE` requires neither sshd nor keys"));
    }
    let mut text = String::new();
    for node in nodes {
        let folder = folder(&console.paths.config, node)?;
        text += &block(&console.engine, console.paths, &clusters, node, &folder);
    }
    console.report.answer(&text)
}

/// The folder of a node's keys.
fn folder(config: &Path, node: &Node) -> Result<PathBuf> {
    let run = node
        .run
        .as_ref()
        .map(|run| run.id.clone())
        .unwrap_or_default();
    let folder = keys::folder(config, &node.cluster, &run);
    if folder.join(keys::PRIVATE_KEY).is_file() {
        Ok(folder)
    } else {
        Err(Error::new(
            Kind::NotFound,
            format!("ssh keys of cluster `{}` not found", node.cluster),
        )
        .cause(format!(
            "`{}` does not exist; only the user who started the cluster has them",
            folder.display()
        ))
        .hint("`clusterdock ssh NODE` requires no keys"))
    }
}

fn block(
    engine: &dyn System,
    paths: &Paths,
    clusters: &[Cluster],
    node: &Node,
    folder: &Path,
) -> String {
    let fqdn = &node.fqdn;
    format!(
        "Host {}
  {}
  User root
  HostKeyAlias {fqdn}
  StrictHostKeyChecking yes
  UserKnownHostsFile {}
  IdentityFile {}
  IdentitiesOnly yes
  PasswordAuthentication no

",
        names(clusters, node).join(" "),
        connection(engine, paths, node),
        path(&folder.join(keys::KNOWN_HOSTS)),
        path(&folder.join(keys::PRIVATE_KEY)),
    )
}

/// The names of a node: as in all commands, an FQDN or a host name stands for it only if no other node has it.
fn names(clusters: &[Cluster], node: &Node) -> Vec<String> {
    let nodes = || clusters.iter().flat_map(|cluster| &cluster.nodes);
    let by_fqdn = nodes().filter(|other| other.fqdn == node.fqdn).count();
    let by_hostname = nodes()
        .filter(|other| other.hostname == node.hostname)
        .count();
    let mut names = vec![format!("{}/{}", node.cluster, node.hostname)];
    if by_fqdn == 1 {
        names.insert(0, node.fqdn.clone());
    }
    if by_hostname == 1 {
        names.push(node.hostname.clone());
    }
    names
}

/// How ssh reaches a node's sshd: by its published port, by the node's address if that is reachable from this machine, or
/// through the engine, with an sshd that `exec` starts.
fn connection(engine: &dyn System, paths: &Paths, node: &Node) -> String {
    let published = node
        .ports()
        .iter()
        .find(|port| port.container_port == 22 && port.protocol == Protocol::Tcp);
    match (published, node.address) {
        (Some(port), _) => format!(
            "HostName {}\n  Port {}",
            user_address(engine, port.host_ip),
            port.host_port
        ),
        (None, Some(address)) if engine.is_local() => format!("HostName {address}\n  Port 22"),
        _ => {
            let program = quoted(&paths.executable.display().to_string());
            let engine = quoted(engine.address());
            // At its end, ssh hangs up on its proxy command. The shell takes the signal, and the program only sees that
            // its input has ended, which is not an error.
            let command = format!(
                "{program} -H {engine} exec -i {} -- /usr/sbin/sshd -i; exit",
                node.name
            );
            format!("ProxyCommand sh -c {}", quoted(&command).replace('%', "%%"))
        }
    }
}

/// A path as one word of an ssh configuration.
fn path(path: &Path) -> String {
    format!("\"{}\"", path.display().to_string().replace('%', "%%"))
}
