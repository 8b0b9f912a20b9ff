//! Everything that the plan of a start follows from.

use std::collections::BTreeMap;
use std::path::PathBuf;

use clusterdock_plugin_wire::NodeSpec;
use ipnet::Ipv4Net;

use crate::cluster::labels::Run;
use crate::cluster::observed::Observed;
use crate::cluster::provenance::Provenance;
use crate::engine::{Image, PublishedPort};
use crate::plan::log_limits::LogLimits;
use crate::topology::plugin::Hook;
/// Everything a start's plan follows from.
#[derive(Debug, Clone, Copy)]
pub struct StartInputs<'a> {
    /// This start.
    pub run: &'a Run,
    /// The topology to start.
    pub topology: &'a TopologyFacts,
    /// The origin of the cluster, for later hooks.
    pub provenance: &'a Provenance,
    /// The network's name.
    pub network: &'a str,
    /// The nodes' domain.
    pub domain: &'a str,
    /// The subnet that the user chose for the network, which has to be created then.
    pub subnet: Option<Ipv4Net>,
    /// The image of nodes that name none.
    pub image: &'a str,
    /// The nodes asked for, checked.
    pub specs: &'a [NodeSpec],
    /// Published ports by host name, with host ports that are held.
    pub ports: &'a BTreeMap<String, Vec<PublishedPort>>,
    /// What the user wants for every node.
    pub limits: Limits,
    /// What the engine has.
    pub observed: &'a Observed,
    /// Where this machine's routes lead, so that no new network hides one.
    pub routes: &'a [Ipv4Net],
    /// The images of the nodes by reference, as far as the engine has them.
    pub images: &'a BTreeMap<String, Image>,
    /// Capabilities the engine lacks and would refuse a start for.
    pub capabilities_missing: &'a [String],
    /// The version of control groups on the engine's machine; 0 if no node needs it.
    pub cgroup_version: u8,
    /// The engine's default logging driver.
    pub logging_driver: &'a str,
    /// The hook that is run when all nodes are ready.
    pub hook: Hook,
}

/// A topology, as labels name it.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct TopologyFacts {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// SHA-256 of the plugin's library.
    pub plugin_digest: String,
    /// Its hooks.
    pub hooks: Vec<Hook>,
    /// For each node group, those whose nodes are ready before its nodes start.
    pub after: BTreeMap<String, Vec<String>>,
    /// The absolute path of its folder or library.
    pub path: PathBuf,
}

/// Limits for every node.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Limits {
    /// Of its log.
    pub log: LogLimits,
    /// Processors.
    pub cpus: Option<f64>,
    /// Bytes.
    pub memory: Option<u64>,
}
