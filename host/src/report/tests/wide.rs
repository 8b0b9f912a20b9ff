//! The tables of `--wide`.

use super::super::ls;
use super::answers::{ps_text, two_nodes};
use crate::report::Format;

#[test]
fn a_wide_table_has_address_uptime_group_and_topology() {
    assert_eq!(
        ps_text(&[two_nodes()], Format::Wide, None),
        "\
For cluster `famous_hyades` on network cluster the node(s) are:
CONTAINER ID  HOST NAME       IP         PORTS         STATUS   UPTIME  GROUP  TOPOLOGY        CONTAINER NAME  VERSION  IMAGE
aaaaaaaaaaaa  node-1.cluster  10.77.0.2  8080->80/tcp  running  3m      nodes  nodebase 1.0.0  node-1.cluster  1.3.3    clusterdock/topology_nodebase:centos6.6
666666666666  node-2.cluster  10.77.0.2                running  3m      nodes  nodebase 1.0.0  node-2.cluster  1.3.3    clusterdock/topology_nodebase:centos6.6
"
    );
}

#[test]
fn at_80_columns_a_wide_table_fits() {
    let text = ps_text(&[two_nodes()], Format::Wide, Some(80));
    assert_eq!(
        text,
        "\
For cluster `famous_hyades` on network cluster the node(s) are:
CONTAINER ID  HOST NAME       IP         PORTS         STATUS   UPTIME  GROUP
aaaaaaaaaaaa  node-1.cluster  10.77.0.2  8080->80/tcp  running  3m      nodes
666666666666  node-2.cluster  10.77.0.2                running  3m      nodes
TOPOLOGY        nodebase 1.0.0
CONTAINER NAME  same as the host name
VERSION         1.3.3
IMAGE           clusterdock/topology_nodebase:centos6.6
"
    );
    assert!(text.lines().all(|line| line.len() <= 80));
}

#[test]
fn a_wide_list_of_clusters_has_version_and_domain() {
    let now = "2026-11-24T08:32:02Z".parse().unwrap();
    assert_eq!(
        ls::text(&[two_nodes()], &[], Format::Wide, now),
        "\
NAME           STATE    NODES  NETWORK  TOPOLOGY  CREATED       TOPOLOGY VERSION  DOMAIN
famous_hyades  running  2/2    cluster  nodebase  1 minute ago  1.0.0             cluster
"
    );
}
