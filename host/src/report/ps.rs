//! The nodes of clusters: `ps`.
//!
//! The original's columns are wider than most terminals. Where they do not fit, ports stand one below the other, and
//! then whole columns move from the right of the table to lines below it: their values are mostly the same for all
//! nodes. Elsewhere than on a terminal the table is as wide as it is.

use super::record::{ClusterRecord, NodeRecord, document, lines};
use super::table::Table;
use super::{Format, Report, status};
use crate::cluster::{Cluster, ClusterState, Node};
use crate::engine::{PublishedPort, State};
use crate::error::Result;
use serde::Serialize;
use std::collections::BTreeMap;
use unicode_width::UnicodeWidthStr;

/// As the engine's own tools shorten ids.
const SHORT_ID: usize = 12;
/// Columns that may move below the table, from its right.
const MOVABLE: usize = 3;

#[derive(Serialize)]
struct Answer<'a> {
    clusters: Vec<ClusterRecord<'a>>,
}

impl Report {
    /// Answers with the nodes of clusters. That there are none is told beside the answer, which is then empty.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn ps(&self, clusters: &[Cluster], format: Format) -> Result<()> {
        if clusters.is_empty() && format == Format::Table {
            self.note("No clusters.");
        }
        self.answer(&text(clusters, format, self.width()))
    }
}

/// The answer; `width` in columns, none for no limit.
pub(super) fn text(clusters: &[Cluster], format: Format, width: Option<usize>) -> String {
    let nodes = clusters.iter().flat_map(|cluster| &cluster.nodes);
    match format {
        Format::Table => clusters.iter().map(|cluster| section(cluster, width)).collect::<Vec<_>>().join("\n"),
        Format::Json => document(Answer { clusters: clusters.iter().map(ClusterRecord::with_nodes).collect() }),
        Format::Jsonl => lines(nodes.map(NodeRecord::of)),
        Format::Quiet => nodes.map(|node| format!("{}\n", node.fqdn)).collect(),
    }
}

fn section(cluster: &Cluster, width: Option<usize>) -> String {
    let name = &cluster.name;
    let mut text = match cluster.networks.join(", ") {
        networks if networks.is_empty() => format!("Cluster `{name}` has no nodes.\n"),
        networks => format!("For cluster `{name}` on network {networks} the node(s) are:\n"),
    };
    text.push_str(&trouble(cluster));
    if !cluster.nodes.is_empty() {
        text.push_str(&table(&cluster.nodes, width.unwrap_or(usize::MAX)));
    }
    text
}

/// What is wrong with a cluster as a whole and what can be done, in lines short enough for any terminal; else empty.
fn trouble(cluster: &Cluster) -> String {
    let (name, size) = (&cluster.name, cluster.size);
    let is_any = |states: &[State]| cluster.nodes.iter().any(|node| states.contains(&node.container.state));
    match cluster.state {
        ClusterState::Partial => {
            let there = cluster.nodes.len();
            format!(
                "(partial: {there} of {size} nodes;\n unless it is just starting, remove with `clusterdock rm {name}`)\n"
            )
        }
        ClusterState::Degraded => {
            let running = cluster.nodes.iter().filter(|node| node.is_running()).count();
            let mut steps = Vec::new();
            if is_any(&[State::Created, State::Exited]) {
                steps.push(format!("start the others with `clusterdock resume {name}`"));
            }
            if is_any(&[State::Paused]) {
                steps.push(format!("let paused ones go on with `clusterdock unpause {name}`"));
            }
            let or = if steps.is_empty() { "" } else { "or " };
            steps.push(format!("{or}remove all with `clusterdock rm {name}`"));
            format!("(degraded: {running} of {size} nodes running;\n {})\n", steps.join(",\n "))
        }
        ClusterState::Running | ClusterState::Paused | ClusterState::Stopped => String::new(),
    }
}

/// The widest form that fits, or else the narrowest.
fn table(nodes: &[Node], width: usize) -> String {
    let mut text = String::new();
    for (moved, stacked) in (0..=MOVABLE).flat_map(|moved| [(moved, false), (moved, true)]) {
        let columns = columns(nodes, stacked);
        let (inside, below) = columns.split_at(columns.len() - moved);
        let table = Table::of_columns(inside);
        text = table.text() + &legend(nodes, below);
        if table.width() <= width {
            break;
        }
    }
    text
}

fn columns(nodes: &[Node], stacked: bool) -> Vec<(&'static str, Vec<String>)> {
    let column = |heading, cell: &dyn Fn(&Node) -> String| (heading, nodes.iter().map(cell).collect());
    let separator = if stacked { ",\n" } else { ", " };
    vec![
        column("CONTAINER ID", &|node| short_id(&node.container.id).into()),
        column("HOST NAME", &|node| node.fqdn.clone()),
        column("PORTS", &|node| ports(node.ports()).join(separator)),
        column("STATUS", &|node| status::words(&node.container)),
        column("CONTAINER NAME", &|node| node.container.name.clone()),
        column("VERSION", &|node| node.version.clone()),
        column("IMAGE", &|node| image(&node.container.image)),
    ]
}

/// Columns as lines below the table: each value once, with its nodes where not all have it.
fn legend(nodes: &[Node], columns: &[(&'static str, Vec<String>)]) -> String {
    let width = columns.iter().map(|(heading, _)| heading.width()).max().unwrap_or(0);
    let mut text = String::new();
    for (heading, cells) in columns {
        for (index, line) in values(nodes, cells).iter().enumerate() {
            let heading = if index == 0 { heading } else { "" };
            text.push_str(format!("{heading:<width$}  {line}").trim_end());
            text.push('\n');
        }
    }
    text
}

fn values(nodes: &[Node], cells: &[String]) -> Vec<String> {
    if cells.iter().zip(nodes).all(|(cell, node)| *cell == node.fqdn) {
        return vec!["as the host name".into()];
    }
    let mut holders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (cell, node) in cells.iter().zip(nodes) {
        holders.entry(cell).or_default().push(&node.hostname);
    }
    match holders.len() {
        1 => holders.into_keys().map(Into::into).collect(),
        _ => holders.iter().map(|(value, names)| format!("{value} ({})", names.join(", "))).collect(),
    }
}

/// `8080->80/tcp`; the machine's address where it is a particular one. Ports of all IPv4 and all IPv6 addresses are one.
fn ports(ports: &[PublishedPort]) -> Vec<String> {
    let mut texts = Vec::with_capacity(ports.len());
    for port in ports {
        let (host, inside, protocol) = (port.host_port, port.container_port, port.protocol.as_str());
        let text = match port.host_ip {
            ip if ip.is_loopback() || ip.is_unspecified() => format!("{host}->{inside}/{protocol}"),
            ip => format!("{}->{inside}/{protocol}", std::net::SocketAddr::new(ip, host)),
        };
        if !texts.contains(&text) {
            texts.push(text);
        }
    }
    texts
}

fn image(reference: &str) -> String {
    match reference.strip_prefix("sha256:") {
        Some(digest) => format!("sha256:{}", short_id(digest)),
        None => reference.into(),
    }
}

fn short_id(id: &str) -> &str {
    id.get(..SHORT_ID).unwrap_or(id)
}
