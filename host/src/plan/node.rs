//! The nodes of a start: what each one's container is made from.

use super::start::{NodeAddresses, NodePlan, StartInputs};
use super::{keys, systemd, volumes};
use crate::engine::{ContainerSpec, Image, Labels};
use crate::labels;
use clusterdock_plugin_api::{NodeSpec, Settings};
use std::net::Ipv4Addr;

/// The nodes of a start, in the order of their specs.
pub(super) fn plan_all(
    inputs: &StartInputs<'_>,
    helpers: &[ContainerSpec],
    addresses: &NodeAddresses,
    warnings: &mut Vec<String>,
) -> Vec<NodePlan> {
    let hosts: Vec<(String, Ipv4Addr)> = inputs
        .specs
        .iter()
        .zip(addresses)
        .filter_map(|(spec, address)| Some((format!("{0}.{1} {0}", spec.hostname, inputs.network), (*address)?)))
        .collect();
    let node = |(position, (spec, address)): (usize, (&NodeSpec, &Option<Ipv4Addr>))| {
        let mut container = container(inputs, helpers, spec, *address, &hosts);
        let keys = inputs.keys && keys::gets(&container, inputs.images, warnings);
        let mut probes = spec.probes.clone();
        if keys {
            container.labels.insert(labels::SSH_KEYS.into(), "true".into());
            probes.extend(keys::sshd_answers(spec));
        }
        let json = serde_json::to_string(&probes).expect("probes are plain data");
        container.labels.insert(labels::PROBES.into(), json);
        let (hostname, group) = (spec.hostname.clone(), spec.group.clone());
        NodePlan { hostname, group, position, container, probes, keys }
    };
    inputs.specs.iter().zip(addresses).enumerate().map(node).collect()
}

fn container(
    inputs: &StartInputs<'_>,
    helpers: &[ContainerSpec],
    spec: &NodeSpec,
    address: Option<Ipv4Addr>,
    hosts: &[(String, Ipv4Addr)],
) -> ContainerSpec {
    let fqdn = format!("{}.{}", spec.hostname, inputs.network);
    let image = spec.image.as_deref().unwrap_or(inputs.image);
    let mut settings = spec.settings.clone();
    settings.cpus = inputs.limits.cpus.or(settings.cpus);
    settings.memory = inputs.limits.memory.or(settings.memory);
    if settings.systemd {
        systemd::fill_in(&mut settings, inputs.cgroup_version);
    }
    let (volumes_from, helper_names) = volumes::of_node(helpers, spec);
    let mut labels = node_labels(inputs, spec);
    labels.extend(helper_names.map(|names| (labels::VOLUMES_FROM.to_string(), names)));
    ContainerSpec {
        name: fqdn.clone(),
        hostname: fqdn,
        image: image.into(),
        labels,
        network: inputs.network.into(),
        address,
        aliases: vec![spec.hostname.clone()],
        extra_hosts: hosts.to_vec(),
        ports: inputs.ports.get(&spec.hostname).cloned().unwrap_or_default(),
        volumes_from,
        init: wants_init(&settings, inputs.images.get(image)),
        settings,
        capabilities_missing: inputs.capabilities_missing.to_vec(),
    }
}

/// The engine's init reaps and passes signals on, so that a node stops at once; not where one is there already.
fn wants_init(settings: &Settings, image: Option<&Image>) -> bool {
    let own = match (&settings.command, &settings.entrypoint) {
        (None, None) => image.is_some_and(Image::brings_init),
        (command, entrypoint) => {
            let words = entrypoint.iter().chain(command).flatten().cloned().collect();
            Image { command: words, ..Image::default() }.brings_init()
        }
    };
    settings.init.unwrap_or(!own)
}

fn node_labels(inputs: &StartInputs<'_>, spec: &NodeSpec) -> Labels {
    let facts = [
        (labels::CLUSTER, inputs.run.cluster.clone()),
        (labels::TOPOLOGY, inputs.topology.name.clone()),
        (labels::TOPOLOGY_VERSION, inputs.topology.version.clone()),
        (labels::PLUGIN_DIGEST, inputs.topology.plugin_digest.clone()),
        (labels::GROUP, spec.group.clone()),
        (labels::NODE, spec.hostname.clone()),
        (labels::SIZE, inputs.specs.len().to_string()),
    ];
    let mut all = spec.settings.labels.clone();
    all.extend(inputs.run.labels());
    all.extend(facts.map(|(key, value)| (key.to_string(), value)));
    all
}
