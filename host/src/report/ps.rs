//! The answer of `ps`: the nodes of clusters.
//!
//! The original's columns are wider than most terminals. If they do not fit, ports are stacked, and then whole columns
//! move from the right of the table to lines below it: most of their values are the same for all nodes. If the answer
//! does not go to a terminal, the width of the table is not limited.

use std::collections::BTreeMap;

use serde::Serialize;
use unicode_width::UnicodeWidthStr;

use super::schema::{ClusterJson, NodeJson, document, lines};
use super::table::Table;
use super::{Format, Report, status};
use crate::cluster::filter::Shown;
use crate::cluster::{Cluster, ClusterState, Node};
use crate::engine::{PublishedPort, State};
use crate::error::Result;
use crate::printable;

/// The length of short ids, as in docker's own output.
const SHORT_ID: usize = 12;
/// How many columns may move below the table, from its right.
const MOVABLE: usize = 3;
/// The same with the columns of `--wide`.
const MOVABLE_IF_WIDE: usize = 5;

#[derive(Serialize)]
struct Answer<'a> {
    clusters: Vec<ClusterJson<'a>>,
}

impl Report {
    /// Prints nodes of clusters. If there are none, a remark says so.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn ps(&self, shown: &[Shown<'_>], format: Format) -> Result<()> {
        if shown.is_empty() && matches!(format, Format::Table | Format::Wide) {
            self.note("No clusters.");
        }
        self.answer(&text(shown, format, self.width()))
    }
}

/// The answer. Without `width`, in columns, its width is not limited.
pub(super) fn text(shown: &[Shown<'_>], format: Format, width: Option<usize>) -> String {
    let nodes = || shown.iter().flat_map(|shown| shown.nodes.iter().copied());
    let sections = |is_wide| {
        let section = |shown| section(shown, is_wide, width);
        shown.iter().map(section).collect::<Vec<_>>().join("\n")
    };
    match format {
        Format::Table => sections(false),
        Format::Wide => sections(true),
        Format::Json => document(Answer {
            clusters: shown.iter().map(ClusterJson::with_nodes).collect(),
        }),
        Format::Jsonl => lines(nodes().map(NodeJson::new)),
        Format::Quiet => nodes().map(|node| format!("{}\n", node.name)).collect(),
    }
}

fn section(shown: &Shown<'_>, is_wide: bool, width: Option<usize>) -> String {
    let cluster = shown.cluster;
    let name = &cluster.name;
    let mut text = match cluster.networks.join(", ") {
        networks if networks.is_empty() => format!("Cluster `{name}` has no nodes.\n"),
        networks => format!("For cluster `{name}` on network {networks} the node(s) are:\n"),
    };
    text.push_str(&trouble(cluster));
    if !shown.nodes.is_empty() {
        text.push_str(&table(&shown.nodes, is_wide, width.unwrap_or(usize::MAX)));
    }
    text
}

/// What is wrong with a cluster as a whole and what to do, in short lines; empty if nothing is.
fn trouble(cluster: &Cluster) -> String {
    let name = &cluster.name;
    let size = cluster.size;
    let running = cluster.running_nodes();
    let is_any = |states: &[State]| {
        cluster
            .nodes
            .iter()
            .any(|node| states.contains(&node.container.state))
    };
    match cluster.state {
        ClusterState::Partial => {
            format!(
                "(partial: {running} of {size} nodes running; start not completed or nodes missing;\n if no start is running, remove it with `clusterdock rm {name}`)\n"
            )
        }
        ClusterState::Degraded => {
            let mut steps = Vec::new();
            if is_any(&[State::Created, State::Exited]) {
                steps.push(format!("start the others with `clusterdock resume {name}`"));
            }
            if is_any(&[State::Paused]) {
                steps.push(format!(
                    "unpause the paused ones with `clusterdock unpause {name}`"
                ));
            }
            let or = if steps.is_empty() { "" } else { "or " };
            steps.push(format!("{or}remove all with `clusterdock rm {name}`"));
            format!(
                "(degraded: {running} of {size} nodes running;\n {})\n",
                steps.join(",\n ")
            )
        }
        ClusterState::Running | ClusterState::Paused | ClusterState::Stopped => String::new(),
    }
}

/// The widest form of the table that fits, or the narrowest.
fn table(nodes: &[&Node], is_wide: bool, width: usize) -> String {
    let movable = if is_wide { MOVABLE_IF_WIDE } else { MOVABLE };
    let mut text = String::new();
    for (moved, stacked) in (0..=movable).flat_map(|moved| [(moved, false), (moved, true)]) {
        let columns = columns(nodes, is_wide, stacked);
        let (inside, below) = columns.split_at(columns.len() - moved);
        let table = Table::of_columns(inside);
        text = table.text() + &legend(nodes, below);
        if table.width() <= width {
            break;
        }
    }
    text
}

type Column = (&'static str, Vec<String>);

/// The original's columns and, in a wide table, further ones. The last of them are mostly the same for all nodes.
fn columns(nodes: &[&Node], is_wide: bool, stacked: bool) -> Vec<Column> {
    let cells =
        |cell: &dyn Fn(&Node) -> String| nodes.iter().map(|node| cell(node)).collect::<Vec<_>>();
    let column = |heading, cell: &dyn Fn(&Node) -> String| {
        (heading, cells(&|node| printable::line(&cell(node))))
    };
    let wide = |heading, cell: &dyn Fn(&Node) -> String| is_wide.then(|| column(heading, cell));
    let separator = if stacked { ",\n" } else { ", " };
    [
        Some(column("CONTAINER ID", &|node| {
            short_id(&node.container.id).into()
        })),
        Some(column("HOST NAME", &|node| node.fqdn.clone())),
        wide("IP", &|node| {
            node.address
                .map(|address| address.to_string())
                .unwrap_or_default()
        }),
        Some(("PORTS", cells(&|node| ports(node.ports()).join(separator)))),
        Some(column("STATUS", &|node| status::words(&node.container))),
        wide("UPTIME", &|node| status::uptime(&node.container)),
        wide("GROUP", &|node| node.group.clone()),
        wide("TOPOLOGY", &topology),
        Some(column("CONTAINER NAME", &|node| {
            node.container.name.clone()
        })),
        Some(column("VERSION", &|node| node.version.clone())),
        Some(column("IMAGE", &|node| image(&node.container.image))),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The topology's name and version, as far as they are known.
fn topology(node: &Node) -> String {
    format!("{} {}", node.topology, node.topology_version)
        .trim()
        .into()
}

/// Columns as lines below the table: each value once, with the names of its nodes unless all have it.
fn legend(nodes: &[&Node], columns: &[Column]) -> String {
    let width = columns
        .iter()
        .map(|(heading, _)| heading.width())
        .max()
        .unwrap_or(0);
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

fn values(nodes: &[&Node], cells: &[String]) -> Vec<String> {
    if cells
        .iter()
        .zip(nodes)
        .all(|(cell, node)| *cell == node.fqdn)
    {
        return vec!["same as the host name".into()];
    }
    let mut holders: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (cell, node) in cells.iter().zip(nodes) {
        holders.entry(cell).or_default().push(&node.hostname);
    }
    match holders.len() {
        1 => holders.into_keys().map(Into::into).collect(),
        _ => holders
            .iter()
            .map(|(value, names)| format!("{value} ({})", names.join(", ")))
            .collect(),
    }
}

/// `8080->80/tcp`, with the host address if it is a specific one. Ports on all IPv4 and all IPv6 addresses are shown once.
fn ports(ports: &[PublishedPort]) -> Vec<String> {
    let mut texts = Vec::with_capacity(ports.len());
    for port in ports {
        let (host, inside, protocol) =
            (port.host_port, port.container_port, port.protocol.as_str());
        let text = match port.host_ip {
            ip if ip.is_loopback() || ip.is_unspecified() => format!("{host}->{inside}/{protocol}"),
            ip => format!(
                "{}->{inside}/{protocol}",
                std::net::SocketAddr::new(ip, host)
            ),
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
