//! Containers: what one is made from, and how the engine's are seen.

use super::Labels;
use clusterdock_plugin_api::{Protocol, Settings};
use serde::Serialize;
use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

/// What a container is made from. The plan fills it in completely; the engine adds nothing but its own defaults.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContainerSpec {
    /// Unique in the engine: the FQDN.
    pub name: String,
    /// What the container calls itself: the FQDN.
    pub hostname: String,
    /// The image's reference.
    pub image: String,
    /// Labels.
    pub labels: Labels,
    /// The network it joins, by name: a container may be created before its network is. Empty: none.
    pub network: String,
    /// Its fixed address; none: the engine chooses.
    pub address: Option<Ipv4Addr>,
    /// Other names the network's DNS answers for.
    pub aliases: Vec<String>,
    /// Lines for its /etc/hosts: names, separated by blanks, and their address.
    pub extra_hosts: Vec<(String, Ipv4Addr)>,
    /// Published ports.
    pub ports: Vec<PublishedPort>,
    /// Containers whose volumes it has too: names, each with `:ro` where it may only read.
    pub volumes_from: Vec<String>,
    /// Whether the engine's init runs the command.
    pub init: bool,
    /// Everything else, as the topology asked.
    pub settings: Settings,
    /// Capabilities to leave out of a host-like node, since the engine lacks them and would refuse the start.
    pub capabilities_missing: Vec<String>,
}

/// A container's port on the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct PublishedPort {
    /// The port inside.
    pub container_port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// The machine's address it is bound to.
    pub host_ip: IpAddr,
    /// The port on the machine.
    pub host_port: u16,
}

impl PublishedPort {
    /// Whether only one of the two can be had: on the same address, or where one has them all.
    pub fn clashes(&self, other: &PublishedPort) -> bool {
        (self.host_port, self.protocol) == (other.host_port, other.protocol)
            && (self.host_ip == other.host_ip || self.host_ip.is_unspecified() || other.host_ip.is_unspecified())
    }
}

/// A container as a list shows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Container {
    /// Full id.
    pub id: String,
    /// Without a leading slash.
    pub name: String,
    /// What it calls itself. A list does not tell: only an inspection fills it in.
    pub hostname: Option<String>,
    /// The reference it was made from, or an id where that lost its tag.
    pub image: String,
    /// Labels.
    pub labels: Labels,
    /// Running or not.
    pub state: State,
    /// The engine's sentence, such as `Up 3 minutes`.
    pub status: String,
    /// When it was made, Unix seconds.
    pub created: i64,
    /// Published ports; the engine lists none for a container that does not run.
    pub ports: Vec<PublishedPort>,
    /// Networks by name.
    pub networks: BTreeMap<String, Endpoint>,
}

/// A container's place on a network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Endpoint {
    /// The network's id; empty before the container's first start.
    pub network_id: String,
    /// The address it has while it runs.
    pub address: Option<Ipv4Addr>,
    /// The address it was given for good.
    pub fixed_address: Option<Ipv4Addr>,
}

/// The states of a container, in the engine's words.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum State {
    /// Made and never started.
    #[default]
    Created,
    /// Its command runs.
    Running,
    /// Frozen.
    Paused,
    /// Between two runs, by its restart policy.
    Restarting,
    /// On its way out.
    Removing,
    /// Its command ended.
    Exited,
    /// Could not be removed, or broken otherwise.
    Dead,
}

impl State {
    /// As the engine writes it.
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

    /// From the engine's word; podman's `stopped` is `exited`.
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

    /// Whether commands can run in it.
    pub fn is_running(self) -> bool {
        self == State::Running
    }
}

/// How a container is now, as an inspection shows it.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ContainerState {
    /// Running or not.
    pub state: State,
    /// What the container calls itself.
    pub hostname: String,
    /// Of the last run that ended.
    pub exit_code: Option<i64>,
    /// Whether the kernel killed it for want of memory.
    pub oom_killed: bool,
    /// What went wrong when it was started.
    pub error: String,
    /// `healthy`, `unhealthy` or `starting`; none without a health check.
    pub health: Option<String>,
    /// The process in the engine's machine's numbering; none when it does not run.
    pub pid: Option<i64>,
    /// Networks by name.
    pub networks: BTreeMap<String, Endpoint>,
    /// Published ports, with what the engine chose.
    pub ports: Vec<PublishedPort>,
    /// Ports that it publishes whenever it runs, as it was made; a host port of 0 is the engine's choice.
    pub wanted_ports: Vec<PublishedPort>,
    /// Lines of its /etc/hosts that it was made with: names, separated by blanks, and their address.
    pub extra_hosts: Vec<(String, Ipv4Addr)>,
    /// When its last run ended: while it runs, the one before.
    pub ended: Option<jiff::Timestamp>,
    /// The whole inspection, in the engine's words.
    pub raw: serde_json::Value,
}

/// A container's command ended.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Death {
    /// Full id.
    pub id: String,
    /// Without a leading slash.
    pub name: String,
    /// Of the command.
    pub exit_code: i64,
}

/// What part of a log.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LogOptions {
    /// Only the last so many lines. Default: all.
    pub tail: Option<u32>,
    /// Whether to wait for more.
    pub follow: bool,
    /// Only lines from then on, Unix seconds. Default: all.
    pub since: Option<i64>,
    /// Whether each line begins with its time, RFC 3339.
    pub timestamps: bool,
}

/// A piece of a log: a line, mostly, with its line end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LogLine {
    /// Whether it came on standard error.
    pub is_stderr: bool,
    /// Bytes as written.
    pub bytes: bytes::Bytes,
}
