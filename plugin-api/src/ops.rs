//! The calls of a hook into the host, as they travel: an operation's name, its input and output as JSON, and a
//! payload of plain bytes. Both sides use these types; authors see [`Cluster`](crate::Cluster) and
//! [`Node`](crate::Node) instead.
//!
//! A host that does not know an operation answers [`Code::Unsupported`](crate::Code::Unsupported), which is how a
//! plugin newer than its host finds out. Fields are only ever added, with defaults.

use crate::{Exec, Host, Output, Probe, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

/// What the host can be asked to do. `INPUT` and `OUTPUT` are JSON.
pub trait Operation: Serialize + for<'de> Deserialize<'de> {
    /// Its name on the wire.
    const NAME: &'static str;
    /// What the host answers.
    type Output: Serialize + for<'de> Deserialize<'de>;
}

macro_rules! operations {
    ($($type:ident = $name:literal -> $output:ty;)*) => {
        $(impl Operation for $type {
            const NAME: &'static str = $name;
            type Output = $output;
        })*
    };
}

operations! {
    ExecOn = "exec" -> Vec<Output>;
    PutFile = "put-file" -> ();
    PutLocal = "put-local" -> ();
    GetFile = "get-file" -> FileFacts;
    GetFolder = "get-folder" -> ();
    WaitFor = "wait-for" -> ();
    Pause = "pause" -> ();
    StopNodes = "stop" -> ();
    Commit = "commit" -> String;
    Progress = "progress" -> ();
    Closing = "closing" -> ();
    Log = "log" -> ();
}

/// Runs a command on nodes, in parallel; one output a node, in the order named.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ExecOn {
    /// FQDNs.
    pub nodes: Vec<String>,
    /// What to run and how.
    pub exec: Exec,
}

/// Puts the payload into a file on nodes, making the folders above it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PutFile {
    /// FQDNs.
    pub nodes: Vec<String>,
    /// Absolute.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// `USER[:GROUP]`, names or numbers.
    pub owner: String,
}

/// Puts a file or folder of the host's machine on nodes, making the folders above it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct PutLocal {
    /// FQDNs.
    pub nodes: Vec<String>,
    /// On the host's machine, absolute.
    pub local: PathBuf,
    /// On the nodes, absolute: the file's own path, or that of the folder which gets what is in the folder.
    pub path: String,
    /// Permission bits of files. Default: as they are.
    #[serde(default)]
    pub mode: Option<u32>,
    /// `USER[:GROUP]`, names or numbers.
    pub owner: String,
}

/// Answers with the file's bytes as payload.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GetFile {
    /// FQDN.
    pub node: String,
    /// Absolute.
    pub path: String,
}

/// What a file is like.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FileFacts {
    /// Its own path, where that which was asked for is a link.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// User id and group id.
    pub owner: (u64, u64),
}

/// Gets what is in a folder of a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct GetFolder {
    /// FQDN.
    pub node: String,
    /// Absolute.
    pub path: String,
    /// The folder of the host's machine that it goes to, absolute; it is made.
    pub local: PathBuf,
}

/// Waits until a probe holds on nodes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct WaitFor {
    /// FQDNs.
    pub nodes: Vec<String>,
    /// What to wait for.
    pub probe: Probe,
    /// After so many milliseconds it is a time-out.
    pub timeout_ms: u64,
}

/// Waits, unless the user interrupts.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Pause {
    /// For so many milliseconds.
    pub time_ms: u64,
}

/// Stops nodes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct StopNodes {
    /// FQDNs.
    pub nodes: Vec<String>,
    /// Whether their containers are removed too.
    pub remove: bool,
}

/// Makes an image of a node; answers with the image's id.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Commit {
    /// FQDN.
    pub node: String,
    /// `[REGISTRY/]NAMESPACE/REPOSITORY`.
    pub repository: String,
    /// The tag.
    pub tag: String,
    /// Whether it is pushed too.
    pub push: bool,
}

/// Tells the user what the hook is doing.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Progress {
    /// A short sentence.
    pub message: String,
}

/// Tells the user something when all is done: addresses, credentials.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Closing {
    /// One line or several.
    pub message: String,
}

/// A record of the `log` crate.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// The module.
    pub target: String,
    /// What is said.
    pub message: String,
}

/// A started cluster as a hook gets it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct ClusterFacts {
    /// The cluster's name.
    pub name: String,
    /// The network's name.
    pub network: String,
    /// The nodes, in the order in which the topology named them.
    pub nodes: Vec<NodeFacts>,
}

/// A started node as a hook gets it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct NodeFacts {
    /// Without the network.
    pub hostname: String,
    /// `HOSTNAME.NETWORK`.
    pub fqdn: String,
    /// The node group.
    pub group: String,
    /// The image's reference.
    pub image: String,
    /// The container's id.
    pub container_id: String,
    /// On the cluster's network.
    pub ip_address: String,
    /// Container port, as `80/tcp`, to host port.
    pub host_ports: BTreeMap<String, u16>,
    /// The address under which the user reaches published ports.
    pub host_address: String,
}

pub(crate) fn call<O: Operation>(host: &dyn Host, operation: &O) -> Result<O::Output> {
    call_with(host, operation, &[]).map(|(output, _)| output)
}

pub(crate) fn call_with<O: Operation>(host: &dyn Host, operation: &O, payload: &[u8]) -> Result<(O::Output, Vec<u8>)> {
    let (output, bytes) = host.call(O::NAME, &serde_json::to_string(operation)?, payload)?;
    Ok((serde_json::from_str(&output)?, bytes))
}

pub(crate) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
