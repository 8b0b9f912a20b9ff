//! The nodes a topology asks for. Plain data: the host turns it into containers.

use crate::Probe;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

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
    /// A label of at most 63 characters; `HOSTNAME.NETWORK` at most 64 (the kernel's limit).
    pub hostname: String,
    /// The node group, as declared.
    pub group: String,
    /// The image's reference. Default: the cluster's image.
    pub image: Option<String>,
    /// Ports published on the machine, beside those of the user's `--port`.
    pub ports: Vec<Port>,
    /// What has to be true before the node counts as ready. Default: it runs.
    pub probes: Vec<Probe>,
    /// What the container is made with.
    #[serde(flatten)]
    pub settings: Settings,
}

/// What a container is made with, beside its names, image and network. Everything has the engine's default unless
/// said otherwise.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The command, in place of the image's.
    pub command: Option<Vec<String>>,
    /// The entry point, in place of the image's.
    pub entrypoint: Option<Vec<String>>,
    /// Environment variables.
    pub environment: BTreeMap<String, String>,
    /// The user of the command, `USER[:GROUP]`. Default: the image's.
    pub user: Option<String>,
    /// The folder the command starts in. Default: the image's.
    pub working_directory: Option<String>,
    /// Folders from outside the container.
    pub volumes: Vec<Volume>,
    /// Devices of the machine.
    pub devices: Vec<Device>,
    /// In-memory file systems: path to mount options such as `size=64m`.
    pub tmpfs: BTreeMap<String, String>,
    /// Kernel parameters of the container.
    pub sysctls: BTreeMap<String, String>,
    /// Limits of its processes.
    pub ulimits: Vec<Ulimit>,
    /// Size of `/dev/shm` in bytes.
    pub shm_size: Option<u64>,
    /// Processors, as a number such as `1.5`.
    pub cpus: Option<f64>,
    /// Memory in bytes.
    pub memory: Option<u64>,
    /// `no`, `always`, `unless-stopped` or `on-failure[:N]`. Default: `no`.
    pub restart: Option<String>,
    /// How the engine finds out whether the node is healthy. Default: the image's.
    pub health_check: Option<HealthCheck>,
    /// Host names to addresses, beside those of the cluster's own nodes.
    pub extra_hosts: Vec<(String, String)>,
    /// `private` or `host`. Default: the engine's.
    pub cgroup_namespace: Option<String>,
    /// Whether the engine's init runs the command. Default: unless the image brings an init of its own.
    pub init: Option<bool>,
    /// What the node may do. Default: host-like.
    pub security: Security,
    /// Labels of the container, beside clusterdock's own.
    pub labels: BTreeMap<String, String>,
    /// Fields of the engine's create call that have no name here, in the engine's own words, such as
    /// `{"HostConfig": {"OomScoreAdj": 500}}`. A field that the engine's call does not have is refused by name.
    pub create: serde_json::Map<String, serde_json::Value>,
}

/// What a node may do.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Security {
    /// As a host: every capability the engine can give, and no seccomp profile.
    #[default]
    HostLike,
    /// As a container: the engine's own defaults.
    Plain,
    /// Everything, the machine's devices included.
    Privileged,
}

/// A port of a node that is published on the machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Port {
    /// The port inside the node.
    pub container_port: u16,
    /// The port on the machine. Default: chosen by the host.
    #[serde(default)]
    pub host_port: Option<u16>,
    /// `tcp`, `udp` or `sctp`.
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

/// A folder of a node that lives outside its container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Where it comes from.
    pub source: VolumeSource,
    /// The path in the node; empty for the volumes of an image, which bring their own.
    #[serde(default)]
    pub target: String,
    /// Whether the node may only read. Default: no.
    #[serde(default)]
    pub read_only: bool,
}

/// Where a volume comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VolumeSource {
    /// A path on the engine's machine.
    Bind(String),
    /// A volume of that name, made when it is not there and kept when the cluster is removed.
    Named(String),
    /// A fresh volume, removed with the node.
    Anonymous,
    /// All volumes of an image.
    Image(String),
}

impl Volume {
    fn new(source: VolumeSource, target: impl Into<String>) -> Volume {
        Volume { source, target: target.into(), read_only: false }
    }

    /// A path on the engine's machine.
    pub fn bind(source: impl Into<String>, target: impl Into<String>) -> Volume {
        Volume::new(VolumeSource::Bind(source.into()), target)
    }

    /// A named volume, which outlives the cluster.
    pub fn named(name: impl Into<String>, target: impl Into<String>) -> Volume {
        Volume::new(VolumeSource::Named(name.into()), target)
    }

    /// A fresh volume, removed with the node.
    pub fn anonymous(target: impl Into<String>) -> Volume {
        Volume::new(VolumeSource::Anonymous, target)
    }

    /// All volumes of an image, at the paths it declares.
    pub fn of_image(image: impl Into<String>) -> Volume {
        Volume::new(VolumeSource::Image(image.into()), "")
    }

    /// Lets the node only read.
    #[must_use]
    pub fn read_only(mut self) -> Volume {
        self.read_only = true;
        self
    }
}

/// A device of the engine's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The path on the machine.
    pub source: String,
    /// The path in the node.
    pub target: String,
    /// Any of `r`, `w` and `m` (make nodes). Default: `rwm`.
    #[serde(default = "Device::all_permissions")]
    pub permissions: String,
}

impl Device {
    /// A device at the same path in the node, with all permissions.
    pub fn new(path: impl Into<String>) -> Device {
        let path = path.into();
        Device { source: path.clone(), target: path, permissions: Device::all_permissions() }
    }

    fn all_permissions() -> String {
        "rwm".into()
    }
}

/// A limit of a node's processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// As in limits.conf: `nofile`, `nproc`, `memlock`, ...
    pub name: String,
    /// What a process starts with; -1 for no limit.
    pub soft: i64,
    /// What it may raise it to; -1 for no limit.
    pub hard: i64,
}

/// A health check that the engine runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthCheck {
    /// The command, run by the image's shell; empty: the image's own check.
    pub command: String,
    /// Milliseconds between checks. Default: 30000.
    pub interval_ms: Option<u64>,
    /// Milliseconds one check may take. Default: 30000.
    pub timeout_ms: Option<u64>,
    /// Failures in a row that make a node unhealthy. Default: 3.
    pub retries: Option<u32>,
    /// Milliseconds at the beginning in which failures do not count. Default: 0.
    pub start_period_ms: Option<u64>,
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

    /// Changes what has no method of its own here: `spec.with(|settings| settings.shm_size = Some(1 << 28))`.
    #[must_use]
    pub fn with(mut self, change: impl FnOnce(&mut Settings)) -> NodeSpec {
        change(&mut self.settings);
        self
    }
}
