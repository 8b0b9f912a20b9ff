//! The plan of a removal: which containers, networks and volumes go. Also how a failed start is rolled back.

use std::collections::BTreeSet;
use std::time::Duration;

use super::outcome::Outcome;
use super::step::{Action, OnFailure, Plan, Step, Stream, Target};
use crate::cluster;
use crate::cluster::identity::{Identity, Owner};
use crate::cluster::labels::{Run, RunId};
use crate::cluster::observed::{Observed, ObservedContainer, ObservedNetwork};

/// Pauses after each of which a removal is repeated while something still uses its subject, or its removal is under way
/// elsewhere.
const RETRIES: &[Duration] = &[
    Duration::from_millis(50),
    Duration::from_millis(200),
    Duration::from_millis(800),
    Duration::from_secs(2),
];

/// What will be removed, and what this machine has to forget afterwards.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct RemovalPlan {
    /// The steps: containers first, then networks, then volumes.
    pub plan: Plan,
    /// The nodes among the containers: cluster and FQDN, as the machine's hosts file knows them.
    pub nodes: Vec<(String, String)>,
    /// The clusters of which no node stays, as the machine's hosts file knows them.
    pub clusters: BTreeSet<String>,
    /// The starts of which no node stays: cluster and run, as the keys kept on this machine are known by.
    pub runs: BTreeSet<(String, RunId)>,
}

impl RemovalPlan {
    /// Whether there is nothing to remove.
    pub fn is_empty(&self) -> bool {
        self.plan.steps.is_empty()
    }

    /// The removal plan.
    pub fn subjects(&self) -> impl Iterator<Item = &Stream> {
        self.plan.steps.iter().map(|step| &step.stream)
    }

    /// The names of the containers.
    pub fn containers(&self) -> impl Iterator<Item = &str> {
        self.subjects()
            .filter(|subject| matches!(subject, Stream::Container(_)))
            .map(Stream::name)
    }

    /// The command that removes the rest, if only a part of this is.
    pub fn clean_up(&self) -> Option<String> {
        let clusters: BTreeSet<&str> = self
            .runs
            .iter()
            .map(|(cluster, _)| cluster.as_str())
            .collect();
        let nodes = self
            .nodes
            .iter()
            .filter(|(cluster, _)| !clusters.contains(cluster.as_str()));
        // Another cluster may have nodes of the same FQDN.
        let nodes = nodes.map(|(cluster, fqdn)| format!("{cluster}/{fqdn}"));
        let names: Vec<String> = clusters
            .iter()
            .map(ToString::to_string)
            .chain(nodes)
            .collect();
        (!names.is_empty()).then(|| format!("clusterdock rm {}", names.join(" ")))
    }

    /// Whether another round makes sense after a removal with this outcome, given what is left now: resources have
    /// appeared or disappeared, or a network turned out to be in use and stays.
    pub fn is_worth_another_round(&self, before: &RemovalPlan, outcome: &Outcome) -> bool {
        let open = before.plan.steps.iter().enumerate();
        let open: BTreeSet<&Stream> = open
            .filter(|(id, _)| outcome.is_open(*id))
            .map(|(_, step)| &step.stream)
            .collect();
        self.subjects().collect::<BTreeSet<_>>() != open
    }
}

/// Rolls one start back: exactly what it created.
pub fn roll_back(observed: &Observed, run: &RunId) -> RemovalPlan {
    let of_run = |owner: &Owner| owner.run().is_some_and(|of| of.id == *run);
    let container = |container: &ObservedContainer| match &container.identity {
        // Its image was replaced after it was inspected and before the container was created. Nothing else can know the
        // id of a start that is being rolled back.
        Identity::Foreign { run: named } => named.as_ref() == Some(run),
        identity => identity.run().is_some_and(|of| of.id == *run),
    };
    remove(
        observed,
        container,
        |network| network.owner.as_ref().is_some_and(of_run),
        of_run,
    )
    .plan(observed)
}

/// Removes clusters, and with `networks` also the networks of clusterdock that are then empty.
pub fn clusters(observed: &Observed, names: &BTreeSet<String>, networks: bool) -> RemovalPlan {
    let mut chosen = choose(observed, names, &BTreeSet::new());
    if !networks {
        chosen.networks.clear();
        chosen.kept_networks.clear();
    }
    chosen.plan(observed)
}

/// Removes whole clusters and single nodes (by their containers' ids), and what nothing needs afterwards: networks of
/// clusterdock, and containers that hold the volumes of an image for nodes.
pub fn chosen(
    observed: &Observed,
    clusters: &BTreeSet<String>,
    nodes: &BTreeSet<String>,
) -> RemovalPlan {
    choose(observed, clusters, nodes).plan(observed)
}

fn choose(observed: &Observed, clusters: &BTreeSet<String>, nodes: &BTreeSet<String>) -> Chosen {
    let of_clusters = |owner: &Owner| clusters.contains(owner.cluster());
    let named = |container: &ObservedContainer| {
        let cluster = container.identity.cluster();
        cluster.is_some_and(|name| clusters.contains(name) || nodes.contains(&container.seen.id))
    };
    let containers = &observed.containers;
    let left = helpers_of(containers.iter().filter(|one| named(one)));
    let needed = helpers_of(containers.iter().filter(|one| !named(one)));
    let is_left = |container: &ObservedContainer| match &container.identity {
        Identity::Helper(helper) => left.contains(&helper.name) && !needed.contains(&helper.name),
        _ => false,
    };
    let goes = |container: &ObservedContainer| named(container) || is_left(container);
    let (going, staying): (Vec<_>, Vec<_>) = containers.iter().partition(|one| goes(one));
    let leaving: BTreeSet<&String> = going
        .iter()
        .flat_map(|container| container.seen.networks.keys())
        .collect();
    let clusters_of = |containers: &[&ObservedContainer]| -> BTreeSet<String> {
        let clusters = containers.iter().filter_map(|one| one.identity.cluster());
        clusters.map(String::from).collect()
    };
    // The record goes with the last container of its cluster.
    let (emptied, kept) = (clusters_of(&going), clusters_of(&staying));
    let is_record = |owner: &Owner| {
        let cluster = owner.cluster();
        of_clusters(owner) || (emptied.contains(cluster) && !kept.contains(cluster))
    };
    let is_empty_then = |network: &ObservedNetwork| {
        network.owner.as_ref().is_some_and(of_clusters) || leaving.contains(&network.seen.name)
    };
    remove(observed, goes, is_empty_then, is_record)
}

/// The helper containers whose volumes these nodes have. Their names contain the id of their start, and a node's label
/// only names helpers of its own start.
fn helpers_of<'a>(nodes: impl Iterator<Item = &'a ObservedContainer>) -> BTreeSet<&'a String> {
    let of_node = |node: &'a ObservedContainer| match &node.identity {
        Identity::Node(labels) => Some(&labels.volumes_from),
        _ => None,
    };
    nodes.filter_map(of_node).flatten().collect()
}

/// Removes what the original clusterdock created, and nothing that this one created.
pub fn everything_of_the_original(observed: &Observed) -> RemovalPlan {
    let owned = |owner: &Owner| owner.run().is_none();
    remove(
        observed,
        |container| matches!(container.identity, Identity::Original(_)),
        |network| network.owner.as_ref().is_some_and(owned),
        owned,
    )
    .plan(observed)
}

/// Removes everything that our starts created, and with `originals` what the original clusterdock created.
pub fn everything_of_ours(observed: &Observed, originals: bool) -> RemovalPlan {
    let owned = |owner: &Owner| originals || owner.run().is_some();
    remove(
        observed,
        |container| {
            container.identity.run().is_some()
                || (originals && container.identity.cluster().is_some())
        },
        |network| network.owner.as_ref().is_some_and(owned),
        owned,
    )
    .plan(observed)
}

/// Removes every container of the engine and every network that is then unused, and the volumes of clusterdock.
pub fn everything(observed: &Observed) -> RemovalPlan {
    let is_builtin = |name: &str| matches!(name, "bridge" | "host" | "none" | "docker_gwbridge");
    let mut chosen = remove(observed, |_| true, |_| false, |_| true);
    let networks = observed.networks.iter().map(|network| &network.seen);
    chosen.networks = networks
        .filter(|network| !is_builtin(&network.name) && network.scope != "swarm")
        .map(|network| Target::known(&network.name, &network.id))
        .collect();
    chosen.plan(observed)
}

/// A removal plan, and its effects on the local machine.
#[derive(Default)]
struct Chosen {
    containers: Vec<Target>,
    networks: Vec<Target>,
    volumes: Vec<String>,
    /// Networks that stay because something else uses them: the network's name, and the name of one user.
    kept_networks: Vec<(String, String)>,
    facts: RemovalPlan,
}

impl Chosen {
    /// Containers first, then networks, which are empty by then. Volumes go last, and only if everything else is gone:
    /// as long as the volume exists, what is left of a cluster shows as partial rather than as a whole cluster.
    fn plan(mut self, observed: &Observed) -> RemovalPlan {
        self.containers
            .sort_by_cached_key(|container| cluster::natural_key(&container.name));
        self.networks.sort();
        self.volumes.sort();
        let mut plan = Plan::new(OnFailure::Continue);
        for (network, holder) in &self.kept_networks {
            plan.note("keep network", network, format!("{holder} is on it"));
        }
        let step = |stream, action| Step {
            retries: RETRIES,
            ..Step::new(&observed.engine, stream, action)
        };
        for container in self.containers {
            let stream = Stream::Container(container.name.clone());
            let id = container.short_id().to_string();
            plan.add(step(stream, Action::RemoveContainer(container)).with_reason(id));
        }
        let containers = plan.so_far();
        for network in self.networks {
            let stream = Stream::Network(network.name.clone());
            let id = network.short_id().to_string();
            let step = step(stream, Action::RemoveNetwork(network)).with_reason(id);
            plan.add(Step {
                despite_failures: true,
                ..step.with_after(containers.clone())
            });
        }
        let others = plan.so_far();
        for volume in self.volumes {
            let stream = Stream::Volume(volume.clone());
            plan.add(step(stream, Action::RemoveVolume(volume)).with_after(others.clone()));
        }
        RemovalPlan { plan, ..self.facts }
    }
}

/// Chooses what is removed. A network goes only if it is ours and nothing else, running or not, is on it.
fn remove(
    observed: &Observed,
    container: impl Fn(&ObservedContainer) -> bool,
    network: impl Fn(&ObservedNetwork) -> bool,
    volume: impl Fn(&Owner) -> bool,
) -> Chosen {
    let (going, staying): (Vec<&ObservedContainer>, Vec<&ObservedContainer>) =
        observed.containers.iter().partition(|seen| container(seen));
    let mut chosen = Chosen::default();
    for one in &going {
        let target = Target::known(&one.seen.name, &one.seen.id);
        chosen.containers.push(target);
    }
    let networks = observed.networks.iter();
    for ObservedNetwork { seen, .. } in networks.filter(|one| one.owner.is_some() && network(one)) {
        let is_on = |other: &&&ObservedContainer| other.seen.is_on(&seen.id, &seen.name);
        match staying.iter().find(is_on) {
            Some(other) => {
                let kept = (seen.name.clone(), other.seen.name.clone());
                chosen.kept_networks.push(kept);
            }
            None => chosen.networks.push(Target::known(&seen.name, &seen.id)),
        }
    }
    let volumes: Vec<(&String, &Owner)> = observed
        .volumes
        .iter()
        .filter_map(|seen| Some((&seen.name, seen.owner.as_ref()?)))
        .filter(|(_, owner)| volume(owner))
        .collect();
    chosen.volumes = volumes.iter().map(|(name, _)| (*name).clone()).collect();
    let owners: Vec<&Owner> = volumes.iter().map(|(_, owner)| *owner).collect();
    chosen.facts = facts(&going, &staying, &owners);
    chosen
}

/// What this machine has to forget with these containers and the volumes of these owners.
fn facts(
    going: &[&ObservedContainer],
    staying: &[&ObservedContainer],
    owners: &[&Owner],
) -> RemovalPlan {
    let node = |one: &&ObservedContainer| {
        Some((one.identity.cluster()?.to_string(), one.identity.fqdn()?))
    };
    let nodes: Vec<(String, String)> = going.iter().filter_map(node).collect();
    let of_nodes = nodes.iter().map(|(cluster, _)| cluster.clone());
    let of_owners = owners.iter().map(|owner| owner.cluster().to_string());
    let mut clusters: BTreeSet<String> = of_nodes.chain(of_owners).collect();
    for (cluster, _) in staying.iter().filter_map(node) {
        clusters.remove(&cluster);
    }
    let key = |run: &Run| (run.cluster.clone(), run.id.clone());
    let run = |one: &&ObservedContainer| one.identity.run().map(key);
    let of_owners = owners.iter().filter_map(|owner| owner.run().map(key));
    let mut runs: BTreeSet<(String, RunId)> =
        going.iter().filter_map(run).chain(of_owners).collect();
    for kept in staying.iter().filter_map(run) {
        runs.remove(&kept);
    }
    RemovalPlan {
        nodes,
        clusters,
        runs,
        ..RemovalPlan::default()
    }
}
