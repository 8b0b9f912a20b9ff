//! Filters of lists of clusters and nodes: `status=exited`, `name=web`. Pure.

use super::{Cluster, ClusterState, Node};
use crate::engine::State;

/// One condition.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Condition {
    /// The state: a node's in lists of nodes, a cluster's in lists of clusters.
    Status(String),
    /// A part of the name: a node's FQDN or the name of its container; a cluster's name.
    Name(String),
    /// The node's group, or a group of the cluster.
    Group(String),
    /// The cluster's whole name.
    Cluster(String),
}

const NODE_STATES: [State; 7] = [
    State::Created,
    State::Running,
    State::Paused,
    State::Restarting,
    State::Removing,
    State::Exited,
    State::Dead,
];

const CLUSTER_STATES: [ClusterState; 5] = [
    ClusterState::Running,
    ClusterState::Degraded,
    ClusterState::Paused,
    ClusterState::Stopped,
    ClusterState::Partial,
];

impl Condition {
    /// Reads a condition on nodes.
    ///
    /// # Errors
    /// The key or the state is unknown.
    pub fn of_nodes(text: &str) -> Result<Condition, String> {
        Condition::read(text, &NODE_STATES.map(State::as_str), ("stopped", "exited"))
    }

    /// Reads a condition on clusters.
    ///
    /// # Errors
    /// The key or the state is unknown.
    pub fn of_clusters(text: &str) -> Result<Condition, String> {
        let states = CLUSTER_STATES.map(ClusterState::as_str);
        Condition::read(text, &states, ("exited", "stopped"))
    }

    /// `synonym` is another word for a state, and the state.
    fn read(text: &str, states: &[&str], synonym: (&str, &str)) -> Result<Condition, String> {
        let (key, value) = text.split_once('=').unwrap_or((text, ""));
        let value = value.to_string();
        match key {
            "status" | "state" => {
                let word = if value == synonym.0 {
                    synonym.1.into()
                } else {
                    value
                };
                if states.contains(&word.as_str()) {
                    Ok(Condition::Status(word))
                } else {
                    Err(format!("expected one of the states {}", states.join(", ")))
                }
            }
            _ if value.is_empty() => Err(EXPECTED.into()),
            "name" => Ok(Condition::Name(value)),
            "group" => Ok(Condition::Group(value)),
            "cluster" => Ok(Condition::Cluster(value)),
            _ => Err(EXPECTED.into()),
        }
    }

    fn admits_node(&self, node: &Node) -> bool {
        match self {
            Condition::Status(state) => node.container.state.as_str() == state,
            Condition::Name(part) => node.fqdn.contains(part) || node.container.name.contains(part),
            Condition::Group(group) => node.group == *group,
            Condition::Cluster(cluster) => node.cluster == *cluster,
        }
    }

    fn admits_cluster(&self, cluster: &Cluster) -> bool {
        match self {
            Condition::Status(state) => cluster.state.as_str() == state,
            Condition::Name(part) => cluster.name.contains(part),
            Condition::Group(group) => cluster.nodes.iter().any(|node| node.group == *group),
            Condition::Cluster(name) => cluster.name == *name,
        }
    }
}

const EXPECTED: &str = "expected status=STATE, name=PART, group=GROUP or cluster=CLUSTER";

/// Whether something fulfils all conditions; of several with one key, one suffices, as in docker.
fn admits(conditions: &[Condition], admits: impl Fn(&Condition) -> bool) -> bool {
    let key = std::mem::discriminant::<Condition>;
    conditions.iter().all(|one| {
        let mut of_key = conditions.iter().filter(|other| key(other) == key(one));
        of_key.any(&admits)
    })
}

/// A cluster in a list, with those of its nodes that are shown.
#[derive(Debug, Clone)]
pub struct Shown<'a> {
    /// The whole cluster.
    pub cluster: &'a Cluster,
    /// The nodes that are shown.
    pub nodes: Vec<&'a Node>,
}

impl<'a> Shown<'a> {
    /// All nodes of a cluster.
    pub fn whole(cluster: &'a Cluster) -> Shown<'a> {
        Shown {
            cluster,
            nodes: cluster.nodes.iter().collect(),
        }
    }
}

/// The nodes that fulfil the conditions, by cluster. Clusters without one are left out if there are conditions.
pub fn nodes<'a>(
    clusters: impl IntoIterator<Item = &'a Cluster>,
    conditions: &[Condition],
) -> Vec<Shown<'a>> {
    let shown = |cluster: &'a Cluster| {
        let wanted = |node: &&Node| admits(conditions, |one| one.admits_node(node));
        Shown {
            cluster,
            nodes: cluster.nodes.iter().filter(wanted).collect(),
        }
    };
    clusters
        .into_iter()
        .map(shown)
        .filter(|shown| conditions.is_empty() || !shown.nodes.is_empty())
        .collect()
}

/// The clusters that fulfil the conditions.
pub fn clusters(clusters: Vec<Cluster>, conditions: &[Condition]) -> Vec<Cluster> {
    let wanted = |cluster: &Cluster| admits(conditions, |one| one.admits_cluster(cluster));
    clusters.into_iter().filter(wanted).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn node(cluster: &str, host: &str, group: &str, state: State) -> Node {
        let mut node = Node {
            cluster: cluster.into(),
            fqdn: format!("{host}.{cluster}"),
            group: group.into(),
            ..Node::default()
        };
        node.container.state = state;
        node
    }

    fn lab() -> Vec<Cluster> {
        let cluster = |name: &str, state, nodes| Cluster {
            name: name.into(),
            state,
            networks: Vec::new(),
            domains: Vec::new(),
            topology: String::new(),
            created: String::new(),
            size: 2,
            nodes,
        };
        vec![
            cluster(
                "ux",
                ClusterState::Degraded,
                vec![
                    node("ux", "web-1", "web", State::Running),
                    node("ux", "db-1", "db", State::Exited),
                ],
            ),
            cluster(
                "big",
                ClusterState::Stopped,
                vec![node("big", "web-1", "web", State::Exited)],
            ),
            cluster("none", ClusterState::Partial, Vec::new()),
        ]
    }

    fn shown(filters: &[&str]) -> Vec<String> {
        let conditions: Vec<_> = filters
            .iter()
            .map(|text| Condition::of_nodes(text).unwrap())
            .collect();
        nodes(&lab(), &conditions)
            .iter()
            .flat_map(|shown| &shown.nodes)
            .map(|node| node.fqdn.clone())
            .collect()
    }

    #[test]
    fn nodes_fulfil_one_condition_of_each_key() {
        assert_eq!(shown(&[]), ["web-1.ux", "db-1.ux", "web-1.big"]);
        assert_eq!(shown(&["status=exited"]), ["db-1.ux", "web-1.big"]);
        assert_eq!(shown(&["status=stopped"]), ["db-1.ux", "web-1.big"]);
        assert_eq!(shown(&["status=exited", "status=running"]).len(), 3);
        assert_eq!(shown(&["status=exited", "cluster=ux"]), ["db-1.ux"]);
        assert_eq!(shown(&["group=web"]), ["web-1.ux", "web-1.big"]);
        assert_eq!(shown(&["name=web-1.b"]), ["web-1.big"]);
        assert_eq!(shown(&["cluster=u"]), [""; 0]);
    }

    #[test]
    fn clusters_without_a_node_are_left_out_if_there_are_conditions() {
        assert_eq!(nodes(&lab(), &[]).len(), 3);
        assert_eq!(nodes(&lab(), &[Condition::Status("dead".into())]).len(), 0);
    }

    #[test]
    fn clusters_are_filtered_by_their_own_state() {
        let found = |filter: &str| {
            let condition = Condition::of_clusters(filter).unwrap();
            clusters(lab(), &[condition])
                .into_iter()
                .map(|cluster| cluster.name)
                .collect::<Vec<_>>()
        };
        assert_eq!(found("status=exited"), ["big"]);
        assert_eq!(found("state=degraded"), ["ux"]);
        assert_eq!(found("name=i"), ["big"]);
        assert_eq!(found("group=db"), ["ux"]);
    }

    #[test]
    fn unknown_keys_and_states_are_refused() {
        for bad in [
            "",
            "x",
            "status",
            "status=",
            "status=up",
            "name=",
            "label=a",
        ] {
            Condition::of_nodes(bad).unwrap_err();
            Condition::of_clusters(bad).unwrap_err();
        }
        Condition::of_nodes("status=degraded").unwrap_err();
        Condition::of_clusters("status=restarting").unwrap_err();
    }
}
