//! The calls of a hook into the host, as they travel: an operation's name, its input and output as JSON, and a
//! payload of plain bytes. Both sides use these types; authors see `Cluster` and
//! `Node` instead.
//!
//! A host that does not know an operation, or a field of its input, answers
//! [`Code::Unsupported`] with its name.

use std::path::PathBuf;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::json::{self, Flaw};
use crate::{Code, Error, Exec, Host, Output, Probe, Result};

/// An operation of the host. Input and output are JSON.
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
    Stop = "stop" -> ();
    Remove = "remove" -> ();
    Commit = "commit" -> String;
    Progress = "progress" -> ();
    Closing = "closing" -> ();
    OutputValue = "output" -> ();
    Log = "log" -> ();
}

/// Runs a command on nodes, in parallel, with the payload as its standard input; one output per node, in the order named.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ExecOn {
    /// FQDNs.
    pub nodes: Vec<String>,
    /// What to run and how.
    pub exec: Exec,
}

/// Puts the payload into a file on nodes, creating the folders above it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
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

/// Puts a file or folder of the host's machine on nodes, creating the folders above it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PutLocal {
    /// FQDNs.
    pub nodes: Vec<String>,
    /// On the host's machine, absolute.
    pub local: PathBuf,
    /// On the nodes, absolute: the file's own path, or that of the folder that receives the contents of a local folder.
    pub path: String,
    /// Permission bits of files. Default: as they are.
    #[serde(default)]
    pub mode: Option<u32>,
    /// `USER[:GROUP]`, names or numbers.
    pub owner: String,
}

/// Answers with the file's bytes as payload.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GetFile {
    /// FQDN.
    pub node: String,
    /// Absolute.
    pub path: String,
}

/// The metadata of a file.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FileFacts {
    /// Its own path, if the requested one is a link.
    pub path: String,
    /// Permission bits.
    pub mode: u32,
    /// User id and group id.
    pub owner: (u64, u64),
}

/// Gets the contents of a folder on a node.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct GetFolder {
    /// FQDN.
    pub node: String,
    /// Absolute.
    pub path: String,
    /// The folder on the host's machine that receives them, absolute; created if missing.
    pub local: PathBuf,
}

/// Waits until a probe holds on nodes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct WaitFor {
    /// FQDNs.
    pub nodes: Vec<String>,
    /// What to wait for.
    pub probe: Probe,
    /// Time limit in milliseconds.
    pub timeout_ms: u64,
}

/// Waits, unless the user interrupts.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Pause {
    /// Time in milliseconds.
    pub time_ms: u64,
    /// What the hook waits for, for the error if it times out.
    #[serde(default)]
    pub waiting_for: Option<String>,
}

/// Stops nodes.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stop {
    /// FQDNs.
    pub nodes: Vec<String>,
}

/// Stops nodes and removes their containers.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Remove {
    /// FQDNs.
    pub nodes: Vec<String>,
}

/// Commits a node to an image; answers with the image's id.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Commit {
    /// FQDN.
    pub node: String,
    /// The image's reference: `[REGISTRY/]NAMESPACE/REPOSITORY:TAG`.
    pub image: String,
    /// Whether to push it, too.
    pub push: bool,
}

/// Reports what the hook is doing.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Progress {
    /// A short sentence.
    pub message: String,
}

/// Shows a message when everything is done: addresses, credentials.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Closing {
    /// One line or several.
    pub message: String,
}

/// Keeps a value with the cluster, for the user and for later hooks; a later value with the same name replaces it.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OutputValue {
    /// Letters, digits, `-` and `_`.
    pub name: String,
    /// Text or other JSON.
    pub value: serde_json::Value,
}

/// A record of the `log` crate.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Log {
    /// `error`, `warn`, `info`, `debug` or `trace`.
    pub level: String,
    /// The module.
    pub target: String,
    /// The message.
    pub message: String,
}

/// Asks `host` for an operation without a payload.
///
/// # Errors
/// The host's.
pub fn call<O: Operation>(host: &dyn Host, operation: &O) -> Result<O::Output> {
    call_with(host, operation, &[]).map(|(output, _)| output)
}

/// Asks `host` for an operation with a payload.
///
/// # Errors
/// The host's.
pub fn call_with<O: Operation>(
    host: &dyn Host,
    operation: &O,
    payload: &[u8],
) -> Result<(O::Output, Vec<u8>)> {
    let (output, bytes) = host.call(O::NAME, &json::encode(operation)?, payload)?;
    let output = json::decode(&output, &format!("the answer to `{}`", O::NAME));
    let output = output.map_err(|flaw| match flaw {
        Flaw::Unknown(feature) => Error::with_code(
            Code::Unsupported,
            format!("clusterdock uses the {feature}, which this plugin lacks: rebuild the plugin"),
        ),
        Flaw::Invalid(why) => Error::with_code(Code::Host, format!("invalid {why}")),
    })?;
    Ok((output, bytes))
}

/// A time as it is sent.
pub fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}
