//! Translates the engine's answers to our types.
//!
//! Nearly every field of an answer is optional, since engines omit empty ones. A missing field therefore becomes an
//! empty value rather than an error. An empty id cannot do harm: [`target`](super::target) allows none in a path.

use std::collections::{BTreeMap, HashMap};
use std::net::{IpAddr, Ipv4Addr};

use bollard::models;
use clusterdock_plugin_wire::Protocol;
use ipnet::Ipv4Net;

use super::super::{
    Container, ContainerState, Endpoint, Image, ListedImage, Network, PublishedPort, State, Volume,
    container,
};

pub(super) fn container(seen: models::ContainerSummary) -> Container {
    let name = seen
        .names
        .unwrap_or_default()
        .into_iter()
        .next()
        .unwrap_or_default();
    let settings = seen.network_settings.and_then(|settings| settings.networks);
    let mut ports: Vec<PublishedPort> = seen
        .ports
        .unwrap_or_default()
        .into_iter()
        .filter_map(published)
        .collect();
    ports.sort();
    Container {
        id: seen.id.unwrap_or_default(),
        name: name.trim_start_matches('/').to_string(),
        hostname: None,
        image: seen.image.unwrap_or_default(),
        image_id: seen.image_id.unwrap_or_default(),
        labels: seen.labels.unwrap_or_default().into_iter().collect(),
        state: seen
            .state
            .map_or(State::Created, |state| State::parse(state.as_ref())),
        status: seen.status.unwrap_or_default(),
        created: seen.created.unwrap_or_default(),
        ports,
        networks: endpoints(settings),
    }
}

pub(super) fn state(seen: models::ContainerInspectResponse) -> ContainerState {
    let raw = serde_json::to_value(&seen).unwrap_or_default();
    let state = seen.state.unwrap_or_default();
    let settings = seen.network_settings.unwrap_or_default();
    let config = seen.host_config.unwrap_or_default();
    let policy = config
        .restart_policy
        .and_then(|policy| policy.name)
        .map(|word| word.to_string());
    let word = state
        .status
        .map(|status| status.to_string())
        .unwrap_or_default();
    let health = state
        .health
        .and_then(|health| health.status)
        .map(|status| status.to_string());
    ContainerState {
        state: State::parse(&word),
        hostname: seen
            .config
            .and_then(|config| config.hostname)
            .unwrap_or_default(),
        exit_code: state.exit_code,
        oom_killed: state.oom_killed.unwrap_or_default(),
        error: state.error.unwrap_or_default(),
        health: health.filter(|word| !word.is_empty() && word != "none"),
        pid: state.pid.filter(|pid| *pid > 0),
        networks: endpoints(settings.networks),
        ports: port_map(settings.ports),
        wanted_ports: port_map(config.port_bindings),
        extra_hosts: config
            .extra_hosts
            .unwrap_or_default()
            .iter()
            .filter_map(|line| host(line))
            .collect(),
        started: moment(state.started_at),
        ended: moment(state.finished_at),
        may_restart: policy.is_some_and(|word| !word.is_empty() && word != "no"),
        raw,
    }
}

pub(super) fn network(seen: models::Network) -> Network {
    let configs = seen.ipam.and_then(|ipam| ipam.config).unwrap_or_default();
    // IPv6 subnets are omitted: clusters use IPv4 only.
    let parse = |text: &Option<String>| text.as_ref().and_then(|text| text.parse::<Ipv4Net>().ok());
    Network {
        id: seen.id.unwrap_or_default(),
        name: seen.name.unwrap_or_default(),
        driver: seen.driver.unwrap_or_default(),
        scope: seen.scope.unwrap_or_default(),
        attachable: seen.attachable.unwrap_or_default(),
        labels: seen.labels.unwrap_or_default().into_iter().collect(),
        subnets: configs
            .iter()
            .filter_map(|config| parse(&config.subnet))
            .collect(),
        engine_range: configs.iter().find_map(|config| parse(&config.ip_range)),
        created: seen
            .created
            .map(|created| created.to_string())
            .unwrap_or_default(),
    }
}

pub(super) fn volume(seen: models::Volume) -> Volume {
    Volume {
        name: seen.name,
        labels: seen.labels.into_iter().collect(),
    }
}

pub(super) fn image(seen: models::ImageInspect) -> Image {
    let config = seen.config.unwrap_or_default();
    let words = config
        .entrypoint
        .unwrap_or_default()
        .into_iter()
        .chain(config.cmd.unwrap_or_default());
    Image {
        id: seen.id.unwrap_or_default(),
        command: words.collect(),
        volumes: config.volumes.unwrap_or_default(),
        ports: config.exposed_ports.unwrap_or_default(),
        labels: config.labels.unwrap_or_default().into_iter().collect(),
        size: seen.size.unwrap_or_default().max(0) as u64,
    }
}

pub(super) fn death(seen: models::EventMessage) -> container::Death {
    let actor = seen.actor.unwrap_or_default();
    let attributes = actor.attributes.unwrap_or_default();
    let text = |key: &str| attributes.get(key).cloned().unwrap_or_default();
    container::Death {
        id: actor.id.unwrap_or_default(),
        name: text("name"),
        exit_code: text("exitCode").parse().unwrap_or_default(),
    }
}

pub(super) fn listed_image(seen: models::ImageSummary) -> ListedImage {
    let is_reference = |reference: &String| reference != "<none>:<none>";
    ListedImage {
        id: seen.id,
        references: seen.repo_tags.into_iter().filter(is_reference).collect(),
        labels: seen.labels.into_iter().collect(),
        size: seen.size.try_into().unwrap_or_default(),
        created: seen.created,
    }
}

fn endpoints(
    seen: Option<HashMap<String, models::EndpointSettings>>,
) -> BTreeMap<String, Endpoint> {
    let address = |text: Option<String>| text.and_then(|text| text.parse::<Ipv4Addr>().ok());
    let endpoint = |(name, seen): (String, models::EndpointSettings)| {
        let fixed = seen.ipam_config.and_then(|config| config.ipv4_address);
        let endpoint = Endpoint {
            network_id: seen.network_id.unwrap_or_default(),
            address: address(seen.ip_address),
            fixed_address: address(fixed),
        };
        (name, endpoint)
    };
    seen.unwrap_or_default().into_iter().map(endpoint).collect()
}

fn published(seen: models::PortSummary) -> Option<PublishedPort> {
    Some(PublishedPort {
        container_port: seen.private_port,
        protocol: protocol(&seen.typ.map(|typ| typ.to_string()).unwrap_or_default()),
        host_ip: host_ip(seen.ip.as_deref()),
        host_port: seen.public_port?,
    })
}

fn port_map(seen: Option<models::PortMap>) -> Vec<PublishedPort> {
    let one = |key: &str, binding: &models::PortBinding| {
        let (port, word) = key.split_once('/')?;
        Some(PublishedPort {
            container_port: port.parse().ok()?,
            protocol: protocol(word),
            host_ip: host_ip(binding.host_ip.as_deref()),
            // Empty if the engine chooses the host port.
            host_port: binding.host_port.as_ref()?.parse().unwrap_or_default(),
        })
    };
    let seen = seen.unwrap_or_default();
    let mut ports: Vec<PublishedPort> = seen
        .iter()
        .flat_map(|(key, bindings)| {
            bindings
                .iter()
                .flatten()
                .filter_map(move |binding| one(key, binding))
        })
        .collect();
    ports.sort();
    ports
}

/// A time; the year 1 stands for something that has not happened.
fn moment(text: Option<String>) -> Option<jiff::Timestamp> {
    text.and_then(|time| time.parse().ok())
        .filter(|time| *time > jiff::Timestamp::UNIX_EPOCH)
}

/// Parses `NAMES:ADDRESS`.
fn host(line: &str) -> Option<(String, Ipv4Addr)> {
    let (names, address) = line.rsplit_once(':')?;
    Some((names.into(), address.parse().ok()?))
}

fn protocol(word: &str) -> Protocol {
    match word {
        "udp" => Protocol::Udp,
        "sctp" => Protocol::Sctp,
        _ => Protocol::Tcp,
    }
}

fn host_ip(text: Option<&str>) -> IpAddr {
    text.and_then(|text| text.parse().ok())
        .unwrap_or(IpAddr::V4(Ipv4Addr::UNSPECIFIED))
}
