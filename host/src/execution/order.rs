//! An order: everything that a start needs to know, checked.

use crate::cli::start::{Pull, UpdateHosts};
use crate::image::Wanted;
use crate::plan::port::WantedPort;
use crate::plan::start::{Limits, TopologyFacts};
use crate::topology::plugin::{Hook, Plugin};
use clusterdock_plugin_api::{NodeSpec, Request};
use std::net::IpAddr;
use std::time::Duration;

/// What is to be started, and how.
pub struct Order<'a> {
    /// The topology's code.
    pub plugin: &'a dyn Plugin,
    /// As labels name it.
    pub topology: TopologyFacts,
    /// What the user asked; an empty cluster name is made up.
    pub request: Request,
    /// The hook that is run when all nodes are ready.
    pub hook: Hook,
    /// The nodes asked for.
    pub specs: Vec<NodeSpec>,
    /// Their images.
    pub images: Vec<Wanted>,
    /// When to pull them.
    pub pull: Pull,
    /// Ports to publish.
    pub ports: Vec<WantedPort>,
    /// Where to publish them.
    pub bind: IpAddr,
    /// Limits for every node.
    pub limits: Limits,
    /// How long nodes may take to become ready.
    pub timeout: Duration,
    /// Calls to the engine at once.
    pub workers: usize,
    /// Whether nodes are written into the machine's hosts file.
    pub update_hosts: UpdateHosts,
    /// Capabilities to leave out of host-like nodes, beside those that the engine is seen to lack.
    pub leave_out: Vec<String>,
    /// Whether what a failed start made stays.
    pub keep: bool,
    /// Whether the plan is printed and nothing done.
    pub dry_run: bool,
}
