//! Selects the nodes and clusters that a user names. Pure.

use std::collections::BTreeSet;

use crate::cluster::{Cluster, Node};
use crate::did_you_mean::nearest;
use crate::engine::State;
use crate::error::{Error, Kind, Result};

/// The names on a command line: clusters and nodes, narrowed down to groups and nodes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection<'a> {
    /// Clusters, or nodes. If empty, groups and nodes are those of all clusters.
    pub names: &'a [String],
    /// Only the nodes of these groups, as `GROUP` or `CLUSTER/GROUP`, ...
    pub groups: &'a [String],
    /// ... and these nodes. If both are empty, all nodes of `names`.
    pub nodes: &'a [String],
    /// All nodes of all clusters, if nothing is named.
    pub all: bool,
}

impl Selection<'_> {
    /// Whether nothing is selected.
    pub fn is_empty(&self) -> bool {
        self.names.is_empty() && self.groups.is_empty() && self.nodes.is_empty() && !self.all
    }

    /// Whether nodes are named, and no cluster or group, which may happen to have one node.
    pub fn names_only_nodes(&self, clusters: &[Cluster]) -> bool {
        let is_cluster = |name: &String| clusters.iter().any(|cluster| cluster.name == *name);
        let names_nodes = !self.names.is_empty() && !self.names.iter().any(is_cluster);
        self.groups.is_empty() && (names_nodes || !self.nodes.is_empty())
    }
}

/// The selected nodes, each once, in the order of clusters and their nodes.
///
/// # Errors
/// [`Kind::NotFound`] for an unknown name, [`Kind::Usage`] for an ambiguous one, or if nothing is selected.
pub fn nodes<'a>(clusters: &'a [Cluster], wanted: &Selection<'_>) -> Result<Vec<&'a Node>> {
    if wanted.is_empty() {
        return Err(nothing_named(clusters));
    }
    let all = || clusters.iter().flat_map(|cluster| &cluster.nodes);
    let mut named: Vec<&Node> = Vec::new();
    for name in wanted.names {
        match clusters.iter().find(|cluster| cluster.name == *name) {
            Some(cluster) => named.extend(&cluster.nodes),
            None => named.push(
                node(clusters, name).map_err(|error| no_cluster_or_node(error, clusters, name))?,
            ),
        }
    }
    if wanted.names.is_empty() {
        named.extend(all());
    }
    let mut chosen: Vec<&Node> = Vec::new();
    for group in wanted.groups {
        if wanted.names.is_empty() {
            check_one_cluster(&named, group)?;
        }
        let before = chosen.len();
        chosen.extend(named.iter().filter(|node| is_in_group(node, group)));
        if chosen.len() == before {
            return Err(no_group(&named, group));
        }
    }
    for name in wanted.nodes {
        chosen.push(one(&named, name)?);
    }
    if wanted.groups.is_empty() && wanted.nodes.is_empty() {
        chosen = named;
    }
    Ok(all()
        .filter(|node| {
            chosen
                .iter()
                .any(|one| one.container.id == node.container.id)
        })
        .collect())
}

/// The node with this name: an FQDN, `CLUSTER/HOSTNAME`, or a unique host name.
///
/// # Errors
/// [`Kind::NotFound`], with the nearest name as hint; [`Kind::Usage`] for an ambiguous one, with the candidates.
pub fn node<'a>(clusters: &'a [Cluster], name: &str) -> Result<&'a Node> {
    let found = one(
        &clusters
            .iter()
            .flat_map(|cluster| &cluster.nodes)
            .collect::<Vec<_>>(),
        name,
    );
    found.map_err(|error| {
        match clusters
            .iter()
            .find(|cluster| cluster.name == name && error.kind() == Kind::NotFound)
        {
            Some(cluster) => a_cluster(cluster),
            None => error,
        }
    })
}

fn one<'a>(among: &[&'a Node], name: &str) -> Result<&'a Node> {
    match &nodes_named(among, name)[..] {
        [node] => Ok(node),
        [] => Err(no_node(among, name)),
        several => {
            let candidates: Vec<String> = several.iter().map(|node| candidate(node)).collect();
            let have_fqdns = several.iter().all(|node| node.name == node.fqdn);
            let names = if have_fqdns {
                "its FQDN or CLUSTER/HOSTNAME"
            } else {
                "CLUSTER/HOSTNAME"
            };
            Err(
                Error::new(Kind::Usage, format!("node `{name}` is ambiguous"))
                    .cause(format!("it matches {}", candidates.join(" and ")))
                    .hint(format!("use {names}")),
            )
        }
    }
}

/// A node by the name that commands accept, and its cluster, if that name does not say it.
fn candidate(node: &Node) -> String {
    if node.name == node.fqdn {
        format!("{} (cluster {})", node.fqdn, node.cluster)
    } else {
        node.name.clone()
    }
}

/// The error for a cluster's name in place of a node's.
fn a_cluster(cluster: &Cluster) -> Error {
    let nodes: Vec<&str> = cluster
        .nodes
        .iter()
        .map(|node| node.name.as_str())
        .collect();
    let error = Error::new(Kind::NotFound, format!("node `{}` not found", cluster.name))
        .cause("it is the name of a cluster");
    error.hint(format!("use one of its nodes: {}", nodes.join(", ")))
}

/// All nodes with this name.
fn nodes_named<'a>(among: &[&'a Node], name: &str) -> Vec<&'a Node> {
    let all = || among.iter().copied();
    let exact: Vec<&Node> = all().filter(|node| node.fqdn == name).collect();
    if !exact.is_empty() {
        return exact;
    }
    match name.split_once('/') {
        Some((cluster, host)) => all()
            .filter(|node| node.cluster == cluster && (node.hostname == host || node.fqdn == host))
            .collect(),
        None => all().filter(|node| node.hostname == name).collect(),
    }
}

/// The cluster with this name.
///
/// # Errors
/// [`Kind::NotFound`], with the existing clusters.
pub fn cluster<'a>(clusters: &'a [Cluster], name: &str) -> Result<&'a Cluster> {
    clusters
        .iter()
        .find(|cluster| cluster.name == name)
        .ok_or_else(|| no_cluster(clusters, name))
}

/// The error for a command line that selects nothing.
fn nothing_named(clusters: &[Cluster]) -> Error {
    let error = Error::new(Kind::Usage, "no cluster or node given");
    let names: Vec<String> = clusters
        .iter()
        .map(|cluster| format!("{} ({})", cluster.name, cluster.state.as_str()))
        .collect();
    if names.is_empty() {
        error.cause("there are no clusters")
    } else {
        error
            .cause(format!("clusters: {}", names.join(", ")))
            .hint("name a cluster or node, or select all nodes of all clusters with --all")
    }
}

/// The error for an unknown cluster.
pub fn no_cluster(clusters: &[Cluster], name: &str) -> Error {
    let error = Error::new(Kind::NotFound, format!("cluster `{name}` not found"));
    let names: Vec<&str> = clusters
        .iter()
        .map(|cluster| cluster.name.as_str())
        .collect();
    if names.is_empty() {
        error
            .cause("there are no clusters")
            .hint("`clusterdock start TOPOLOGY` starts one")
    } else {
        error.cause(format!("clusters: {}", names.join(", ")))
    }
}

/// Checks that a node is running.
///
/// # Errors
/// [`Kind::Conflict`] if it is not.
pub fn running(node: &Node) -> Result<&Node> {
    if node.is_running() {
        return Ok(node);
    }
    Err(not_running(node))
}

/// The error for a node that is not running.
pub fn not_running(node: &Node) -> Error {
    if node.container.state == State::Paused {
        return Error::new(Kind::Conflict, format!("node `{}` is paused", node.name)).hint(
            format!("unpause it with `clusterdock unpause {}`", node.name),
        );
    }
    Error::new(
        Kind::Conflict,
        format!("node `{}` is not running", node.name),
    )
    .cause(format!("container status: {}", node.container.status))
    .hint(format!(
        "start it with `clusterdock resume {0}`; see its output with `clusterdock logs {0}`",
        node.name
    ))
}

fn is_in_group(node: &Node, group: &str) -> bool {
    match group.split_once('/') {
        Some((cluster, group)) => node.cluster == cluster && node.group == group,
        None => node.group == group,
    }
}

/// Checks that a group's name stands for nodes of one cluster: the user may not know of others.
///
/// # Errors
/// [`Kind::Usage`], with the clusters that have such a group.
fn check_one_cluster(among: &[&Node], group: &str) -> Result<()> {
    let found = among
        .iter()
        .filter(|node| is_in_group(node, group))
        .map(|node| node.cluster.as_str());
    let clusters: BTreeSet<&str> = found.collect();
    if clusters.len() < 2 {
        return Ok(());
    }
    let names: Vec<String> = clusters
        .iter()
        .map(|cluster| format!("{cluster}/{group}"))
        .collect();
    Err(
        Error::new(Kind::Usage, format!("group `{group}` is ambiguous"))
            .cause(format!("it matches {}", names.join(" and ")))
            .hint("include the cluster: CLUSTER/GROUP"),
    )
}

fn no_group(among: &[&Node], group: &str) -> Error {
    let mut groups: Vec<String> = among
        .iter()
        .map(|node| format!("{}/{}", node.cluster, node.group))
        .collect();
    groups.dedup();
    let error = Error::new(Kind::NotFound, format!("group `{group}` not found"));
    if groups.is_empty() {
        error.cause("there are no clusters")
    } else {
        error.cause(format!("groups: {}", groups.join(", ")))
    }
}

fn no_node(among: &[&Node], name: &str) -> Error {
    let error = Error::new(Kind::NotFound, format!("node `{name}` not found"));
    if among.is_empty() {
        return error
            .cause("there are no clusters")
            .hint("`clusterdock start TOPOLOGY` starts one");
    }
    let nodes = || among.iter().copied();
    match by_container(nodes(), name).or_else(|| nearest(name, nodes().map(name_of))) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`clusterdock ps` lists all nodes"),
    }
}

fn name_of(node: &Node) -> &str {
    &node.name
}

/// The node whose container has this name: it is not the node's FQDN if the user chose a domain.
fn by_container<'a>(mut nodes: impl Iterator<Item = &'a Node>, name: &str) -> Option<&'a str> {
    nodes.find(|node| node.container.name == name).map(name_of)
}

/// The error for an unknown name of a cluster or node.
pub fn no_cluster_or_node(error: Error, clusters: &[Cluster], name: &str) -> Error {
    if error.kind() != Kind::NotFound {
        return error;
    }
    let names: Vec<&str> = clusters
        .iter()
        .map(|cluster| cluster.name.as_str())
        .collect();
    let nodes = || clusters.iter().flat_map(|cluster| &cluster.nodes);
    let error = Error::new(Kind::NotFound, format!("no cluster or node named `{name}`"));
    let similar = || nearest(name, names.iter().copied().chain(nodes().map(name_of)));
    match by_container(nodes(), name).or_else(similar) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => error.cause("there are no clusters"),
        None => error
            .cause(format!("clusters: {}", names.join(", ")))
            .hint("`clusterdock ps` lists all nodes"),
    }
}

#[cfg(test)]
mod tests;
