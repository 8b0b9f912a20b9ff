//! The labels of everything that clusterdock creates. They are the only source for running clusters; no state is kept
//! anywhere else. Keys and meanings are promises, since other versions of clusterdock read them.
//!
//! Labels are written and read only here. Anybody who can create a container can write any label, and images pass labels
//! on, so each is checked when it is read ([`read`]), and labels alone do not make a container clusterdock's
//! ([`crate::cluster::identity`]).

pub mod read;

use std::fmt::{self, Display, Formatter};

use clusterdock_plugin_wire::{Hook, Probe};
use serde::{Deserialize, Serialize};

use crate::engine::Labels;

/// The label of the original clusterdock, on everything: JSON, see [`Origin`].
pub const ORIGIN: &str = "com.clusterdock.clusterdock";
/// The cluster's name. Containers.
pub const CLUSTER: &str = "com.clusterdock.cluster";
/// The topology's name. Nodes.
pub const TOPOLOGY: &str = "com.clusterdock.topology";
/// The topology's version. Nodes.
pub const TOPOLOGY_VERSION: &str = "com.clusterdock.topology-version";
/// SHA-256 of the plugin's library. Nodes.
pub const PLUGIN_DIGEST: &str = "com.clusterdock.plugin-digest";
/// The node group. Nodes.
pub const GROUP: &str = "com.clusterdock.group";
/// The node's host name, without the domain. Nodes.
pub const NODE: &str = "com.clusterdock.node";
/// The network's name, which completes the host name to the container's name. Nodes.
pub const NETWORK: &str = "com.clusterdock.network";
/// The domain, which completes the host name to the FQDN. Nodes; without it, the network's name is the domain.
pub const DOMAIN: &str = "com.clusterdock.domain";
/// The start that created the resource: see [`RunId`].
pub const RUN: &str = "com.clusterdock.run";
/// How many nodes the start creates. Nodes, and the cluster's record.
pub const SIZE: &str = "com.clusterdock.size";
/// Marks a record that the engine recreated for a container, because the one that the start created had been removed.
pub const RECREATED: &str = "com.clusterdock.recreated";
/// The path of the topology's folder or library, see [`crate::cluster::provenance`]. The cluster's record.
pub const PROVENANCE_TOPOLOGY: &str = "com.clusterdock.topology-path";
/// The user's request as JSON, without secrets. The cluster's record.
pub const PROVENANCE_REQUEST: &str = "com.clusterdock.request";
/// The signature of the two above and [`RUN`]. The cluster's record.
pub const PROVENANCE_SIGNATURE: &str = "com.clusterdock.signature";
/// The options of the start beside the request, by flag, as JSON. The cluster's record.
pub const PROVENANCE_OPTIONS: &str = "com.clusterdock.options";
/// The probes that decide when the node is ready, as a JSON list. Nodes.
pub const PROBES: &str = "com.clusterdock.probes";
/// The probes that hold once the node serves, after the hook, as a JSON list. Nodes.
pub const SERVES: &str = "com.clusterdock.serves";
/// The groups whose nodes are ready before the node starts, separated by commas. Nodes.
pub const AFTER: &str = "com.clusterdock.after";
/// The hooks of the topology, separated by commas. Nodes.
pub const HOOKS: &str = "com.clusterdock.hooks";
/// The names of the helper containers whose volumes the node has, separated by commas. Nodes with such volumes.
pub const VOLUMES_FROM: &str = "com.clusterdock.volumes-from";
/// The image whose volumes a helper container holds. Helpers.
pub const VOLUMES_OF: &str = "com.clusterdock.volumes-of";
/// The helper's name, as [`VOLUMES_FROM`] of nodes has it. Helpers.
pub const HELPER: &str = "com.clusterdock.helper";
/// The id of the image that the container was created from. An image cannot contain its own id, so this
/// distinguishes a container of a start from one that inherited its labels. Containers.
pub const IMAGE_ID: &str = "com.clusterdock.image-id";
/// What the image was built from: its `REPOSITORY:TAG` and the digest of its context. An image of another name inherited
/// it. Images.
pub const CONTEXT: &str = "com.clusterdock.context";
/// `true` if the node has the ssh keys of its start. Nodes.
pub const SSH_KEYS: &str = "com.clusterdock.ssh-keys";
/// When the start began: RFC 3339, UTC.
pub const CREATED: &str = "com.clusterdock.created";
/// The version of clusterdock that created the resource.
pub const VERSION: &str = "com.clusterdock.version";
pub use crate::engine::LABEL_PREFIX as PREFIX;

/// All labels of containers except [`ORIGIN`].
const OWN: [&str; 22] = [
    CLUSTER,
    TOPOLOGY,
    TOPOLOGY_VERSION,
    PLUGIN_DIGEST,
    GROUP,
    NODE,
    NETWORK,
    DOMAIN,
    RUN,
    SIZE,
    PROBES,
    SERVES,
    AFTER,
    HOOKS,
    VOLUMES_FROM,
    VOLUMES_OF,
    HELPER,
    IMAGE_ID,
    CONTEXT,
    SSH_KEYS,
    CREATED,
    VERSION,
];

/// The content of the original clusterdock's label; its `ps` and `manage` look for `cluster_name`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// Always `clusterdock`.
    pub name: String,
    /// The version of clusterdock.
    pub version: String,
    /// Where clusterdock is installed.
    pub location: String,
    /// The cluster that the resource belongs to.
    pub cluster_name: Option<String>,
}

/// The random id of a start, on everything that the start creates: exactly 16 hexadecimal digits, so that it can be part
/// of a path.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(String);

impl RunId {
    /// Digits in a run's id.
    const LENGTH: usize = 16;

    /// A new random id.
    pub fn random() -> RunId {
        let mut digits = uuid::Uuid::new_v4().simple().to_string();
        digits.truncate(RunId::LENGTH);
        RunId(digits)
    }

    /// Reads an id. Returns `None` if it is malformed.
    pub fn parse(text: &str) -> Option<RunId> {
        let is_digit = |byte: u8| byte.is_ascii_digit() || (b'a'..=b'f').contains(&byte);
        (text.len() == RunId::LENGTH && text.bytes().all(is_digit)).then(|| RunId(text.into()))
    }

    /// Its digits.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for RunId {
    fn default() -> RunId {
        RunId("0".repeat(RunId::LENGTH))
    }
}

impl Display for RunId {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// The facts about a start that are in all its labels.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Run {
    /// The start's random id.
    pub id: RunId,
    /// The cluster's name.
    pub cluster: String,
    /// When it began: RFC 3339, UTC.
    pub created: String,
    /// The version of clusterdock.
    pub version: String,
    /// The path where this program is installed.
    pub location: String,
    /// How many nodes it creates.
    pub size: usize,
}

impl Default for Run {
    /// A start by this version at the beginning of time, of an empty cluster without a name.
    fn default() -> Run {
        Run {
            id: RunId::default(),
            cluster: String::new(),
            created: "1970-01-01T00:00:00Z".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            location: String::new(),
            size: 0,
        }
    }
}

impl Run {
    /// The labels of a network or volume of this start.
    pub fn labels(&self) -> Labels {
        let origin = Origin {
            name: "clusterdock".into(),
            version: self.version.clone(),
            location: self.location.clone(),
            cluster_name: Some(self.cluster.clone()),
        };
        let json = serde_json::to_string(&origin).expect("plain strings are JSON");
        Labels::from([
            (ORIGIN.into(), json),
            (RUN.into(), self.id.to_string()),
            (CREATED.into(), self.created.clone()),
            (VERSION.into(), self.version.clone()),
        ])
    }

    /// The labels of a container that is created from the image with this id.
    fn container_labels(&self, image_id: &str) -> Labels {
        let mut labels = self.labels();
        labels.insert(CLUSTER.into(), self.cluster.clone());
        labels.insert(IMAGE_ID.into(), image_id.into());
        labels
    }

    /// The name of the helper container that holds the volumes of the start's `index`th image with volumes.
    pub fn helper(&self, index: usize) -> String {
        format!("{}{}", self.helpers_begin_with(), index + 1)
    }

    fn helpers_begin_with(&self) -> String {
        format!("clusterdock-{}-volumes-", self.id)
    }
}

/// The label of an image with this reference that is built from a context with this digest.
pub fn of_built(reference: &str, digest: &str) -> Labels {
    let value = format!("{} {digest}", last_name(reference));
    Labels::from([(CONTEXT.into(), value)])
}

/// `REPOSITORY:TAG` of an image reference, which stays the same in another registry or namespace.
fn last_name(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

/// The Dockerfile instruction that blanks the labels of a node. An image inherits the labels of a container, which can be
/// overwritten but not deleted. The original clusterdock reads its label on every container and sorts by the cluster's
/// name in it, so that label stays JSON, with an empty name.
pub fn blank() -> String {
    let no_cluster = Origin {
        name: "clusterdock".into(),
        cluster_name: Some(String::new()),
        ..Origin::default()
    };
    let origin = serde_json::to_string(&no_cluster);
    let origin =
        serde_json::to_string(&origin.expect("plain strings are JSON")).expect("a string is JSON");
    let others = OWN.iter().map(|key| format!("{key}=\"\""));
    format!(
        "LABEL {ORIGIN}={origin} {}",
        others.collect::<Vec<_>>().join(" ")
    )
}

/// The facts in the labels of a node.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct NodeLabels {
    /// The start that created it.
    pub run: Run,
    /// Its host name, without the domain.
    pub hostname: String,
    /// The network's name.
    pub network: String,
    /// Its domain.
    pub domain: String,
    /// The node group.
    pub group: String,
    /// The topology's name.
    pub topology: String,
    /// The topology's version.
    pub topology_version: String,
    /// SHA-256 of the plugin's library.
    pub plugin_digest: String,
    /// The probes that decide when it is ready.
    pub probes: Vec<Probe>,
    /// The probes that hold once it serves.
    pub serves: Vec<Probe>,
    /// The groups whose nodes are ready before it starts.
    pub after: Vec<String>,
    /// The hooks of its topology.
    pub hooks: Vec<Hook>,
    /// Helper containers of its start whose volumes it has.
    pub volumes_from: Vec<String>,
    /// Whether it has the ssh keys of its start.
    pub ssh_keys: bool,
}

impl NodeLabels {
    /// `HOSTNAME.DOMAIN`.
    pub fn fqdn(&self) -> String {
        format!("{}.{}", self.hostname, self.domain)
    }

    /// The labels of a container that is created from the image with this id.
    pub fn write(&self, image_id: &str) -> Labels {
        let json = |probes: &[Probe]| serde_json::to_string(probes).expect("probes are plain data");
        let hooks: Vec<&str> = self.hooks.iter().map(|hook| hook.name()).collect();
        let facts = [
            (NODE, self.hostname.clone()),
            (NETWORK, self.network.clone()),
            (DOMAIN, self.domain.clone()),
            (GROUP, self.group.clone()),
            (TOPOLOGY, self.topology.clone()),
            (TOPOLOGY_VERSION, self.topology_version.clone()),
            (PLUGIN_DIGEST, self.plugin_digest.clone()),
            (SIZE, self.run.size.to_string()),
            (PROBES, json(&self.probes)),
            (SERVES, json(&self.serves)),
            // Written even if empty: the image may have been committed from another node.
            (AFTER, self.after.join(",")),
            (HOOKS, hooks.join(",")),
            (VOLUMES_FROM, self.volumes_from.join(",")),
            (
                SSH_KEYS,
                if self.ssh_keys {
                    "true".into()
                } else {
                    String::new()
                },
            ),
            (VOLUMES_OF, String::new()),
        ];
        let mut labels = self.run.container_labels(image_id);
        labels.extend(facts.map(|(key, value)| (key.to_string(), value)));
        labels
    }
}

/// The facts in the labels of a helper, a container that holds the volumes of an image for nodes of its start.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HelperLabels {
    /// The start that created it.
    pub run: Run,
    /// Its name, as in labels of nodes.
    pub name: String,
    /// The image.
    pub image: String,
}

impl HelperLabels {
    /// The labels of a container that is created from the image with this id.
    pub fn write(&self, image_id: &str) -> Labels {
        let mut labels = self.run.container_labels(image_id);
        labels.insert(VOLUMES_OF.into(), self.image.clone());
        labels.insert(HELPER.into(), self.name.clone());
        labels
    }
}
