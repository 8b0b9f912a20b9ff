//! Conditions for the readiness of a node. They are data, not code, and stored with the node, so that a restart can wait
//! for them without the topology.

use std::fmt;

use serde::{Deserialize, Serialize};

/// A condition of a node that the host waits for: before the hook runs (`probes` of a `NodeSpec`), and when a hook calls
/// `Node::wait_for`. It is polled, first after 100 ms, later every second.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Probe {
    /// A process in the node listens on this TCP port.
    Port(u16),
    /// A GET request to `http://127.0.0.1:PORT/PATH` in the node succeeds.
    Http {
        /// The port inside the node.
        port: u16,
        /// Beginning with a slash.
        path: String,
        /// The expected status; if `None`, any from 200 to 399.
        status: Option<u16>,
    },
    /// A line of the container's log contains this text.
    Log(String),
    /// This command, run by `/bin/sh -c` as root, exits with 0.
    Command(String),
    /// This path exists in the node.
    File(String),
    /// The container's health check passes.
    Healthy,
    /// All of these.
    All(Vec<Probe>),
    /// At least one of these.
    Any(Vec<Probe>),
    /// The probe holds without interruption for this time.
    Stable {
        /// The probe.
        probe: Box<Probe>,
        /// The time in milliseconds.
        for_ms: u64,
    },
}

impl Probe {
    /// A process in the node listens on this TCP port.
    pub fn port(port: u16) -> Probe {
        Probe::Port(port)
    }

    /// `http://127.0.0.1:PORT/PATH` answers in the node with a status from 200 to 399.
    pub fn http(port: u16, path: impl Into<String>) -> Probe {
        Probe::Http {
            port,
            path: path.into(),
            status: None,
        }
    }

    /// `http://127.0.0.1:PORT/PATH` answers in the node with this status.
    pub fn http_status(port: u16, path: impl Into<String>, status: u16) -> Probe {
        Probe::Http {
            port,
            path: path.into(),
            status: Some(status),
        }
    }

    /// A line of the container's log contains this text.
    pub fn log(text: impl Into<String>) -> Probe {
        Probe::Log(text.into())
    }

    /// This command exits with 0.
    pub fn command(command: impl Into<String>) -> Probe {
        Probe::Command(command.into())
    }

    /// This path exists in the node.
    pub fn file(path: impl Into<String>) -> Probe {
        Probe::File(path.into())
    }

    /// The container's health check passes.
    pub fn healthy() -> Probe {
        Probe::Healthy
    }

    /// All of these.
    pub fn all(probes: impl IntoIterator<Item = Probe>) -> Probe {
        Probe::All(probes.into_iter().collect())
    }

    /// At least one of these.
    pub fn any(probes: impl IntoIterator<Item = Probe>) -> Probe {
        Probe::Any(probes.into_iter().collect())
    }

    /// The same condition, holding without interruption for this time.
    #[must_use]
    pub fn stable_for(self, time: std::time::Duration) -> Probe {
        Probe::Stable {
            probe: Box::new(self),
            for_ms: u64::try_from(time.as_millis()).unwrap_or(u64::MAX),
        }
    }
}

/// As shown in errors: ``port 9092``, ``command `test -e /x` ``.
impl fmt::Display for Probe {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Probe::Port(port) => write!(f, "port {port}"),
            Probe::Http {
                port,
                path,
                status: None,
            } => write!(f, "HTTP answer of http://127.0.0.1:{port}{path}"),
            Probe::Http {
                port,
                path,
                status: Some(status),
            } => {
                write!(f, "HTTP status {status} of http://127.0.0.1:{port}{path}")
            }
            Probe::Log(text) => write!(f, "log line with `{text}`"),
            Probe::Command(command) => write!(f, "command `{command}`"),
            Probe::File(path) => write!(f, "file `{path}`"),
            Probe::Healthy => f.write_str("health check"),
            Probe::All(probes) => write!(f, "all of ({})", list(probes)),
            Probe::Any(probes) => write!(f, "any of ({})", list(probes)),
            Probe::Stable { probe, for_ms } => write!(f, "{probe} for {for_ms} ms"),
        }
    }
}

fn list(probes: &[Probe]) -> String {
    probes
        .iter()
        .map(Probe::to_string)
        .collect::<Vec<_>>()
        .join(", ")
}
