//! The hooks of a topology, and what each is called with.

use std::collections::BTreeMap;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::{Protocol, Request, Value};

/// A hook of a topology.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Hook {
    /// In `clusterdock start`, when every node is ready.
    Start,
    /// In `clusterdock build`, when every node is ready.
    Build,
    /// Whether the whole cluster is healthy.
    Check,
    /// Before a cluster is stopped.
    OnStop,
    /// After a cluster was resumed or restarted.
    OnResume,
    /// Nodes were added, or are about to be removed: see [`Change`].
    Scale,
    /// A verb of the topology: see [`VerbCall`].
    Verb,
}

impl Hook {
    /// Every hook that a declaration can list; a verb is listed as such.
    pub const DECLARED: [Hook; 6] = [
        Hook::Start,
        Hook::Build,
        Hook::Check,
        Hook::OnStop,
        Hook::OnResume,
        Hook::Scale,
    ];

    /// Its name, as in JSON.
    pub fn name(self) -> &'static str {
        match self {
            Hook::Start => "start",
            Hook::Build => "build",
            Hook::Check => "check",
            Hook::OnStop => "on_stop",
            Hook::OnResume => "on_resume",
            Hook::Scale => "scale",
            Hook::Verb => "verb",
        }
    }
}

impl fmt::Display for Hook {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// The call of a hook.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HookCall {
    /// Which.
    pub hook: Hook,
    /// The cluster as it is.
    pub cluster: ClusterFacts,
    /// The request that the cluster was started with. Its secrets are only known while it starts.
    pub request: Request,
    /// Milliseconds after which the hook is cancelled; `None` if it has no deadline.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
    /// What [`Hook::Scale`] is about.
    #[serde(default)]
    pub change: Option<Change>,
    /// What [`Hook::Verb`] is about.
    #[serde(default)]
    pub verb: Option<VerbCall>,
}

impl HookCall {
    /// A call without a deadline and further details.
    pub fn new(hook: Hook, cluster: ClusterFacts, request: Request) -> HookCall {
        HookCall {
            hook,
            cluster,
            request,
            timeout_ms: None,
            change: None,
            verb: None,
        }
    }
}

/// A change of the number of nodes.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Change {
    /// FQDNs of nodes that were added and are ready.
    pub added: Vec<String>,
    /// FQDNs of nodes that are about to be removed.
    pub removing: Vec<String>,
}

/// A verb with its arguments.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct VerbCall {
    /// The verb.
    pub name: String,
    /// Argument values by name.
    pub args: BTreeMap<String, Value>,
}

/// A cluster as a hook gets it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct ClusterFacts {
    /// The cluster's name.
    pub name: String,
    /// The network's name.
    pub network: String,
    /// The nodes' domain.
    pub domain: String,
    /// The nodes, in the order in which the topology listed them.
    pub nodes: Vec<NodeFacts>,
    /// Outputs of earlier hooks, by name.
    pub outputs: BTreeMap<String, serde_json::Value>,
}

/// A node as a hook gets it.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct NodeFacts {
    /// The node group.
    pub group: String,
    /// Its number in the group, from 1.
    pub number: usize,
    /// The host name without the domain.
    pub hostname: String,
    /// `HOSTNAME.DOMAIN`.
    pub fqdn: String,
    /// The image's reference.
    pub image: String,
    /// The container's id.
    pub container_id: String,
    /// The address on the cluster's network.
    pub ip_address: String,
    /// Every published port; a port published at several addresses is listed for each.
    pub ports: Vec<PublishedPort>,
}

/// A published port of a node.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PublishedPort {
    /// The port inside the node.
    pub container_port: u16,
    /// Its protocol.
    pub protocol: Protocol,
    /// The address at which the user reaches it.
    pub host_ip: String,
    /// The port at that address.
    pub host_port: u16,
}
