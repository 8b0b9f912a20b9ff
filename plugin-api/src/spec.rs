//! The nodes a topology asks for. Plain data: the host turns it into containers.

use crate::{Device, Probe, Security, Settings, Volume};
use serde::{Deserialize, Serialize};

/// One node of a cluster: a container that behaves like a host.
///
/// Only host name and group are needed: the image is the cluster's own unless another is named, and the node runs for
/// as long as its command does, which is the image's unless another is given.
///
/// ```
/// use clusterdock_plugin_api::{NodeSpec, Port, Probe, Volume};
///
/// NodeSpec::new("broker-1", "brokers")
///     .port(Port::tcp(9092))
///     .volume(Volume::bind("/srv/jars", "/opt/jars").read_only())
///     .environment("KAFKA_HEAP_OPTS", "-Xmx512m")
///     .ready_when(Probe::port(9092));
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeSpec {
    /// A label of at most 63 characters, once in the cluster; `HOSTNAME.NETWORK` at most 64 (the kernel's limit).
    /// Anything else is refused (exit code 2).
    pub hostname: String,
    /// The node group, as declared.
    pub group: String,
    /// The image's reference; pulled when it is not there, as the user's `--pull` says. Default: the cluster's image.
    pub image: Option<String>,
    /// Ports published on the machine, beside those of the user's `--port`, which hold over these where both name one.
    pub ports: Vec<Port>,
    /// What has to be true before the node counts as ready: all of it, within the user's `--timeout`. Default: it runs.
    pub probes: Vec<Probe>,
    /// What the container is made with.
    #[serde(flatten)]
    pub settings: Settings,
}

/// A port of a node that is published on the machine, on loopback unless the user's `--bind` says otherwise. Hooks
/// learn the port on the machine by [`Node::address_of`](crate::Node::address_of), users by `clusterdock ps` and `env`.
///
/// ```
/// use clusterdock_plugin_api::{NodeSpec, Port, Protocol};
///
/// let sctp = Port { container_port: 3868, host_port: None, protocol: Protocol::Sctp };
/// NodeSpec::new("dns", "servers").port(Port::udp(53).on_host(5353)).port(Port::tcp(80)).port(sctp);
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The port inside the node.
    pub container_port: u16,
    /// The port on the machine; one in use fails the start (exit code 4). Default: a free one that the host chooses, or
    /// with the user's `--predictable` the port inside.
    #[serde(default)]
    pub host_port: Option<u16>,
    /// `tcp`, `udp` or `sctp`. Default: `tcp`.
    #[serde(default)]
    pub protocol: Protocol,
}

/// The protocol of a port.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Protocol {
    /// The default.
    #[default]
    Tcp,
    /// Datagrams.
    Udp,
    /// Streams of messages.
    Sctp,
}

impl Protocol {
    /// As the engine writes it: `tcp`, `udp` or `sctp`.
    pub fn as_str(self) -> &'static str {
        match self {
            Protocol::Tcp => "tcp",
            Protocol::Udp => "udp",
            Protocol::Sctp => "sctp",
        }
    }
}

impl std::fmt::Display for Protocol {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl Port {
    /// A TCP port; the host chooses where it appears on the machine.
    pub fn tcp(container_port: u16) -> Port {
        Port { container_port, host_port: None, protocol: Protocol::Tcp }
    }

    /// A UDP port; the host chooses where it appears on the machine.
    pub fn udp(container_port: u16) -> Port {
        Port { container_port, host_port: None, protocol: Protocol::Udp }
    }

    /// The port on the machine.
    #[must_use]
    pub fn on_host(mut self, host_port: u16) -> Port {
        self.host_port = Some(host_port);
        self
    }
}

impl NodeSpec {
    /// A node of the cluster's own image.
    pub fn new(hostname: impl Into<String>, group: impl Into<String>) -> NodeSpec {
        NodeSpec { hostname: hostname.into(), group: group.into(), ..NodeSpec::default() }
    }

    /// Another image than the cluster's.
    #[must_use]
    pub fn image(mut self, image: impl Into<String>) -> NodeSpec {
        self.image = Some(image.into());
        self
    }

    /// Publishes a port on the machine.
    #[must_use]
    pub fn port(mut self, port: Port) -> NodeSpec {
        self.ports.push(port);
        self
    }

    /// Adds what has to be true before the node counts as ready.
    #[must_use]
    pub fn ready_when(mut self, probe: Probe) -> NodeSpec {
        self.probes.push(probe);
        self
    }

    /// The command, in place of the image's.
    #[must_use]
    pub fn command<S: Into<String>>(mut self, command: impl IntoIterator<Item = S>) -> NodeSpec {
        self.settings.command = Some(command.into_iter().map(Into::into).collect());
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<String>) -> NodeSpec {
        self.settings.environment.insert(name.into(), value.into());
        self
    }

    /// Adds a volume.
    #[must_use]
    pub fn volume(mut self, volume: Volume) -> NodeSpec {
        self.settings.volumes.push(volume);
        self
    }

    /// Adds a device of the machine, at the same path.
    #[must_use]
    pub fn device(mut self, path: impl Into<String>) -> NodeSpec {
        self.settings.devices.push(Device::new(path));
        self
    }

    /// What the node may do.
    #[must_use]
    pub fn security(mut self, security: Security) -> NodeSpec {
        self.settings.security = security;
        self
    }

    /// Runs systemd, as [`Settings::systemd`] says, and counts the node as ready once systemd has started everything,
    /// or tried to.
    #[must_use]
    pub fn systemd(mut self) -> NodeSpec {
        self.settings.systemd = true;
        let state = r#"case "$(systemctl is-system-running --wait)" in running | degraded) ;; *) exit 1 ;; esac"#;
        self.ready_when(Probe::command(state))
    }

    /// Changes what has no method of its own here: `spec.with(|settings| settings.shm_size = Some(1 << 28))`.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> NodeSpec {
        change(&mut self.settings);
        self
    }
}
