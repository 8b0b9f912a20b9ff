//! Settings of a node with parts of their own: volumes, devices, limits, health checks, privileges.

use std::time::Duration;

use crate::wire;

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
///
/// Since 1.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Volume(pub(crate) wire::Volume);

impl Volume {
    fn new(source: wire::VolumeSource, target: impl Into<String>) -> Volume {
        Volume(wire::Volume {
            source,
            target: target.into(),
            read_only: false,
        })
    }

    /// An absolute path on the engine's machine; a missing one fails the start.
    pub fn bind(source: impl Into<String>, target: impl Into<String>) -> Volume {
        Volume::new(wire::VolumeSource::Bind(source.into()), target)
    }

    /// A named volume, created if missing and kept when the cluster is removed.
    pub fn named(name: impl Into<String>, target: impl Into<String>) -> Volume {
        Volume::new(wire::VolumeSource::Named(name.into()), target)
    }

    /// A fresh volume, removed with the node. It cannot be read-only.
    pub fn anonymous(target: impl Into<String>) -> Volume {
        Volume::new(wire::VolumeSource::Anonymous, target)
    }

    /// All volumes of an image, at its declared paths and with its files. They are shared by all nodes of the cluster that
    /// name the image, and removed with the last of them. The image is provided like the images of nodes.
    pub fn of_image(image: impl Into<String>) -> Volume {
        Volume::new(wire::VolumeSource::Image(image.into()), "")
    }

    /// Makes it read-only.
    #[must_use]
    pub fn read_only(mut self) -> Volume {
        self.0.read_only = true;
        self
    }
}

/// A device of the engine's machine. A path converts into one at the same path.
///
/// ```
/// use clusterdock_plugin_api::{Device, PlannedNode};
///
/// fn disks(node: &PlannedNode) {
///     node.device("/dev/sdb").device(Device::new("/dev/sdc").target("/dev/data").permissions("rw"));
/// }
/// ```
///
/// Since 1.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Device(pub(crate) wire::Device);

impl Device {
    /// The device of an absolute path, at the same path in the node, with all permissions.
    pub fn new(path: impl Into<String>) -> Device {
        Device(wire::Device::new(path))
    }

    /// Sets the absolute path in the node.
    #[must_use]
    pub fn target(mut self, path: impl Into<String>) -> Device {
        self.0.target = path.into();
        self
    }

    /// Sets the permissions, one or more of `r`, `w` and `m` (mknod). Default: `rwm`.
    #[must_use]
    pub fn permissions(mut self, permissions: impl Into<String>) -> Device {
        self.0.permissions = permissions.into();
        self
    }
}

impl<S: Into<String>> From<S> for Device {
    fn from(path: S) -> Device {
        Device::new(path)
    }
}

/// A limit of a node's processes.
///
/// ```
/// use clusterdock_plugin_api::{PlannedNode, Ulimit};
///
/// fn limits(node: &PlannedNode) {
///     node.ulimit(Ulimit::new("nofile", 65_536)).ulimit(Ulimit::new("memlock", -1)).ulimit(Ulimit::new("core", 0).hard(-1));
/// }
/// ```
///
/// Since 1.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ulimit(pub(crate) wire::Ulimit);

impl Ulimit {
    /// A limit by its name in limits.conf (`nofile`, `nproc`, `memlock`, ...), in its unit (bytes for `memlock`); -1 for
    /// no limit.
    pub fn new(name: impl Into<String>, limit: i64) -> Ulimit {
        Ulimit(wire::Ulimit {
            name: name.into(),
            soft: limit,
            hard: limit,
        })
    }

    /// Sets the limit to which a process may raise it; below the limit itself it is refused. Default: the same.
    #[must_use]
    pub fn hard(mut self, limit: i64) -> Ulimit {
        self.0.hard = limit;
        self
    }
}

/// A health check that the engine runs.
///
/// ```
/// use clusterdock_plugin_api::{HealthCheck, PlannedNode, Probe};
/// use std::time::Duration;
///
/// fn check(node: &PlannedNode) {
///     let check = HealthCheck::new("curl -f localhost").interval(Duration::from_secs(2));
///     node.health_check(check).ready_when(Probe::healthy());
/// }
/// ```
///
/// Since 1.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HealthCheck(pub(crate) wire::HealthCheck);

impl HealthCheck {
    /// A command for the image's shell; exit code 0 means healthy.
    pub fn new(command: impl Into<String>) -> HealthCheck {
        HealthCheck(wire::HealthCheck {
            command: command.into(),
            ..wire::HealthCheck::default()
        })
    }

    /// The image's own check, with other times.
    pub fn of_image() -> HealthCheck {
        HealthCheck::new("")
    }

    /// Sets the time between checks. Default: 30 s.
    #[must_use]
    pub fn interval(mut self, time: Duration) -> HealthCheck {
        self.0.interval_ms = Some(wire::ops::milliseconds(time));
        self
    }

    /// Sets the time limit of a check. Default: 30 s.
    #[must_use]
    pub fn timeout(mut self, time: Duration) -> HealthCheck {
        self.0.timeout_ms = Some(wire::ops::milliseconds(time));
        self
    }

    /// Sets the number of consecutive failures that make a node unhealthy. Default: 3.
    #[must_use]
    pub fn retries(mut self, retries: u32) -> HealthCheck {
        self.0.retries = Some(retries);
        self
    }

    /// Sets the time after the start in which failures do not count. Default: 0.
    #[must_use]
    pub fn start_period(mut self, time: Duration) -> HealthCheck {
        self.0.start_period_ms = Some(wire::ops::milliseconds(time));
        self
    }
}

/// The privileges of a node. Since 1.0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
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

impl From<Security> for wire::Security {
    fn from(security: Security) -> wire::Security {
        match security {
            Security::HostLike => wire::Security::HostLike,
            Security::Plain => wire::Security::Plain,
            Security::Privileged => wire::Security::Privileged,
        }
    }
}
