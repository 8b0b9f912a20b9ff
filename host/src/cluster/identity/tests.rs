use std::collections::BTreeMap;

use clusterdock_plugin_wire::{Hook, Probe};

use super::*;
use crate::cluster::labels::Run;

const IMAGE: &str = "sha256:0123";

fn run() -> Run {
    Run {
        cluster: "lab".into(),
        location: "/usr/bin/clusterdock".into(),
        size: 2,
        ..Run::default()
    }
}

fn node_labels() -> NodeLabels {
    NodeLabels {
        run: run(),
        hostname: "node-1".into(),
        network: "net".into(),
        domain: "lab.example".into(),
        group: "nodes".into(),
        topology: "base".into(),
        topology_version: "1.0.0".into(),
        plugin_digest: "ab".into(),
        probes: vec![Probe::port(22)],
        serves: vec![Probe::http(80, "/")],
        after: vec!["members".into(), "brokers".into()],
        hooks: vec![Hook::Start, Hook::Check],
        volumes_from: vec![run().helper(0)],
        ssh_keys: true,
    }
}

fn container(labels: Labels) -> Container {
    Container {
        id: "id".into(),
        name: "some".into(),
        image_id: IMAGE.into(),
        labels,
        ..Container::default()
    }
}

/// The identity of a node with one label changed.
fn with(key: &str, value: &str) -> Identity {
    let mut labels = node_labels().write(IMAGE);
    labels.insert(key.into(), value.into());
    Identity::of(&container(labels))
}

#[track_caller]
fn is_damaged(key: &str, value: &str) {
    match with(key, value) {
        Identity::Damaged(damage) => {
            assert_eq!(damage.problem, format!("label `{key}` is invalid"))
        }
        other => panic!("{key}={value:?}: {other:?}"),
    }
}

#[test]
fn a_node_is_read_as_it_was_written() {
    let labels = node_labels();
    assert_eq!(
        Identity::of(&container(labels.write(IMAGE))),
        Identity::Node(Box::new(labels))
    );
    let helper = HelperLabels {
        run: Run { size: 0, ..run() },
        name: run().helper(0),
        image: "jars:3".into(),
    };
    assert_eq!(
        Identity::of(&container(helper.write(IMAGE))),
        Identity::Helper(Box::new(helper))
    );
}

#[test]
fn a_container_of_another_image_is_foreign_whatever_its_labels_say() {
    let expected = Identity::Foreign {
        run: Some(run().id),
    };
    let committed = Container {
        image_id: "sha256:4567".into(),
        ..container(node_labels().write(IMAGE))
    };
    assert_eq!(Identity::of(&committed), expected);
    let unknown = Container {
        image_id: String::new(),
        ..container(node_labels().write(""))
    };
    assert_eq!(Identity::of(&unknown), expected);
    let mut labels = node_labels().write(IMAGE);
    labels.remove(labels::IMAGE_ID);
    assert_eq!(Identity::of(&container(labels)), expected);
    let path = Labels::from([
        (labels::CLUSTER.into(), "/home/me/my".into()),
        (labels::RUN.into(), "files".into()),
        (
            labels::ORIGIN.into(),
            r#"{"cluster_name":"/home/me/my"}"#.into(),
        ),
    ]);
    assert_eq!(
        Identity::of(&container(path)),
        Identity::Foreign { run: None }
    );
}

#[test]
fn names_that_could_be_paths_directives_or_lines_damage() {
    let long = "x".repeat(300);
    for name in [
        "",
        "/home/me/my",
        "..",
        "../x",
        "a b",
        "a\nHost *",
        "a\u{1b}[2J",
        "*",
        "-x",
        "a;b",
        "é",
        &long,
    ] {
        is_damaged(labels::NODE, name);
        is_damaged(labels::NETWORK, name);
        if !name.is_empty() {
            is_damaged(labels::CLUSTER, name);
        }
    }
    for network in ["bridge", "host", "none"] {
        is_damaged(labels::NETWORK, network);
    }
    is_damaged(labels::NODE, "a.b");
    for domain in ["a b", "a\nHost *", "..", "8", "10.0.0.1", "lab.localhost"] {
        is_damaged(labels::DOMAIN, domain);
    }
}

#[test]
fn words_are_bounded_and_of_one_line() {
    for key in [
        labels::GROUP,
        labels::TOPOLOGY,
        labels::TOPOLOGY_VERSION,
        labels::PLUGIN_DIGEST,
        labels::VERSION,
    ] {
        for word in [
            "a\nb",
            "\u{1b}]0;x\u{7}",
            "a\u{9b}b",
            "a\u{202e}b",
            "a\rb",
            &"x".repeat(513),
        ] {
            is_damaged(key, word);
        }
        assert!(matches!(with(key, "größe 3"), Identity::Node(_)), "{key}");
    }
    for created in ["", "yesterday", "2026-11-24", "2026-11-24T08:00:00Z\n"] {
        is_damaged(labels::CREATED, created);
    }
}

#[test]
fn a_run_is_sixteen_hexadecimal_digits() {
    for run in [
        "",
        "files",
        "0123456789abcde",
        "0123456789abcdef0",
        "0123456789ABCDEF",
        "../../../../etc/x",
        "０１２３",
    ] {
        is_damaged(labels::RUN, run);
    }
}

#[test]
fn sizes_and_json_are_bounded_and_readable() {
    for size in ["", "0", "-1", "65537", "99999999999999999999", "2x", "1e3"] {
        is_damaged(labels::SIZE, size);
    }
    let long = format!("[{}]", vec![r#"{"port":22}"#; 8000].join(","));
    for probes in [
        "",
        "none",
        "{}",
        "[1]",
        r#"[{"unknown":1}]"#,
        r#"[{"port":22}"#,
        &"[".repeat(9000),
        &long,
    ] {
        is_damaged(labels::PROBES, probes);
    }
    for origin in [
        "",
        "{",
        "[]",
        r#"{"cluster_name":"../x"}"#,
        r#"{"cluster_name":null}"#,
        r#"{"cluster_name":1}"#,
    ] {
        is_damaged(labels::ORIGIN, origin);
    }
    is_damaged(labels::SSH_KEYS, "yes");
    assert!(matches!(with(labels::SSH_KEYS, ""), Identity::Node(_)));
}

#[test]
fn missing_labels_and_invalid_probes_damage_a_node() {
    let whole = node_labels().write(IMAGE);
    let optional = [
        labels::DOMAIN,
        labels::VOLUMES_FROM,
        labels::VOLUMES_OF,
        labels::SSH_KEYS,
        labels::IMAGE_ID,
    ];
    for key in whole.keys().filter(|key| !optional.contains(&key.as_str())) {
        let mut labels = whole.clone();
        labels.remove(key);
        assert!(
            matches!(Identity::of(&container(labels)), Identity::Damaged(_)),
            "{key}"
        );
    }
}

#[test]
fn a_node_without_a_domain_has_its_networks_name() {
    let fqdn = |domain: Option<&str>| {
        let mut labels = node_labels().write(IMAGE);
        match domain {
            Some(domain) => labels.insert(labels::DOMAIN.into(), domain.into()),
            None => labels.remove(labels::DOMAIN),
        };
        labels.insert(labels::NETWORK.into(), "net.8".into());
        let identity = Identity::of(&container(labels));
        let name = identity.container_name();
        assert_eq!(name.as_deref(), Some("node-1.net.8"), "{identity:?}");
        identity.fqdn().unwrap_or_default()
    };
    assert_eq!(fqdn(None), "node-1.net.8", "of an older version");
    assert_eq!(fqdn(Some("")), "node-1.net.8");
    assert_eq!(fqdn(Some("net.8")), "node-1.net.8");
    assert_eq!(fqdn(Some("lab.example")), "node-1.lab.example");
    let long = ["x".repeat(60), "y".into()].join(".");
    match with(labels::DOMAIN, &long) {
        Identity::Damaged(damage) => assert!(damage.problem.contains(labels::NODE)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_node_only_has_volumes_of_its_own_start() {
    let other = Run {
        id: labels::RunId::random(),
        ..run()
    };
    let own = run().helper(0);
    for from in [
        other.helper(0),
        "node-1.net".into(),
        format!("{own},node-2.net"),
        format!("{own},"),
        format!("{own}x"),
        format!("clusterdock-{}-volumes-", run().id),
    ] {
        is_damaged(labels::VOLUMES_FROM, &from);
    }
}

fn of_the_original(network: &str, state: State) -> Container {
    let labels = Labels::from([(labels::ORIGIN.into(), r#"{"cluster_name":"old"}"#.into())]);
    let networks = BTreeMap::from([(network.to_string(), Default::default())]);
    Container {
        name: "famous".into(),
        labels,
        state,
        networks,
        ..Container::default()
    }
}

#[test]
fn helpers_of_the_original_are_not_nodes_but_stopped_nodes_are() {
    let is_helper = |network, state| match Identity::of(&of_the_original(network, state)) {
        Identity::Original(original) => original.is_helper,
        other => panic!("{other:?}"),
    };
    assert!(is_helper("bridge", State::Created));
    assert!(!is_helper("cluster", State::Created));
    assert!(!is_helper("bridge", State::Exited));
}

#[test]
fn names_of_the_originals_containers_are_checked_too() {
    for hostname in ["a b", "a\nb", "../x", "-a", "\u{1b}[2J"] {
        let container = Container {
            hostname: Some(hostname.into()),
            ..of_the_original("net", State::Running)
        };
        assert!(
            matches!(Identity::of(&container), Identity::Damaged(_)),
            "{hostname:?}"
        );
    }
    let good = Container {
        hostname: Some("one.net".into()),
        ..of_the_original("net", State::Running)
    };
    assert_eq!(Identity::of(&good).fqdn().as_deref(), Some("one.net"));
}

#[test]
fn containers_without_our_labels_are_foreign() {
    let blank = r#"{"name":"clusterdock","version":"1","location":"","cluster_name":null}"#;
    for labels in [
        Labels::new(),
        Labels::from([("maintainer".into(), "me".into())]),
        Labels::from([("com.clusterdock.image".into(), "host".into())]),
        Labels::from([
            (labels::ORIGIN.into(), String::new()),
            (labels::RUN.into(), String::new()),
        ]),
        Labels::from([
            (labels::ORIGIN.into(), blank.into()),
            (labels::CLUSTER.into(), String::new()),
        ]),
        Labels::from([(
            labels::ORIGIN.into(),
            r#"{"name":"clusterdock","cluster_name":""}"#.into(),
        )]),
    ] {
        assert_eq!(Identity::of(&container(labels)), Identity::Unrelated);
    }
}

#[test]
fn networks_and_volumes_belong_to_starts_that_can_be_read() {
    assert_eq!(
        Owner::of(&run().labels()),
        Some(Owner::Run(Box::new(Run { size: 0, ..run() })))
    );
    let changed = |key: &str, value: &str| {
        let mut labels = run().labels();
        labels.insert(key.into(), value.into());
        Owner::of(&labels)
    };
    assert_eq!(changed(labels::RUN, "../../x"), None);
    assert_eq!(changed(labels::ORIGIN, r#"{"cluster_name":"/etc"}"#), None);
    assert_eq!(Owner::of(&Labels::new()), None);
    let old = Labels::from([(labels::ORIGIN.into(), r#"{"cluster_name":"old"}"#.into())]);
    assert_eq!(Owner::of(&old), Some(Owner::Original("old".into())));
}
