//! The fake's rules, one by one. Messages that Docker has too were measured on Docker 20.10.

mod calls;
mod commands;
mod containers;
mod files;
mod images;
mod networks;
mod ports;
mod seeds;
mod signals;
mod streams;
mod trials;
mod volumes;

use std::net::Ipv4Addr;

use clusterdock::engine::interface::*;
use clusterdock::engine::{ContainerSpec, EngineResult, Fault, Labels, NetworkSpec};

use super::*;

/// An engine with an image for containers.
fn fake_of(generation: EngineGeneration) -> FakeEngine {
    let fake = FakeEngine::of(generation);
    fake.seed().image("debian:12");
    fake
}

fn fake() -> FakeEngine {
    fake_of(EngineGeneration::V26)
}

/// An engine that also has the network `cluster`, 10.9.1.0/24.
fn fake_with_network() -> FakeEngine {
    let fake = fake();
    fake.seed().network(&network("cluster", 1));
    fake
}

/// A container on the network `cluster`.
fn node(hostname: &str) -> ContainerSpec {
    ContainerSpec {
        name: format!("{hostname}.cluster"),
        hostname: format!("{hostname}.cluster"),
        image: "debian:12".into(),
        labels: Labels::from([("run".into(), "one".into())]),
        network: "cluster".into(),
        ..ContainerSpec::default()
    }
}

/// A container with a fixed address in 10.9.1.0/24.
fn node_at(hostname: &str, last: u8) -> ContainerSpec {
    ContainerSpec {
        address: Some(address(last)),
        ..node(hostname)
    }
}

fn address(last: u8) -> Ipv4Addr {
    Ipv4Addr::new(10, 9, 1, last)
}

/// 10.9.THIRD.0/24, whose upper half the engine may assign.
fn network(name: &str, third: u8) -> NetworkSpec {
    NetworkSpec {
        name: name.into(),
        labels: Labels::new(),
        subnet: ipnet::Ipv4Net::new_assert(Ipv4Addr::new(10, 9, third, 0), 24),
        engine_range: ipnet::Ipv4Net::new_assert(Ipv4Addr::new(10, 9, third, 128), 25),
        gateway: Ipv4Addr::new(10, 9, third, 1),
    }
}

async fn started(fake: &FakeEngine, spec: &ContainerSpec) -> String {
    let id = fake.create_container(spec).await.unwrap();
    fake.start_container(&id).await.unwrap();
    id
}

async fn address_of(fake: &FakeEngine, id: &str) -> Option<Ipv4Addr> {
    fake.container_state(id).await.unwrap().networks["cluster"].address
}

fn fault<T>(result: EngineResult<T>) -> (Fault, String) {
    let error = result.err().expect("the call fails");
    (error.fault, error.message)
}
