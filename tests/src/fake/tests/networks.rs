use clusterdock::engine::{Filter, Network};

use super::*;

#[tokio::test]
async fn every_engine_has_three_permanent_networks() {
    let fake = FakeEngine::new();
    let mut names: Vec<_> = fake
        .networks(&Filter::all())
        .await
        .unwrap()
        .into_iter()
        .map(|network| network.name)
        .collect();
    names.sort();
    assert_eq!(names, ["bridge", "host", "none"]);
    assert_eq!(fault(fake.remove_network("bridge").await).0, Fault::Refused);
    assert_eq!(
        fault(fake.create_network(&network("host", 1)).await).0,
        Fault::Refused
    );
}

#[tokio::test]
async fn a_network_is_listed_with_its_subnet_and_range() {
    let fake = FakeEngine::new();
    let spec = NetworkSpec {
        labels: Labels::from([("run".into(), "one".into())]),
        ..network("cluster", 1)
    };
    let id = fake.create_network(&spec).await.unwrap();
    let listed = fake.networks(&Filter::is("run", "one")).await.unwrap();
    let [found] = listed.as_slice() else {
        panic!("{listed:?}")
    };
    assert_eq!(
        (&found.id, found.driver.as_str(), found.scope.as_str()),
        (&id, "bridge", "local")
    );
    assert_eq!(
        (found.subnets.as_slice(), found.engine_range),
        (&[spec.subnet][..], Some(spec.engine_range))
    );
    assert!(found.created.ends_with('Z'), "{}", found.created);
}

#[tokio::test]
async fn a_container_may_be_created_before_its_network() {
    let fake = fake();
    let id = fake.create_container(&node_at("node-1", 10)).await.unwrap();
    let (kind, message) = fault(fake.start_container(&id).await);
    assert_eq!(
        (kind, message.as_str()),
        (Fault::NotFound, "network cluster not found")
    );
    let state = fake.container_state(&id).await.unwrap();
    assert_eq!((state.state, state.exit_code), (State::Created, Some(128)));
    fake.create_network(&network("cluster", 1)).await.unwrap();
    fake.start_container(&id).await.unwrap();
    assert_eq!(address_of(&fake, &id).await, Some(address(10)));
}

#[tokio::test]
async fn a_network_in_use_cannot_be_removed() {
    let fake = fake();
    let network_id = fake.create_network(&network("cluster", 1)).await.unwrap();
    let id = started(&fake, &node("node-1")).await;
    assert_eq!(
        fault(fake.remove_network(&network_id).await).0,
        Fault::InUse
    );
    fake.stop_container(&id, 1).await.unwrap();
    fake.remove_network(&network_id).await.unwrap();
    assert_eq!(
        fault(fake.remove_network(&network_id).await).0,
        Fault::NotFound
    );
}

#[tokio::test]
async fn a_container_keeps_its_network_by_id_not_by_name() {
    let fake = fake();
    let network_id = fake.create_network(&network("cluster", 1)).await.unwrap();
    let id = started(&fake, &node("node-1")).await;
    fake.stop_container(&id, 1).await.unwrap();
    fake.remove_network(&network_id).await.unwrap();
    fake.create_network(&network("cluster", 1)).await.unwrap();
    assert_eq!(
        fault(fake.start_container(&id).await).1,
        format!("network {network_id} not found")
    );
    // Its exit code is still that of its last run.
    assert_eq!(
        fake.container_state(&id).await.unwrap().exit_code,
        Some(143)
    );
}

#[tokio::test]
async fn subnets_do_not_overlap() {
    let fake = FakeEngine::new();
    fake.create_network(&network("cluster", 1)).await.unwrap();
    let (kind, message) = fault(fake.create_network(&network("other", 1)).await);
    assert_eq!(
        (kind, message.as_str()),
        (
            Fault::SubnetTaken,
            "Pool overlaps with other one on this address space"
        )
    );
    fake.create_network(&network("other", 2)).await.unwrap();
}

#[tokio::test]
async fn of_two_networks_on_one_subnet_one_is_created() {
    for generation in [EngineGeneration::V20, EngineGeneration::V26] {
        let fake = FakeEngine::of(generation);
        let (a, b) = (network("a", 1), network("b", 1));
        let (a, b) = tokio::join!(fake.create_network(&a), fake.create_network(&b));
        assert!(a.is_ok() != b.is_ok());
        assert_eq!(fault(a.and(b)).0, Fault::SubnetTaken);
    }
}

#[tokio::test]
async fn a_network_name_in_use_is_refused() {
    for generation in [EngineGeneration::V20, EngineGeneration::V26] {
        let fake = FakeEngine::of(generation);
        fake.create_network(&network("cluster", 1)).await.unwrap();
        let (kind, message) = fault(fake.create_network(&network("cluster", 2)).await);
        assert_eq!(
            (kind, message.as_str()),
            (
                Fault::NetworkExists,
                "network with name cluster already exists"
            )
        );
    }
}

#[tokio::test]
async fn an_old_engine_may_create_two_networks_of_one_name() {
    let (a, b) = (network("cluster", 1), network("cluster", 2));
    let old = fake_of(EngineGeneration::V20);
    let (first, second) = tokio::join!(old.create_network(&a), old.create_network(&b));
    assert!(first.is_ok() && second.is_ok());
    let id = old.create_container(&node("node-1")).await.unwrap();
    let (kind, message) = fault(old.start_container(&id).await);
    assert_eq!(
        (kind, message.as_str()),
        (
            Fault::Refused,
            "network cluster is ambiguous (2 matches found on name)"
        )
    );
    old.remove_network(&second.unwrap()).await.unwrap();
    old.start_container(&id).await.unwrap();

    let new = fake_of(EngineGeneration::V26);
    let (first, second) = tokio::join!(new.create_network(&a), new.create_network(&b));
    assert!(first.is_ok() != second.is_ok());
    assert_eq!(fault(first.and(second)).0, Fault::NetworkExists);
}

#[tokio::test]
async fn a_range_or_gateway_outside_the_subnet_is_refused() {
    let fake = FakeEngine::new();
    let elsewhere = network("other", 2);
    let range = NetworkSpec {
        engine_range: elsewhere.engine_range,
        ..network("cluster", 1)
    };
    let gateway = NetworkSpec {
        gateway: elsewhere.gateway,
        ..network("cluster", 1)
    };
    let unmasked = NetworkSpec {
        subnet: "10.9.1.3/24".parse().unwrap(),
        ..network("cluster", 1)
    };
    for spec in [range, gateway, unmasked] {
        assert_eq!(fault(fake.create_network(&spec).await).0, Fault::Refused);
    }
}

#[tokio::test]
async fn the_engine_assigns_each_address_once_from_its_range() {
    let fake = fake_with_network();
    let first = started(&fake, &node("node-1")).await;
    let second = started(&fake, &node("node-2")).await;
    assert_eq!(address_of(&fake, &first).await, Some(address(128)));
    assert_eq!(address_of(&fake, &second).await, Some(address(129)));
    fake.stop_container(&first, 1).await.unwrap();
    let third = started(&fake, &node("node-3")).await;
    assert_eq!(address_of(&fake, &third).await, Some(address(128)));
}

#[tokio::test]
async fn an_address_in_use_fails_at_the_start() {
    let fake = fake_with_network();
    let first = started(&fake, &node_at("node-1", 10)).await;
    let second = fake.create_container(&node_at("node-2", 10)).await.unwrap();
    assert_eq!(
        fault(fake.start_container(&second).await),
        (Fault::AddressTaken, "Address already in use".into())
    );
    fake.stop_container(&first, 1).await.unwrap();
    fake.start_container(&second).await.unwrap();
    assert_eq!(
        fault(fake.start_container(&first).await).0,
        Fault::AddressTaken
    );
    let gateway = fake.create_container(&node_at("node-3", 1)).await.unwrap();
    assert_eq!(
        fault(fake.start_container(&gateway).await).0,
        Fault::AddressTaken
    );
}

#[tokio::test]
async fn a_fixed_address_requires_a_chosen_subnet() {
    for generation in [EngineGeneration::V20, EngineGeneration::V26] {
        let fake = fake_of(generation);
        fake.seed()
            .plain_network("cluster", "10.9.1.0/24".parse().unwrap());
        let made = fake.create_container(&node_at("node-1", 10)).await;
        let refused = match made {
            // Old engines only check when it starts.
            Ok(id) => fake.start_container(&id).await,
            Err(error) => Err(error),
        };
        assert_eq!(
            fake.count("start_container") == 1,
            generation == EngineGeneration::V20
        );
        let (kind, message) = fault(refused);
        assert_eq!(kind, Fault::Refused);
        assert!(message.contains("user configured subnets"), "{message}");
        let id = started(&fake, &node("node-2")).await;
        assert_eq!(address_of(&fake, &id).await, Some(address(2)));
    }
}

#[tokio::test]
async fn a_fixed_address_outside_the_subnet_is_refused() {
    let fake = fake();
    let spec = ContainerSpec {
        address: Some(Ipv4Addr::new(10, 99, 0, 1)),
        ..node("node-1")
    };
    let id = fake.create_container(&spec).await.unwrap();
    fake.create_network(&network("cluster", 1)).await.unwrap();
    assert!(
        fault(fake.start_container(&id).await)
            .1
            .contains("does not belong to any of this network's subnets")
    );
}

#[tokio::test]
async fn a_full_network_accepts_no_more_containers() {
    let fake = fake();
    fake.seed()
        .plain_network("cluster", "10.9.1.0/30".parse().unwrap());
    started(&fake, &node("node-1")).await;
    let id = fake.create_container(&node("node-2")).await.unwrap();
    assert!(
        fault(fake.start_container(&id).await)
            .1
            .starts_with("no available IPv4 addresses")
    );
}

#[tokio::test]
async fn networks_of_other_drivers_can_exist() {
    let fake = fake();
    let overlay = Network {
        name: "swarm".into(),
        driver: "overlay".into(),
        scope: "swarm".into(),
        ..Network::default()
    };
    fake.seed().network_as(overlay);
    let listed = fake.networks(&Filter::all()).await.unwrap();
    let found = listed
        .iter()
        .find(|network| network.name == "swarm")
        .unwrap();
    assert_eq!(
        (
            found.driver.as_str(),
            found.scope.as_str(),
            found.attachable
        ),
        ("overlay", "swarm", false)
    );
}

#[tokio::test]
async fn a_stopped_container_can_be_moved_to_a_new_network() {
    let fake = fake_with_network();
    let id = started(&fake, &node_at("node-1", 5)).await;
    let twice = fault(fake.connect_network("cluster", &id, None, &[]).await);
    assert!(
        twice.1.ends_with("already exists in network cluster"),
        "{}",
        twice.1
    );
    fake.stop_container(&id, 1).await.unwrap();
    fake.remove_network("cluster").await.unwrap();
    let network = fake.create_network(&network("cluster", 1)).await.unwrap();
    assert_eq!(fault(fake.start_container(&id).await).0, Fault::NotFound);
    fake.connect_network(&network, &id, Some(address(5)), &["node-1".to_string()])
        .await
        .unwrap();
    fake.start_container(&id).await.unwrap();
    assert_eq!(address_of(&fake, &id).await, Some(address(5)));
}

#[tokio::test]
async fn a_running_container_gets_its_address_on_connect() {
    let fake = fake_with_network();
    let other = fake.create_network(&network("other", 2)).await.unwrap();
    let id = started(&fake, &node("node-1")).await;
    fake.connect_network(&other, &id, Some(Ipv4Addr::new(10, 9, 2, 7)), &[])
        .await
        .unwrap();
    let place = fake.container_state(&id).await.unwrap().networks["other"].clone();
    assert_eq!(
        (place.address, place.network_id),
        (Some(Ipv4Addr::new(10, 9, 2, 7)), other)
    );
    let taken = fake.connect_network("cluster", "nobody", None, &[]).await;
    assert_eq!(fault(taken).0, Fault::NotFound);
}
