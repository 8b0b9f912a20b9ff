//! Conditions of a node that the host waits for. They are data, kept with the node, so that a restart can wait for them
//! without the topology.

use std::fmt;
use std::time::Duration;

use crate::{wire, Command, Port};

/// A condition of a node: of its readiness ([`ready_when`](crate::PlannedNode::ready_when)), of its service
/// ([`serves_when`](crate::PlannedNode::serves_when)), or of the moment ([`Node::wait_for`](crate::Node::wait_for)). The
/// host polls it, first after 100 ms, later every second.
///
/// ```
/// use clusterdock_plugin_api::Probe;
/// use std::time::Duration;
///
/// Probe::http(8080, "/health").stable_for(Duration::from_secs(5));
/// Probe::any([Probe::log("Started"), Probe::file("/run/app.pid")]);
/// Probe::all([Probe::port(8020), Probe::command("hdfs dfsadmin -safemode get | grep -q OFF")]);
/// ```
///
/// Since 1.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Probe(pub(crate) wire::Probe);

impl Probe {
    /// A process in the node listens on this TCP port.
    pub fn port(port: impl Into<Port>) -> Probe {
        Probe(wire::Probe::Port(port.into().number()))
    }

    /// `http://127.0.0.1:PORT/PATH` answers in the node with a status from 200 to 399.
    pub fn http(port: impl Into<Port>, path: impl Into<String>) -> Probe {
        Probe(wire::Probe::http(port.into().number(), path))
    }

    /// `http://127.0.0.1:PORT/PATH` answers in the node with this status.
    pub fn http_status(port: impl Into<Port>, path: impl Into<String>, status: u16) -> Probe {
        Probe(wire::Probe::http_status(port.into().number(), path, status))
    }

    /// A line of the container's log contains this text.
    pub fn log(text: impl Into<String>) -> Probe {
        Probe(wire::Probe::log(text))
    }

    /// This command, run as root, exits with 0.
    pub fn command(command: impl Into<Command>) -> Probe {
        Probe(wire::Probe::command(command.into().into_shell()))
    }

    /// This path exists in the node.
    pub fn file(path: impl Into<String>) -> Probe {
        Probe(wire::Probe::file(path))
    }

    /// The container's health check passes.
    pub fn healthy() -> Probe {
        Probe(wire::Probe::healthy())
    }

    /// All of these.
    pub fn all(probes: impl IntoIterator<Item = Probe>) -> Probe {
        Probe(wire::Probe::all(probes.into_iter().map(Probe::into_wire)))
    }

    /// At least one of these.
    pub fn any(probes: impl IntoIterator<Item = Probe>) -> Probe {
        Probe(wire::Probe::any(probes.into_iter().map(Probe::into_wire)))
    }

    /// The same condition, holding without interruption for this time.
    #[must_use]
    pub fn stable_for(self, time: Duration) -> Probe {
        Probe(self.0.stable_for(time))
    }

    pub(crate) fn into_wire(self) -> wire::Probe {
        self.0
    }
}

/// As shown in errors: ``port 9092``, ``command `test -e /x` ``.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}
