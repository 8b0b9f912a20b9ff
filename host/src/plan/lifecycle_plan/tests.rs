mod group_order;
mod whole_hooks;

use std::net::{IpAddr, Ipv4Addr};

use clusterdock_plugin_wire::{Probe, Protocol};

use super::*;
use crate::cluster::labels::{self, NodeLabels, Run};
use crate::cluster::{self, Cluster};
use crate::engine::{Container, Endpoint, Network};

const IMAGE_ID: &str = "sha256:1";

const PORT: PublishedPort = PublishedPort {
    container_port: 80,
    protocol: Protocol::Tcp,
    host_ip: IpAddr::V4(Ipv4Addr::LOCALHOST),
    host_port: 8080,
};

/// What an engine has, with cluster `lab` on network `lab`, whose nodes are in these states.
struct Scene {
    observed: Observed,
    inspected: BTreeMap<String, ContainerState>,
}

impl Scene {
    fn of(states: &[State]) -> Scene {
        let nodes: Vec<Container> = states
            .iter()
            .zip(1..)
            .map(|(state, number)| node(number, *state))
            .collect();
        let hosts = (1..)
            .take(nodes.len())
            .map(|number| (format!("n{number}.lab n{number}"), address(number)));
        let extra_hosts: Vec<(String, Ipv4Addr)> = hosts.collect();
        let inspection = |container: &Container| ContainerState {
            wanted_ports: vec![PublishedPort {
                host_port: PORT.host_port + container.created as u16,
                ..PORT
            }],
            extra_hosts: extra_hosts.clone(),
            ..ContainerState::default()
        };
        let inspected = nodes
            .iter()
            .map(|container| (container.id.clone(), inspection(container)))
            .collect();
        let networks = vec![network("net", "10.128.16.0/24")];
        Scene {
            observed: Observed::new(nodes, networks, Vec::new()),
            inspected,
        }
    }

    fn clusters(&self) -> Vec<Cluster> {
        cluster::clusters(&self.observed)
    }

    fn plan(&self, change: &Change) -> Result<LifecyclePlan> {
        let clusters = self.clusters();
        let nodes: Vec<&Node> = clusters.iter().flat_map(|cluster| &cluster.nodes).collect();
        let inputs = LifecycleInputs {
            change,
            nodes: &nodes,
            observed: &self.observed,
            inspected: &self.inspected,
            routes: &["192.168.0.0/16".parse().unwrap()],
        };
        plan(&inputs)
    }

    fn printed(&self, change: &Change) -> String {
        match self.plan(change) {
            Ok(plan) => {
                let words = |line: &str| line.split_whitespace().collect::<Vec<_>>().join(" ");
                plan.plan
                    .to_string()
                    .lines()
                    .map(words)
                    .collect::<Vec<_>>()
                    .join("\n")
            }
            Err(error) => format!(
                "{:?}: {error}; {}",
                error.kind(),
                error.next_step().unwrap_or("no hint")
            ),
        }
    }

    fn endpoint(&mut self, number: usize) -> &mut Endpoint {
        self.observed.containers[number - 1]
            .seen
            .networks
            .get_mut("lab")
            .unwrap()
    }
}

fn address(number: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 128, 16, 1 + number)
}

fn network(id: &str, subnet: &str) -> Network {
    Network {
        id: id.into(),
        name: "lab".into(),
        subnets: vec![subnet.parse().unwrap()],
        ..Network::default()
    }
}

/// `n1.lab`, ..., each with the time of its making as number.
fn node(number: u8, state: State) -> Container {
    let run = Run {
        cluster: "lab".into(),
        size: 1,
        ..Run::default()
    };
    let labels = NodeLabels {
        run,
        hostname: format!("n{number}"),
        network: "lab".into(),
        probes: vec![Probe::port(22)],
        ..NodeLabels::default()
    };
    let up = has_ports(state);
    Container {
        id: format!("id{number}"),
        name: format!("n{number}.lab"),
        image_id: IMAGE_ID.into(),
        labels: labels.write(IMAGE_ID),
        state,
        status: format!("the engine says {}", state.as_str()),
        created: number.into(),
        ports: Vec::new(),
        networks: BTreeMap::from([(
            "lab".to_string(),
            Endpoint {
                network_id: "net".into(),
                address: up.then(|| address(number)),
                fixed_address: Some(address(number)),
            },
        )]),
        ..Container::default()
    }
}

const STOP: Change = Change::Stop { grace_seconds: 10 };
const RESTART: Change = Change::Restart { grace_seconds: 3 };

#[test]
fn a_stop_skips_stopped_nodes() {
    let scene = Scene::of(&[
        State::Running,
        State::Exited,
        State::Paused,
        State::Restarting,
    ]);
    assert_eq!(
        scene.printed(&STOP),
        "\
keep n2.lab it is exited
stop container n1.lab it is killed after 10 s
stop container n3.lab it is killed after 10 s
stop container n4.lab it is killed after 10 s"
    );
}

#[test]
fn a_resume_starts_nodes_and_awaits_their_probes() {
    let scene = Scene::of(&[State::Exited, State::Running, State::Paused]);
    assert_eq!(
        scene.printed(&Change::Resume),
        "\
keep n2.lab it is running
start container n1.lab 127.0.0.1:8081->80/tcp
await n1.lab port 22
await n2.lab port 22
unpause container n3.lab
await n3.lab port 22
check nodes lab they still run"
    );
    let ports = scene.plan(&Change::Resume).unwrap().ports;
    assert_eq!(
        ports.keys().collect::<Vec<_>>(),
        ["n1.lab"],
        "the others have theirs"
    );
}

#[test]
fn a_restart_stops_only_running_nodes() {
    let scene = Scene::of(&[State::Running, State::Exited]);
    assert_eq!(
        scene.printed(&RESTART),
        "\
stop container n1.lab it is killed after 3 s
start container n1.lab 127.0.0.1:8081->80/tcp
await n1.lab port 22
start container n2.lab 127.0.0.1:8082->80/tcp
await n2.lab port 22
check nodes lab they still run"
    );
}

#[test]
fn pause_kill_and_wait_start_nothing() {
    let scene = Scene::of(&[State::Running, State::Paused]);
    assert_eq!(
        scene.printed(&Change::Pause),
        "keep n2.lab it is paused\npause container n1.lab"
    );
    assert_eq!(
        scene.printed(&Change::Unpause),
        "keep n1.lab it is running\nunpause container n2.lab"
    );
    let signal = Change::Signal("SIGHUP".into());
    assert_eq!(
        scene.printed(&signal),
        "signal container n1.lab SIGHUP\nsignal container n2.lab SIGHUP"
    );
    assert_eq!(
        scene.printed(&Change::Wait),
        "Conflict: node `n2.lab` is paused; unpause it with `clusterdock unpause n2.lab`"
    );
    let begun = Scene::of(&[State::Running, State::Created]);
    assert_eq!(
        begun.printed(&Change::Wait),
        "keep n1.lab it is running\nkeep n2.lab it is created\nawait n1.lab port 22\nawait n2.lab its start\n\
         await n2.lab port 22\ncheck nodes lab they still run"
    );
    let stopped = Scene::of(&[State::Exited, State::Exited]).printed(&Change::Wait);
    assert!(
        stopped.starts_with("Conflict: node `n1.lab` is not running")
            && stopped.ends_with("resume lab"),
        "{stopped}"
    );
}

#[test]
fn stopped_nodes_cannot_be_paused_or_signalled() {
    let scene = Scene::of(&[State::Running, State::Exited]);
    for change in [
        Change::Pause,
        Change::Unpause,
        Change::Signal("SIGHUP".into()),
    ] {
        let refused = scene.printed(&change);
        let begins =
            "Conflict: node `n2.lab` is not running: container status: the engine says exited; ";
        assert!(
            refused.starts_with(begins) && refused.contains("`clusterdock resume n2.lab`"),
            "{refused}"
        );
    }
}

#[test]
fn nodes_being_removed_are_neither_started_nor_stopped() {
    let scene = Scene::of(&[State::Removing]);
    assert_eq!(scene.printed(&STOP), "keep n1.lab it is removing");
    assert!(
        scene
            .printed(&Change::Resume)
            .starts_with("Conflict: node `n1.lab` is being removed")
    );
}

#[test]
fn a_removed_network_is_recreated_once_with_its_subnet() {
    let mut scene = Scene::of(&[State::Exited, State::Exited]);
    scene.observed.networks.clear();
    assert_eq!(
        scene.printed(&Change::Resume),
        "\
create network lab 10.128.16.0/24, it was removed
join network n1.lab lab, 10.128.16.2
start container n1.lab 127.0.0.1:8081->80/tcp
await n1.lab port 22
join network n2.lab lab, 10.128.16.3
start container n2.lab 127.0.0.1:8082->80/tcp
await n2.lab port 22
check nodes lab they still run"
    );
    let plan = scene.plan(&Change::Resume).unwrap().plan;
    let Action::CreateNetwork(again) = &plan.steps[0].action else {
        panic!("it is {:?}", plan.steps[0])
    };
    assert_eq!(plan.steps[1].after, [0], "a node waits for its network");
    assert_eq!(again.labels[labels::RUN], Run::default().id.as_str());
    assert!(!again.labels.contains_key(labels::NODE));
}

#[test]
fn a_recreated_network_is_joined_if_the_address_fits() {
    let mut scene = Scene::of(&[State::Exited]);
    scene.observed.networks = vec![network("new", "10.128.16.0/24").into()];
    let joined = "join network n1.lab lab, 10.128.16.2\nstart container";
    assert!(
        scene.printed(&Change::Resume).starts_with(joined),
        "{}",
        scene.printed(&Change::Resume)
    );
    scene.observed.networks = vec![network("new", "10.128.32.0/24").into()];
    let refused = "Conflict: network `lab` of node `n1.lab` was removed: the one created since has 10.128.32.0/24, and the \
                   node's address is 10.128.16.2; remove the cluster and start it again: clusterdock rm lab";
    assert_eq!(scene.printed(&Change::Resume), refused);
}

#[test]
fn a_network_that_cannot_be_recreated_is_an_error() {
    let mut scene = Scene::of(&[State::Exited]);
    let other = Network {
        name: "other".into(),
        ..network("other", "10.128.16.0/28")
    };
    scene.observed.networks = vec![other.into()];
    assert!(
        scene
            .printed(&Change::Resume)
            .contains("the subnet of its address 10.128.16.2 is in use")
    );
    // A node on a network of somebody else has no fixed address.
    scene.observed.networks.clear();
    scene.endpoint(1).fixed_address = None;
    scene.inspected.clear();
    assert!(
        scene
            .printed(&Change::Resume)
            .ends_with("recreate it: docker network create lab")
    );
}

#[test]
fn a_network_lost_by_a_failed_start_is_restored() {
    let mut scene = Scene::of(&[State::Exited]);
    scene.observed.containers[0].seen.networks.clear();
    let expected = "join network n1.lab lab, 10.128.16.2\nstart container n1.lab 127.0.0.1:8081->80/tcp\nawait n1.lab port 22\n\
                    check nodes lab they still run";
    assert_eq!(scene.printed(&Change::Resume), expected);
    let plan = scene.plan(&Change::Resume).unwrap();
    let attachment = Attachment {
        network: Target::known("lab", "net"),
        address: Some(address(1)),
        aliases: vec!["n1".into()],
    };
    let container = Target::known("n1.lab", "id1");
    let join = Action::ConnectNetwork {
        container,
        attachment,
    };
    assert_eq!(plan.plan.steps[0].action, join);
}

#[test]
fn a_node_never_started_finds_its_network_by_name() {
    let mut scene = Scene::of(&[State::Created]);
    scene.endpoint(1).network_id.clear();
    assert!(
        scene
            .printed(&Change::Resume)
            .starts_with("start container n1.lab")
    );
}

#[test]
fn a_port_or_address_taken_meanwhile_is_a_conflict() {
    let other = |ports: Vec<PublishedPort>, address| Container {
        id: "other".into(),
        name: "web".into(),
        state: State::Running,
        ports,
        networks: BTreeMap::from([(
            "lab".into(),
            Endpoint {
                address,
                network_id: "net".into(),
                ..Endpoint::default()
            },
        )]),
        ..Container::default()
    };
    let mut scene = Scene::of(&[State::Exited]);
    let everywhere = PublishedPort {
        host_port: 8081,
        host_ip: IpAddr::V4(Ipv4Addr::UNSPECIFIED),
        ..PORT
    };
    scene
        .observed
        .containers
        .push(other(vec![everywhere], None).into());
    let refused = scene.printed(&Change::Resume);
    assert!(
        refused.starts_with("Conflict: host port `8081/tcp` of node `n1.lab` is in use: "),
        "{refused}"
    );
    assert!(
        refused.contains("container `web` publishes it now"),
        "{refused}"
    );
    scene.observed.containers.pop();
    scene
        .observed
        .containers
        .push(other(Vec::new(), Some(address(1))).into());
    let refused = scene.printed(&Change::Resume);
    assert!(refused.starts_with(
        "Conflict: address `10.128.16.2` of node `n1.lab` is in use: container `web` uses it"
    ));
}

#[test]
fn a_node_of_the_original_is_started_but_not_moved() {
    let mut scene = Scene::of(&[State::Exited]);
    let mut container = node(1, State::Exited);
    container.labels.retain(|key, _| key == labels::ORIGIN);
    scene.observed.containers[0] = container.into();
    scene.endpoint(1).fixed_address = None;
    scene.inspected.clear();
    assert_eq!(
        scene.printed(&Change::Resume),
        "start container n1.lab\nawait n1.lab that it runs for 200 ms\ncheck nodes lab they still run"
    );
    let plan = scene.plan(&Change::Resume).unwrap().plan;
    assert_eq!(plan.steps[0].starts().unwrap().label.0, labels::ORIGIN);
    scene.observed.networks.clear();
    assert!(
        scene
            .printed(&Change::Resume)
            .contains("another clusterdock created the node")
    );
}
