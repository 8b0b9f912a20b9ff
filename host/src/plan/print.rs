//! Plans as text: one line an operation, each with its reason.

mod settings;

use super::lifecycle::{Place, Step};
use super::{LifecyclePlan, NetworkPlan, NodePlan, RemovalPlan, StartPlan};
use crate::engine::PublishedPort;
use std::fmt::{self, Display, Formatter};

impl Display for StartPlan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut rows = Rows::default();
        rows.line("create volume", &self.marker.name, "marks the start as not completed");
        for helper in &self.helpers {
            rows.line("create container", &helper.name, &format!("the volumes of {}, never started", helper.image));
        }
        match &self.network {
            NetworkPlan::Create(spec) => rows.line("create network", &spec.name, &format!("{}", spec.subnet)),
            NetworkPlan::Join { name, id } => {
                rows.line("join network", name, &format!("it exists: {}", id.get(..12).unwrap_or(id)));
            }
        }
        for node in &self.nodes {
            rows.line("create container", node.fqdn(), &facts(node));
            if node.keys {
                rows.line("put ssh keys", node.fqdn(), "its image exposes port 22");
            }
        }
        for node in &self.nodes {
            rows.line("start container", node.fqdn(), "");
            for probe in &node.probes {
                rows.line("await", node.fqdn(), &probe.to_string());
            }
        }
        rows.line("run hook", "start", &format!("of topology {}", self.topology));
        rows.line("remove volume", &self.marker.name, "the start is completed");
        rows.fmt(f)
    }
}

impl Display for RemovalPlan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut rows = Rows::default();
        for container in &self.containers {
            rows.line("remove container", &container.name, container.id.get(..12).unwrap_or(&container.id));
        }
        for network in &self.networks {
            rows.line("remove network", &network.name, network.id.get(..12).unwrap_or(&network.id));
        }
        for volume in &self.volumes {
            rows.line("remove volume", volume, "");
        }
        for (network, holder) in &self.kept_networks {
            rows.line("keep network", network, &format!("{holder} is on it"));
        }
        rows.fmt(f)
    }
}

impl Display for LifecyclePlan {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let mut rows = Rows::default();
        for network in &self.networks {
            rows.line("create network", &network.name, &format!("{}, it was removed", network.subnet));
        }
        for node in &self.nodes {
            if !node.changes() {
                rows.line("keep", &node.fqdn, &format!("it is {}", node.state.as_str()));
            }
            for step in &node.steps {
                step_lines(&mut rows, &node.fqdn, step);
            }
        }
        rows.fmt(f)
    }
}

fn step_lines(rows: &mut Rows, node: &str, step: &Step) {
    match step {
        Step::Stop { grace_seconds } => {
            rows.line("stop container", node, &format!("it is killed after {grace_seconds} s"))
        }
        Step::Join(Place { network, address, .. }) => {
            let address = address.map(|address| format!(", {address}")).unwrap_or_default();
            rows.line("join network", node, &format!("{network}{address}"))
        }
        Step::Start { ports, .. } => {
            let ports: Vec<String> = ports.iter().map(port).collect();
            rows.line("start container", node, &ports.join(", "))
        }
        Step::Pause => rows.line("pause container", node, ""),
        Step::Unpause => rows.line("unpause container", node, ""),
        Step::Signal(signal) => rows.line("signal container", node, signal),
        Step::AwaitStart => rows.line("await", node, "its start"),
        Step::Settle => rows.line("await", node, "that it goes on running"),
        Step::Await(probes) => probes.iter().for_each(|probe| rows.line("await", node, &probe.to_string())),
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

/// Operations in columns: what is done, to what, and why.
#[derive(Default)]
struct Rows(Vec<(&'static str, String, String)>);

impl Rows {
    fn line(&mut self, verb: &'static str, subject: &str, reason: &str) {
        self.0.push((verb, subject.into(), reason.into()));
    }
}

impl Display for Rows {
    fn fmt(&self, f: &mut Formatter<'_>) -> fmt::Result {
        let width = self.0.iter().map(|(_, subject, _)| subject.len()).max().unwrap_or(0).max(24);
        self.0.iter().try_for_each(|(verb, subject, reason)| {
            writeln!(f, "{}", format!("{verb:<17} {subject:<width$} {reason}").trim_end())
        })
    }
}
