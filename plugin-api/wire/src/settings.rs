//! Settings of a node's container besides its names, image and network. Plain data.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Settings of a container besides its names, image and network, by default those of the engine. Invalid values are
/// refused before anything is created, with the names of node and setting (exit code 2); problems that only the engine
/// can detect, such as a missing device, fail the start.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Settings {
    /// The command, i.e. the arguments of the entry point. Default: that of the image, unless an entry point is set here.
    pub command: Option<Vec<String>>,
    /// The entry point. Default: that of the image.
    pub entrypoint: Option<Vec<String>>,
    /// Additional environment variables. Empty names and names with a `=` are refused.
    pub environment: BTreeMap<String, String>,
    /// The user of the command: `USER[:GROUP]` as names in the image or as numbers. Default: that of the image. Hooks and
    /// `clusterdock exec` run as root regardless.
    pub user: Option<String>,
    /// Working directory of the command, an absolute path; created if missing. Default: that of the image.
    pub working_directory: Option<String>,
    /// Folders from outside of the container, at most one for each path.
    pub volumes: Vec<Volume>,
    /// Devices of the engine's machine. A missing one fails the start.
    pub devices: Vec<Device>,
    /// In-memory file systems: absolute paths with mount options such as `size=64m,mode=1777`. Without `exec`, programs
    /// on them do not run; without `size`, the limit is half of the machine's memory.
    pub tmpfs: BTreeMap<String, String>,
    /// Kernel parameters of the container, such as `net.core.somaxconn`; only those that are not global.
    pub sysctls: BTreeMap<String, String>,
    /// Limits of its processes. Default: those of the engine. If the engine itself may not raise a limit, the start fails.
    pub ulimits: Vec<Ulimit>,
    /// Size of `/dev/shm` in bytes, above 0. Default: 64 MiB.
    pub shm_size: Option<u64>,
    /// Number of CPUs, above 0, such as `1.5`. Default: all. The user's `--cpus` takes precedence.
    pub cpus: Option<f64>,
    /// Memory in bytes, at least 6 MiB; processes over the limit are killed. Default: all. The user's `--memory` takes
    /// precedence.
    pub memory: Option<u64>,
    /// `no`, `always`, `unless-stopped` or `on-failure[:N]` with at most N restarts. Default: `no`, so that a node whose
    /// command ends fails the start.
    pub restart: Option<String>,
    /// The signal that stops the command, such as `SIGINT`. Default: that of the image, usually SIGTERM.
    pub stop_signal: Option<String>,
    /// The engine's health check. Default: that of the image. The start does not wait for it unless the node has the
    /// probe [`Probe::healthy`](crate::Probe::healthy).
    pub health_check: Option<HealthCheck>,
    /// Additional host names and addresses for its `/etc/hosts`. `host-gateway` is the address of the engine's machine.
    pub extra_hosts: Vec<(String, String)>,
    /// `private` or `host`. Default: that of the engine, usually `host` on cgroup version 1 and `private` on 2.
    pub cgroup_namespace: Option<String>,
    /// Whether the engine's init runs the command. Default: yes, unless the command is an init itself.
    pub init: Option<bool>,
    /// Whether to run systemd, with everything it needs for the control groups of the engine's machine (version 1 or 2).
    /// Unless set here, the host then chooses the command `/sbin/init`, its stop signal, in-memory folders and the cgroup
    /// namespace. The image needs systemd, `sh` and `mount`. Default: no.
    pub systemd: bool,
    /// The privileges of the node. Default: host-like.
    pub security: Security,
    /// Additional labels of the container; names that begin with `com.clusterdock.` are refused.
    pub labels: BTreeMap<String, String>,
    /// Other fields of the engine's create call, such as `{"HostConfig": {"OomScoreAdj": 500}}`. Lists are appended,
    /// other values replace those of clusterdock. Unknown fields are refused, and so are fields with a setting above and
    /// fields that clusterdock sets itself, such as `Hostname`; the error names the alternative. `HostConfig.LogConfig`
    /// here configures the log; other nodes keep at most 5 log files of 10 MiB, or what the user chose.
    pub create: serde_json::Map<String, serde_json::Value>,
}

/// The privileges of a node.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// Like a host: all capabilities that the engine can grant, without seccomp or AppArmor profile, but only the
    /// requested devices.
    #[default]
    HostLike,
    /// Like a container: the defaults of the engine.
    Plain,
    /// Everything, including all devices. An engine before Docker 23 refuses this if it lacks a capability itself.
    Privileged,
}

/// A folder of a node that lives outside its container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Volume {
    /// The source.
    pub source: VolumeSource,
    /// The absolute path in the node; empty for the volumes of an image, which have their own paths.
    #[serde(default)]
    pub target: String,
    /// Whether it is read-only. Default: no. Not possible for an anonymous volume.
    #[serde(default)]
    pub read_only: bool,
}

/// The source of a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VolumeSource {
    /// An absolute path on the engine's machine; a missing one fails the start.
    Bind(String),
    /// A named volume, created if missing and kept when the cluster is removed.
    Named(String),
    /// A fresh volume, removed with the node.
    Anonymous,
    /// All volumes of an image, at its declared paths and with its files. They are shared by all nodes of the cluster that
    /// name the image, and removed with the last of them. The image is provided like the images of nodes.
    Image(String),
}

impl Volume {
    fn new(source: VolumeSource, target: impl Into<String>) -> Volume {
        Volume {
            source,
            target: target.into(),
            read_only: false,
        }
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

    /// All volumes of an image, at its declared paths.
    pub fn of_image(image: impl Into<String>) -> Volume {
        Volume::new(VolumeSource::Image(image.into()), "")
    }

    /// Makes it read-only.
    #[must_use]
    pub fn read_only(mut self) -> Volume {
        self.read_only = true;
        self
    }
}

/// A device of the engine's machine.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Device {
    /// The absolute path on the machine.
    pub source: String,
    /// The absolute path in the node.
    pub target: String,
    /// One or more of `r`, `w` and `m` (mknod). Default: `rwm`.
    #[serde(default = "Device::all_permissions")]
    pub permissions: String,
}

impl Device {
    /// A device at the same path in the node, with all permissions.
    pub fn new(path: impl Into<String>) -> Device {
        let path = path.into();
        Device {
            source: path.clone(),
            target: path,
            permissions: Device::all_permissions(),
        }
    }

    fn all_permissions() -> String {
        "rwm".into()
    }
}

/// A limit of a node's processes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Ulimit {
    /// Name as in limits.conf: `nofile`, `nproc`, `memlock`, ...
    pub name: String,
    /// The initial limit, in its unit (bytes for `memlock`); -1 for no limit. Values above `hard` are refused.
    pub soft: i64,
    /// The limit to which a process may raise it; -1 for no limit.
    pub hard: i64,
}

/// A health check that the engine runs.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct HealthCheck {
    /// The command, run by the image's shell; exit code 0 means healthy. If empty, the image's own check.
    pub command: String,
    /// Milliseconds between checks. Default: 30000.
    pub interval_ms: Option<u64>,
    /// Time limit of a check in milliseconds. Default: 30000.
    pub timeout_ms: Option<u64>,
    /// Number of consecutive failures that make a node unhealthy. Default: 3.
    pub retries: Option<u32>,
    /// Milliseconds after the start in which failures do not count. Default: 0.
    pub start_period_ms: Option<u64>,
}
