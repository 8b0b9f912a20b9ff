//! Networks that a start can use, and those that it refuses.

use super::*;

#[test]
fn unusable_networks_are_refused_with_the_reason() {
    let mut wanted = wanted();
    let network = our_network(&wanted.run);
    wanted.observed.networks = vec![
        network.clone().into(),
        Network {
            id: "fedcba9876543210".into(),
            ..network.clone()
        }
        .into(),
    ];
    wanted.prints("Conflict: network `net` cannot be used: there are 2 of that name: 0123456789ab, fedcba987654");
    wanted.observed.networks = vec![
        Network {
            driver: "overlay".into(),
            ..network.clone()
        }
        .into(),
    ];
    wanted
        .prints("Conflict: network `net` cannot be used: it is an overlay network that plain containers may not join");
    wanted.observed.networks = vec![
        Network {
            driver: "host".into(),
            ..network
        }
        .into(),
    ];
    wanted.prints("Conflict: network `net` cannot be used: its driver is `host`");
}

#[test]
fn a_chosen_subnet_is_used_unless_taken() {
    let mut wanted = Wanted {
        subnet: Some("10.9.8.0/28".parse().unwrap()),
        ..wanted()
    };
    let NetworkPlan::Create(spec) = wanted.planned().unwrap().network else {
        panic!("there is none")
    };
    assert_eq!(
        (spec.subnet.to_string(), spec.engine_range.to_string()),
        ("10.9.8.0/28".into(), "10.9.8.12/30".into())
    );
    for (route, message) in [
        (
            "10.9.8.0/28",
            "Conflict: subnet `10.9.8.0/28` is in use: a route of this machine leads to 10.9.8.0/28",
        ),
        (
            "10.9.8.4/30",
            "Conflict: subnet `10.9.8.0/28` is in use: a route of this machine leads to 10.9.8.4/30",
        ),
    ] {
        wanted.routes = vec![route.parse().unwrap()];
        wanted.prints(message);
    }
    wanted.routes = vec![
        "10.0.0.0/8".parse().unwrap(),
        "10.9.8.16/28".parse().unwrap(),
    ];
    let hides =
        "subnet 10.9.8.0/28 hides a part of 10.0.0.0/8, which a route of this machine leads to";
    assert_eq!(wanted.planned().unwrap().warnings, [hides]);
    for subnet in ["10.9.8.0/24", "10.9.8.8/29", "10.9.0.0/16"] {
        let network = Network {
            name: "office".into(),
            subnets: vec![subnet.parse().unwrap()],
            ..Network::default()
        };
        wanted.observed.networks = vec![network.into()];
        wanted.prints(&format!(
            "Conflict: subnet `10.9.8.0/28` is in use: network `office` has {subnet}"
        ));
    }
    let named = Network {
        name: "net".into(),
        driver: "bridge".into(),
        ..Network::default()
    };
    wanted.observed.networks = vec![named.into()];
    wanted.prints("Conflict: network `net` exists: --subnet is for a network that a start creates");
}
