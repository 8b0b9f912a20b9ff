//! The answer of `ls`: one line per cluster.

use std::collections::BTreeSet;

use jiff::Timestamp;
use serde::Serialize;

use super::schema::{ClusterJson, document, lines};
use super::table::Table;
use super::{Format, Report, words};
use crate::cluster::Cluster;
use crate::error::Result;
use crate::printable;

#[derive(Serialize)]
struct Answer<'a> {
    clusters: Vec<ClusterJson<'a>>,
    /// Networks of clusters that no longer exist.
    unused_networks: &'a [String],
}

impl Report {
    /// Prints clusters, and unused networks of former ones. If there are no clusters, a remark says so.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn ls(
        &self,
        clusters: &[Cluster],
        unused_networks: &[String],
        format: Format,
    ) -> Result<()> {
        if clusters.is_empty() && matches!(format, Format::Table | Format::Wide) {
            self.note("No clusters.");
        }
        self.answer(&text(clusters, unused_networks, format, self.clock.now()))
    }
}

/// The answer at the time `now`.
pub(super) fn text(
    clusters: &[Cluster],
    unused_networks: &[String],
    format: Format,
    now: Timestamp,
) -> String {
    match format {
        Format::Table => sections(clusters, unused_networks, &table(clusters, false, now)),
        Format::Wide => sections(clusters, unused_networks, &table(clusters, true, now)),
        Format::Json => document(Answer {
            clusters: clusters.iter().map(ClusterJson::new).collect(),
            unused_networks,
        }),
        Format::Jsonl => lines(clusters.iter().map(ClusterJson::new)),
        Format::Quiet => clusters
            .iter()
            .map(|cluster| format!("{}\n", cluster.name))
            .collect(),
    }
}

fn sections(clusters: &[Cluster], unused_networks: &[String], table: &str) -> String {
    let table = if clusters.is_empty() { "" } else { table };
    match (table, unused_networks) {
        (_, []) => table.into(),
        ("", _) => format!("Unused networks: {}\n", unused_networks.join(", ")),
        _ => format!("{table}\nUnused networks: {}\n", unused_networks.join(", ")),
    }
}

fn table(clusters: &[Cluster], is_wide: bool, now: Timestamp) -> String {
    let column = |heading, cell: &dyn Fn(&Cluster) -> String| {
        (
            heading,
            clusters
                .iter()
                .map(|cluster| printable::line(&cell(cluster)))
                .collect(),
        )
    };
    let mut columns = vec![
        column("NAME", &|cluster| cluster.name.clone()),
        column("STATE", &|cluster| cluster.state.as_str().into()),
        column("NODES", &|cluster| {
            format!("{}/{}", cluster.running_nodes(), cluster.size)
        }),
        column("NETWORK", &|cluster| cluster.networks.join(", ")),
        column("TOPOLOGY", &|cluster| cluster.topology.clone()),
        column("CREATED", &|cluster| words::age(&cluster.created, now)),
    ];
    if is_wide {
        columns.extend([
            column("TOPOLOGY VERSION", &versions),
            column("DOMAIN", &|cluster| cluster.domains.join(", ")),
        ]);
    }
    Table::of_columns(&columns).text()
}

/// The versions of its topology that its nodes were created from, nearly always one.
fn versions(cluster: &Cluster) -> String {
    let versions: BTreeSet<&str> = cluster
        .nodes
        .iter()
        .map(|node| node.topology_version.as_str())
        .filter(|version| !version.is_empty())
        .collect();
    versions.into_iter().collect::<Vec<_>>().join(", ")
}
