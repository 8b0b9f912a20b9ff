//! A node of a cluster in memory: what the topology planned, and what hooks did.

use std::fmt;

use crate::testing::fake_host::{fqdn, FakeHost};
use crate::testing::Call;
use crate::wire;
use crate::{Device, Exec, Port, Probe};

/// A node of a [`Fake`](super::Fake). Since 1.0.
pub struct FakeNode<'a> {
    spec: &'a wire::NodeSpec,
    host: &'a FakeHost,
}

impl<'a> FakeNode<'a> {
    pub(super) fn new(spec: &'a wire::NodeSpec, host: &'a FakeHost) -> FakeNode<'a> {
        FakeNode { spec, host }
    }

    pub(super) fn fqdn(&self) -> String {
        fqdn(&self.spec.hostname)
    }

    /// The command, as arguments; empty if it is that of the image.
    pub fn command(&self) -> Vec<String> {
        self.spec.settings.command.clone().unwrap_or_default()
    }

    /// An environment variable.
    pub fn environment(&self, name: &str) -> Option<&'a str> {
        self.spec.settings.environment.get(name).map(String::as_str)
    }

    /// The published ports.
    pub fn ports(&self) -> Vec<Port> {
        self.spec.ports.iter().map(Port::from_wire).collect()
    }

    /// The devices.
    pub fn devices(&self) -> Vec<Device> {
        self.spec
            .settings
            .devices
            .iter()
            .cloned()
            .map(Device)
            .collect()
    }

    /// The probes of its readiness.
    pub fn ready_when(&self) -> Vec<Probe> {
        self.spec
            .ready
            .iter()
            .cloned()
            .map(Probe::from_wire)
            .collect()
    }

    /// The probes of its service.
    pub fn serves_when(&self) -> Vec<Probe> {
        self.spec
            .serves
            .iter()
            .cloned()
            .map(Probe::from_wire)
            .collect()
    }

    /// All that was planned, as JSON. Its fields are those of the wire, which may gain some.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self.spec).unwrap_or_default()
    }

    /// A file, as planned or as hooks left it.
    pub fn file(&self, path: &str) -> Option<FakeFile> {
        self.host.file(&self.fqdn(), path)
    }

    /// Adds a file, with mode 644 and owned by root, as if it were in the image.
    pub fn add_file(&self, path: &str, contents: impl AsRef<[u8]>) {
        let file = FakeFile {
            contents: contents.as_ref().to_vec(),
            mode: crate::File::MODE,
            owner: "0:0".into(),
        };
        self.host.add_file(&self.fqdn(), path, file);
    }

    /// The commands that hooks have run on it, in order.
    pub fn executed(&self) -> Vec<Exec> {
        let calls = self.host.calls().into_iter();
        let commands = calls.filter_map(|call| match call {
            Call::Execute { nodes, exec } if nodes.contains(&self.spec.hostname) => Some(exec),
            _ => None,
        });
        commands.collect()
    }
}

impl fmt::Debug for FakeNode<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.spec.fmt(f)
    }
}

/// A file of a [`FakeNode`]. Since 1.0.
#[derive(Clone, PartialEq, Eq)]
pub struct FakeFile {
    pub(super) contents: Vec<u8>,
    pub(super) mode: u32,
    pub(super) owner: String,
}

impl FakeFile {
    /// The text; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.contents).into()
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.contents
    }

    /// The permission bits.
    pub fn mode(&self) -> u32 {
        self.mode
    }

    /// The owner, as the topology wrote it: `app`, `app:hadoop` or `0:0`.
    pub fn owner(&self) -> &str {
        &self.owner
    }
}

impl fmt::Debug for FakeFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:o} {} {:?}", self.mode, self.owner, self.text())
    }
}
