//! Plans as text: one line an operation, each with its reason.

mod settings;

use super::lifecycle::{Place, Step};
use super::{LifecyclePlan, NetworkPlan, NodePlan, RemovalPlan, StartPlan};
use crate::engine::PublishedPort;
use std::fmt::{self, Display, Formatter};

impl Display for StartPlan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        line(f, "create volume", &self.marker.name, "marks the start as not completed")?;
        for helper in &self.helpers {
            line(f, "create container", &helper.name, &format!("the volumes of {}, never started", helper.image))?;
        }
        match &self.network {
            NetworkPlan::Create(spec) => line(f, "create network", &spec.name, &format!("{}", spec.subnet))?,
            NetworkPlan::Join { name, id } => {
                line(f, "join network", name, &format!("it exists: {}", id.get(..12).unwrap_or(id)))?;
            }
        }
        for node in &self.nodes {
            line(f, "create container", node.fqdn(), &facts(node))?;
            if node.keys {
                line(f, "put ssh keys", node.fqdn(), "its image exposes port 22")?;
            }
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

impl Display for LifecyclePlan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        for network in &self.networks {
            line(f, "create network", &network.name, &format!("{}, it was removed", network.subnet))?;
        }
        for node in &self.nodes {
            if !node.changes() {
                line(f, "keep", &node.fqdn, &format!("it is {}", node.state.as_str()))?;
            }
            for step in &node.steps {
                step_lines(f, &node.fqdn, step)?;
            }
        }
        Ok(())
    }
}

fn step_lines(f: &mut Formatter<'_>, node: &str, step: &Step) -> fmt::Result {
    match step {
        Step::Stop { grace_seconds } => {
            line(f, "stop container", node, &format!("it is killed after {grace_seconds} s"))
        }
        Step::Join(Place { network, address, .. }) => {
            let address = address.map(|address| format!(", {address}")).unwrap_or_default();
            line(f, "join network", node, &format!("{network}{address}"))
        }
        Step::Start { ports, .. } => {
            let ports: Vec<String> = ports.iter().map(port).collect();
            line(f, "start container", node, &ports.join(", "))
        }
        Step::Pause => line(f, "pause container", node, ""),
        Step::Unpause => line(f, "unpause container", node, ""),
        Step::Signal(signal) => line(f, "signal container", node, signal),
        Step::AwaitStart => line(f, "await", node, "its start"),
        Step::Settle => line(f, "await", node, "that it goes on running"),
        Step::Await(probes) => probes.iter().try_for_each(|probe| line(f, "await", node, &probe.to_string())),
    }
}

fn facts(node: &NodePlan) -> String {
    let spec = &node.container;
    let address = spec.address.map_or("address of the engine's choice".into(), |address| address.to_string());
    let ports: Vec<String> = spec.ports.iter().map(port).collect();
    [vec![spec.image.clone(), address], ports, settings::facts(spec)].concat().join(", ")
}

fn port(port: &PublishedPort) -> String {
    format!("{}:{}->{}/{}", port.host_ip, port.host_port, port.container_port, port.protocol)
}

fn line(f: &mut Formatter<'_>, verb: &str, subject: &str, reason: &str) -> fmt::Result {
    let text = format!("{verb:<17} {subject:<24} {reason}");
    writeln!(f, "{}", text.trim_end())
}
