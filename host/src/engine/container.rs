//! Containers: what to create, and what the engine shows of existing ones.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use clusterdock_plugin_wire::{Protocol, Settings};
use serde::Serialize;

use super::{Labels, Volume};

/// A container to create. The plan fills it in completely; the engine only adds its defaults.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContainerSpec {
    /// Its name, unique in the engine.
    pub name: String,
    /// Its host name: the FQDN.
    pub hostname: String,
    /// Image reference.
    pub image: String,
    /// Labels.
    pub labels: Labels,
    /// Its network, by name, since a container may be created before its network. Empty if it has none.
    pub network: String,
    /// Its fixed address. If `None`, the engine assigns one.
    pub address: Option<Ipv4Addr>,
    /// Further names that the network's DNS resolves to it.
    pub aliases: Vec<String>,
    /// Lines for its /etc/hosts: names separated by spaces, and their address.
    pub extra_hosts: Vec<(String, Ipv4Addr)>,
    /// Published ports.
    pub ports: Vec<PublishedPort>,
    /// Names of containers whose volumes it shares, with `:ro` appended for read-only access.
    pub volumes_from: Vec<String>,
    /// Volumes in addition to those of its settings.
    pub mounts: Vec<VolumeMount>,
    /// How much of its output the engine keeps. Default: the engine's default.
    pub log: Option<LogBounds>,
    /// Whether the engine's init process runs the command.
    pub init: bool,
    /// Everything else that the topology set.
    pub settings: Settings,
    /// Capabilities to drop from a host-like node, because the engine lacks them and would refuse to start it.
    pub capabilities_missing: Vec<String>,
}

/// A volume that is mounted into a container and not part of its settings, so that no image committed from the
/// container declares it. The image's files at that path are not copied into it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct VolumeMount {
    /// The volume. If it does not exist, the engine creates it with these labels when it creates the container. One
    /// without a name is anonymous and removed with the container.
    pub volume: Volume,
    /// Absolute path in the container.
    pub path: String,
}

/// How much of a container's output the engine keeps, in its log files.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogBounds {
    /// A logging driver that supports these options.
    pub driver: String,
    /// Bytes of one file.
    pub max_size: u64,
    /// Number of files; the oldest is dropped.
    pub max_files: u32,
}

/// A published port of a container.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PublishedPort {
    /// Port in the container.
    pub container_port: u16,
    /// Protocol.
    pub protocol: Protocol,
    /// Address on the host that it is bound to.
    pub host_ip: IpAddr,
    /// Port on the host.
    pub host_port: u16,
}

impl PublishedPort {
    /// Whether only one of the two can be published: on the same address, or because one is bound to all addresses.
    pub fn clashes(&self, other: &PublishedPort) -> bool {
        (self.host_port, self.protocol) == (other.host_port, other.protocol)
            && (self.host_ip == other.host_ip
                || self.host_ip.is_unspecified()
                || other.host_ip.is_unspecified())
    }
}

/// A container as the engine lists it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Container {
    /// Full id.
    pub id: String,
    /// Without a leading slash.
    pub name: String,
    /// Its host name. Lists do not contain it; only an inspection fills it in.
    pub hostname: Option<String>,
    /// The image reference it was created from, or an id if that reference has lost its tag.
    pub image: String,
    /// The full id of that image.
    pub image_id: String,
    /// Labels, including those of the image. They prove nothing: see [`crate::cluster::identity`].
    pub labels: Labels,
    /// Its state.
    pub state: State,
    /// The engine's description, e.g. `Up 3 minutes`.
    pub status: String,
    /// When it was created, in Unix seconds.
    pub created: i64,
    /// Published ports; the engine lists none for a container that is not running.
    pub ports: Vec<PublishedPort>,
    /// Networks by name.
    pub networks: BTreeMap<String, Endpoint>,
}

impl Container {
    /// Whether it has been running for at least a second by the engine's clock, on which its description is based.
    /// False if Docker does not print such a description.
    pub fn has_run_for_a_second(&self) -> bool {
        self.state.is_running()
            && self.status.starts_with("Up ")
            && !self.status.starts_with("Up Less than a second")
    }

    /// Whether it is on this network. A container that has never been started knows its network only by name.
    pub fn is_on(&self, id: &str, name: &str) -> bool {
        let is_place = |(network, place): (&String, &Endpoint)| {
            place.network_id == id || (place.network_id.is_empty() && network == name)
        };
        self.networks.iter().any(is_place)
    }
}

/// A container's connection to a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The network's id; empty before the container's first start.
    pub network_id: String,
    /// Its current address, while it is running.
    pub address: Option<Ipv4Addr>,
    /// Its fixed address, if it has one.
    pub fixed_address: Option<Ipv4Addr>,
}

/// The states of a container, by the engine's names.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Created and never started.
    #[default]
    Created,
    /// Its command is running.
    Running,
    /// Paused.
    Paused,
    /// Between two runs, under its restart policy.
    Restarting,
    /// Being removed.
    Removing,
    /// Its command has ended.
    Exited,
    /// Its removal failed, or it is broken in another way.
    Dead,
}

impl State {
    /// The engine's name.
    pub fn as_str(self) -> &'static str {
        match self {
            State::Created => "created",
            State::Running => "running",
            State::Paused => "paused",
            State::Restarting => "restarting",
            State::Removing => "removing",
            State::Exited => "exited",
            State::Dead => "dead",
        }
    }

    /// Reads the engine's name; podman's `stopped` means `exited`.
    pub fn parse(word: &str) -> State {
        match word {
            "running" => State::Running,
            "paused" => State::Paused,
            "restarting" => State::Restarting,
            "removing" => State::Removing,
            "exited" | "stopped" => State::Exited,
            "dead" => State::Dead,
            _ => State::Created,
        }
    }

    /// Whether commands can be run in it.
    pub fn is_running(self) -> bool {
        self == State::Running
    }
}

/// The current state of a container, as an inspection shows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContainerState {
    /// Its state.
    pub state: State,
    /// Its host name.
    pub hostname: String,
    /// Exit code of the last run that ended.
    pub exit_code: Option<i64>,
    /// Whether the kernel killed it because memory ran out.
    pub oom_killed: bool,
    /// The error of its last start.
    pub error: String,
    /// `healthy`, `unhealthy` or `starting`; `None` without a health check.
    pub health: Option<String>,
    /// Its process id on the engine's machine; `None` if it is not running.
    pub pid: Option<i64>,
    /// Networks by name.
    pub networks: BTreeMap<String, Endpoint>,
    /// Published ports, including host ports that the engine chose.
    pub ports: Vec<PublishedPort>,
    /// Ports that are published whenever it runs, as requested at its creation; host port 0 lets the engine choose.
    pub wanted_ports: Vec<PublishedPort>,
    /// Lines of its /etc/hosts from its creation: names separated by spaces, and their address.
    pub extra_hosts: Vec<(String, Ipv4Addr)>,
    /// When its current run began or, if it is not running, its last one.
    pub started: Option<jiff::Timestamp>,
    /// When its last completed run ended.
    pub ended: Option<jiff::Timestamp>,
    /// Whether a restart policy may start it again after its command has ended.
    pub may_restart: bool,
    /// The complete inspection as the engine's JSON.
    pub raw: serde_json::Value,
}

/// The end of a container's command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Death {
    /// Full id.
    pub id: String,
    /// Without a leading slash.
    pub name: String,
    /// Exit code.
    pub exit_code: i64,
}

/// Selects a part of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Only this many lines at the end. Default: all.
    pub tail: Option<u32>,
    /// Whether to follow new lines.
    pub follow: bool,
    /// Only lines since this time, in Unix seconds. Default: all.
    pub since: Option<i64>,
    /// Only lines until this time, in Unix seconds. Default: all.
    pub until: Option<i64>,
    /// Whether each line begins with its time: RFC 3339.
    pub timestamps: bool,
}

/// A piece of a log: usually a line, with its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Whether it is from standard error.
    pub is_stderr: bool,
    /// The bytes as written.
    pub bytes: bytes::Bytes,
}
