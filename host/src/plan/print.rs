//! Plans as text: one line an operation, each with its reason.

use super::{NetworkPlan, NodePlan, RemovalPlan, StartPlan};
use crate::engine::PublishedPort;
use std::fmt::{self, Display, Formatter};

impl Display for StartPlan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        line(f, "create volume", &self.marker.name, "marks the start as not completed")?;
        match &self.network {
            NetworkPlan::Create(spec) => line(f, "create network", &spec.name, &format!("{}", spec.subnet))?,
            NetworkPlan::Join { name, id } => {
                line(f, "join network", name, &format!("it exists: {}", id.get(..12).unwrap_or(id)))?;
            }
        }
        for node in &self.nodes {
            line(f, "create container", node.fqdn(), &facts(node))?;
        }
        for node in &self.nodes {
            line(f, "start container", node.fqdn(), "")?;
            for probe in &node.probes {
                line(f, "await", node.fqdn(), &probe.to_string())?;
            }
        }
        line(f, "run hook", "start", &format!("of topology {}", self.topology))?;
        line(f, "remove volume", &self.marker.name, "the start is completed")
    }
}

impl Display for RemovalPlan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for container in &self.containers {
            line(f, "remove container", &container.name, container.id.get(..12).unwrap_or(&container.id))?;
        }
        for network in &self.networks {
            line(f, "remove network", &network.name, network.id.get(..12).unwrap_or(&network.id))?;
        }
        for volume in &self.volumes {
            line(f, "remove volume", volume, "")?;
        }
        for (network, holder) in &self.kept_networks {
            line(f, "keep network", network, &format!("{holder} is on it"))?;
        }
        Ok(())
    }
}

fn facts(node: &NodePlan) -> String {
    let spec = &node.container;
    let address = spec.address.map_or("address of the engine's choice".into(), |address| address.to_string());
    let ports: Vec<String> = spec.ports.iter().map(port).collect();
    [vec![spec.image.clone(), address], ports].concat().join(", ")
}

fn port(port: &PublishedPort) -> String {
    format!("{}:{}->{}/{}", port.host_ip, port.host_port, port.container_port, port.protocol)
}

fn line(f: &mut Formatter<'_>, verb: &str, subject: &str, reason: &str) -> fmt::Result {
    let text = format!("{verb:<17} {subject:<24} {reason}");
    writeln!(f, "{}", text.trim_end())
}
