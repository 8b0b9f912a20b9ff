//! A node before it exists, and everything that a topology can say about it.

use std::cell::RefCell;
use std::fmt;

use crate::wire;
use crate::{
    Command, Device, Error, File, HealthCheck, Port, Probe, Result, Security, Size, Ulimit, Volume,
};

/// A node of a [`Plan`](crate::Plan): a container that behaves like a host. Without settings it runs the command of its
/// image, and it runs as long as that command.
///
/// ```
/// use clusterdock_plugin_api::{File, PlannedNode, Probe, Size, Volume};
///
/// fn broker(node: &PlannedNode) {
///     node.command(["/opt/kafka/bin/kafka-server-start.sh", "/etc/kafka/server.properties"])
///         .file(File::new("/etc/kafka/server.properties", format!("broker.id={}\n", node.number())))
///         .environment("KAFKA_HEAP_OPTS", "-Xmx512m")
///         .volume(Volume::anonymous("/var/lib/kafka"))
///         .memory(Size::from_mib(1024))
///         .publish(9092)
///         .serves_when(Probe::port(9092));
/// }
/// ```
///
/// Setters take `&self` and return it, so they can be chained and used in any order; if a setting can only exist once,
/// the last call counts. The host checks all settings before anything is created, and names node and setting if one is
/// invalid (exit code 2). What only the engine can detect, such as a missing device, fails the start.
///
/// Since 1.0.
pub struct PlannedNode {
    names: wire::RequestedNode,
    group_size: usize,
    spec: RefCell<wire::NodeSpec>,
}

impl PlannedNode {
    pub(crate) fn new(names: wire::RequestedNode, group_size: usize) -> PlannedNode {
        let spec = wire::NodeSpec::new(&names.hostname, &names.group);
        PlannedNode {
            names,
            group_size,
            spec: RefCell::new(spec),
        }
    }

    pub(crate) fn into_spec(self) -> wire::NodeSpec {
        self.spec.into_inner()
    }

    fn set(&self, change: impl FnOnce(&mut wire::NodeSpec)) -> &PlannedNode {
        change(&mut self.spec.borrow_mut());
        self
    }

    fn setting(&self, change: impl FnOnce(&mut wire::Settings)) -> &PlannedNode {
        self.set(|spec| change(&mut spec.settings))
    }
}

/// What is known of a node before it exists.
impl PlannedNode {
    /// The host name, without the domain.
    pub fn hostname(&self) -> &str {
        &self.names.hostname
    }

    /// `HOSTNAME.DOMAIN`, by which the nodes of the cluster reach it.
    pub fn fqdn(&self) -> &str {
        &self.names.fqdn
    }

    /// The name of its group.
    pub fn group(&self) -> &str {
        &self.names.group
    }

    /// Its number in its group, from 1.
    pub fn number(&self) -> usize {
        self.names.number
    }

    /// The number of nodes in its group.
    pub fn group_size(&self) -> usize {
        self.group_size
    }
}

/// What runs in a node.
impl PlannedNode {
    /// Sets the image, pulled according to the user's `--pull`. Default: that of the cluster.
    pub fn image(&self, image: impl Into<String>) -> &PlannedNode {
        self.set(|spec| spec.image = Some(image.into()))
    }

    /// Sets the command: the node's service. It runs again, without the topology, whenever the node is resumed or
    /// restarted. Text is for `/bin/sh -c`; begin its last command with `exec`, so that it receives signals. Default: that
    /// of the image.
    pub fn command(&self, command: impl Into<Command>) -> &PlannedNode {
        let argv = command.into().into_argv();
        self.setting(|settings| settings.command = Some(argv))
    }

    /// Sets the entry point, of which the command is the arguments. Default: that of the image.
    pub fn entrypoint<S: Into<String>>(
        &self,
        entrypoint: impl IntoIterator<Item = S>,
    ) -> &PlannedNode {
        let entrypoint = entrypoint.into_iter().map(Into::into).collect();
        self.setting(|settings| settings.entrypoint = Some(entrypoint))
    }

    /// Sets the user of the command, `USER[:GROUP]` as names in the image or as numbers. Default: that of the image. Hooks
    /// and `clusterdock exec` run as root regardless.
    pub fn user(&self, user: impl Into<String>) -> &PlannedNode {
        self.setting(|settings| settings.user = Some(user.into()))
    }

    /// Sets the working directory of the command, an absolute path; created if missing. Default: that of the image.
    pub fn working_directory(&self, path: impl Into<String>) -> &PlannedNode {
        self.setting(|settings| settings.working_directory = Some(path.into()))
    }

    /// Sets an environment variable of the command, and of everything that hooks and users run in the node.
    pub fn environment(&self, name: impl Into<String>, value: impl ToString) -> &PlannedNode {
        let value = value.to_string();
        self.setting(|settings| drop(settings.environment.insert(name.into(), value)))
    }

    /// Puts a file into the node before its command starts for the first time.
    pub fn file(&self, file: File) -> &PlannedNode {
        self.set(|spec| spec.files.push(file.into_wire()))
    }

    /// Runs systemd, with everything it needs for the control groups of the engine's machine (version 1 or 2). Unless set
    /// here, the host then chooses the command `/sbin/init`, its stop signal, in-memory folders and the cgroup namespace.
    /// The image needs systemd, `sh` and `mount`. The node is ready once systemd has started everything, or tried to.
    pub fn systemd(&self) -> &PlannedNode {
        let state = r#"case "$(systemctl is-system-running --wait)" in running | degraded) ;; *) exit 1 ;; esac"#;
        self.setting(|settings| settings.systemd = true)
            .ready_when(Probe::command(state))
    }

    /// Sets whether the engine's init runs the command. Default: yes, unless the command is an init itself.
    pub fn init(&self, init: bool) -> &PlannedNode {
        self.setting(|settings| settings.init = Some(init))
    }

    /// Sets the signal that stops the command, such as `SIGINT`. Default: that of the image, usually SIGTERM.
    pub fn stop_signal(&self, signal: impl Into<String>) -> &PlannedNode {
        self.setting(|settings| settings.stop_signal = Some(signal.into()))
    }

    /// Sets what the engine does when the command ends: `no`, `always`, `unless-stopped` or `on-failure[:N]` with at most
    /// N restarts. Default: `no`, so that a node whose command ends fails the start.
    pub fn restart(&self, policy: impl Into<String>) -> &PlannedNode {
        self.setting(|settings| settings.restart = Some(policy.into()))
    }
}

/// When a node is ready, and when it serves.
impl PlannedNode {
    /// Adds a probe that holds when the node is *ready*: it is awaited before the [`start`](crate::Topology::start) hook,
    /// and before nodes of a group that starts [`after`](crate::Group::after) this one. Default: it only has to run.
    pub fn ready_when(&self, probe: Probe) -> &PlannedNode {
        self.set(|spec| spec.ready.push(probe.into_wire()))
    }

    /// Adds a probe that holds when the node *serves*: it is awaited after the [`start`](crate::Topology::start) hook, and
    /// again by `clusterdock resume`, `restart` and `wait`, which need no topology for it. Default: none.
    pub fn serves_when(&self, probe: Probe) -> &PlannedNode {
        self.set(|spec| spec.serves.push(probe.into_wire()))
    }

    /// Sets the engine's health check. Default: that of the image. Nothing waits for it without
    /// [`Probe::healthy`].
    pub fn health_check(&self, check: HealthCheck) -> &PlannedNode {
        self.setting(|settings| settings.health_check = Some(check.0))
    }
}

/// What a node has.
impl PlannedNode {
    /// Publishes a port, on loopback unless the user sets `--bind`. Hooks get the host port from
    /// [`Node::published`](crate::Node::published), users from `clusterdock ps`. The user's `--port` takes precedence.
    pub fn publish(&self, port: impl Into<Port>) -> &PlannedNode {
        self.set(|spec| spec.ports.push(port.into().into_wire()))
    }

    /// Adds a volume; at most one for each path.
    pub fn volume(&self, volume: Volume) -> &PlannedNode {
        self.setting(|settings| settings.volumes.push(volume.0))
    }

    /// Adds an in-memory file system: an absolute path with mount options such as `size=64m,mode=1777`. Without `exec`,
    /// programs on it do not run; without `size`, the limit is half of the machine's memory.
    pub fn tmpfs(&self, path: impl Into<String>, options: impl Into<String>) -> &PlannedNode {
        self.setting(|settings| drop(settings.tmpfs.insert(path.into(), options.into())))
    }

    /// Adds a device of the engine's machine. A missing one fails the start.
    pub fn device(&self, device: impl Into<Device>) -> &PlannedNode {
        self.setting(|settings| settings.devices.push(device.into().0))
    }

    /// Adds a name for its `/etc/hosts`. `host-gateway` is the address of the engine's machine.
    pub fn extra_host(&self, name: impl Into<String>, address: impl Into<String>) -> &PlannedNode {
        self.setting(|settings| settings.extra_hosts.push((name.into(), address.into())))
    }

    /// Sets the number of CPUs, above 0, such as `1.5`. Default: all. The user's `--cpus` takes precedence.
    pub fn cpus(&self, cpus: f64) -> &PlannedNode {
        self.setting(|settings| settings.cpus = Some(cpus))
    }

    /// Sets the memory, at least 6 MiB; processes over the limit are killed. Default: all. The user's `--memory` takes
    /// precedence.
    pub fn memory(&self, memory: Size) -> &PlannedNode {
        self.setting(|settings| settings.memory = Some(memory.bytes()))
    }

    /// Sets the size of `/dev/shm`, above 0. Default: 64 MiB.
    pub fn shm_size(&self, size: Size) -> &PlannedNode {
        self.setting(|settings| settings.shm_size = Some(size.bytes()))
    }

    /// Sets a kernel parameter of the container, such as `net.core.somaxconn`; only those that are not global.
    pub fn sysctl(&self, name: impl Into<String>, value: impl ToString) -> &PlannedNode {
        let value = value.to_string();
        self.setting(|settings| drop(settings.sysctls.insert(name.into(), value)))
    }

    /// Sets a limit of its processes. Default: those of the engine. If the engine itself may not raise a limit, the start
    /// fails.
    pub fn ulimit(&self, limit: Ulimit) -> &PlannedNode {
        self.setting(|settings| settings.ulimits.push(limit.0))
    }

    /// Sets the privileges. Default: [`Security::HostLike`].
    pub fn security(&self, security: Security) -> &PlannedNode {
        self.setting(|settings| settings.security = security.into())
    }

    /// Sets the cgroup namespace, `private` or `host`. Default: that of the engine, usually `host` on cgroup version 1 and
    /// `private` on 2.
    pub fn cgroup_namespace(&self, namespace: impl Into<String>) -> &PlannedNode {
        self.setting(|settings| settings.cgroup_namespace = Some(namespace.into()))
    }

    /// Adds a label of the container; names that begin with `com.clusterdock.` are refused.
    pub fn label(&self, name: impl Into<String>, value: impl Into<String>) -> &PlannedNode {
        self.setting(|settings| drop(settings.labels.insert(name.into(), value.into())))
    }

    /// Sets other fields of the engine's create call, as JSON: `{"HostConfig": {"OomScoreAdj": 500}}`. Lists are appended,
    /// other values replace those of clusterdock. Unknown fields are refused, and so are fields with a setting above and
    /// fields that clusterdock sets itself, such as `Hostname`; the error names the alternative. `HostConfig.LogConfig`
    /// configures the log; other nodes keep at most 5 log files of 10 MiB, or what the user chose.
    ///
    /// # Errors
    /// It is not a JSON object.
    pub fn create_options(&self, json: &str) -> Result<&PlannedNode> {
        let fields = serde_json::from_str(json)
            .map_err(|error| Error::from(error).context("create options are not a JSON object"))?;
        Ok(self.setting(|settings| settings.create = fields))
    }
}

impl fmt::Debug for PlannedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PlannedNode")
            .field("names", &self.names)
            .field("spec", &*self.spec.borrow())
            .finish()
    }
}

/// The FQDN.
impl fmt::Display for PlannedNode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.fqdn())
    }
}
