//! The answer of `start`: the cluster that was started.

use serde::Serialize;

use super::schema::{ClusterJson, document, lines};
use super::{Format, Report};
use crate::cluster::Cluster;
use crate::cluster::filter::Shown;
use crate::error::Result;

#[derive(Serialize)]
struct Answer<'a> {
    cluster: ClusterJson<'a>,
    total_ms: u64,
    closing: &'a [String],
}

impl Report {
    /// Prints the cluster that was started in `total_ms` milliseconds, its nodes, and the topology's closing messages. If
    /// no format was chosen, prints only its name, or nothing on a terminal, where the story names it.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn started(
        &self,
        cluster: &Cluster,
        total_ms: u64,
        closing: &[String],
        format: Format,
    ) -> Result<()> {
        match format {
            Format::Table | Format::Wide if self.width().is_some() => Ok(()),
            _ => self.answer(&text(cluster, total_ms, closing, format)),
        }
    }
}

pub(super) fn text(cluster: &Cluster, total_ms: u64, closing: &[String], format: Format) -> String {
    let answer = || Answer {
        cluster: ClusterJson::with_nodes(&Shown::whole(cluster)),
        total_ms,
        closing,
    };
    match format {
        Format::Json => document(answer()),
        Format::Jsonl => lines([answer()]),
        Format::Table | Format::Wide | Format::Quiet => format!("{}\n", cluster.name),
    }
}
