//! The plan of a removal: which containers, networks and volumes go. Also how a failed start is undone.

use crate::cluster::{self, Observed};
use crate::engine::{Container, Labels, Network};
use crate::labels;
use std::collections::BTreeSet;

/// What will be removed: containers first, in parallel, then networks, then volumes.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RemovalPlan {
    /// Containers.
    pub containers: Vec<Named>,
    /// Networks, which are empty once those containers are gone.
    pub networks: Vec<Named>,
    /// Volumes by name.
    pub volumes: Vec<String>,
    /// The nodes among the containers: cluster and FQDN, as the machine's hosts file knows them.
    pub nodes: Vec<(String, String)>,
    /// The starts of which no node stays: cluster and run, as the keys kept on this machine are known by.
    pub runs: BTreeSet<(String, String)>,
    /// Networks of ours that stay, since something else is on them: name, and a name of what is.
    pub kept_networks: Vec<(String, String)>,
}

/// A thing with an id, and the name that users know.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Named {
    /// Full id.
    pub id: String,
    /// Its name.
    pub name: String,
}

impl RemovalPlan {
    /// Whether there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.containers.is_empty() && self.networks.is_empty() && self.volumes.is_empty()
    }

    /// Who is on one of the plan's networks and does not go with it, of the containers there are now: as another start
    /// may be that has joined the network since.
    pub fn holder<'a>(&self, network: &Named, now: &'a [Container]) -> Option<&'a Container> {
        let stays = |container: &&Container| self.containers.iter().all(|going| going.id != container.id);
        now.iter().filter(stays).find(|container| is_on(container, &network.id, &network.name))
    }
}

/// Undoes one start: exactly what it made.
pub fn undo(observed: &Observed, run: &str) -> RemovalPlan {
    let of_run = |labels: &Labels| labels.get(labels::RUN).is_some_and(|value| value == run);
    remove(observed, |container| of_run(&container.labels), |network| of_run(&network.labels), of_run)
}

/// Removes clusters, and with `networks` those networks of ours that are empty then.
pub fn clusters(observed: &Observed, names: &BTreeSet<String>, networks: bool) -> RemovalPlan {
    let plan = chosen(observed, names, &BTreeSet::new());
    match networks {
        true => plan,
        false => RemovalPlan { networks: Vec::new(), kept_networks: Vec::new(), ..plan },
    }
}

/// Removes whole clusters and single nodes (by their containers' ids), and what nothing needs then: networks of ours,
/// and containers that hold the volumes of an image for nodes.
pub fn chosen(observed: &Observed, clusters: &BTreeSet<String>, nodes: &BTreeSet<String>) -> RemovalPlan {
    let of_clusters = |labels: &Labels| labels::cluster_of(labels).is_some_and(|name| clusters.contains(&name));
    let named = |container: &Container| {
        of_clusters(&container.labels) || (is_ours(&container.labels) && nodes.contains(&container.id))
    };
    let needed = helpers_of(observed.containers.iter().filter(|container| !named(container)));
    let left = helpers_of(observed.containers.iter().filter(|container| named(container)));
    let goes = |container: &Container| {
        let name = container.name.as_str();
        named(container) || (is_ours(&container.labels) && left.contains(name) && !needed.contains(name))
    };
    let going = observed.containers.iter().filter(|container| goes(container));
    let leaving: BTreeSet<&str> = going.flat_map(|container| container.networks.keys().map(String::as_str)).collect();
    remove(
        observed,
        goes,
        |network| of_clusters(&network.labels) || leaving.contains(network.name.as_str()),
        of_clusters,
    )
}

/// The helper containers whose volumes these nodes have.
fn helpers_of<'a>(nodes: impl Iterator<Item = &'a Container>) -> BTreeSet<&'a str> {
    nodes.filter_map(|node| node.labels.get(labels::VOLUMES_FROM)).flat_map(|names| names.split(',')).collect()
}

/// Removes everything that carries our label.
pub fn everything_of_ours(observed: &Observed) -> RemovalPlan {
    remove(observed, |container| is_ours(&container.labels), |_| true, |_| true)
}

/// Removes every container of the engine and every network that is then unused, and volumes of ours.
pub fn everything(observed: &Observed) -> RemovalPlan {
    let builtin = |network: &Network| matches!(network.name.as_str(), "bridge" | "host" | "none" | "docker_gwbridge");
    let mut plan = remove(observed, |_| true, |_| false, |_| true);
    let networks = observed.networks.iter().filter(|network| !builtin(network) && network.scope != "swarm");
    plan.networks = networks.map(|network| Named { id: network.id.clone(), name: network.name.clone() }).collect();
    plan.networks.sort();
    plan
}

/// Removes what is chosen. A network goes only if it is ours and nothing else, running or not, is on it.
fn remove(
    observed: &Observed,
    container: impl Fn(&Container) -> bool,
    network: impl Fn(&Network) -> bool,
    volume: impl Fn(&Labels) -> bool,
) -> RemovalPlan {
    let (going, staying): (Vec<&Container>, Vec<&Container>) =
        observed.containers.iter().partition(|seen| container(seen));
    let mut plan = RemovalPlan::default();
    for seen in observed.networks.iter().filter(|seen| is_ours(&seen.labels) && network(seen)) {
        match staying.iter().find(|other| is_on(other, &seen.id, &seen.name)) {
            Some(other) => plan.kept_networks.push((seen.name.clone(), other.name.clone())),
            None => plan.networks.push(Named { id: seen.id.clone(), name: seen.name.clone() }),
        }
    }
    let node = |seen: &&Container| Some((labels::cluster_of(&seen.labels)?, seen.name.clone()));
    plan.nodes = going.iter().filter(|seen| !cluster::is_helper(seen)).filter_map(node).collect();
    plan.containers = going.iter().map(|seen| Named { id: seen.id.clone(), name: seen.name.clone() }).collect();
    plan.containers.sort_by_key(|named| cluster::natural_key(&named.name));
    plan.networks.sort();
    let ours = observed.volumes.iter().filter(|seen| is_ours(&seen.labels) && volume(&seen.labels));
    plan.volumes = ours.map(|seen| seen.name.clone()).collect();
    plan.volumes.sort();
    let run = |labels: &Labels| Some((labels::cluster_of(labels)?, labels.get(labels::RUN)?.clone()));
    let volumes = observed.volumes.iter().filter(|seen| volume(&seen.labels)).map(|seen| &seen.labels);
    let stay: BTreeSet<_> = staying.iter().filter_map(|seen| run(&seen.labels)).collect();
    plan.runs = going.iter().map(|seen| &seen.labels).chain(volumes).filter_map(run).collect();
    plan.runs.retain(|run| !stay.contains(run));
    plan
}

fn is_ours(labels: &Labels) -> bool {
    labels.contains_key(labels::ORIGIN)
}

fn is_on(container: &Container, id: &str, name: &str) -> bool {
    container
        .networks
        .iter()
        .any(|(network, endpoint)| endpoint.network_id == id || (endpoint.network_id.is_empty() && network == name))
}
