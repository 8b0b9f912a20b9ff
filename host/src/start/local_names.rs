//! The names of a cluster's nodes in the hosts file of this machine.

use std::collections::BTreeMap;
use std::path::Path;

use clusterdock_plugin_wire::{ClusterFacts, NodeFacts};

use super::order::Order;
use super::session::Session;
use crate::engine::System;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::machine::hosts_file;
use crate::machine::hosts_file::UpdateHosts;

/// Writes the nodes into the machine's hosts file, so that they can be reached by name from this machine.
pub(super) async fn write(
    session: &Session<'_>,
    order: &Order<'_>,
    facts: &ClusterFacts,
) -> Result<()> {
    let wanted = match order.update_hosts {
        UpdateHosts::Never => false,
        UpdateHosts::Auto => session.engine.is_local(),
        UpdateHosts::Always => true,
    };
    let address = |node: &NodeFacts| Some((node.ip_address.parse().ok()?, node.fqdn.clone()));
    let nodes: Vec<_> = facts.nodes.iter().filter_map(address).collect();
    let file = &session.paths.hosts_file;
    if !wanted {
        return Ok(());
    }
    let engine = session.engine_info().await?.id.clone();
    let added = session
        .cancellation
        .wait(async { Ok(hosts_file::add(file, &engine, &facts.name, &nodes).await) })
        .await?;
    match added {
        Ok(known) => {
            if let Some(message) = shadowed(file, &known) {
                session.event(Event::Warning { message });
            }
            Ok(())
        }
        Err(error) if order.update_hosts == UpdateHosts::Always => Err(Error::new(
            Kind::Other,
            format!("nodes cannot be written into `{}`", file.display()),
        )
        .cause(error)
        .hint("run as root, or omit --update-etc-hosts")),
        Err(error) => {
            let message = format!("Failed to add the nodes to {}: {error}", file.display());
            session.event(Event::Progress { message });
            Ok(())
        }
    }
}

/// The warning about names that are also on earlier lines of the file: those take precedence.
fn shadowed(file: &Path, known: &BTreeMap<String, Option<String>>) -> Option<String> {
    let (name, cluster) = known.first_key_value()?;
    let names = match known.len() {
        1 => format!("{name} is"),
        count => format!("{name} and {} more are", count - 1),
    };
    let whose = match cluster {
        Some(cluster) => format!(", for cluster `{cluster}`"),
        None => String::new(),
    };
    Some(format!(
        "{names} already in {}{whose}: on this machine, the earlier entries take precedence; \
         use CLUSTER/HOSTNAME or addresses for the new nodes, or choose another --domain",
        file.display()
    ))
}
