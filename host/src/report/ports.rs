//! The answer of `port`: published ports of a node, and where they are reached.

use serde::Serialize;

use super::schema::{document, lines};
use super::{Format, Report};
use crate::cluster::Node;
use crate::engine::PublishedPort;
use crate::error::Result;

/// A published port, and where the user reaches it.
#[derive(Debug, Clone, Serialize)]
pub struct ReachedPort<'a> {
    /// The port.
    #[serde(flatten)]
    pub port: &'a PublishedPort,
    /// `HOST:PORT`.
    pub address: String,
}

#[derive(Serialize)]
struct Answer<'a> {
    node: &'a str,
    ports: &'a [ReachedPort<'a>],
}

impl Report {
    /// Prints published ports. If only one was requested, its addresses stand alone. If there are none, a remark says so.
    ///
    /// # Errors
    /// As [`answer`](Report::answer).
    pub fn ports(
        &self,
        node: &Node,
        ports: &[ReachedPort<'_>],
        is_single: bool,
        format: Format,
    ) -> Result<()> {
        let answer = || Answer {
            node: &node.name,
            ports,
        };
        let line = |reached: &ReachedPort<'_>| {
            let ReachedPort { port, address } = reached;
            if is_single {
                format!("{address}\n")
            } else {
                format!("{}/{} -> {address}\n", port.container_port, port.protocol)
            }
        };
        self.answer(&match format {
            Format::Json => document(answer()),
            Format::Jsonl => lines(ports),
            Format::Table | Format::Wide | Format::Quiet => {
                if ports.is_empty() {
                    self.note("No published ports.");
                }
                ports.iter().map(line).collect()
            }
        })
    }
}
