use super::*;
use crate::cluster::clusters;
use crate::cluster::labels::{self, NodeLabels, Run};
use crate::cluster::observed::Observed;
use crate::engine::Container;

fn container(cluster: &str, hostname: &str, network: &str) -> Container {
    let labels = NodeLabels {
        run: Run {
            cluster: cluster.into(),
            size: 1,
            ..Run::default()
        },
        hostname: hostname.into(),
        network: network.into(),
        group: hostname.trim_end_matches("-1").into(),
        ..NodeLabels::default()
    };
    Container {
        id: format!("id of {hostname}.{network}"),
        name: format!("{hostname}.{network}"),
        state: State::Running,
        image_id: "sha256:1".into(),
        labels: labels.write("sha256:1"),
        ..Container::default()
    }
}

fn red_and_blue() -> Vec<Cluster> {
    let containers = vec![
        container("red", "node-1", "one"),
        container("blue", "node-1", "two"),
        container("blue", "edge", "two"),
    ];
    clusters(&Observed::new(containers, Vec::new(), Vec::new()))
}

fn chosen(name: &str) -> String {
    let clusters = red_and_blue();
    node(&clusters, name).map_or_else(
        |error| format!("{:?}: {error}", error.kind()),
        |node| node.fqdn.clone(),
    )
}

fn selected(names: &[&str], groups: &[&str], nodes: &[&str]) -> String {
    let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (names, groups, nodes) = (owned(names), owned(groups), owned(nodes));
    let clusters = red_and_blue();
    match super::nodes(
        &clusters,
        &Selection {
            names: &names,
            groups: &groups,
            nodes: &nodes,
            all: false,
        },
    ) {
        Ok(nodes) => nodes
            .iter()
            .map(|node| node.fqdn.as_str())
            .collect::<Vec<_>>()
            .join(" "),
        Err(error) => format!("{:?}: {error}", error.kind()),
    }
}

#[test]
fn clusters_and_nodes_are_selected_each_once_in_order() {
    assert_eq!(
        selected(&["red", "blue"], &[], &[]),
        "edge.two node-1.two node-1.one"
    );
    assert_eq!(
        selected(&["red", "edge", "blue", "red/node-1"], &[], &[]),
        "edge.two node-1.two node-1.one"
    );
    assert_eq!(
        selected(&["green"], &[], &[]),
        "NotFound: no cluster or node named `green`: clusters: blue, red"
    );
}

#[test]
fn a_selection_is_narrowed_down_to_groups_and_nodes() {
    assert_eq!(
        selected(&["red", "blue"], &["node"], &[]),
        "node-1.two node-1.one"
    );
    assert_eq!(selected(&["blue"], &["node"], &[]), "node-1.two");
    assert_eq!(
        selected(&[], &["red/node"], &["edge"]),
        "edge.two node-1.one"
    );
    assert_eq!(selected(&["blue"], &[], &["node-1"]), "node-1.two");
    let groups = "blue/edge, blue/node";
    assert_eq!(
        selected(&["blue"], &["db"], &[]),
        format!("NotFound: group `db` not found: groups: {groups}")
    );
    assert_eq!(
        selected(&["red"], &[], &["edge"]),
        "NotFound: node `edge` not found"
    );
}

#[test]
fn a_group_of_several_clusters_requires_its_cluster() {
    let ambiguous = "Usage: group `node` is ambiguous: it matches blue/node and red/node";
    for (groups, nodes) in [
        (&["node"][..], &[][..]),
        (&["edge", "node"], &[]),
        (&["node"], &["edge"]),
    ] {
        assert_eq!(selected(&[], groups, nodes), ambiguous);
    }
    assert_eq!(
        selected(&[], &["edge"], &[]),
        "edge.two",
        "only one cluster has it"
    );
    assert_eq!(
        selected(&[], &["red/node", "edge"], &[]),
        "edge.two node-1.one"
    );
}

#[test]
fn a_cluster_of_one_node_is_not_a_node() {
    let clusters = red_and_blue();
    let names_only_nodes = |names: &[&str], groups: &[&str], nodes: &[&str]| {
        let owned = |texts: &[&str]| texts.iter().map(ToString::to_string).collect::<Vec<_>>();
        let (names, groups, nodes) = (owned(names), owned(groups), owned(nodes));
        let selection = Selection {
            names: &names,
            groups: &groups,
            nodes: &nodes,
            all: false,
        };
        selection.names_only_nodes(&clusters)
    };
    assert!(names_only_nodes(&["edge"], &[], &[]));
    assert!(names_only_nodes(&["red"], &[], &["node-1"]));
    assert!(!names_only_nodes(&["red"], &[], &[]));
    assert!(!names_only_nodes(&["red/node-1"], &["node"], &[]));
    assert!(!names_only_nodes(&[], &[], &[]));
}

#[test]
fn a_node_is_named_in_three_ways() {
    assert_eq!(chosen("node-1.two"), "node-1.two");
    assert_eq!(chosen("blue/node-1"), "node-1.two");
    assert_eq!(chosen("edge"), "edge.two");
}

#[test]
fn an_ambiguous_node_is_an_error_with_the_candidates() {
    let candidates = "node-1.two (cluster blue) and node-1.one (cluster red)";
    assert_eq!(
        chosen("node-1"),
        format!("Usage: node `node-1` is ambiguous: it matches {candidates}")
    );
    assert_eq!(chosen("node-9"), "NotFound: node `node-9` not found");
}

/// Clusters `red` and `blue` on networks of their own, with the same names inside.
fn twins() -> Vec<Cluster> {
    let of = |cluster: &str, network: &str, hostname: &str| {
        let mut container = container(cluster, hostname, network);
        let domain = (labels::DOMAIN.into(), "lab.example".into());
        container.labels.extend([domain]);
        container
    };
    let containers = vec![
        of("red", "one", "node-1"),
        of("blue", "two", "node-1"),
        of("blue", "two", "edge"),
    ];
    clusters(&Observed::new(containers, Vec::new(), Vec::new()))
}

#[test]
fn an_fqdn_of_two_clusters_is_ambiguous() {
    let clusters = twins();
    for name in ["node-1", "node-1.lab.example"] {
        let error = node(&clusters, name).unwrap_err();
        assert_eq!(
            format!("{:?}: {error}", error.kind()),
            format!("Usage: node `{name}` is ambiguous: it matches blue/node-1 and red/node-1")
        );
        assert_eq!(error.next_step(), Some("use CLUSTER/HOSTNAME"));
    }
    for name in ["blue/node-1", "blue/node-1.lab.example"] {
        assert_eq!(
            node(&clusters, name).unwrap().container.id,
            "id of node-1.two"
        );
    }
    let named = |cluster: &Cluster| -> Vec<String> {
        cluster.nodes.iter().map(|node| node.name.clone()).collect()
    };
    assert_eq!(named(&clusters[0]), ["edge.lab.example", "blue/node-1"]);
    assert_eq!(named(&clusters[1]), ["red/node-1"]);
    let stopped = not_running(&clusters[1].nodes[0]);
    let hint = stopped.next_step().unwrap_or_default();
    assert!(hint.contains("clusterdock resume red/node-1"), "{hint}");
}

#[test]
fn a_containers_name_is_not_a_nodes_but_hints_at_it() {
    let clusters = twins();
    for (name, hint) in [
        ("node-1.two", "did you mean `blue/node-1`?"),
        ("edge.two", "did you mean `edge.lab.example`?"),
    ] {
        let error = node(&clusters, name).unwrap_err();
        assert_eq!(
            (error.kind(), error.next_step()),
            (Kind::NotFound, Some(hint))
        );
        let error = no_cluster_or_node(error, &clusters, name);
        assert_eq!(error.next_step(), Some(hint));
    }
}

#[test]
fn a_cluster_in_place_of_a_node_is_an_error_with_its_nodes() {
    let error = node(&red_and_blue(), "blue").unwrap_err();
    assert_eq!(
        error.to_string(),
        "node `blue` not found: it is the name of a cluster"
    );
    assert_eq!(
        error.next_step(),
        Some("use one of its nodes: edge.two, node-1.two")
    );
}

#[test]
fn a_paused_node_is_not_reported_as_stopped() {
    let paused = Container {
        state: State::Paused,
        ..container("red", "node-1", "one")
    };
    let clusters = clusters(&Observed::new(vec![paused], Vec::new(), Vec::new()));
    let error = running(&clusters[0].nodes[0]).unwrap_err();
    assert_eq!(error.to_string(), "node `node-1.one` is paused");
    assert_eq!(
        error.next_step(),
        Some("unpause it with `clusterdock unpause node-1.one`")
    );
}
