//! Answers as text: tables for people, JSON for programs.

use std::net::Ipv4Addr;

use clusterdock_plugin_wire::Protocol;

use super::super::{ls, ps, started};
use crate::cluster::filter::Shown;
use crate::cluster::{Cluster, ClusterState, Node};
use crate::engine::{Container, PublishedPort, State};
use crate::report::Format;

pub(super) fn ps_text(clusters: &[Cluster], format: Format, width: Option<usize>) -> String {
    let shown: Vec<_> = clusters.iter().map(Shown::whole).collect();
    ps::text(&shown, format, width)
}

const IMAGE: &str = "clusterdock/topology_nodebase:centos6.6";

fn port(host_port: u16, container_port: u16) -> PublishedPort {
    let host_ip = Ipv4Addr::LOCALHOST.into();
    PublishedPort {
        container_port,
        protocol: Protocol::Tcp,
        host_ip,
        host_port,
    }
}

fn node(hostname: &str, id: &str, ports: &[PublishedPort]) -> Node {
    let fqdn = format!("{hostname}.cluster");
    Node {
        cluster: "famous_hyades".into(),
        hostname: hostname.into(),
        fqdn: fqdn.clone(),
        name: fqdn.clone(),
        group: "nodes".into(),
        topology: "nodebase".into(),
        topology_version: "1.0.0".into(),
        network: "cluster".into(),
        domain: "cluster".into(),
        address: Some(Ipv4Addr::new(10, 77, 0, 2)),
        version: "1.3.3".into(),
        container: Container {
            id: id.repeat(64),
            name: fqdn,
            image: IMAGE.into(),
            state: State::Running,
            status: "Up 3 minutes".into(),
            created: 1_795_509_062,
            ports: ports.to_vec(),
            ..Container::default()
        },
        ..Node::default()
    }
}

fn cluster(nodes: Vec<Node>) -> Cluster {
    Cluster {
        name: "famous_hyades".into(),
        state: ClusterState::Running,
        networks: vec!["cluster".into()],
        domains: vec!["cluster".into()],
        topology: "nodebase".into(),
        created: "2026-11-24T08:31:02Z".into(),
        size: nodes.len(),
        nodes,
    }
}

pub(super) fn two_nodes() -> Cluster {
    cluster(vec![
        node("node-1", "a", &[port(8080, 80)]),
        node("node-2", "6", &[]),
    ])
}

fn ps_table(clusters: &[Cluster], width: Option<usize>) -> String {
    ps_text(clusters, Format::Table, width)
}

#[test]
fn a_file_gets_the_originals_columns() {
    assert_eq!(
        ps_table(&[two_nodes()], None),
        "\
For cluster `famous_hyades` on network cluster the node(s) are:
CONTAINER ID  HOST NAME       PORTS         STATUS   CONTAINER NAME  VERSION  IMAGE
aaaaaaaaaaaa  node-1.cluster  8080->80/tcp  running  node-1.cluster  1.3.3    clusterdock/topology_nodebase:centos6.6
666666666666  node-2.cluster                running  node-2.cluster  1.3.3    clusterdock/topology_nodebase:centos6.6
"
    );
}

#[test]
fn at_80_columns_the_image_is_below_the_table() {
    let text = ps_table(&[two_nodes()], Some(80));
    assert_eq!(
        text,
        "\
For cluster `famous_hyades` on network cluster the node(s) are:
CONTAINER ID  HOST NAME       PORTS         STATUS   CONTAINER NAME  VERSION
aaaaaaaaaaaa  node-1.cluster  8080->80/tcp  running  node-1.cluster  1.3.3
666666666666  node-2.cluster                running  node-2.cluster  1.3.3
IMAGE  clusterdock/topology_nodebase:centos6.6
"
    );
    assert!(text.lines().all(|line| line.len() <= 80));
}

#[test]
fn many_ports_are_stacked_before_a_column_moves() {
    let cluster = cluster(vec![node(
        "node-1",
        "a",
        &[port(8080, 80), port(8443, 443)],
    )]);
    assert_eq!(
        ps_table(&[cluster], Some(120)),
        "\
For cluster `famous_hyades` on network cluster the node(s) are:
CONTAINER ID  HOST NAME       PORTS          STATUS   CONTAINER NAME  VERSION  IMAGE
aaaaaaaaaaaa  node-1.cluster  8080->80/tcp,  running  node-1.cluster  1.3.3    clusterdock/topology_nodebase:centos6.6
                              8443->443/tcp
"
    );
}

#[test]
fn columns_below_name_nodes_whose_values_differ() {
    let mut cluster = two_nodes();
    cluster.nodes[1].container.image = format!("sha256:{}", "b".repeat(64));
    for (node, name) in cluster
        .nodes
        .iter_mut()
        .zip(["priceless_franklin", "nervous_sinoussi"])
    {
        node.container.name = name.into();
    }
    let text = ps_table(&[cluster], Some(60));
    let below: Vec<&str> = text.lines().skip(4).collect();
    assert_eq!(
        below,
        [
            "CONTAINER NAME  nervous_sinoussi (node-2)",
            "                priceless_franklin (node-1)",
            "VERSION         1.3.3",
            "IMAGE           clusterdock/topology_nodebase:centos6.6 (node-1)",
            "                sha256:bbbbbbbbbbbb (node-2)",
        ]
    );
    assert!(
        ps_table(&[two_nodes()], Some(60)).contains("\nCONTAINER NAME  same as the host name\n")
    );
}

#[test]
fn only_a_specific_host_address_is_shown() {
    let at = |host_ip: &str| PublishedPort {
        host_ip: host_ip.parse().unwrap(),
        ..port(5353, 53)
    };
    let ports = [at("0.0.0.0"), at("::"), at("10.0.0.5"), at("fd00::1")];
    let text = ps_table(&[cluster(vec![node("node-1", "a", &ports)])], None);
    assert!(
        text.contains("  5353->53/tcp, 10.0.0.5:5353->53/tcp, [fd00::1]:5353->53/tcp  running"),
        "{text}"
    );
}

#[test]
fn a_partial_cluster_is_shown_as_partial() {
    let mut partial = cluster(vec![node("node-1", "a", &[])]);
    partial.state = ClusterState::Partial;
    partial.size = 2;
    let heading = |cluster: Cluster| {
        ps_table(&[cluster], None)
            .lines()
            .take(3)
            .collect::<Vec<_>>()
            .join("\n")
    };
    assert_eq!(
        heading(partial.clone()),
        "\
For cluster `famous_hyades` on network cluster the node(s) are:
(partial: 1 of 2 nodes running; start not completed or nodes missing;
 if no start is running, remove it with `clusterdock rm famous_hyades`)"
    );
    partial.nodes.clear();
    partial.networks.clear();
    assert_eq!(
        heading(partial),
        "\
Cluster `famous_hyades` has no nodes.
(partial: 0 of 2 nodes running; start not completed or nodes missing;
 if no start is running, remove it with `clusterdock rm famous_hyades`)"
    );
}

#[test]
fn a_degraded_cluster_is_shown_with_the_next_steps() {
    let mut degraded = two_nodes();
    degraded.state = ClusterState::Degraded;
    let below_heading = |state| {
        degraded.nodes[1].container.state = state;
        let text = ps_table(std::slice::from_ref(&degraded), Some(80));
        assert!(text.lines().all(|line| line.len() <= 80), "{text}");
        let notes = text
            .lines()
            .skip(1)
            .take_while(|line| !line.starts_with("CONTAINER ID"));
        notes.collect::<Vec<_>>().join("\n")
    };
    let [exited, paused, dead] = [State::Exited, State::Paused, State::Dead].map(below_heading);
    assert_eq!(
        exited,
        "\
(degraded: 1 of 2 nodes running;
 start the others with `clusterdock resume famous_hyades`,
 or remove all with `clusterdock rm famous_hyades`)"
    );
    assert_eq!(
        paused,
        "\
(degraded: 1 of 2 nodes running;
 unpause the paused ones with `clusterdock unpause famous_hyades`,
 or remove all with `clusterdock rm famous_hyades`)"
    );
    assert_eq!(
        dead,
        "\
(degraded: 1 of 2 nodes running;
 remove all with `clusterdock rm famous_hyades`)"
    );
}

#[test]
fn clusters_are_separated_by_a_blank_line() {
    let text = ps_table(&[two_nodes(), two_nodes()], None);
    assert_eq!(text.lines().filter(|line| line.is_empty()).count(), 1);
    assert!(!text.starts_with('\n') && !text.ends_with("\n\n"));
}

#[test]
fn json_has_every_fact_of_a_node() {
    let mut cluster = cluster(vec![node("node-1", "a", &[port(8080, 80)])]);
    cluster.nodes[0].container.state = State::Exited;
    cluster.nodes[0].container.status = "Exited (137) 2 hours ago".into();
    let id = "a".repeat(64);
    let expected = format!(
        r#"{{
  "schema_version": 1,
  "clusters": [
    {{
      "name": "famous_hyades",
      "state": "running",
      "networks": [
        "cluster"
      ],
      "domains": [
        "cluster"
      ],
      "topology": "nodebase",
      "created": "2026-11-24T08:31:02Z",
      "size": 1,
      "running": 0,
      "nodes": [
        {{
          "cluster": "famous_hyades",
          "hostname": "node-1",
          "fqdn": "node-1.cluster",
          "group": "nodes",
          "topology": "nodebase",
          "topology_version": "1.0.0",
          "network": "cluster",
          "domain": "cluster",
          "ip_address": "10.77.0.2",
          "ports": [
            {{
              "container_port": 80,
              "protocol": "tcp",
              "host_ip": "127.0.0.1",
              "host_port": 8080
            }}
          ],
          "image": "clusterdock/topology_nodebase:centos6.6",
          "container_id": "{id}",
          "container_name": "node-1.cluster",
          "state": "exited",
          "status": "Exited (137) 2 hours ago",
          "exit_code": 137,
          "created": "2026-11-24T08:31:02Z",
          "version": "1.3.3"
        }}
      ]
    }}
  ]
}}
"#
    );
    assert_eq!(ps_text(&[cluster], Format::Json, None), expected);
}

#[test]
fn json_lines_are_nodes_of_ps_and_clusters_of_ls() {
    let text = ps_text(&[two_nodes()], Format::Jsonl, None);
    assert_eq!(text.lines().count(), 2);
    assert!(
        text.starts_with(r#"{"schema_version":1,"cluster":"famous_hyades","hostname":"node-1","#)
    );
    assert_eq!(
        ls::text(
            &[two_nodes()],
            &[],
            Format::Jsonl,
            jiff::Timestamp::UNIX_EPOCH
        ),
        concat!(
            r#"{"schema_version":1,"name":"famous_hyades","state":"running","networks":["cluster"],"domains":["cluster"],"#,
            r#""topology":"nodebase","created":"2026-11-24T08:31:02Z","size":2,"running":2}"#,
            "\n"
        )
    );
}

#[test]
fn unknown_facts_of_the_originals_clusters_are_null() {
    let mut foreign = two_nodes();
    foreign.topology.clear();
    foreign.created.clear();
    foreign.nodes[0].group.clear();
    let value: serde_json::Value =
        serde_json::from_str(&ps_text(&[foreign], Format::Json, None)).unwrap();
    let cluster = &value["clusters"][0];
    assert!(
        cluster["topology"].is_null()
            && cluster["created"].is_null()
            && cluster["nodes"][0]["group"].is_null()
    );
}

#[test]
fn ls_shows_a_cluster_a_line() {
    let mut degraded = two_nodes();
    degraded.name = "x".into();
    degraded.state = ClusterState::Degraded;
    degraded.nodes[1].container.state = State::Exited;
    let now = "2026-11-24T08:34:10Z".parse().unwrap();
    assert_eq!(
        ls::text(&[two_nodes(), degraded], &[], Format::Table, now),
        "\
NAME           STATE     NODES  NETWORK  TOPOLOGY  CREATED
famous_hyades  running   2/2    cluster  nodebase  3 minutes ago
x              degraded  1/2    cluster  nodebase  3 minutes ago
"
    );
}

#[test]
fn leftover_networks_are_not_clusters() {
    let unused = ["lab".to_string(), "net".into()];
    let text = |clusters: &[Cluster], format| {
        ls::text(clusters, &unused, format, jiff::Timestamp::UNIX_EPOCH)
    };
    let table = text(&[two_nodes()], Format::Table);
    assert!(
        table.ends_with("\n\nUnused networks: lab, net\n"),
        "{table}"
    );
    assert_eq!(text(&[], Format::Table), "Unused networks: lab, net\n");
    let json: serde_json::Value = serde_json::from_str(&text(&[], Format::Json)).unwrap();
    assert_eq!(json["unused_networks"], serde_json::json!(unused));
    assert_eq!(json["clusters"], serde_json::json!([]));
    assert_eq!(
        (text(&[], Format::Jsonl), text(&[], Format::Quiet)),
        (String::new(), String::new())
    );
}

#[test]
fn quiet_answers_are_names_that_commands_accept() {
    assert_eq!(
        ps_text(&[two_nodes()], Format::Quiet, None),
        "node-1.cluster\nnode-2.cluster\n"
    );
    assert_eq!(
        ls::text(
            &[two_nodes()],
            &[],
            Format::Quiet,
            jiff::Timestamp::UNIX_EPOCH
        ),
        "famous_hyades\n"
    );
}

#[test]
fn no_clusters_are_an_empty_answer_and_a_remark() {
    let recording = super::Recording::new(super::Progress::Plain);
    recording.report.ps(&[], Format::Table).unwrap();
    recording.report.ls(&[], &[], Format::Table).unwrap();
    assert_eq!(recording.stdout.text(), "");
    assert_eq!(recording.stderr.text(), "No clusters.\nNo clusters.\n");

    let recording = super::Recording::new(super::Progress::Plain);
    recording.report.ps(&[], Format::Json).unwrap();
    recording.report.ls(&[], &[], Format::Jsonl).unwrap();
    assert_eq!(
        recording.stdout.text(),
        "{\n  \"schema_version\": 1,\n  \"clusters\": []\n}\n"
    );
    assert_eq!(recording.stderr.text(), "");
}

#[test]
fn the_answer_of_start_has_cluster_time_and_closing_messages() {
    let closing = ["web: http://127.0.0.1:8080".to_string()];
    let answer = |format| started::text(&two_nodes(), 1621, &closing, format);
    let value: serde_json::Value = serde_json::from_str(&answer(Format::Json)).unwrap();
    let of_ps: serde_json::Value =
        serde_json::from_str(&ps_text(&[two_nodes()], Format::Json, None)).unwrap();
    assert_eq!(value["cluster"], of_ps["clusters"][0]);
    assert_eq!(value["total_ms"], 1621);
    assert_eq!(value["closing"][0], closing[0]);
    assert_eq!(value["schema_version"], 1);
    assert_eq!(answer(Format::Jsonl).lines().count(), 1);
    assert_eq!(answer(Format::Table), "famous_hyades\n");
    assert_eq!(answer(Format::Quiet), "famous_hyades\n");
}
