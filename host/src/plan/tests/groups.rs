//! Files that nodes get, probes before and after the hook, and the order between groups.

use clusterdock_plugin_wire::{Contents, File, NodeSpec, Probe};

use super::{Wanted, wanted};
use crate::cluster::labels;

fn file(path: &str, contents: &str) -> File {
    File {
        path: path.into(),
        contents: Contents::Text(contents.into()),
        mode: None,
        owner: "0".into(),
    }
}

/// A node that serves after another one is ready.
fn crew() -> Wanted {
    let mut wanted = wanted();
    let secret = File {
        mode: Some(0o600),
        owner: "app".into(),
        ..file("/etc/app.key", "hunter2")
    };
    wanted.specs = vec![
        NodeSpec::new("a", "brokers")
            .file(file("/etc/app.conf", "x"))
            .file(secret)
            .serves_when(Probe::http(80, "/")),
        NodeSpec::new("b", "members").ready_when(Probe::port(22)),
    ];
    let after = ("brokers".to_string(), vec!["members".to_string()]);
    wanted.after = [after].into();
    wanted
}

#[test]
fn files_come_before_the_start_and_serving_after_the_hook() {
    crew().prints(
        "
create volume     clusterdock-lab          the cluster's record
create container  a.net                    base:1, 10.149.128.2
create network    net                      10.149.128.0/24
create container  b.net                    base:1, 10.149.128.3
put files         a.net                    /etc/app.conf, /etc/app.key (mode 600, owner app)
check volume      clusterdock-lab          it is still this start's
start container   b.net
await             b.net                    port 22
start container   a.net                    after group members
run hook          start                    of topology base
await             a.net                    HTTP answer of http://127.0.0.1:80/
write file        /.clusterdock/complete   in the cluster's record: the start is complete
check nodes       lab                      they still run
",
    );
}

#[test]
fn a_node_starts_when_those_of_the_group_before_are_ready() {
    let plan = crew().planned().unwrap().steps();
    let place = |verb: &str, subject: &str| {
        let mut steps = plan.steps.iter();
        let is_it = |step: &crate::plan::step::Step| {
            (step.action.verb(), step.subject()) == (verb, subject)
        };
        steps.position(is_it).unwrap()
    };
    let start = &plan.steps[place("start container", "a.net")];
    assert!(start.after.contains(&place("await", "b.net")), "{start:?}");
    let serves = &plan.steps[place("await", "a.net")];
    assert_eq!(serves.after, [place("run hook", "start")]);
}

#[test]
fn labels_keep_what_a_resume_needs() {
    let plan = crew().planned().unwrap();
    let label = |node: usize, key: &str| plan.nodes[node].container.labels[key].clone();
    assert_eq!(label(0, labels::AFTER), "members");
    assert_eq!(label(0, labels::PROBES), "[]");
    assert_eq!(
        label(0, labels::SERVES),
        r#"[{"http":{"port":80,"path":"/","status":null}}]"#
    );
    assert_eq!(label(1, labels::PROBES), r#"[{"port":22}]"#);
    assert_eq!(label(1, labels::HOOKS), "start,check");
    assert_eq!(label(1, labels::PLUGIN_DIGEST), "d1");
}

#[test]
fn contents_of_files_are_in_no_plan() {
    let plan = crew().planned().unwrap();
    for printed in [
        plan.steps().to_string(),
        plan.steps().to_json().to_string(),
        format!("{plan:?}"),
        format!("{:?}", plan.steps()),
    ] {
        assert!(!printed.contains("hunter2"), "{printed}");
    }
}
