//! Events: what happens while a command works. They are the only output of the work; the report turns them into lines, a
//! live display or JSON.

use serde::Serialize;

/// An event.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A plugin is being compiled, because it has no up-to-date library.
    Compiling {
        /// The plugin's name.
        plugin: String,
    },
    /// An image is being provided. Not sent for an image that is present.
    Image {
        /// Its reference.
        image: String,
        /// Its progress.
        #[serde(flatten)]
        phase: ImagePhase,
    },
    /// A cluster is being started.
    Starting {
        /// Its name.
        cluster: String,
        /// The network's name.
        network: String,
        /// The FQDNs of the nodes that are about to be created.
        nodes: Vec<String>,
    },
    /// A node has reached another phase.
    Node {
        /// FQDN.
        node: String,
        /// The phase.
        #[serde(flatten)]
        phase: NodePhase,
    },
    /// A hook of the topology is about to run.
    Hook {
        /// `start` or `build`.
        hook: String,
        /// The topology's name.
        topology: String,
    },
    /// A hook reports its progress.
    Progress {
        /// A short sentence.
        message: String,
    },
    /// A command of a hook, or the plugin itself, wrote a line.
    Output {
        /// The node's FQDN, or the plugin's name.
        source: String,
        /// Without its line end.
        line: String,
    },
    /// Something that the user should know, but no fault.
    Notice {
        /// A sentence.
        message: String,
    },
    /// Something that the user should know, although the work continues.
    Warning {
        /// A sentence.
        message: String,
    },
    /// Something that is only shown with `-v`.
    Debug {
        /// A sentence.
        message: String,
    },
    /// Something takes long. Sent repeatedly, so that readers of plain lines see that the work continues.
    StillWorking {
        /// What it is, or what it is waiting for.
        message: String,
    },
    /// A failed or interrupted start is being rolled back.
    #[serde(rename = "undoing")]
    RollingBack {
        /// The cluster's name.
        cluster: String,
    },
    /// Containers, networks or volumes are being removed.
    Removing {
        /// What is removed, in words: `cluster famous_hyades`, `node node-1.cluster`, `clusterdock containers`.
        what: String,
        /// The names of its containers.
        containers: Vec<String>,
    },
    /// A resource has been removed.
    Removed {
        /// `container`, `network` or `volume`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// What is left if the program exits now, before it has cleaned up. Shown only then.
    CleanUp {
        /// The command that cleans up; none if nothing is left.
        command: Option<String>,
    },
    /// The cluster has been started.
    Started {
        /// Its name.
        cluster: String,
        /// The time since the command began, compiling and providing images included, in milliseconds.
        total_ms: u64,
        /// Closing messages of the topology. Each may have several lines.
        closing: Vec<String>,
    },
    /// Something else has been completed.
    Done {
        /// A sentence.
        message: String,
    },
}

/// The phase of an image.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum ImagePhase {
    /// It is being assembled from programs of the host machine.
    Assembling,
    /// It is being built from its Dockerfile.
    Building,
    /// It is being pulled from its registry.
    Pulling,
    /// It is being pushed to its registry.
    Pushing,
    /// A step of a build or a part of a pull or push.
    Progress {
        /// The part: a layer's short id, the size of a pushed one, or empty.
        part: String,
        /// The engine's description.
        status: String,
        /// Bytes done.
        current: Option<u64>,
        /// Bytes in total.
        total: Option<u64>,
    },
    /// It is ready.
    Ready {
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
    /// It has been pushed.
    Pushed {
        /// How long it took, in milliseconds.
        took_ms: u64,
    },
}

/// The phase of a node.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum NodePhase {
    /// Its container is being created.
    Creating,
    /// Its container is being started.
    Starting,
    /// Its existing container is being started.
    Resuming,
    /// It is running, but not ready.
    Waiting {
        /// The probe that it is waiting for.
        probe: String,
    },
    /// It is running, and all its probes succeed.
    Ready,
    /// It is being stopped.
    Stopping,
    /// It was stopped on purpose.
    Stopped,
    /// It failed to become ready.
    Failed {
        /// Why, in one line.
        why: String,
    },
}
