//! Ports of nodes, and where users reach those that are published.

use std::fmt;

/// A port of a node. `u16` converts into it, as TCP.
///
/// ```
/// use clusterdock_plugin_api::{PlannedNode, Port};
///
/// fn publish(node: &PlannedNode) {
///     node.publish(80).publish(Port::udp(53).on_host(5353));
/// }
/// assert_eq!(format!("http://localhost:{}/", Port::tcp(8080)), "http://localhost:8080/");
/// ```
///
/// Since 1.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Port {
    number: u16,
    protocol: Protocol,
    pub(crate) host: Option<u16>,
}

/// The protocol of a port. Since 1.0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Protocol {
    /// The usual one.
    Tcp,
    /// Datagrams.
    Udp,
    /// Streams of messages.
    Sctp,
}

impl Port {
    /// A TCP port.
    pub const fn tcp(number: u16) -> Port {
        Port::new(number, Protocol::Tcp)
    }

    /// A UDP port.
    pub const fn udp(number: u16) -> Port {
        Port::new(number, Protocol::Udp)
    }

    /// An SCTP port.
    pub const fn sctp(number: u16) -> Port {
        Port::new(number, Protocol::Sctp)
    }

    pub(crate) const fn new(number: u16, protocol: Protocol) -> Port {
        Port {
            number,
            protocol,
            host: None,
        }
    }

    /// Sets the host port when it is published; one in use fails the start (exit code 4). Default: a free one, or with
    /// the user's `--predictable` the same as in the node.
    #[must_use]
    pub const fn on_host(mut self, host_port: u16) -> Port {
        self.host = Some(host_port);
        self
    }

    /// The number.
    pub const fn number(self) -> u16 {
        self.number
    }

    /// The protocol.
    pub const fn protocol(self) -> Protocol {
        self.protocol
    }
}

impl From<u16> for Port {
    fn from(number: u16) -> Port {
        Port::tcp(number)
    }
}

/// The number.
impl fmt::Display for Port {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.number.fmt(f)
    }
}

/// `tcp`, `udp` or `sctp`.
impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        })
    }
}

/// A published port of a node, and the address at which the user reaches it.
///
/// ```
/// use clusterdock_plugin_api::{Node, Result};
///
/// fn greet(node: &Node) -> Result<String> {
///     let port = node.published(80)?;
///     Ok(format!("http://{port}/, which is port {} of {}", port.host_port(), port.host()))
/// }
/// ```
///
/// Since 1.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublishedPort {
    pub(crate) port: Port,
    pub(crate) host: String,
    pub(crate) host_port: u16,
}

impl PublishedPort {
    /// The port inside the node.
    pub fn port(&self) -> Port {
        self.port
    }

    /// The host's address or, for a remote engine, its name.
    pub fn host(&self) -> &str {
        &self.host
    }

    /// The port on the host.
    pub fn host_port(&self) -> u16 {
        self.host_port
    }
}

/// `HOST:PORT`, an IPv6 address in brackets.
impl fmt::Display for PublishedPort {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.host.contains(':') {
            write!(f, "[{}]:{}", self.host, self.host_port)
        } else {
            write!(f, "{}:{}", self.host, self.host_port)
        }
    }
}
