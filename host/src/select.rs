//! Which nodes and clusters a user means. Pure: what was observed goes in.

use crate::cluster::{Cluster, Node};
use crate::engine::State;
use crate::error::{Error, Kind, Result};
use crate::nearest::nearest;

/// What a command line names: clusters and nodes, narrowed down to groups and nodes.
#[derive(Debug, Clone, Copy, Default)]
pub struct Selection<'a> {
    /// Clusters, or nodes; none: all there are.
    pub names: &'a [String],
    /// Of these only the groups of these names, as `GROUP` or `CLUSTER/GROUP`, ...
    pub groups: &'a [String],
    /// ... and these nodes. Where neither is given, all.
    pub nodes: &'a [String],
}

/// The nodes that are selected, each once, by cluster and in their order there.
///
/// # Errors
/// [`Kind::NotFound`] for a name that means nothing, [`Kind::Usage`] for an ambiguous one.
pub fn nodes<'a>(clusters: &'a [Cluster], wanted: &Selection<'_>) -> Result<Vec<&'a Node>> {
    let all = || clusters.iter().flat_map(|cluster| &cluster.nodes);
    let mut named: Vec<&Node> = Vec::new();
    for name in wanted.names {
        match clusters.iter().find(|cluster| cluster.name == *name) {
            Some(cluster) => named.extend(&cluster.nodes),
            None => named.push(node(clusters, name).map_err(|error| neither(error, clusters, name))?),
        }
    }
    if wanted.names.is_empty() {
        named.extend(all());
    }
    let mut chosen: Vec<&Node> = Vec::new();
    for group in wanted.groups {
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
    Ok(all().filter(|node| chosen.iter().any(|one| one.container.id == node.container.id)).collect())
}

/// The node of this name: an FQDN, `CLUSTER/HOSTNAME`, or a host name that is there once.
///
/// # Errors
/// [`Kind::NotFound`], with the nearest name as hint; [`Kind::Usage`] for an ambiguous one, with the candidates.
pub fn node<'a>(clusters: &'a [Cluster], name: &str) -> Result<&'a Node> {
    let found = one(&clusters.iter().flat_map(|cluster| &cluster.nodes).collect::<Vec<_>>(), name);
    found.map_err(|error| {
        match clusters.iter().find(|cluster| cluster.name == name && error.kind() == Kind::NotFound) {
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
            let candidates: Vec<String> =
                several.iter().map(|node| format!("{} (cluster {})", node.fqdn, node.cluster)).collect();
            Err(Error::new(Kind::Usage, format!("node `{name}` is ambiguous"))
                .cause(format!("it could be {}", candidates.join(" or ")))
                .hint("name it by its FQDN, or as CLUSTER/HOSTNAME"))
        }
    }
}

/// The error for a cluster's name where a node's belongs.
fn a_cluster(cluster: &Cluster) -> Error {
    let nodes: Vec<&str> = cluster.nodes.iter().map(|node| node.fqdn.as_str()).collect();
    let error = Error::new(Kind::NotFound, format!("no node `{}`", cluster.name)).cause("it is a cluster");
    error.hint(format!("name one of its nodes: {}", nodes.join(", ")))
}

/// The nodes of this name: none, one, or several.
fn nodes_named<'a>(among: &[&'a Node], name: &str) -> Vec<&'a Node> {
    let all = || among.iter().copied();
    let exact: Vec<&Node> = all().filter(|node| node.fqdn == name).collect();
    if !exact.is_empty() {
        return exact;
    }
    match name.split_once('/') {
        Some((cluster, host)) => {
            all().filter(|node| node.cluster == cluster && (node.hostname == host || node.fqdn == host)).collect()
        }
        None => all().filter(|node| node.hostname == name).collect(),
    }
}

/// The cluster of this name.
///
/// # Errors
/// [`Kind::NotFound`], with the clusters there are.
pub fn cluster<'a>(clusters: &'a [Cluster], name: &str) -> Result<&'a Cluster> {
    clusters.iter().find(|cluster| cluster.name == name).ok_or_else(|| no_cluster(clusters, name))
}

/// The error for a cluster that is not there.
pub fn no_cluster(clusters: &[Cluster], name: &str) -> Error {
    let error = Error::new(Kind::NotFound, format!("no cluster `{name}`"));
    let names: Vec<&str> = clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    match names.is_empty() {
        true => error.cause("there are no clusters").hint("`clusterdock start TOPOLOGY` starts one"),
        false => error.cause(format!("clusters: {}", names.join(", "))),
    }
}

/// A node that commands can run in.
///
/// # Errors
/// [`Kind::Conflict`] when it does not run.
pub fn running(node: &Node) -> Result<&Node> {
    if node.is_running() {
        return Ok(node);
    }
    Err(not_running(node))
}

/// The error for a node that does not run.
pub fn not_running(node: &Node) -> Error {
    if node.container.state == State::Paused {
        return Error::new(Kind::Conflict, format!("node `{}` is paused", node.fqdn))
            .hint(format!("`clusterdock unpause {}` lets it go on", node.fqdn));
    }
    Error::new(Kind::Conflict, format!("node `{}` is not running", node.fqdn))
        .cause(format!("its container: {}", node.container.status))
        .hint(format!("`clusterdock resume {0}` starts it, `clusterdock logs {0}` shows its log", node.fqdn))
}

fn is_in_group(node: &Node, group: &str) -> bool {
    match group.split_once('/') {
        Some((cluster, group)) => node.cluster == cluster && node.group == group,
        None => node.group == group,
    }
}

fn no_group(among: &[&Node], group: &str) -> Error {
    let mut groups: Vec<String> = among.iter().map(|node| format!("{}/{}", node.cluster, node.group)).collect();
    groups.dedup();
    let error = Error::new(Kind::NotFound, format!("no nodes in group `{group}`"));
    match groups.is_empty() {
        true => error.cause("there are no clusters"),
        false => error.cause(format!("groups: {}", groups.join(", "))),
    }
}

fn no_node(among: &[&Node], name: &str) -> Error {
    let error = Error::new(Kind::NotFound, format!("no node `{name}`"));
    if among.is_empty() {
        return error.cause("there are no clusters").hint("`clusterdock start TOPOLOGY` starts one");
    }
    match nearest(name, among.iter().map(|node| node.fqdn.as_str())) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`clusterdock ps` lists the nodes there are"),
    }
}

/// The error for what could have named a cluster as well as a node.
pub fn neither(error: Error, clusters: &[Cluster], name: &str) -> Error {
    if error.kind() != Kind::NotFound {
        return error;
    }
    let names: Vec<&str> = clusters.iter().map(|cluster| cluster.name.as_str()).collect();
    let error = Error::new(Kind::NotFound, format!("no cluster or node `{name}`"));
    match nearest(name, names.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None if names.is_empty() => error.cause("there are no clusters"),
        None => {
            error.cause(format!("clusters: {}", names.join(", "))).hint("`clusterdock ps` lists the nodes there are")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Observed, clusters};
    use crate::engine::Container;
    use crate::labels;
    use std::collections::BTreeMap;

    fn container(cluster: &str, hostname: &str, network: &str) -> Container {
        Container {
            id: format!("id of {hostname}.{network}"),
            name: format!("{hostname}.{network}"),
            state: State::Running,
            labels: BTreeMap::from([
                (labels::CLUSTER.into(), cluster.into()),
                (labels::NODE.into(), hostname.into()),
                (labels::GROUP.into(), hostname.trim_end_matches("-1").into()),
            ]),
            ..Container::default()
        }
    }

    fn red_and_blue() -> Vec<Cluster> {
        let containers = vec![
            container("red", "node-1", "one"),
            container("blue", "node-1", "two"),
            container("blue", "edge", "two"),
        ];
        clusters(&Observed { containers, ..Observed::default() })
    }

    fn chosen(name: &str) -> String {
        let clusters = red_and_blue();
        node(&clusters, name).map_or_else(|error| format!("{:?}: {error}", error.kind()), |node| node.fqdn.clone())
    }

    fn selected(names: &[&str], groups: &[&str], nodes: &[&str]) -> String {
        let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (names, groups, nodes) = (owned(names), owned(groups), owned(nodes));
        let clusters = red_and_blue();
        match super::nodes(&clusters, &Selection { names: &names, groups: &groups, nodes: &nodes }) {
            Ok(nodes) => nodes.iter().map(|node| node.fqdn.as_str()).collect::<Vec<_>>().join(" "),
            Err(error) => format!("{:?}: {error}", error.kind()),
        }
    }

    #[test]
    fn clusters_and_nodes_are_selected_each_once_in_order() {
        assert_eq!(selected(&["red", "blue"], &[], &[]), "edge.two node-1.two node-1.one");
        assert_eq!(selected(&["red", "edge", "blue", "red/node-1"], &[], &[]), "edge.two node-1.two node-1.one");
        assert_eq!(selected(&["green"], &[], &[]), "NotFound: no cluster or node `green`: clusters: blue, red");
    }

    #[test]
    fn a_selection_is_narrowed_down_to_groups_and_nodes() {
        assert_eq!(selected(&[], &["node"], &[]), "node-1.two node-1.one");
        assert_eq!(selected(&["blue"], &["node"], &[]), "node-1.two");
        assert_eq!(selected(&[], &["red/node"], &["edge"]), "edge.two node-1.one");
        assert_eq!(selected(&["blue"], &[], &["node-1"]), "node-1.two");
        let groups = "blue/edge, blue/node";
        assert_eq!(selected(&["blue"], &["db"], &[]), format!("NotFound: no nodes in group `db`: groups: {groups}"));
        assert_eq!(selected(&["red"], &[], &["edge"]), "NotFound: no node `edge`");
    }

    #[test]
    fn a_node_is_named_in_three_ways() {
        assert_eq!(chosen("node-1.two"), "node-1.two");
        assert_eq!(chosen("blue/node-1"), "node-1.two");
        assert_eq!(chosen("edge"), "edge.two");
    }

    #[test]
    fn what_could_be_two_nodes_is_refused_with_both() {
        let candidates = "node-1.two (cluster blue) or node-1.one (cluster red)";
        assert_eq!(chosen("node-1"), format!("Usage: node `node-1` is ambiguous: it could be {candidates}"));
        assert_eq!(chosen("node-9"), "NotFound: no node `node-9`");
    }

    #[test]
    fn a_clusters_name_for_a_nodes_is_told_with_the_nodes() {
        let error = node(&red_and_blue(), "blue").unwrap_err();
        assert_eq!(error.to_string(), "no node `blue`: it is a cluster");
        assert_eq!(error.next_step(), Some("name one of its nodes: edge.two, node-1.two"));
    }

    #[test]
    fn a_paused_node_is_not_said_to_have_stopped() {
        let paused = Container { state: State::Paused, ..container("red", "node-1", "one") };
        let clusters = clusters(&Observed { containers: vec![paused], ..Observed::default() });
        let error = running(&clusters[0].nodes[0]).unwrap_err();
        assert_eq!(error.to_string(), "node `node-1.one` is paused");
        assert_eq!(error.next_step(), Some("`clusterdock unpause node-1.one` lets it go on"));
    }
}
