//! The calls of a hook as values.

use std::path::PathBuf;
use std::time::Duration;

use crate::{Exec, File, Probe, Value};

/// A call of a hook into the host. Nodes are host names. The fields of a variant stay as they are, so that tests can compare
/// whole calls; what calls gain later has a variant of its own, or is in [`Exec`], [`File`] or [`Probe`]. Since 1.0.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Call {
    /// A command on nodes. Whether it [may fail](Exec::may_fail) is not part of it: the topology alone knows.
    Execute {
        /// The nodes.
        nodes: Vec<String>,
        /// The command, with its settings and input.
        exec: Exec,
    },
    /// A file or folder for nodes.
    Put {
        /// The nodes.
        nodes: Vec<String>,
        /// The file or folder.
        file: File,
    },
    /// A file of a node is read.
    Read {
        /// The node.
        node: String,
        /// Its path.
        path: String,
    },
    /// A folder of a node is copied.
    GetFolder {
        /// The node.
        node: String,
        /// Its path.
        path: String,
        /// The destination, absolute.
        local: PathBuf,
    },
    /// A wait for a probe.
    WaitFor {
        /// The nodes.
        nodes: Vec<String>,
        /// The probe.
        probe: Probe,
        /// The time.
        timeout: Duration,
    },
    /// A pause between two checks of a condition.
    Pause {
        /// The time.
        time: Duration,
        /// The condition.
        waiting_for: String,
    },
    /// Nodes are stopped.
    Stop {
        /// The nodes.
        nodes: Vec<String>,
    },
    /// Nodes are removed.
    Remove {
        /// The nodes.
        nodes: Vec<String>,
    },
    /// A node is committed to an image.
    Commit {
        /// The node.
        node: String,
        /// The image's reference.
        image: String,
        /// Whether the hook pushes it in any case.
        push: bool,
    },
    /// A value is kept with the cluster.
    Output {
        /// Its name.
        name: String,
        /// The value.
        value: Value,
    },
    /// A progress message.
    Progress {
        /// The message.
        message: String,
    },
    /// A closing message.
    Closing {
        /// The message.
        message: String,
    },
}
