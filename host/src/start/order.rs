//! An order: everything that a start needs to know, checked.

use std::net::IpAddr;
use std::time::Duration;

use async_trait::async_trait;
use clusterdock_plugin_wire::{NodeSpec, Request};
use ipnet::Ipv4Net;

use crate::cluster::provenance::StartOptions;
use crate::engine::System;
use crate::error::{Error, Result};
use crate::image::Wanted;
use crate::image::pull::Pull;
use crate::machine::host_port::WantedPort;
use crate::machine::hosts_file::UpdateHosts;
use crate::plan::settings;
use crate::plan::start_plan::{Limits, TopologyFacts};
use crate::topology::plugin::{Hook, Plugin};

/// Checks the settings of nodes that are given as fields of the engine's create call.
///
/// # Errors
/// [`Kind::Usage`](crate::error::Kind::Usage) for the first node with a field that the engine does not know, or that
/// clusterdock fills in.
pub fn check_engine_fields(engine: &dyn System, specs: &[NodeSpec]) -> Result<()> {
    for spec in specs {
        engine
            .check_create_fields(&spec.settings.create)
            .map_err(|error| {
                let shown = settings::unusable(&spec.hostname, "create", error.message);
                error.hint.into_iter().fold(shown, Error::hint)
            })?;
    }
    Ok(())
}

/// The topology to start, and the options to start it with.
pub struct Order<'a> {
    /// The topology's code.
    pub plugin: &'a dyn Plugin,
    /// As labels name it.
    pub topology: TopologyFacts,
    /// What the user asked for.
    pub request: Request,
    /// Set if the cluster's name is generated: if it is taken, another is generated, and the topology is asked again
    /// with the new name.
    pub asked_again: Option<Box<dyn Asking + 'a>>,
    /// The hook to run once all nodes are ready.
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
    /// The subnet of the network, which must not exist yet.
    pub subnet: Option<Ipv4Net>,
    /// Limits for every node.
    pub limits: Limits,
    /// The options that are not part of the request, as the record keeps them.
    pub options: StartOptions,
    /// How long nodes may take to become ready.
    pub timeout: Duration,
    /// Maximum parallel calls to the engine.
    pub workers: usize,
    /// Whether nodes are written into the machine's hosts file.
    pub update_hosts: UpdateHosts,
    /// Capabilities to leave out of host-like nodes, besides those that the engine is known to lack.
    pub leave_out: Vec<String>,
    /// Whether to keep what a failed start created.
    pub keep: bool,
    /// Whether to only plan it.
    pub dry_run: bool,
}

/// The nodes of a request, with what follows from them.
pub struct Asked {
    /// The nodes.
    pub specs: Vec<NodeSpec>,
    /// Their images.
    pub images: Vec<Wanted>,
    /// The ports to publish.
    pub ports: Vec<WantedPort>,
    /// Where the user overrides the topology, a sentence each.
    pub overrides: Vec<String>,
}

/// Asks a topology for nodes.
#[async_trait]
pub trait Asking: Send + Sync {
    /// The nodes of a request.
    ///
    /// # Errors
    /// The topology refuses the request, or its answer is invalid.
    async fn ask(&self, request: &Request) -> Result<Asked>;
}

impl Order<'_> {
    /// Changes the generated name of the cluster.
    ///
    /// # Errors
    /// Those of [`Asking`].
    pub async fn rename(&mut self, cluster: String) -> Result<()> {
        self.request.cluster = cluster;
        let Some(asking) = &self.asked_again else {
            return Ok(());
        };
        let Asked {
            specs,
            images,
            ports,
            ..
        } = asking.ask(&self.request).await?;
        (self.specs, self.images, self.ports) = (specs, images, ports);
        Ok(())
    }
}
