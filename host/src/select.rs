//! Which nodes and clusters a user means. Pure: what was observed goes in.

use crate::cluster::{Cluster, Node};
use crate::error::{Error, Kind, Result};
use crate::nearest::nearest;

/// The node of this name: an FQDN, `CLUSTER/HOSTNAME`, or a host name that is there once.
///
/// # Errors
/// [`Kind::NotFound`], with the nearest name as hint; [`Kind::Usage`] for an ambiguous one, with the candidates.
pub fn node<'a>(clusters: &'a [Cluster], name: &str) -> Result<&'a Node> {
    match &nodes_named(clusters, name)[..] {
        [node] => Ok(node),
        [] => Err(no_node(clusters, name)),
        several => {
            let candidates: Vec<String> =
                several.iter().map(|node| format!("{} (cluster {})", node.fqdn, node.cluster)).collect();
            Err(Error::new(Kind::Usage, format!("node `{name}` is ambiguous"))
                .cause(format!("it could be {}", candidates.join(" or ")))
                .hint("name it by its FQDN, or as CLUSTER/HOSTNAME"))
        }
    }
}

/// The nodes of this name: none, one, or several.
pub fn nodes_named<'a>(clusters: &'a [Cluster], name: &str) -> Vec<&'a Node> {
    let all = || clusters.iter().flat_map(|cluster| &cluster.nodes);
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
    let state = node.container.state.as_str();
    Err(Error::new(Kind::Conflict, format!("node `{}` is not running", node.fqdn))
        .cause(format!("its container is {state}: {}", node.container.status))
        .hint(format!("look at its log with `docker logs {0}`, or remove it with `clusterdock rm {0}`", node.fqdn)))
}

fn no_node(clusters: &[Cluster], name: &str) -> Error {
    let error = Error::new(Kind::NotFound, format!("no node `{name}`"));
    let fqdns: Vec<&str> = clusters.iter().flat_map(|cluster| &cluster.nodes).map(|node| node.fqdn.as_str()).collect();
    if fqdns.is_empty() {
        return error.cause("there are no clusters").hint("`clusterdock start TOPOLOGY` starts one");
    }
    match nearest(name, fqdns.iter().copied()) {
        Some(near) => error.hint(format!("did you mean `{near}`?")),
        None => error.hint("`clusterdock ps` lists the nodes there are"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::{Observed, clusters};
    use crate::engine::{Container, State};
    use crate::labels;
    use std::collections::BTreeMap;

    fn container(cluster: &str, hostname: &str, network: &str) -> Container {
        Container {
            name: format!("{hostname}.{network}"),
            state: State::Running,
            labels: BTreeMap::from([(labels::CLUSTER.into(), cluster.into()), (labels::NODE.into(), hostname.into())]),
            ..Container::default()
        }
    }

    fn chosen(name: &str) -> String {
        let containers = vec![
            container("red", "node-1", "one"),
            container("blue", "node-1", "two"),
            container("blue", "edge", "two"),
        ];
        let clusters = clusters(&Observed { containers, ..Observed::default() });
        node(&clusters, name).map_or_else(|error| format!("{:?}: {error}", error.kind()), |node| node.fqdn.clone())
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
}
