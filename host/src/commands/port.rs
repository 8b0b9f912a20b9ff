//! `port`: where the published ports of a node are reached.

use super::Console;
use super::list;
use crate::cli::port_args::{InnerPort, PortArgs};
use crate::cluster::{Node, select};
use crate::engine::{PublishedPort, reached_at};
use crate::error::{Error, Kind, Result};
use crate::report::ReachedPort;

/// Prints the addresses of all published ports of a node, or of one of them.
pub async fn port(console: &Console<'_>, args: &PortArgs) -> Result<()> {
    let clusters = list::clusters(console).await?;
    let node = select::node(&clusters, &args.node)?;
    // The engine lists none of a stopped node.
    if node.ports().is_empty() {
        select::running(node)?;
    }
    let is_wanted = |port: &&PublishedPort| {
        args.port.is_none_or(|wanted| {
            (port.container_port, port.protocol) == (wanted.number, wanted.protocol)
        })
    };
    let mut reached: Vec<ReachedPort<'_>> = Vec::new();
    for port in node.ports().iter().filter(is_wanted) {
        let address = reached_at(&console.engine, port);
        // One on all IPv4 and all IPv6 addresses is listed twice.
        if !reached
            .iter()
            .any(|known| known.address == address && known.port.protocol == port.protocol)
        {
            reached.push(ReachedPort { port, address });
        }
    }
    if let (Some(wanted), true) = (args.port, reached.is_empty()) {
        return Err(not_published(node, wanted));
    }
    let is_single = args.port.is_some();
    console.report.ports(node, &reached, is_single, args.format)
}

fn not_published(node: &Node, wanted: InnerPort) -> Error {
    let InnerPort { number, protocol } = wanted;
    let mut published: Vec<String> = node
        .ports()
        .iter()
        .map(|port| format!("{}/{}", port.container_port, port.protocol))
        .collect();
    published.dedup();
    let error = Error::new(
        Kind::NotFound,
        format!(
            "port `{number}/{protocol}` of node `{}` is not published",
            node.name
        ),
    );
    if published.is_empty() {
        error.cause("none of its ports is").hint(format!(
            "ports are published at the start: clusterdock start -p {}:{number} TOPOLOGY",
            node.hostname
        ))
    } else {
        error.cause(format!("published: {}", published.join(", ")))
    }
}
