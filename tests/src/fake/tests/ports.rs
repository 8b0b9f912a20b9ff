use std::net::IpAddr;

use clusterdock::engine::Filter;
use clusterdock::engine::container::PublishedPort;
use clusterdock_plugin_wire::Protocol;

use super::*;

const LOOPBACK: IpAddr = IpAddr::V4(Ipv4Addr::LOCALHOST);
const EVERYWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

fn publishing(hostname: &str, host_ip: IpAddr, host_port: u16) -> ContainerSpec {
    let port = PublishedPort {
        container_port: 80,
        protocol: Protocol::Tcp,
        host_ip,
        host_port,
    };
    ContainerSpec {
        ports: vec![port],
        ..node(hostname)
    }
}

#[tokio::test]
async fn a_port_in_use_fails_at_the_start() {
    let fake = fake_with_network();
    let first = started(&fake, &publishing("node-1", LOOPBACK, 8080)).await;
    let second = fake
        .create_container(&publishing("node-2", LOOPBACK, 8080))
        .await
        .unwrap();
    let (kind, message) = fault(fake.start_container(&second).await);
    assert_eq!(kind, Fault::PortTaken);
    assert!(
        message.ends_with("Bind for 127.0.0.1:8080 failed: port is already allocated"),
        "{message}"
    );
    let state = fake.container_state(&second).await.unwrap();
    assert_eq!((state.state, state.exit_code), (State::Created, Some(128)));
    // It remembers the network that it joined; the address is free again.
    assert!(!state.networks["cluster"].network_id.is_empty());
    assert_eq!(state.networks["cluster"].address, None);
    fake.stop_container(&first, 1).await.unwrap();
    fake.start_container(&second).await.unwrap();
    assert_eq!(
        fake.container_state(&second).await.unwrap().ports[0].host_port,
        8080
    );
}

#[tokio::test]
async fn a_port_on_all_addresses_conflicts_with_each_address() {
    let fake = fake_with_network();
    started(&fake, &publishing("node-1", LOOPBACK, 8080)).await;
    started(
        &fake,
        &publishing("node-2", "127.0.0.2".parse().unwrap(), 8080),
    )
    .await;
    let id = fake
        .create_container(&publishing("node-3", EVERYWHERE, 8080))
        .await
        .unwrap();
    assert_eq!(fault(fake.start_container(&id).await).0, Fault::PortTaken);
    let mut datagrams = publishing("node-4", EVERYWHERE, 8080);
    datagrams.ports[0].protocol = Protocol::Udp;
    started(&fake, &datagrams).await;
}

#[tokio::test]
async fn a_port_of_another_program_is_in_use_until_freed() {
    let fake = fake_with_network();
    fake.take_port(EVERYWHERE, 8080);
    let id = fake
        .create_container(&publishing("node-1", LOOPBACK, 8080))
        .await
        .unwrap();
    assert_eq!(fault(fake.start_container(&id).await).0, Fault::PortTaken);
    fake.free_port(EVERYWHERE, 8080);
    fake.start_container(&id).await.unwrap();
}

#[tokio::test]
async fn port_zero_lets_the_engine_choose() {
    let fake = fake_with_network();
    fake.take_port(LOOPBACK, 32768);
    let first = started(&fake, &publishing("node-1", LOOPBACK, 0)).await;
    let second = started(&fake, &publishing("node-2", LOOPBACK, 0)).await;
    let port = async |id: &str| fake.container_state(id).await.unwrap().ports[0].host_port;
    assert_eq!((port(&first).await, port(&second).await), (32769, 32770));
}

#[tokio::test]
async fn a_stopped_container_lists_no_ports() {
    let fake = fake_with_network();
    let id = fake
        .create_container(&publishing("node-1", LOOPBACK, 8080))
        .await
        .unwrap();
    let ports = async || {
        fake.containers(&Filter::all()).await.unwrap()[0]
            .ports
            .len()
    };
    assert_eq!(ports().await, 0);
    fake.start_container(&id).await.unwrap();
    assert_eq!(ports().await, 1);
    fake.kill(&id, 1);
    assert_eq!(ports().await, 0);
}

#[tokio::test]
async fn from_docker_29_on_a_busy_port_costs_a_container_its_network() {
    for (generation, networks) in [(EngineGeneration::V26, 1), (EngineGeneration::V29, 0)] {
        let fake = fake_of(generation);
        fake.seed().network(&network("cluster", 1));
        fake.take_port(LOOPBACK, 8080);
        let id = fake
            .create_container(&publishing("node-1", LOOPBACK, 8080))
            .await
            .unwrap();
        assert_eq!(fault(fake.start_container(&id).await).0, Fault::PortTaken);
        fake.free_port(LOOPBACK, 8080);
        fake.start_container(&id).await.unwrap();
        assert_eq!(
            fake.container_state(&id).await.unwrap().networks.len(),
            networks
        );
    }
}
