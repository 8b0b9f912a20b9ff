//! A step is one call to the engine or one wait, with its reason and the engine it is for. A plan is a list of steps.

use std::collections::BTreeMap;
use std::fmt::{self, Display, Formatter};
use std::net::Ipv4Addr;
use std::time::Duration;

use clusterdock_plugin_wire::{File, Probe};

use crate::engine::{ContainerSpec, NetworkSpec, Volume};
use crate::topology::plugin::Hook;

/// The index of a step in its plan.
pub type StepId = usize;

/// What will be done, in the order in which it prints. The steps of one stream run one after another; streams run in
/// parallel, and meet where a step waits for others.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Plan {
    /// What stays as it is, and why.
    pub notes: Vec<Note>,
    /// What is done.
    pub steps: Vec<Step>,
    /// What a step that fails means for the others.
    pub on_failure: OnFailure,
}

/// What a step that fails means for the others.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub enum OnFailure {
    /// Everything ends, and what was done is about to be rolled back. The death of a node that the plan has started
    /// counts as a failure, too.
    Stop,
    /// Calls continue, since each is useful by itself; waits end, since the command has failed.
    #[default]
    Continue,
}

/// Something that the plan leaves as it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Note {
    /// What happens to it, such as `keep`.
    pub verb: &'static str,
    /// Its name.
    pub subject: String,
    /// Why.
    pub reason: String,
}

/// One call to the engine, or one wait.
#[derive(Debug, Clone, PartialEq)]
pub struct Step {
    /// What it is done to.
    pub stream: Stream,
    /// What is done.
    pub action: Action,
    /// Why, or with what.
    pub reason: String,
    /// The engine it is for, by its address.
    pub engine: String,
    /// Steps that have to end first, besides the earlier ones in its stream.
    pub after: Vec<StepId>,
    /// Whether it is executed even if a step that it waits for has failed.
    pub despite_failures: bool,
    /// Pauses after each of which the call is repeated while something else still uses its subject.
    pub retries: &'static [Duration],
}

/// What the steps of one stream are about.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Stream {
    /// A node, by the name that commands accept for it.
    Node(String),
    /// Another container, by its name.
    Container(String),
    /// A network.
    Network(String),
    /// A volume.
    Volume(String),
    /// An image.
    Image(String),
    /// A cluster as a whole.
    Cluster(String),
}

/// A container or network: by its id, or, if an earlier step creates it, by its name.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Target {
    /// The name that users know.
    pub name: String,
    /// The full id; `None` if it is yet to be created.
    pub id: Option<String>,
}

/// What a step does.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// Creates a volume. If it has other labels, it belongs to something else.
    CreateVolume(Volume),
    /// Checks whether a volume is still the one that was created.
    CheckVolume(Volume),
    /// Creates a container.
    CreateContainer(Box<ContainerSpec>),
    /// Creates a network.
    CreateNetwork(NetworkSpec),
    /// Unpacks the node's ssh keys, which are generated when the plan is executed.
    PutKeys(Target),
    /// Puts files into a container.
    PutFiles {
        /// The container.
        container: Target,
        /// The files.
        files: Vec<File>,
    },
    /// Connects a container to a network, in place of one that no longer exists.
    ConnectNetwork {
        /// The container.
        container: Target,
        /// The attachment.
        attachment: Attachment,
    },
    /// Starts a container.
    StartContainer(NodeTarget),
    /// Sends the stop signal, and kills what is still running after the time.
    StopContainer {
        /// The container.
        container: Target,
        /// The time.
        grace_seconds: u32,
    },
    /// Pauses a container.
    PauseContainer(Target),
    /// Unpauses a container.
    UnpauseContainer(Target),
    /// Sends a signal.
    SignalContainer {
        /// The container.
        container: Target,
        /// Such as `SIGHUP`.
        signal: String,
    },
    /// Removes a container. If it is already gone, that is a success.
    RemoveContainer(Target),
    /// Removes a network. If it is already gone, that is a success.
    RemoveNetwork(Target),
    /// Removes a volume by name. If it is already gone, that is a success.
    RemoveVolume(String),
    /// Waits until something else starts a container.
    AwaitStart(NodeTarget),
    /// Waits until a probe holds.
    AwaitProbe {
        /// The node.
        node: NodeTarget,
        /// The probe.
        probe: Probe,
    },
    /// Waits until a container without probes has been running for a moment: nothing else shows that its start
    /// succeeded.
    AwaitRunning {
        /// The node.
        node: NodeTarget,
        /// Whether a restart policy may start it again.
        may_restart: bool,
    },
    /// Checks whether nodes still run.
    CheckRunning(Nodes),
    /// Assembles, builds or pulls an image, as the verb says.
    ProvideImage(&'static str),
    /// Runs a hook of the topology.
    RunHook {
        /// The hook.
        hook: Hook,
        /// The nodes that it runs on.
        nodes: Nodes,
    },
    /// Writes a file into the cluster's record, through one of the nodes.
    WriteRecord {
        /// The file.
        file: &'static str,
        /// The nodes, all of which have the record.
        nodes: Nodes,
    },
}

/// The nodes of a cluster, which a single call to the engine lists.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Nodes {
    /// A label, key and value, that all of them have.
    pub label: (String, String),
    /// Their containers.
    pub containers: Vec<Target>,
}

/// A node that may die while it is started or waited for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NodeTarget {
    /// The container.
    pub container: Target,
    /// A label, key and value, by which the engine's events of it are found.
    pub label: (String, String),
}

/// A node's attachment to its network.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Attachment {
    /// The network.
    pub network: Target,
    /// The node's fixed address; if none, the engine chooses.
    pub address: Option<Ipv4Addr>,
    /// The node's names besides its container's.
    pub aliases: Vec<String>,
}

impl Plan {
    /// A plan without steps.
    pub fn new(on_failure: OnFailure) -> Plan {
        Plan {
            on_failure,
            ..Plan::default()
        }
    }

    /// Adds a step; returns its id, for steps that wait for it.
    pub fn add(&mut self, step: Step) -> StepId {
        self.steps.push(step);
        self.steps.len() - 1
    }

    /// Notes what stays as it is.
    pub fn note(&mut self, verb: &'static str, subject: &str, reason: String) {
        self.notes.push(Note {
            verb,
            subject: subject.into(),
            reason,
        });
    }

    /// The ids of all steps so far.
    pub fn so_far(&self) -> Vec<StepId> {
        (0..self.steps.len()).collect()
    }

    /// The ids of the steps with a wanted action.
    pub fn ids(&self, is_wanted: impl Fn(&Action) -> bool) -> Vec<StepId> {
        let is_wanted = |id: &StepId| is_wanted(&self.steps[*id].action);
        self.so_far().into_iter().filter(is_wanted).collect()
    }

    /// The steps by stream, each in its order.
    pub fn streams(&self) -> Vec<Vec<StepId>> {
        let mut places = BTreeMap::new();
        let mut streams: Vec<Vec<StepId>> = Vec::new();
        for (id, step) in self.steps.iter().enumerate() {
            let place = *places.entry(&step.stream).or_insert(streams.len());
            if place == streams.len() {
                streams.push(Vec::new());
            }
            streams[place].push(id);
        }
        streams
    }
}

impl Step {
    /// A step of a stream.
    pub fn new(engine: &str, stream: Stream, action: Action) -> Step {
        Step {
            stream,
            action,
            reason: String::new(),
            engine: engine.into(),
            after: Vec::new(),
            despite_failures: false,
            retries: &[],
        }
    }

    /// With its reason.
    pub fn with_reason(self, reason: impl Into<String>) -> Step {
        Step {
            reason: reason.into(),
            ..self
        }
    }

    /// With the steps that it waits for.
    pub fn with_after(self, after: Vec<StepId>) -> Step {
        Step { after, ..self }
    }

    /// The node that it starts.
    pub fn starts(&self) -> Option<&NodeTarget> {
        match &self.action {
            Action::StartContainer(node) => Some(node),
            _ => None,
        }
    }

    /// Whether it creates a container that only holds the volumes of an image.
    pub fn is_helper(&self) -> bool {
        matches!(
            (&self.stream, &self.action),
            (Stream::Container(_), Action::CreateContainer(_))
        )
    }

    /// What it is done to, as it prints.
    pub fn subject(&self) -> &str {
        match &self.action {
            Action::RunHook { hook, .. } => hook.name(),
            Action::WriteRecord { file, .. } => file,
            _ => self.stream.name(),
        }
    }
}

impl Action {
    /// The action in words.
    pub fn verb(&self) -> &'static str {
        match self {
            Action::CreateVolume(_) => "create volume",
            Action::CheckVolume(_) => "check volume",
            Action::CreateContainer(_) => "create container",
            Action::CreateNetwork(_) => "create network",
            Action::PutKeys(_) => "put ssh keys",
            Action::PutFiles { .. } => "put files",
            Action::ConnectNetwork { .. } => "join network",
            Action::StartContainer(_) => "start container",
            Action::StopContainer { .. } => "stop container",
            Action::PauseContainer(_) => "pause container",
            Action::UnpauseContainer(_) => "unpause container",
            Action::SignalContainer { .. } => "signal container",
            Action::RemoveContainer(_) => "remove container",
            Action::RemoveNetwork(_) => "remove network",
            Action::RemoveVolume(_) => "remove volume",
            Action::AwaitStart(_) | Action::AwaitProbe { .. } | Action::AwaitRunning { .. } => {
                "await"
            }
            Action::CheckRunning(_) => "check nodes",
            Action::ProvideImage(verb) => verb,
            Action::RunHook { .. } => "run hook",
            Action::WriteRecord { .. } => "write file",
        }
    }

    /// Whether something is removed.
    pub fn is_removal(&self) -> bool {
        matches!(
            self,
            Action::RemoveContainer(_) | Action::RemoveNetwork(_) | Action::RemoveVolume(_)
        )
    }

    /// Whether nothing is done, only awaited.
    pub fn is_wait(&self) -> bool {
        self.waits_for().is_some()
    }

    /// The node that is waited for.
    pub fn waits_for(&self) -> Option<&NodeTarget> {
        match self {
            Action::AwaitStart(node)
            | Action::AwaitProbe { node, .. }
            | Action::AwaitRunning { node, .. } => Some(node),
            Action::CreateVolume(_)
            | Action::CheckVolume(_)
            | Action::CreateContainer(_)
            | Action::CreateNetwork(_)
            | Action::PutKeys(_)
            | Action::PutFiles { .. }
            | Action::ConnectNetwork { .. }
            | Action::StartContainer(_)
            | Action::StopContainer { .. }
            | Action::PauseContainer(_)
            | Action::UnpauseContainer(_)
            | Action::SignalContainer { .. }
            | Action::RemoveContainer(_)
            | Action::RemoveNetwork(_)
            | Action::RemoveVolume(_)
            | Action::CheckRunning(_)
            | Action::ProvideImage(_)
            | Action::RunHook { .. }
            | Action::WriteRecord { .. } => None,
        }
    }
}

impl Stream {
    /// The name of what it is about.
    pub fn name(&self) -> &str {
        match self {
            Stream::Node(name)
            | Stream::Container(name)
            | Stream::Network(name)
            | Stream::Volume(name)
            | Stream::Image(name)
            | Stream::Cluster(name) => name,
        }
    }
}

/// As errors name it: its kind, and its name in backticks.
impl Display for Stream {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let kind = match self {
            Stream::Node(_) => "node",
            Stream::Container(_) => "container",
            Stream::Network(_) => "network",
            Stream::Volume(_) => "volume",
            Stream::Image(_) => "image",
            Stream::Cluster(_) => "cluster",
        };
        write!(f, "{kind} `{}`", self.name())
    }
}

impl Target {
    /// Something that exists.
    pub fn known(name: &str, id: &str) -> Target {
        Target {
            name: name.into(),
            id: Some(id.into()),
        }
    }

    /// The beginning of its id, as Docker prints it.
    pub fn short_id(&self) -> &str {
        let id = self.id.as_deref().unwrap_or_default();
        id.get(..12).unwrap_or(id)
    }

    /// Something that an earlier step creates.
    pub fn created(name: &str) -> Target {
        Target {
            name: name.into(),
            id: None,
        }
    }
}
