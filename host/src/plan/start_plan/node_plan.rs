//! The nodes of a start: what each one's container is made from.

use std::net::Ipv4Addr;

use clusterdock_plugin_wire::{File, NodeSpec, Probe, Settings};

use super::inputs::StartInputs;
use super::network_plan::NodeAddresses;
use crate::cluster::labels::{NodeLabels, read};
use crate::cluster::names;
use crate::cluster::record;
use crate::engine::{ContainerSpec, Image, LogBounds};
use crate::error::{Error, Kind, Result};
use crate::plan::{log_limits, node_keys, systemd, volumes};
use crate::topology::plugin::Hook;

/// One node.
#[derive(Debug, Clone, PartialEq)]
pub struct NodePlan {
    /// Without the domain.
    pub hostname: String,
    /// The node group.
    pub group: String,
    /// Its index among the nodes as the topology listed them.
    pub position: usize,
    /// Its container; its host name is the FQDN.
    pub container: ContainerSpec,
    /// The probes that must hold before it is ready.
    pub probes: Vec<Probe>,
    /// The probes that must hold after the hook.
    pub serves: Vec<Probe>,
    /// Groups whose nodes are ready before it starts.
    pub after: Vec<String>,
    /// The files that are put into it before it starts.
    pub files: Vec<File>,
    /// Whether it gets ssh keys before it starts.
    pub keys: bool,
}

impl NodePlan {
    /// `HOSTNAME.DOMAIN`.
    pub fn fqdn(&self) -> &str {
        &self.container.hostname
    }

    /// Whether it dies with its command because no restart policy brings it back.
    pub fn stays_dead(&self) -> bool {
        matches!(
            self.container.settings.restart.as_deref(),
            None | Some("no" | "")
        )
    }
}

/// The nodes of a start, in the order of their specs.
///
/// # Errors
/// Labels that could not be read back, such as a topology's name with several lines.
pub(super) fn plan_all(
    inputs: &StartInputs<'_>,
    helpers: &[ContainerSpec],
    addresses: &NodeAddresses,
    warnings: &mut Vec<String>,
) -> Result<Vec<NodePlan>> {
    let common = Common {
        inputs,
        helpers,
        hosts: hosts(inputs, addresses),
        log: log_limits::bounds(inputs.limits.log, inputs.logging_driver, warnings),
    };
    let specs = inputs.specs.iter().zip(addresses).enumerate();
    let nodes = specs
        .map(|(position, (spec, address))| plan_node(&common, position, spec, *address, warnings));
    nodes.collect()
}

/// The inputs that all nodes of a start share.
struct Common<'a> {
    inputs: &'a StartInputs<'a>,
    helpers: &'a [ContainerSpec],
    /// The names of each node, and its address.
    hosts: Vec<(String, Ipv4Addr)>,
    log: Option<LogBounds>,
}

fn hosts(inputs: &StartInputs<'_>, addresses: &NodeAddresses) -> Vec<(String, Ipv4Addr)> {
    let nodes = inputs.specs.iter().zip(addresses);
    let hosts = nodes.filter_map(|(spec, address)| {
        let names = format!("{0}.{1} {0}", spec.hostname, inputs.domain);
        Some((names, (*address)?))
    });
    hosts.collect()
}

fn plan_node(
    common: &Common<'_>,
    position: usize,
    spec: &NodeSpec,
    address: Option<Ipv4Addr>,
    warnings: &mut Vec<String>,
) -> Result<NodePlan> {
    let inputs = common.inputs;
    let mut container = container(common, spec, address);
    // The contents of a build's nodes become part of images, and keys must not.
    let keys = inputs.hook == Hook::Start && node_keys::gets(&container, inputs.images, warnings);
    let mut probes = spec.ready.clone();
    if keys {
        container.mounts.push(node_keys::volume());
        probes.extend(node_keys::sshd_answers(spec));
    }
    let after = inputs.topology.after.get(&spec.group);
    let after = after.cloned().unwrap_or_default();
    let own = NodeLabels {
        probes: probes.clone(),
        serves: spec.serves.clone(),
        after: after.clone(),
        volumes_from: volumes::of_node(common.helpers, spec).1,
        ssh_keys: keys,
        ..node_labels(inputs, spec)
    };
    let image = inputs.images.get(&container.image);
    container
        .labels
        .extend(own.write(image.map_or("", |image| &image.id)));
    read::node(&container.labels).map_err(|fault| {
        let message = format!("node `{}` cannot be created", container.hostname);
        Error::new(Kind::Usage, message).cause(fault)
    })?;
    Ok(NodePlan {
        hostname: spec.hostname.clone(),
        group: spec.group.clone(),
        position,
        container,
        probes,
        serves: spec.serves.clone(),
        after,
        files: spec.files.clone(),
        keys,
    })
}

fn container(common: &Common<'_>, spec: &NodeSpec, address: Option<Ipv4Addr>) -> ContainerSpec {
    let inputs = common.inputs;
    let image = spec.image.as_deref().unwrap_or(inputs.image);
    let mut settings = spec.settings.clone();
    settings.cpus = inputs.limits.cpus.or(settings.cpus);
    settings.memory = inputs.limits.memory.or(settings.memory);
    if settings.systemd {
        systemd::fill_in(&mut settings, inputs.cgroup_version);
    }
    ContainerSpec {
        name: names::container(&spec.hostname, inputs.network),
        hostname: format!("{}.{}", spec.hostname, inputs.domain),
        image: image.into(),
        labels: spec.settings.labels.clone(),
        network: inputs.network.into(),
        address,
        aliases: names::aliases(&spec.hostname, inputs.network, inputs.domain),
        extra_hosts: common.hosts.clone(),
        ports: inputs
            .ports
            .get(&spec.hostname)
            .cloned()
            .unwrap_or_default(),
        volumes_from: volumes::of_node(common.helpers, spec).0,
        mounts: vec![record::mount(&record::volume(
            inputs.run,
            inputs.provenance,
        ))],
        log: common
            .log
            .clone()
            .filter(|_| !log_limits::are_set_by(&spec.settings)),
        init: wants_init(&settings, inputs.images.get(image)),
        settings,
        capabilities_missing: inputs.capabilities_missing.to_vec(),
    }
}

/// The engine's init reaps and passes signals on, so that a node stops at once; not if the image brings one.
fn wants_init(settings: &Settings, image: Option<&Image>) -> bool {
    let own = match (&settings.command, &settings.entrypoint) {
        (None, None) => image.is_some_and(Image::brings_init),
        (command, entrypoint) => {
            let words = entrypoint
                .iter()
                .chain(command)
                .flatten()
                .cloned()
                .collect();
            Image {
                command: words,
                ..Image::default()
            }
            .brings_init()
        }
    };
    settings.init.unwrap_or(!own)
}

fn node_labels(inputs: &StartInputs<'_>, spec: &NodeSpec) -> NodeLabels {
    NodeLabels {
        run: inputs.run.clone(),
        hostname: spec.hostname.clone(),
        network: inputs.network.into(),
        domain: inputs.domain.into(),
        group: spec.group.clone(),
        topology: inputs.topology.name.clone(),
        topology_version: inputs.topology.version.clone(),
        plugin_digest: inputs.topology.plugin_digest.clone(),
        hooks: inputs.topology.hooks.clone(),
        ..NodeLabels::default()
    }
}
