//! Nodes whose domain is not their network's name.

use super::*;
use crate::cluster::labels;

/// A node of another cluster, with the same domain, on this network.
fn twin(hostname: &str, network: &str, domain: &str) -> Container {
    let twin = node(&run(0, "other"), hostname, [10, 130, 0, 2], State::Running);
    let mut labels = twin.labels;
    labels.insert(labels::NETWORK.into(), network.into());
    labels.insert(labels::DOMAIN.into(), domain.into());
    Container {
        name: format!("{hostname}.{network}"),
        labels,
        ..twin
    }
}

#[test]
fn a_domain_names_nodes_and_the_network_their_containers() {
    let mut wanted = wanted();
    wanted.domain = "lab.example";
    wanted.prints(
        "
create volume     clusterdock-lab          the cluster's record
create container  a.lab.example            base:1, 10.149.128.2, named a.net
create network    net                      10.149.128.0/24
create container  b.lab.example            base:1, 10.149.128.3, named b.net
check volume      clusterdock-lab          it is still this start's
start container   a.lab.example
start container   b.lab.example
run hook          start                    of topology base
write file        /.clusterdock/complete   in the cluster's record: the start is complete
await             a.lab.example            that it runs for 200 ms
await             b.lab.example            that it runs for 200 ms
check nodes       lab                      they still run",
    );
    let node = &wanted.planned().unwrap().nodes[0];
    let container = &node.container;
    assert_eq!(
        (node.fqdn(), container.name.as_str(), &container.hostname),
        ("a.lab.example", "a.net", &"a.lab.example".to_string())
    );
    assert_eq!(container.aliases, ["a", "a.lab.example"]);
    assert_eq!(container.extra_hosts[0].0, "a.lab.example a");
    assert_eq!(container.labels[labels::DOMAIN], "lab.example");
    assert_eq!(container.labels[labels::NETWORK], "net");
}

#[test]
fn a_twin_on_another_network_is_no_conflict() {
    let mut wanted = wanted();
    wanted.domain = "lab.example";
    wanted.observed.containers = vec![twin("a", "far", "lab.example").into()];
    wanted.planned().unwrap();
}

#[test]
fn a_host_name_is_used_once_per_network_whatever_the_domain() {
    let mut wanted = wanted();
    wanted.domain = "lab.example";
    let in_use = "Conflict: host name `a.net` is in use: it is a node of cluster `other`";
    let renamed = Container {
        name: "renamed".into(),
        ..twin("a", "net", "elsewhere")
    };
    for holder in [
        twin("a", "net", "elsewhere"),
        twin("a", "net", "net"),
        renamed,
    ] {
        wanted.observed.containers = vec![holder.into()];
        wanted.prints(in_use);
    }
}
