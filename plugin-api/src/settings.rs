//! What the container of a node is made with, beside its names, image and network. Plain data.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// What a container is made with, beside its names, image and network. Everything has the engine's default unless
/// said otherwise. Values that can never work are refused before anything is made, with the node's name and the
/// setting's (exit code 2); what only the engine can know, such as whether a device is there, fails the start.
///
/// ```
/// use clusterdock_plugin_api::{Device, HealthCheck, NodeSpec, Security, Settings, Ulimit, Volume};
///
/// let spec = NodeSpec::new("db-1", "dbs").with(|settings| {
///     settings.entrypoint = Some(vec!["/usr/bin/env".into()]);
///     settings.command = Some(vec!["postgres".into(), "-i".into()]);
///     settings.environment.insert("PGDATA".into(), "/data".into());
///     settings.user = Some("postgres:postgres".into());
///     settings.working_directory = Some("/data".into());
///     settings.volumes.push(Volume::named("db-1-data", "/data"));
///     settings.volumes.push(Volume::of_image("example/extensions:16").read_only());
///     settings.devices.push(Device { permissions: "r".into(), ..Device::new("/dev/sdb") });
///     settings.tmpfs.insert("/scratch".into(), "size=64m,mode=1777".into());
///     settings.sysctls.insert("net.core.somaxconn".into(), "1024".into());
///     settings.ulimits.push(Ulimit { name: "nofile".into(), soft: 65_536, hard: 65_536 });
///     settings.shm_size = Some(256 << 20);
///     settings.cpus = Some(1.5);
///     settings.memory = Some(2 << 30);
///     settings.restart = Some("on-failure:3".into());
///     settings.stop_signal = Some("SIGINT".into());
///     settings.health_check = Some(HealthCheck { command: "pg_isready".into(), ..HealthCheck::default() });
///     settings.extra_hosts.push(("ldap.example.com".into(), "192.0.2.7".into()));
///     settings.cgroup_namespace = Some("private".into());
///     settings.init = Some(true);
///     settings.security = Security::Plain;
///     settings.labels.insert("com.example.owner".into(), "dba".into());
///     // Whatever else the engine's create call takes, in its own words.
///     let more = serde_json::json!({ "HostConfig": { "OomScoreAdj": 500 } });
///     settings.create = more.as_object().cloned().unwrap_or_default();
/// });
/// # assert_eq!(serde_json::from_value::<Settings>(serde_json::to_value(&spec.settings).unwrap()).unwrap(), spec.settings);
/// ```
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Settings {
    /// The command, in place of the image's: what the entry point gets as arguments. Default: the image's, unless there
    /// is an entry point of its own here.
    pub command: Option<Vec<String>>,
    /// The entry point, in place of the image's. Default: the image's.
    pub entrypoint: Option<Vec<String>>,
    /// Environment variables, beside the image's. A name that is empty or has a `=` is refused.
    pub environment: BTreeMap<String, String>,
    /// The user of the command: `USER[:GROUP]`, names of the image's own or numbers. Default: the image's. Hooks and
    /// `clusterdock exec` are root all the same.
    pub user: Option<String>,
    /// The folder the command starts in, an absolute path; made when it is not there. Default: the image's.
    pub working_directory: Option<String>,
    /// Folders from outside the container, at most one for each path.
    pub volumes: Vec<Volume>,
    /// Devices of the engine's machine. One that is not there fails the start.
    pub devices: Vec<Device>,
    /// In-memory file systems: absolute path to mount options such as `size=64m,mode=1777`. Unless the options say
    /// `exec`, programs on them do not run; unless they say `size`, half of the machine's memory fits.
    pub tmpfs: BTreeMap<String, String>,
    /// Kernel parameters of the container, such as `net.core.somaxconn`; only those that are not the whole machine's.
    pub sysctls: BTreeMap<String, String>,
    /// Limits of its processes. Default: the engine's. Where the engine itself may not raise a limit, the start fails.
    pub ulimits: Vec<Ulimit>,
    /// Size of `/dev/shm` in bytes, above 0. Default: 64 MiB.
    pub shm_size: Option<u64>,
    /// Processors' time, as a number above 0 such as `1.5`. Default: all. The user's `--cpus` holds over it.
    pub cpus: Option<f64>,
    /// Memory in bytes, at least 6 MiB; what wants more is killed. Default: all. The user's `--memory` holds over it.
    pub memory: Option<u64>,
    /// `no`, `always`, `unless-stopped` or `on-failure[:N]`, with at most N starts anew. Default: `no`, so that a node
    /// whose command ends fails the start.
    pub restart: Option<String>,
    /// The signal that asks the command to end, such as `SIGINT`. Default: the image's, mostly SIGTERM.
    pub stop_signal: Option<String>,
    /// How the engine finds out whether the node is healthy. Default: the image's. It does not hold up the start: use
    /// [`Probe::healthy`](crate::Probe::healthy) for that.
    pub health_check: Option<HealthCheck>,
    /// Host names to addresses for its `/etc/hosts`, beside those of the cluster's own nodes. `host-gateway` stands for
    /// the engine's machine.
    pub extra_hosts: Vec<(String, String)>,
    /// `private` or `host`. Default: the engine's, mostly `host` on cgroup version 1 and `private` on 2.
    pub cgroup_namespace: Option<String>,
    /// Whether the engine's init runs the command. Default: unless the command is an init itself.
    pub init: Option<bool>,
    /// Whether systemd is the command, with all that it needs on the control groups of the engine's machine (version 1
    /// or 2). The host then chooses, unless said otherwise here: `/sbin/init` as the command, its stop signal, the
    /// in-memory folders that it wants, the cgroup namespace. The image needs systemd, `sh` and `mount`. Default: no.
    pub systemd: bool,
    /// What the node may do. Default: host-like.
    pub security: Security,
    /// Labels of the container, beside clusterdock's own; names that begin with `com.clusterdock.` are refused.
    pub labels: BTreeMap<String, String>,
    /// Fields of the engine's create call that have no name here, in the engine's own words, such as
    /// `{"HostConfig": {"OomScoreAdj": 500}}`. Lists are joined with what else is in them, other values take the place
    /// of clusterdock's. A field that the call does not have is refused by name, and so is one that has a name here or
    /// is clusterdock's to fill in, such as `Hostname`, with what to use instead.
    pub create: serde_json::Map<String, serde_json::Value>,
}

/// What a node may do.
///
/// ```
/// use clusterdock_plugin_api::{NodeSpec, Security};
///
/// NodeSpec::new("proxy", "proxies").security(Security::Plain);
/// ```
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Security {
    /// As a host: every capability the engine can give, and no seccomp or AppArmor profile. Devices are only those that
    /// are asked for.
    #[default]
    HostLike,
    /// As a container: the engine's own defaults.
    Plain,
    /// Everything, the machine's devices included. An engine before Docker 23 that lacks a capability itself refuses.
    Privileged,
}

/// A folder of a node that lives outside its container.
///
/// ```
/// use clusterdock_plugin_api::Volume;
///
/// Volume::bind("/srv/jars", "/opt/jars").read_only();
/// Volume::named("broker-1", "/var/lib/kafka");
/// Volume::anonymous("/var/tmp");
/// Volume::of_image("example/jars:3");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Volume {
    /// Where it comes from.
    pub source: VolumeSource,
    /// The absolute path in the node; empty for the volumes of an image, which bring their own.
    #[serde(default)]
    pub target: String,
    /// Whether the node may only read. Default: no. An anonymous volume cannot be.
    #[serde(default)]
    pub read_only: bool,
}

/// Where a volume comes from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum VolumeSource {
    /// An absolute path on the engine's machine; one that is not there fails the start.
    Bind(String),
    /// A volume of that name, made when it is not there and kept when the cluster is removed.
    Named(String),
    /// A fresh volume, removed with the node.
    Anonymous,
    /// All volumes of an image, at the paths it declares and with what it has there. All nodes of the cluster that name
    /// the image share them; they are removed with the last of these. The image is provided as nodes' images are.
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
///
/// ```
/// use clusterdock_plugin_api::Device;
///
/// let disk = Device { target: "/dev/data".into(), permissions: "rw".into(), ..Device::new("/dev/sdb") };
/// assert_eq!(disk.source, "/dev/sdb");
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Device {
    /// The absolute path on the machine.
    pub source: String,
    /// The absolute path in the node.
    pub target: String,
    /// Any of `r`, `w` and `m` (make nodes), at least one. Default: `rwm`.
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
///
/// ```
/// use clusterdock_plugin_api::{NodeSpec, Ulimit};
///
/// let unlimited = Ulimit { name: "memlock".into(), soft: -1, hard: -1 };
/// NodeSpec::new("db-1", "dbs").with(|settings| settings.ulimits.push(unlimited));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ulimit {
    /// As in limits.conf: `nofile`, `nproc`, `memlock`, ...
    pub name: String,
    /// What a process starts with, in the limit's own unit (bytes for `memlock`); -1 for no limit. Above `hard` it is
    /// refused.
    pub soft: i64,
    /// What it may raise it to; -1 for no limit.
    pub hard: i64,
}

/// A health check that the engine runs.
///
/// ```
/// use clusterdock_plugin_api::{HealthCheck, NodeSpec, Probe};
///
/// let check = HealthCheck { command: "curl -f localhost".into(), interval_ms: Some(2_000), ..HealthCheck::default() };
/// NodeSpec::new("web", "servers").with(|settings| settings.health_check = Some(check)).ready_when(Probe::healthy());
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct HealthCheck {
    /// The command, run by the image's shell; 0 is healthy. Empty: the image's own check.
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
