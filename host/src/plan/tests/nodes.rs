//! What nodes are made with: volumes of images, systemd, privileges.

use clusterdock_plugin_wire::{NodeSpec, Security, Volume as Mount};

use super::{IMAGE_ID, Wanted, named, node, run, wanted};
use crate::cluster::labels::{self, HelperLabels};
use crate::cluster::observed::Observed;
use crate::engine::{Container, Image, State};
use crate::plan::removal_plan;

/// The volumes of two images, of which two nodes share one.
fn with_volumes() -> Wanted {
    let mut wanted = wanted();
    wanted.specs[0] = NodeSpec::new("a", "nodes")
        .volume(Mount::of_image("jars:3"))
        .volume(Mount::named("d", "/d"));
    wanted.specs[1] = NodeSpec::new("b", "nodes")
        .volume(Mount::of_image("jars:3").read_only())
        .volume(Mount::of_image("conf:1"))
        .volume(Mount::bind("/srv", "/srv").read_only());
    wanted
}

#[test]
fn one_helper_provides_the_volumes_of_an_image() {
    with_volumes().prints(
        "
create volume     clusterdock-lab                        the cluster's record
create container  clusterdock-0000000000000001-volumes-1 the volumes of jars:3, never started
create container  clusterdock-0000000000000001-volumes-2 the volumes of conf:1, never started
create container  a.net                                  base:1, 10.149.128.2, the volumes of clusterdock-0000000000000001-volumes-1, volume d on /d
create network    net                                    10.149.128.0/24
create container  b.net                                  base:1, 10.149.128.3, the volumes of clusterdock-0000000000000001-volumes-1:ro, \
the volumes of clusterdock-0000000000000001-volumes-2, /srv on /srv (ro)
check volume      clusterdock-lab                        it is still this start's
start container   a.net
start container   b.net
run hook          start                                  of topology base
write file        /.clusterdock/complete                 in the cluster's record: the start is complete
await             a.net                                  that it runs for 200 ms
await             b.net                                  that it runs for 200 ms
check nodes       lab                                    they still run",
    );
    let helper = &with_volumes().planned().unwrap().helpers[0];
    assert_eq!(
        (helper.network.as_str(), helper.labels.get(labels::SIZE)),
        ("", None)
    );
    let mut wanted = with_volumes();
    wanted.images.insert("jars:3".into(), Image::default());
    wanted.prints("Image: image `jars:3` has no volumes that a node could have");
}

/// A node's line in the plan of a node that runs systemd on this version of control groups.
fn systemd_on(cgroup_version: u8, change: impl Fn(NodeSpec) -> NodeSpec) -> String {
    let mut wanted = wanted();
    wanted.cgroup_version = cgroup_version;
    wanted.specs = vec![change(
        NodeSpec::new("a", "nodes").with(|settings| settings.systemd = true),
    )];
    let printed = wanted.planned().unwrap().steps().to_string();
    let line = printed
        .lines()
        .find(|line| line.starts_with("create container"))
        .unwrap();
    line.split_once("10.149.128.2, ").unwrap().1.to_string()
}

#[test]
fn systemd_works_on_both_cgroup_versions() {
    let rest =
        "variable container, stop signal SIGRTMIN+3, cgroup namespace private, engine's init no";
    assert_eq!(
        systemd_on(1, |spec| spec),
        format!(
            "memory on /run (exec,mode=755), memory on /run/lock (mode=1777), memory on /sys/fs/cgroup (mode=755), \
             entry point [\"/sbin/init\"], {rest}"
        )
    );
    assert_eq!(
        systemd_on(2, |spec| spec),
        format!(
            "memory on /run (exec,mode=755), memory on /run/lock (mode=1777), entry point [\"/bin/sh\", \"-c\", \
             \"mount -o remount,rw /sys/fs/cgroup && exec \\\"$@\\\"\", \"sh\", \"/sbin/init\"], {rest}"
        )
    );
}

#[test]
fn unprivileged_systemd_gets_the_hosts_cgroups() {
    let plain = |spec: NodeSpec| spec.security(Security::Plain);
    let rest = "memory on /run (exec,mode=755), memory on /run/lock (mode=1777), entry point [\"/sbin/init\"], \
                variable container, stop signal SIGRTMIN+3, cgroup namespace host, engine's init no, plain";
    let systemd = "/sys/fs/cgroup/systemd on /sys/fs/cgroup/systemd";
    assert_eq!(systemd_on(1, plain), format!("{systemd}, {rest}"));
    assert_eq!(
        systemd_on(2, plain),
        format!("/sys/fs/cgroup on /sys/fs/cgroup, {rest}")
    );
}

#[test]
fn settings_of_a_topology_override_those_for_systemd() {
    let own = |spec: NodeSpec| {
        spec.command(["/lib/systemd/systemd", "--unit=lab.target"])
            .with(|settings| {
                settings.stop_signal = Some("SIGTERM".into());
                settings.tmpfs.insert("/run".into(), "size=1m".into());
            })
    };
    let line = systemd_on(1, own);
    for text in [
        "/run (size=1m)",
        "command [\"/lib/systemd/systemd\", \"--unit=lab.target\"]",
        "stop signal SIGTERM",
    ] {
        assert!(line.contains(text), "no {text}: {line}");
    }
    assert!(
        systemd_on(2, own).contains("\"sh\", \"/lib/systemd/systemd\", \"--unit=lab.target\"]")
    );
}

#[test]
fn a_helper_is_removed_only_if_no_other_node_needs_it() {
    let run = run(1, "lab");
    let with = |hostname: &str, last: u8, helpers: &str| {
        let mut node = node(&run, hostname, [10, 130, 0, last], State::Running);
        node.labels
            .insert(labels::VOLUMES_FROM.into(), helpers.into());
        node
    };
    let helper = |index: usize| {
        let labels = HelperLabels {
            run: run.clone(),
            name: run.helper(index),
            image: "jars:3".into(),
        };
        let (labels, image_id) = (labels.write(IMAGE_ID), IMAGE_ID.into());
        Container {
            id: format!("id-{index}"),
            name: run.helper(index),
            image_id,
            labels,
            ..Container::default()
        }
    };
    let (one, two) = (run.helper(0), run.helper(1));
    let containers = vec![
        with("a", 2, &one),
        with("b", 3, &format!("{one},{two}")),
        helper(0),
        helper(1),
    ];
    let observed = Observed::new(containers, Vec::new(), Vec::new());
    let removed =
        |ids: &[&str]| removal_plan::chosen(&observed, &named(&[]), &named(ids)).to_string();
    assert_eq!(
        removed(&["id-a"]),
        "remove container  a.net                    id-a\n"
    );
    let with_two = removed(&["id-b"]);
    assert!(
        with_two.contains(&two) && !with_two.contains(&one),
        "{with_two}"
    );
    assert!(removed(&["id-a", "id-b"]).contains(&one));
    assert_eq!(
        removal_plan::clusters(&observed, &named(&["lab"]), true)
            .containers()
            .count(),
        4
    );
    assert_eq!(
        removal_plan::roll_back(&observed, &run.id).nodes.len(),
        2,
        "helpers are in no hosts file"
    );
}

#[test]
fn a_privileged_node_is_refused_if_it_cannot_start() {
    let mut wanted = wanted();
    wanted.specs[1] = NodeSpec::new("b", "nodes").security(Security::Privileged);
    wanted.planned().unwrap();
    wanted.missing = vec!["CAP_SYS_RESOURCE".into()];
    wanted.prints(
        "Engine: a privileged node cannot be started: `b`: the engine lacks CAP_SYS_RESOURCE",
    );
}
