//! Planning as a specification: what the engine has goes in, the printed plan or the refusal comes out.

mod domains;
mod groups;
mod keys;
mod networks;
mod nodes;
mod removals;

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use clusterdock_plugin_wire::{NodeSpec, Probe, Protocol};
use ipnet::Ipv4Net;

use super::start_plan::{Limits, StartInputs, TopologyFacts, plan};
use super::{NetworkPlan, StartPlan, removal_plan};
use crate::cluster::labels::{NodeLabels, Run, RunId};
use crate::cluster::observed::Observed;
use crate::cluster::provenance::Provenance;
use crate::cluster::record;
use crate::engine::{Container, Endpoint, Image, Labels, Network, PublishedPort, State, Volume};
use crate::topology::plugin::Hook;

const IMAGE_ID: &str = "sha256:1";

/// A start of nodes `a` and `b`, that a test changes before it is planned.
struct Wanted {
    run: Run,
    specs: Vec<NodeSpec>,
    observed: Observed,
    ports: BTreeMap<String, Vec<PublishedPort>>,
    images: BTreeMap<String, Image>,
    missing: Vec<String>,
    limits: Limits,
    domain: &'static str,
    subnet: Option<Ipv4Net>,
    routes: Vec<Ipv4Net>,
    cgroup_version: u8,
    /// Groups, and those that they are after.
    after: BTreeMap<String, Vec<String>>,
}

fn run(number: u32, cluster: &str) -> Run {
    Run {
        id: RunId::parse(&format!("{number:016}")).unwrap(),
        cluster: cluster.into(),
        created: "2026-11-24T08:00:00Z".into(),
        location: "/usr/bin/clusterdock".into(),
        size: 2,
        ..Run::default()
    }
}

fn wanted() -> Wanted {
    Wanted {
        run: run(1, "lab"),
        specs: ["a", "b"].map(|name| NodeSpec::new(name, "nodes")).to_vec(),
        observed: Observed::default(),
        ports: BTreeMap::new(),
        images: BTreeMap::new(),
        missing: Vec::new(),
        limits: Limits::default(),
        domain: "net",
        subnet: None,
        routes: Vec::new(),
        cgroup_version: 0,
        after: BTreeMap::new(),
    }
}

impl Wanted {
    fn planned(&self) -> Result<StartPlan, String> {
        let topology = TopologyFacts {
            name: "base".into(),
            version: "1.2.0".into(),
            plugin_digest: "d1".into(),
            hooks: vec![Hook::Start, Hook::Check],
            after: self.after.clone(),
            path: "/topologies/base".into(),
        };
        let inputs = StartInputs {
            run: &self.run,
            topology: &topology,
            provenance: &Provenance::default(),
            network: "net",
            domain: self.domain,
            subnet: self.subnet,
            image: "base:1",
            specs: &self.specs,
            ports: &self.ports,
            limits: self.limits,
            observed: &self.observed,
            routes: &self.routes,
            images: &self.images,
            capabilities_missing: &self.missing,
            cgroup_version: self.cgroup_version,
            logging_driver: "json-file",
            hook: Hook::Start,
        };
        let planned = plan(&inputs);
        assert_eq!(
            planned.as_ref().ok(),
            plan(&inputs).as_ref().ok(),
            "the same inputs give the same plan"
        );
        planned.map_err(|error| format!("{:?}: {error}", error.kind()))
    }

    #[track_caller]
    fn prints(&self, expected: &str) {
        let printed = self
            .planned()
            .map_or_else(|refused| refused, |plan| plan.steps().to_string());
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
    let labels = NodeLabels {
        run: of.clone(),
        hostname: hostname.into(),
        network: "net".into(),
        ..NodeLabels::default()
    };
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
        image_id: IMAGE_ID.into(),
        labels: labels.write(IMAGE_ID),
        state,
        networks: BTreeMap::from([("net".to_string(), endpoint)]),
        ..Container::default()
    }
}

#[test]
fn a_first_start_creates_record_network_and_nodes() {
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
create volume     clusterdock-lab          the cluster's record
create container  a.net                    base:1, 10.149.128.2, 127.0.0.1:20080->80/tcp
create network    net                      10.149.128.0/24
create container  b.net                    base:1, 10.149.128.3
check volume      clusterdock-lab          it is still this start's
start container   a.net
start container   b.net
await             b.net                    port 22
run hook          start                    of topology base
write file        /.clusterdock/complete   in the cluster's record: the start is complete
await             a.net                    that it runs for 200 ms
check nodes       lab                      they still run",
    );
}

#[test]
fn every_node_has_a_label_for_every_fact() {
    let mut wanted = wanted();
    wanted.images.insert(
        "base:1".into(),
        Image {
            id: IMAGE_ID.into(),
            ..Image::default()
        },
    );
    let plan = wanted.planned().unwrap();
    let labels: Vec<String> = plan.nodes[0]
        .container
        .labels
        .iter()
        .map(|(key, value)| format!("{key}={value}"))
        .collect();
    let version = env!("CARGO_PKG_VERSION");
    let origin = format!(
        r#"{{"name":"clusterdock","version":"{version}","location":"/usr/bin/clusterdock","cluster_name":"lab"}}"#
    );
    let expected = [
        "com.clusterdock.after=".to_string(),
        "com.clusterdock.cluster=lab".into(),
        format!("com.clusterdock.clusterdock={origin}"),
        "com.clusterdock.created=2026-11-24T08:00:00Z".into(),
        "com.clusterdock.domain=net".into(),
        "com.clusterdock.group=nodes".into(),
        "com.clusterdock.hooks=start,check".into(),
        "com.clusterdock.image-id=sha256:1".into(),
        "com.clusterdock.network=net".into(),
        "com.clusterdock.node=a".into(),
        "com.clusterdock.plugin-digest=d1".into(),
        "com.clusterdock.probes=[]".into(),
        "com.clusterdock.run=0000000000000001".into(),
        "com.clusterdock.serves=[]".into(),
        "com.clusterdock.size=2".into(),
        "com.clusterdock.ssh-keys=".into(),
        "com.clusterdock.topology=base".into(),
        "com.clusterdock.topology-version=1.2.0".into(),
        format!("com.clusterdock.version={version}"),
        "com.clusterdock.volumes-from=".into(),
        "com.clusterdock.volumes-of=".into(),
    ];
    assert_eq!(labels, expected);
    let hosts: Vec<String> = plan.nodes[1]
        .container
        .extra_hosts
        .iter()
        .map(|(names, address)| format!("{address} {names}"))
        .collect();
    assert_eq!(hosts, ["10.149.128.2 a.net a", "10.149.128.3 b.net b"]);
    assert_eq!(plan.record.name, "clusterdock-lab");
    let mount = &plan.nodes[1].container.mounts[0];
    assert_eq!(
        (mount.path.as_str(), &mount.volume.name),
        ("/.clusterdock", &plan.record.name)
    );
}

#[test]
fn addresses_of_stopped_nodes_are_not_reused() {
    let (mut wanted, other) = (wanted(), run(0, "other"));
    wanted.observed.networks = vec![our_network(&other).into()];
    // Every address for nodes but two is taken, half of them by nodes that do not run.
    wanted.observed.containers = (2..=189)
        .map(|last| {
            let state = if last % 2 == 0 {
                State::Running
            } else {
                State::Exited
            };
            node(&other, &format!("n{last}"), [10, 130, 0, last], state).into()
        })
        .collect();
    let plan = wanted.planned().unwrap();
    let mut addresses: Vec<_> = plan
        .nodes
        .iter()
        .filter_map(|node| node.container.address)
        .collect();
    addresses.sort();
    assert_eq!(
        addresses,
        [
            Ipv4Addr::new(10, 130, 0, 190),
            Ipv4Addr::new(10, 130, 0, 191)
        ]
    );
    wanted
        .observed
        .containers
        .push(node(&other, "n190", [10, 130, 0, 190], State::Exited).into());
    wanted.prints("Conflict: network `net` is full: 1 of 2 addresses are free");
}

#[test]
fn a_foreign_network_is_joined_with_a_warning() {
    let mut wanted = wanted();
    wanted.observed.networks = vec![
        Network {
            labels: Labels::new(),
            ..our_network(&wanted.run)
        }
        .into(),
    ];
    let plan = wanted.planned().unwrap();
    assert!(
        plan.warnings[0].contains("resolve forwards only"),
        "{:?}",
        plan.warnings
    );
    wanted.prints(
        "
join network      net                      it exists: 0123456789ab
create volume     clusterdock-lab          the cluster's record
create container  a.net                    base:1, address of the engine's choice
create container  b.net                    base:1, address of the engine's choice
check volume      clusterdock-lab          it is still this start's
start container   a.net
start container   b.net
run hook          start                    of topology base
write file        /.clusterdock/complete   in the cluster's record: the start is complete
await             a.net                    that it runs for 200 ms
await             b.net                    that it runs for 200 ms
check nodes       lab                      they still run",
    );
}

#[test]
fn names_in_use_are_refused_with_their_holder() {
    let mut wanted = wanted();
    let same = run(0, "lab");
    wanted.observed.containers = vec![node(&same, "x", [10, 130, 0, 2], State::Running).into()];
    wanted.prints("Conflict: cluster name `lab` is in use: clusters: lab (partial)");
    let other = run(0, "other");
    wanted.observed.containers = vec![node(&other, "b", [10, 130, 0, 2], State::Running).into()];
    wanted.prints("Conflict: host name `b.net` is in use: it is a node of cluster `other`");
    wanted.observed.containers = vec![
        Container {
            name: "a.net".into(),
            ..Container::default()
        }
        .into(),
    ];
    wanted.prints(
        "Conflict: host name `a.net` is in use: a container of that name exists, and clusterdock did not create it",
    );
}

#[test]
fn a_host_port_of_another_container_is_refused() {
    let mut wanted = wanted();
    let port = |host_ip: [u8; 4]| PublishedPort {
        container_port: 80,
        protocol: Protocol::Tcp,
        host_ip: IpAddr::from(host_ip),
        host_port: 8080,
    };
    wanted.ports.insert("a".into(), vec![port([127, 0, 0, 1])]);
    let holder = |host_ip, state| Container {
        name: "web".into(),
        state,
        ports: vec![port(host_ip)],
        ..Container::default()
    };
    wanted.observed.containers = vec![holder([0, 0, 0, 0], State::Running).into()];
    wanted.prints("Conflict: host port `8080` is in use: container `web` publishes it");
    wanted.observed.containers = vec![holder([0, 0, 0, 0], State::Exited).into()];
    wanted.prints(
        "Conflict: host port `8080` is in use: container `web` does not run now, and keeps it for when it does",
    );
    wanted.observed.containers = vec![holder([192, 168, 1, 1], State::Running).into()];
    wanted.planned().unwrap();
}

#[test]
fn nodes_run_under_init_unless_they_bring_one() {
    let mut wanted = wanted();
    let image = Image {
        command: vec!["/lib/systemd/systemd".into()],
        ..Image::default()
    };
    wanted.images.insert("base:1".into(), image);
    wanted.specs[1] = NodeSpec::new("b", "nodes").command(["/usr/sbin/sshd", "-D"]);
    let plan = wanted.planned().unwrap();
    let inits: Vec<bool> = plan.nodes.iter().map(|node| node.container.init).collect();
    assert_eq!(inits, [false, true]);
}

#[test]
fn missing_capabilities_are_dropped_and_reported() {
    let mut wanted = wanted();
    wanted.missing = vec!["CAP_SYS_RESOURCE".into()];
    wanted.limits = Limits {
        cpus: Some(1.5),
        memory: Some(1 << 30),
        ..Limits::default()
    };
    let plan = wanted.planned().unwrap();
    assert_eq!(
        plan.once,
        ["the engine cannot grant CAP_SYS_RESOURCE; nodes run with all other capabilities"]
    );
    assert!(plan.warnings.is_empty(), "{:?}", plan.warnings);
    for node in &plan.nodes {
        assert_eq!(node.container.capabilities_missing, wanted.missing);
        assert_eq!(
            (node.container.settings.cpus, node.container.settings.memory),
            (Some(1.5), Some(1 << 30))
        );
    }
}

fn named(names: &[&str]) -> BTreeSet<String> {
    names.iter().map(ToString::to_string).collect()
}
