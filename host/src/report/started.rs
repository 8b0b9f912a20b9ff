//! A cluster just started, as the answer that `start --format` gives.

use super::record::{ClusterRecord, document, lines};
use super::{Format, Report, ps};
use crate::cluster::Cluster;
use crate::error::Result;
use serde::Serialize;

#[derive(Serialize)]
struct Answer<'a> {
    cluster: ClusterRecord<'a>,
    total_ms: u64,
    closing: &'a [String],
}

impl Report {
    /// Answers with the cluster that was started in `total_ms` milliseconds, its nodes, and what the topology wants
    /// the user to know; as a table, with its nodes as [`ps`](Report::ps) shows them.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn started(&self, cluster: &Cluster, total_ms: u64, closing: &[String], format: Format) -> Result<()> {
        self.answer(&text(cluster, total_ms, closing, format, self.width()))
    }
}

pub(super) fn text(
    cluster: &Cluster,
    total_ms: u64,
    closing: &[String],
    format: Format,
    width: Option<usize>,
) -> String {
    let answer = || Answer { cluster: ClusterRecord::with_nodes(cluster), total_ms, closing };
    match format {
        Format::Table => ps::text(std::slice::from_ref(cluster), Format::Table, width),
        Format::Json => document(answer()),
        Format::Jsonl => lines([answer()]),
        Format::Quiet => format!("{}\n", cluster.name),
    }
}
