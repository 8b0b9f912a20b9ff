//! What a step prints besides its verb and its subject.

mod setting_reasons;

use clusterdock_plugin_wire::{Contents, File};

use crate::engine::{ContainerSpec, PublishedPort};

/// What a container is created with.
pub(super) fn container(spec: &ContainerSpec) -> String {
    let address = match spec.address {
        Some(address) => address.to_string(),
        None => "address of the engine's choice".into(),
    };
    let ports = spec.ports.iter().map(port);
    // It is the FQDN unless the user chose a domain, and helpers have no host name.
    let is_named = !spec.hostname.is_empty() && spec.name != spec.hostname;
    let name = is_named.then(|| format!("named {}", spec.name));
    let facts = [spec.image.clone(), address].into_iter();
    let facts = facts.chain(name).chain(ports);
    let facts: Vec<String> = facts.chain(setting_reasons::facts(spec)).collect();
    facts.join(", ")
}

/// Published ports.
pub(super) fn ports(ports: &[PublishedPort]) -> String {
    ports.iter().map(port).collect::<Vec<_>>().join(", ")
}

fn port(port: &PublishedPort) -> String {
    format!(
        "{}:{}->{}/{}",
        port.host_ip, port.host_port, port.container_port, port.protocol
    )
}

/// Files that are put into a node: their paths, and what is unusual about them. Never their contents.
pub(super) fn files(files: &[File]) -> String {
    let files = files.iter().map(|file| {
        let mut facts = Vec::new();
        if let Contents::Local(local) = &file.contents {
            facts.push(format!("from {}", local.display()));
        }
        if let Some(mode) = file.mode.filter(|mode| *mode != 0o644) {
            facts.push(format!("mode {mode:o}"));
        }
        if !matches!(file.owner.as_str(), "0" | "0:0" | "root" | "root:root") {
            facts.push(format!("owner {}", file.owner));
        }
        if facts.is_empty() {
            file.path.clone()
        } else {
            format!("{} ({})", file.path, facts.join(", "))
        }
    });
    files.collect::<Vec<_>>().join(", ")
}
