//! What happens while a command works. Events are the only output of the work: the report turns them into lines, a
//! live display or JSON. Users get events; nothing is said twice.

use serde::Serialize;

/// Something that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum Event {
    /// A plugin is being compiled, since no library is there or its sources are newer.
    Compiling {
        /// The plugin's name.
        plugin: String,
    },
    /// An image is being provided. Not sent for one that is there already.
    Image {
        /// Its reference.
        image: String,
        /// How it gets on.
        #[serde(flatten)]
        phase: ImagePhase,
    },
    /// A cluster is being started; `nodes` are about to be made.
    Starting {
        /// Its name.
        cluster: String,
        /// The network's name.
        network: String,
        /// FQDNs.
        nodes: Vec<String>,
    },
    /// A node gets on.
    Node {
        /// FQDN.
        node: String,
        /// How.
        #[serde(flatten)]
        phase: NodePhase,
    },
    /// A hook of the topology runs.
    Hook {
        /// `start` or `build`.
        hook: String,
        /// The topology's name.
        topology: String,
    },
    /// A hook says what it is doing.
    Progress {
        /// A short sentence.
        message: String,
    },
    /// A command that a hook ran wrote a line, or the plugin itself did.
    Output {
        /// The node's FQDN, or the plugin's name.
        source: String,
        /// Without its line end.
        line: String,
    },
    /// The work goes on, and the user should know something.
    Warning {
        /// A sentence.
        message: String,
    },
    /// Something the user need not know unless asked for (`-v`).
    Debug {
        /// A sentence.
        message: String,
    },
    /// What a failed or interrupted start had begun is being removed.
    Undoing {
        /// The cluster's name.
        cluster: String,
    },
    /// Containers, networks or volumes are being removed.
    Removing {
        /// What, for the user: `cluster famous_hyades`, `node node-1.cluster`, `clusterdock containers`.
        what: String,
        /// Containers by name.
        containers: Vec<String>,
    },
    /// One thing has been removed.
    Removed {
        /// `container`, `network` or `volume`.
        kind: &'static str,
        /// Its name.
        name: String,
    },
    /// The cluster stands.
    Started {
        /// Its name.
        cluster: String,
        /// Milliseconds since the command began; compiling and providing images not counted.
        total_ms: u64,
        /// What the topology wants the user to know. Each may have several lines.
        closing: Vec<String>,
    },
    /// Something else is done; a sentence for the user.
    Done {
        /// The sentence.
        message: String,
    },
}

/// How an image gets on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum ImagePhase {
    /// From programs of this machine.
    Assembling,
    /// From its Dockerfile.
    Building,
    /// From its registry.
    Pulling,
    /// To its registry.
    Pushing,
    /// A step of a build or a part of a pull or push.
    Progress {
        /// What part: a layer's short id, of a push its size, or empty.
        part: String,
        /// The engine's words.
        status: String,
        /// Bytes done.
        current: Option<u64>,
        /// Bytes in all.
        total: Option<u64>,
    },
    /// It is there.
    Ready {
        /// Milliseconds that it took.
        took_ms: u64,
    },
    /// Its registry has it.
    Pushed {
        /// Milliseconds that it took.
        took_ms: u64,
    },
}

/// How a node gets on.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[serde(rename_all = "snake_case", tag = "phase")]
pub enum NodePhase {
    /// Its container is being made.
    Creating,
    /// Its container is being started.
    Starting,
    /// Its container, which was made earlier, is being started.
    Resuming,
    /// It runs; its probes are awaited.
    Waiting {
        /// The probe looked at.
        probe: String,
    },
    /// It runs and all its probes hold.
    Ready,
    /// It is being stopped.
    Stopping,
    /// It no longer runs, as was wanted.
    Stopped,
    /// It will not be.
    Failed {
        /// Why, in one line.
        why: String,
    },
}
