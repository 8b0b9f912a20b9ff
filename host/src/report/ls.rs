//! Clusters in a line each: `ls`.

use super::record::{ClusterRecord, document, lines};
use super::table::Table;
use super::{Format, Report, words};
use crate::cluster::Cluster;
use crate::error::Result;
use jiff::Timestamp;
use serde::Serialize;

#[derive(Serialize)]
struct Answer<'a> {
    clusters: Vec<ClusterRecord<'a>>,
}

impl Report {
    /// Answers with clusters. That there are none is told beside the answer, which is then empty.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn ls(&self, clusters: &[Cluster], format: Format) -> Result<()> {
        if clusters.is_empty() && format == Format::Table {
            self.note("No clusters.");
        }
        self.answer(&text(clusters, format, self.clock.now()))
    }
}

/// The answer, where it is `now`.
pub(super) fn text(clusters: &[Cluster], format: Format, now: Timestamp) -> String {
    match format {
        Format::Table if clusters.is_empty() => String::new(),
        Format::Table => table(clusters, now),
        Format::Json => document(Answer { clusters: clusters.iter().map(ClusterRecord::of).collect() }),
        Format::Jsonl => lines(clusters.iter().map(ClusterRecord::of)),
        Format::Quiet => clusters.iter().map(|cluster| format!("{}\n", cluster.name)).collect(),
    }
}

fn table(clusters: &[Cluster], now: Timestamp) -> String {
    let column = |heading, cell: &dyn Fn(&Cluster) -> String| (heading, clusters.iter().map(cell).collect());
    let running = |cluster: &Cluster| cluster.nodes.iter().filter(|node| node.is_running()).count();
    Table::of_columns(&[
        column("NAME", &|cluster| cluster.name.clone()),
        column("STATE", &|cluster| cluster.state.as_str().into()),
        column("NODES", &|cluster| format!("{}/{}", running(cluster), cluster.size)),
        column("NETWORK", &|cluster| cluster.networks.join(", ")),
        column("TOPOLOGY", &|cluster| cluster.topology.clone()),
        column("CREATED", &|cluster| words::age(&cluster.created, now)),
    ])
    .text()
}
