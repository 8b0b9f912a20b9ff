//! The engine's state as text, so that a test can assert that nothing has changed.

use std::fmt::Display;

use clusterdock::engine::Labels;

use super::FakeEngine;
use super::container::HeldContainer;
use super::state::Holdings;
use super::volume::HeldVolume;

/// How much of an id is shown: enough to distinguish a thing from another one that took its name.
const ID: usize = 12;

impl FakeEngine {
    /// Everything that the engine has, one line each, sorted. Times, logs and processes are omitted, but not how often
    /// a container was started, so two snapshots are only equal if nothing was touched in between, or everything added
    /// was removed again.
    pub fn snapshot(&self) -> String {
        let holdings = self.holdings();
        let mut lines: Vec<String> = holdings.containers.values().map(container).collect();
        lines.extend(networks(&holdings));
        lines.extend(
            holdings
                .volumes
                .iter()
                .map(|(name, held)| volume(name, held)),
        );
        lines.extend(holdings.images.values().map(|held| {
            format!(
                "image {} {}",
                join(&held.references),
                short(held.image.id.trim_start_matches("sha256:"))
            )
        }));
        lines.sort();
        lines.join("\n")
    }
}

fn container(held: &HeldContainer) -> String {
    let endpoints = held.endpoints.iter().map(|(name, endpoint)| {
        let address = |address: Option<std::net::Ipv4Addr>| {
            address.map_or("-".into(), |address| address.to_string())
        };
        format!(
            "{name}@{}:{}/{}",
            short(&endpoint.network_id),
            address(endpoint.address),
            address(endpoint.fixed_address)
        )
    });
    let ports = held.ports.iter().map(|port| {
        format!(
            "{}:{}->{}/{}",
            port.host_ip, port.host_port, port.container_port, port.protocol
        )
    });
    format!(
        "container {} {} {} starts={} image={} networks=[{}] ports=[{}] volumes=[{}] files=[{}] {}",
        held.spec.name,
        short(&held.id),
        held.state.as_str(),
        held.starts,
        held.spec.image,
        join(endpoints),
        join(ports),
        join(
            held.uses
                .iter()
                .map(|used| format!("{}:/{}", used.volume, used.path.display()))
        ),
        join(held.files.brought()),
        shown(&held.spec.labels)
    )
}

fn volume(name: &str, held: &HeldVolume) -> String {
    format!(
        "volume {name} files=[{}] {}",
        join(held.files.brought()),
        shown(&held.labels)
    )
}

fn networks(holdings: &Holdings) -> impl Iterator<Item = String> + '_ {
    holdings.networks.values().map(|held| {
        let network = &held.network;
        let range = network
            .engine_range
            .map_or("-".into(), |range| range.to_string());
        format!(
            "network {} {} {} subnets=[{}] range={range} {}",
            network.name,
            short(&network.id),
            network.driver,
            join(&network.subnets),
            shown(&network.labels)
        )
    })
}

fn shown(labels: &Labels) -> String {
    format!(
        "labels=[{}]",
        join(labels.iter().map(|(key, value)| format!("{key}={value}")))
    )
}

fn join(items: impl IntoIterator<Item = impl Display>) -> String {
    items
        .into_iter()
        .map(|item| item.to_string())
        .collect::<Vec<_>>()
        .join(", ")
}

fn short(id: &str) -> &str {
    id.get(..ID).unwrap_or(id)
}
