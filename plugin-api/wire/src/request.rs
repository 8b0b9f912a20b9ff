//! The user's request: names, image, the nodes of each group, and the topology's arguments, parsed.

use std::collections::BTreeMap;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

use crate::{Protocol, Secret};

/// The user's request. The host has checked it against the [`Declaration`](crate::Declaration): every group is declared,
/// and a declared argument has a value of its kind, its default, or none.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Request {
    /// The cluster's name, given or generated.
    pub cluster: String,
    /// The network's name.
    pub network: String,
    /// The nodes' domain: `HOSTNAME.DOMAIN`.
    pub domain: String,
    /// Whether the cluster is started to build images.
    pub is_build: bool,
    /// The image of nodes that do not name one, as `REGISTRY/NAMESPACE/REPOSITORY:TAG`.
    pub image: String,
    /// The user's `--operating-system`, or the manifest's default.
    pub operating_system: String,
    /// The registry that the user named, if any.
    pub registry: Option<String>,
    /// The namespace of images: the user's `--namespace` or the manifest's.
    pub namespace: String,
    /// Whether host ports equal container ports (`--predictable`), which the host takes care of.
    pub predictable: bool,
    /// The nodes, group by group as declared, each in the user's order.
    pub nodes: Vec<RequestedNode>,
    /// Argument values by name.
    pub args: BTreeMap<String, Value>,
}

/// A node that the user asked for.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct RequestedNode {
    /// The node group.
    pub group: String,
    /// Its number in the group, from 1.
    pub number: usize,
    /// The host name without the domain.
    pub hostname: String,
    /// `HOSTNAME.DOMAIN`.
    pub fqdn: String,
}

impl Request {
    /// The host names of a group, in the user's order; empty for a group without nodes.
    pub fn group(&self, name: &str) -> Vec<&str> {
        let nodes = self.nodes.iter().filter(|node| node.group == name);
        nodes.map(|node| node.hostname.as_str()).collect()
    }
}

impl Request {
    /// The secrets that are known, with the names of their arguments.
    pub fn secrets(&self) -> Vec<(&str, &Secret)> {
        let args = self.args.iter();
        args.filter_map(|(name, value)| match value {
            Value::Secret(secret) => Some((name.as_str(), secret.as_ref()?)),
            _ => None,
        })
        .collect()
    }

    /// The same without its secrets, as a cluster's record keeps it.
    #[must_use]
    pub fn without_secrets(&self) -> Request {
        let mut request = self.clone();
        for value in request.args.values_mut() {
            if let Value::Secret(secret) = value {
                *secret = None;
            }
        }
        request
    }
}

/// The value of an argument.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Value {
    /// Of a flag.
    Flag(bool),
    /// Of a text or a choice.
    Text(String),
    /// Of a secret; `None` if it is no longer known, since a cluster's record does not contain it.
    Secret(Option<Secret>),
    /// Of an integer.
    Integer(i64),
    /// Of a port.
    Port(PortNumber),
    /// Of a duration, in milliseconds.
    Milliseconds(u64),
    /// Of a size, in bytes.
    Bytes(u64),
    /// Of a list.
    List(Vec<String>),
    /// Of a map.
    Map(BTreeMap<String, Vec<String>>),
    /// Of a path: absolute, on the user's machine.
    Path(PathBuf),
}

/// A port with its protocol.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PortNumber {
    /// From 1.
    pub number: u16,
    /// `tcp` unless written otherwise.
    pub protocol: Protocol,
}
