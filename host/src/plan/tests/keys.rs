//! The nodes that get ssh keys, and when the keys are removed.

use std::collections::BTreeSet;

use clusterdock_plugin_wire::{NodeSpec, Probe, Volume};

use super::removals::two_clusters;
use super::{named, run, wanted};
use crate::cluster::labels::{self, Run};
use crate::engine::Image;
use crate::plan::removal_plan;

fn with_sshd() -> Image {
    Image {
        ports: vec!["22/tcp".into(), "88/udp".into()],
        ..Image::default()
    }
}

#[test]
fn nodes_that_expose_port_22_get_ssh_keys_and_a_label() {
    let mut wanted = wanted();
    wanted.specs[1] = NodeSpec::new("b", "nodes").image("sshd:1");
    wanted.images.insert("sshd:1".into(), with_sshd());
    wanted.images.insert(
        "base:1".into(),
        Image {
            ports: vec!["22/udp".into(), "2222/tcp".into()],
            ..with_sshd()
        },
    );
    wanted.prints(
        "
create volume     clusterdock-lab          the cluster's record
create container  a.net                    base:1, 10.149.128.2
create network    net                      10.149.128.0/24
create container  b.net                    sshd:1, 10.149.128.3
put ssh keys      b.net                    its image exposes port 22
check volume      clusterdock-lab          it is still this start's
start container   a.net
start container   b.net
await             b.net                    port 22
run hook          start                    of topology base
write file        /.clusterdock/complete   in the cluster's record: the start is complete
await             a.net                    that it runs for 200 ms
check nodes       lab                      they still run",
    );
    let plan = wanted.planned().unwrap();
    let label = |number: usize| {
        plan.nodes[number]
            .container
            .labels
            .get(labels::SSH_KEYS)
            .map(String::as_str)
    };
    assert_eq!((label(0), label(1)), (Some(""), Some("true")));
}

#[test]
fn a_start_waits_for_the_sshd_that_an_image_runs() {
    let probes = |spec: NodeSpec| {
        let mut wanted = wanted();
        wanted.specs[0] = spec;
        wanted.images.insert("base:1".into(), with_sshd());
        let node = wanted.planned().unwrap().nodes.swap_remove(0);
        assert_eq!(
            node.container.labels[labels::PROBES],
            serde_json::to_string(&node.probes).unwrap()
        );
        node.probes
    };
    let node = || NodeSpec::new("a", "nodes");
    assert_eq!(probes(node()), [Probe::port(22)]);
    assert_eq!(
        probes(node().ready_when(Probe::port(22))),
        [Probe::port(22)]
    );
    assert_eq!(
        probes(node().ready_when(Probe::port(80))),
        [Probe::port(80), Probe::port(22)]
    );
    assert_eq!(probes(node().command(["sleep", "infinity"])), []);
}

#[test]
fn keys_are_never_written_to_shared_mounts() {
    let warning = |change: &dyn Fn(NodeSpec) -> NodeSpec| {
        let mut wanted = wanted();
        wanted.specs[0] = change(NodeSpec::new("a", "nodes"));
        wanted.images.insert("base:1".into(), with_sshd());
        for (image, volume) in [("conf:1", "/etc/ssh"), ("jars:3", "/jars")] {
            wanted.images.insert(
                image.into(),
                Image {
                    volumes: vec![volume.into()],
                    ..Image::default()
                },
            );
        }
        let plan = wanted.planned().unwrap();
        assert_eq!(
            plan.nodes.iter().map(|node| node.keys).collect::<Vec<_>>(),
            [plan.warnings.is_empty(), true]
        );
        plan.warnings.first().cloned().unwrap_or_default()
    };
    let mounted = |target: &str| format!("node a.net gets no ssh keys: `{target}` is a mount");
    for target in [
        "/root",
        "/root/",
        "/root/.ssh",
        "/root/.ssh/id_ed25519",
        "/etc/ssh",
    ] {
        assert_eq!(
            warning(&|node| node.volume(Volume::bind("/home/me", target))),
            mounted(target)
        );
        assert_eq!(
            warning(&|node| node.volume(Volume::named("mine", target))),
            mounted(target)
        );
        let tmpfs = |node: NodeSpec| {
            node.with(|settings| drop(settings.tmpfs.insert(target.into(), String::new())))
        };
        assert_eq!(warning(&tmpfs), mounted(target));
    }
    for target in ["/root/work", "/root/.ssh/config", "/etc/ssh2"] {
        assert_eq!(
            warning(&|node| node.volume(Volume::bind("/home/me", target))),
            ""
        );
    }
    assert_eq!(warning(&|node| node.volume(Volume::anonymous("/root"))), "");
    assert_eq!(
        warning(&|node| node.volume(Volume::of_image("conf:1"))),
        mounted("/etc/ssh")
    );
    assert_eq!(
        warning(&|node| node.volume(Volume::of_image("jars:3").read_only())),
        ""
    );
    let raw = |field: &'static str| {
        move |node: NodeSpec| {
            let host = serde_json::json!({ field: [] });
            node.with(|settings| drop(settings.create.insert("HostConfig".into(), host)))
        }
    };
    assert_eq!(
        warning(&raw("Binds")),
        "node a.net gets no ssh keys: its topology sets `HostConfig.Binds`"
    );
    assert_eq!(warning(&raw("OomScoreAdj")), "");
}

#[test]
fn the_keys_of_a_start_go_with_its_last_node() {
    let mut observed = two_clusters();
    let nodes = |ids: &[&str]| removal_plan::chosen(&observed, &BTreeSet::new(), &named(ids)).runs;
    let (one, two) = (run(1, "one"), run(2, "two"));
    let key = |run: &Run| (run.cluster.clone(), run.id.clone());
    assert!(nodes(&["id-n2"]).is_empty());
    assert_eq!(
        nodes(&["id-n2", "id-n10", "id-x"]),
        BTreeSet::from([key(&one), key(&two)])
    );
    assert_eq!(
        removal_plan::roll_back(&observed, &two.id).runs,
        BTreeSet::from([key(&two)])
    );
    // Of a start that was killed there may be no more than its record.
    observed.containers.clear();
    assert_eq!(
        removal_plan::clusters(&observed, &named(&["two"]), false).runs,
        BTreeSet::from([key(&two)])
    );
}
