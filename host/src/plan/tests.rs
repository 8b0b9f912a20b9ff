//! Planning as a specification: what the engine has goes in, the printed plan or the refusal comes out.

mod keys;
mod nodes;

use super::start::{Limits, StartInputs, TopologyFacts, plan};
use super::{StartPlan, removal};
use crate::cluster::Observed;
use crate::engine::{Container, Endpoint, Image, Labels, Network, PublishedPort, State, Volume};
use crate::labels::{self, Run};
use clusterdock_plugin_api::{NodeSpec, Probe, Protocol};
use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

/// A start of nodes `a` and `b`, that a test changes before it is planned.
struct Wanted {
    run: Run,
    specs: Vec<NodeSpec>,
    observed: Observed,
    ports: BTreeMap<String, Vec<PublishedPort>>,
    images: BTreeMap<String, Image>,
    missing: Vec<String>,
    limits: Limits,
    cgroup_version: u8,
}

fn run(id: &str, cluster: &str) -> Run {
    Run {
        id: id.into(),
        cluster: cluster.into(),
        created: "2026-11-24T08:00:00Z".into(),
        location: "/usr/bin/clusterdock".into(),
        size: 2,
    }
}

fn wanted() -> Wanted {
    Wanted {
        run: run("run1", "lab"),
        specs: ["a", "b"].map(|name| NodeSpec::new(name, "nodes")).to_vec(),
        observed: Observed::default(),
        ports: BTreeMap::new(),
        images: BTreeMap::new(),
        missing: Vec::new(),
        limits: Limits::default(),
        cgroup_version: 0,
    }
}

impl Wanted {
    fn planned(&self) -> Result<StartPlan, String> {
        let topology = TopologyFacts { name: "base".into(), version: "1.2.0".into(), plugin_digest: "d1".into() };
        let inputs = StartInputs {
            run: &self.run,
            topology: &topology,
            network: "net",
            image: "base:1",
            specs: &self.specs,
            ports: &self.ports,
            limits: self.limits,
            observed: &self.observed,
            routes: &[],
            images: &self.images,
            capabilities_missing: &self.missing,
            cgroup_version: self.cgroup_version,
            keys: true,
        };
        let planned = plan(&inputs);
        assert_eq!(planned.as_ref().ok(), plan(&inputs).as_ref().ok(), "the same inputs give the same plan");
        planned.map_err(|error| format!("{:?}: {error}", error.kind()))
    }

    #[track_caller]
    fn prints(&self, expected: &str) {
        let printed = self.planned().map_or_else(|refused| refused, |plan| plan.to_string());
        assert_eq!(printed.trim_end(), expected.trim());
    }
}

/// A network as a start makes it.
fn our_network(of: &Run) -> Network {
    Network {
        id: "0123456789abcdef".into(),
        name: "net".into(),
        driver: "bridge".into(),
        labels: of.labels(),
        subnets: vec!["10.130.0.0/24".parse().unwrap()],
        engine_range: Some("10.130.0.192/26".parse().unwrap()),
        ..Network::default()
    }
}

/// A node of cluster `cluster`, at this address of network `net`.
fn node(of: &Run, hostname: &str, address: [u8; 4], state: State) -> Container {
    let mut labels = of.labels();
    labels.insert(labels::CLUSTER.into(), of.cluster.clone());
    labels.insert(labels::NODE.into(), hostname.into());
    labels.insert(labels::SIZE.into(), of.size.to_string());
    let address = Some(Ipv4Addr::from(address));
    let running = state == State::Running;
    let endpoint = Endpoint {
        network_id: "0123456789abcdef".into(),
        address: address.filter(|_| running),
        fixed_address: address,
    };
    Container {
        id: format!("id-{hostname}"),
        name: format!("{hostname}.net"),
        labels,
        state,
        networks: BTreeMap::from([("net".to_string(), endpoint)]),
        ..Container::default()
    }
}

#[test]
fn a_first_start_makes_a_marker_a_network_and_nodes_with_addresses_of_their_own() {
    let mut wanted = wanted();
    wanted.specs[1] = NodeSpec::new("b", "nodes").ready_when(Probe::port(22));
    let port = PublishedPort {
        container_port: 80,
        protocol: Protocol::Tcp,
        host_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
        host_port: 20080,
    };
    wanted.ports.insert("a".into(), vec![port]);
    wanted.prints(
        "
create volume     clusterdock-run1         marks the start as not completed
create network    net                      10.149.128.0/24
create container  a.net                    base:1, 10.149.128.2, 127.0.0.1:20080->80/tcp
create container  b.net                    base:1, 10.149.128.3
start container   a.net
start container   b.net
await             b.net                    port 22
run hook          start                    of topology base
remove volume     clusterdock-run1         the start is completed",
    );
}

#[test]
fn every_node_carries_every_fact_and_what_the_original_looks_for() {
    let plan = wanted().planned().unwrap();
    let labels: Vec<String> =
        plan.nodes[0].container.labels.iter().map(|(key, value)| format!("{key}={value}")).collect();
    let version = env!("CARGO_PKG_VERSION");
    let origin = format!(
        r#"{{"name":"clusterdock","version":"{version}","location":"/usr/bin/clusterdock","cluster_name":"lab"}}"#
    );
    let expected = [
        "com.clusterdock.cluster=lab".to_string(),
        format!("com.clusterdock.clusterdock={origin}"),
        "com.clusterdock.created=2026-11-24T08:00:00Z".into(),
        "com.clusterdock.group=nodes".into(),
        "com.clusterdock.node=a".into(),
        "com.clusterdock.plugin-digest=d1".into(),
        "com.clusterdock.probes=[]".into(),
        "com.clusterdock.run=run1".into(),
        "com.clusterdock.size=2".into(),
        "com.clusterdock.topology=base".into(),
        "com.clusterdock.topology-version=1.2.0".into(),
        format!("com.clusterdock.version={version}"),
    ];
    assert_eq!(labels, expected);
    let hosts: Vec<String> =
        plan.nodes[1].container.extra_hosts.iter().map(|(names, address)| format!("{address} {names}")).collect();
    assert_eq!(hosts, ["10.149.128.2 a.net a", "10.149.128.3 b.net b"]);
    assert_eq!(plan.marker.labels[labels::SIZE], "2");
}

#[test]
fn a_network_of_ours_is_joined_and_the_addresses_of_stopped_nodes_stay_theirs() {
    let (mut wanted, other) = (wanted(), run("run0", "other"));
    wanted.observed.networks = vec![our_network(&other)];
    // Every address for nodes but two is taken, half of them by nodes that do not run.
    wanted.observed.containers = (2..=189)
        .map(|last| {
            let state = if last % 2 == 0 { State::Running } else { State::Exited };
            node(&other, &format!("n{last}"), [10, 130, 0, last], state)
        })
        .collect();
    let plan = wanted.planned().unwrap();
    let mut addresses: Vec<_> = plan.nodes.iter().filter_map(|node| node.container.address).collect();
    addresses.sort();
    assert_eq!(addresses, [Ipv4Addr::new(10, 130, 0, 190), Ipv4Addr::new(10, 130, 0, 191)]);
    wanted.observed.containers.push(node(&other, "n190", [10, 130, 0, 190], State::Exited));
    wanted.prints("Conflict: network `net` is full: 1 of 2 addresses are free");
}

#[test]
fn somebody_elses_network_is_joined_with_the_engines_addresses_and_a_warning() {
    let mut wanted = wanted();
    wanted.observed.networks = vec![Network { labels: Labels::new(), ..our_network(&wanted.run) }];
    let plan = wanted.planned().unwrap();
    assert!(plan.warnings[0].contains("resolve forwards only"), "{:?}", plan.warnings);
    wanted.prints(
        "
create volume     clusterdock-run1         marks the start as not completed
join network      net                      it exists: 0123456789ab
create container  a.net                    base:1, address of the engine's choice
create container  b.net                    base:1, address of the engine's choice
start container   a.net
start container   b.net
run hook          start                    of topology base
remove volume     clusterdock-run1         the start is completed",
    );
}

#[test]
fn networks_that_cannot_be_used_are_refused_with_the_reason() {
    let mut wanted = wanted();
    let network = our_network(&wanted.run);
    wanted.observed.networks = vec![network.clone(), Network { id: "fedcba9876543210".into(), ..network.clone() }];
    wanted.prints("Conflict: network `net` cannot be used: there are 2 of that name: 0123456789ab, fedcba987654");
    wanted.observed.networks = vec![Network { driver: "overlay".into(), ..network.clone() }];
    wanted
        .prints("Conflict: network `net` cannot be used: it is an overlay network that plain containers may not join");
    wanted.observed.networks = vec![Network { driver: "host".into(), ..network }];
    wanted.prints("Conflict: network `net` cannot be used: its driver is `host`");
}

#[test]
fn names_in_use_are_refused_with_who_has_them() {
    let mut wanted = wanted();
    let same = run("run0", "lab");
    wanted.observed.containers = vec![node(&same, "x", [10, 130, 0, 2], State::Running)];
    wanted.prints("Conflict: cluster name `lab` is in use: clusters: lab (partial)");
    let other = run("run0", "other");
    wanted.observed.containers = vec![node(&other, "b", [10, 130, 0, 2], State::Running)];
    wanted.prints("Conflict: host name `b.net` is in use: it is a node of cluster `other`");
    wanted.observed.containers = vec![Container { name: "a.net".into(), ..Container::default() }];
    wanted.prints(
        "Conflict: host name `a.net` is in use: a container of that name is there, and it is not clusterdock's",
    );
}

#[test]
fn a_host_port_that_a_container_publishes_is_refused() {
    let mut wanted = wanted();
    let port = |host_ip: [u8; 4]| PublishedPort {
        container_port: 80,
        protocol: Protocol::Tcp,
        host_ip: IpAddr::from(host_ip),
        host_port: 8080,
    };
    wanted.ports.insert("a".into(), vec![port([127, 0, 0, 1])]);
    let holder = |host_ip| Container { name: "web".into(), ports: vec![port(host_ip)], ..Container::default() };
    wanted.observed.containers = vec![holder([0, 0, 0, 0])];
    wanted.prints("Conflict: host port `8080` is in use: container `web` publishes it");
    wanted.observed.containers = vec![holder([192, 168, 1, 1])];
    wanted.planned().unwrap();
}

#[test]
fn the_engines_init_is_wanted_unless_the_image_or_command_brings_one() {
    let mut wanted = wanted();
    let image = Image { command: vec!["/lib/systemd/systemd".into()], ..Image::default() };
    wanted.images.insert("base:1".into(), image);
    wanted.specs[1] = NodeSpec::new("b", "nodes").command(["/usr/sbin/sshd", "-D"]);
    let plan = wanted.planned().unwrap();
    let inits: Vec<bool> = plan.nodes.iter().map(|node| node.container.init).collect();
    assert_eq!(inits, [false, true]);
}

#[test]
fn what_the_engine_lacks_is_left_out_and_told_and_limits_are_everybodys() {
    let mut wanted = wanted();
    wanted.missing = vec!["CAP_SYS_RESOURCE".into()];
    wanted.limits = Limits { cpus: Some(1.5), memory: Some(1 << 30) };
    let plan = wanted.planned().unwrap();
    assert_eq!(plan.warnings, ["the engine lacks CAP_SYS_RESOURCE: nodes get every other capability"]);
    for node in &plan.nodes {
        assert_eq!(node.container.capabilities_missing, wanted.missing);
        assert_eq!((node.container.settings.cpus, node.container.settings.memory), (Some(1.5), Some(1 << 30)));
    }
}

/// Two clusters on one network of the first's, and a stranger.
fn two_clusters() -> Observed {
    let (one, two) = (run("run1", "one"), run("run2", "two"));
    let mut labels = two.labels();
    labels.insert(labels::SIZE.into(), "2".into());
    Observed {
        containers: vec![
            node(&one, "n10", [10, 130, 0, 2], State::Running),
            node(&one, "n2", [10, 130, 0, 3], State::Exited),
            node(&two, "x", [10, 130, 0, 4], State::Created),
            Container { id: "id-web".into(), name: "web".into(), ..Container::default() },
        ],
        networks: vec![our_network(&one), Network { name: "foreign".into(), ..Network::default() }],
        volumes: vec![Volume { name: two.marker(), labels }],
    }
}

fn named(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}

#[test]
fn an_undo_takes_what_the_start_made_and_leaves_the_network_it_joined() {
    let plan = removal::undo(&two_clusters(), "run2");
    assert_eq!(
        plan.to_string(),
        "remove container  x.net                    id-x\nremove volume     clusterdock-run2\n"
    );
}

#[test]
fn a_cluster_goes_with_its_network_only_when_nothing_else_is_on_it() {
    let observed = two_clusters();
    let plan = removal::clusters(&observed, &named(&["one"]), true).to_string();
    assert_eq!(
        plan,
        "remove container  n2.net                   id-n2
remove container  n10.net                  id-n10
keep network      net                      x.net is on it
"
    );
    let both = removal::clusters(&observed, &named(&["one", "two"]), true).to_string();
    assert!(both.contains("remove network    net"), "{both}");
    let kept = removal::clusters(&observed, &named(&["one", "two"]), false).to_string();
    assert!(!kept.contains("network"), "{kept}");
}

#[test]
fn everything_of_ours_leaves_strangers_alone_and_everything_does_not() {
    let observed = two_clusters();
    let ours = removal::everything_of_ours(&observed).to_string();
    assert!(!ours.contains("web") && !ours.contains("foreign"), "{ours}");
    assert!(ours.contains("remove network    net") && ours.contains("remove volume     clusterdock-run2"), "{ours}");
    let all = removal::everything(&observed).to_string();
    assert!(all.contains("remove container  web") && all.contains("remove network    foreign"), "{all}");
}
