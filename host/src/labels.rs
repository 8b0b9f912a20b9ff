//! The labels that everything made by clusterdock carries. What runs is known from them alone: no state is kept
//! anywhere else. Keys and meanings are promises (other versions of clusterdock read them).

use crate::engine::Labels;
use serde::{Deserialize, Serialize};

/// The label of the original clusterdock, on everything: JSON, see [`Origin`].
pub const ORIGIN: &str = "com.clusterdock.clusterdock";
/// The cluster's name. Containers.
pub const CLUSTER: &str = "com.clusterdock.cluster";
/// The topology's name. Containers.
pub const TOPOLOGY: &str = "com.clusterdock.topology";
/// The topology's version. Containers.
pub const TOPOLOGY_VERSION: &str = "com.clusterdock.topology-version";
/// SHA-256 of the plugin's library. Containers.
pub const PLUGIN_DIGEST: &str = "com.clusterdock.plugin-digest";
/// The node group. Containers.
pub const GROUP: &str = "com.clusterdock.group";
/// The node's host name, without the network. Containers.
pub const NODE: &str = "com.clusterdock.node";
/// The start that made it: a random word, the same on everything that one start makes.
pub const RUN: &str = "com.clusterdock.run";
/// How many nodes that start makes. Containers, and the marker volume.
pub const SIZE: &str = "com.clusterdock.size";
/// What the node is ready by: JSON, a list of probes. Containers.
pub const PROBES: &str = "com.clusterdock.probes";
/// The helper containers whose volumes the node has: their names, separated by commas. Containers of such nodes.
pub const VOLUMES_FROM: &str = "com.clusterdock.volumes-from";
/// The image whose volumes a helper container holds; what carries it is no node.
pub const VOLUMES_OF: &str = "com.clusterdock.volumes-of";
/// What all of our labels but [`ORIGIN`] begin with, and it too.
pub const PREFIX: &str = "com.clusterdock.";
/// That it has the ssh keys of its start: `true`. Containers.
pub const SSH_KEYS: &str = "com.clusterdock.ssh-keys";
/// When that start began: RFC 3339, UTC.
pub const CREATED: &str = "com.clusterdock.created";
/// The version of clusterdock that made it.
pub const VERSION: &str = "com.clusterdock.version";

/// What the original clusterdock says of itself in its label; its `ps` and `manage` look for `cluster_name`.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Origin {
    /// Always `clusterdock`.
    pub name: String,
    /// Of clusterdock.
    pub version: String,
    /// Where clusterdock is installed.
    pub location: String,
    /// The cluster the thing belongs to.
    pub cluster_name: Option<String>,
}

/// The facts of one start that all its labels repeat.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Run {
    /// The start's random word.
    pub id: String,
    /// The cluster's name.
    pub cluster: String,
    /// When it began: RFC 3339, UTC.
    pub created: String,
    /// Where this program is installed.
    pub location: String,
    /// How many nodes it makes.
    pub size: usize,
}

impl Run {
    /// What a network or volume of this start carries.
    pub fn labels(&self) -> Labels {
        let origin = Origin {
            name: "clusterdock".into(),
            version: env!("CARGO_PKG_VERSION").into(),
            location: self.location.clone(),
            cluster_name: Some(self.cluster.clone()),
        };
        let json = serde_json::to_string(&origin).expect("plain strings are JSON");
        Labels::from([
            (ORIGIN.into(), json),
            (RUN.into(), self.id.clone()),
            (CREATED.into(), self.created.clone()),
            (VERSION.into(), env!("CARGO_PKG_VERSION").into()),
        ])
    }

    /// The name of the helper container that holds the volumes of the start's `index`th image with volumes.
    pub fn helper(&self, index: usize) -> String {
        format!("clusterdock-{}-volumes-{}", self.id, index + 1)
    }

    /// The name of the marker volume: while it is there, the start has not been completed.
    pub fn marker(&self) -> String {
        format!("clusterdock-{}", self.id)
    }
}

/// The cluster that labels speak of: ours, or one of the original clusterdock.
pub fn cluster_of(labels: &Labels) -> Option<String> {
    labels.get(CLUSTER).cloned().or_else(|| origin(labels)?.cluster_name)
}

/// The original's label, if it is there and readable.
pub fn origin(labels: &Labels) -> Option<Origin> {
    serde_json::from_str(labels.get(ORIGIN)?).ok()
}
