//! The order between groups in a resume, a restart and a stop.

use clusterdock_plugin_wire::Probe;

use super::*;

/// Nodes in these states; the first node is of group `members`, all others of `brokers`, which is after it.
fn in_order(states: &[State]) -> Scene {
    let mut scene = Scene::of(states);
    for (number, observed) in scene.observed.containers.iter_mut().enumerate() {
        let (group, after) = if number == 0 {
            ("members", "")
        } else {
            ("brokers", "members")
        };
        let labels = &mut observed.seen.labels;
        labels.insert(labels::GROUP.into(), group.into());
        labels.insert(labels::AFTER.into(), after.into());
        let serves = serde_json::to_string(&[Probe::port(80)]).unwrap();
        labels.insert(labels::SERVES.into(), serves);
    }
    let seen = scene.observed.containers.iter().map(|one| one.seen.clone());
    let networks = vec![network("net", "10.128.16.0/24")];
    scene.observed = Observed::new(seen.collect(), networks, Vec::new());
    scene
}

/// The steps that each step waits for, in words.
fn waits(plan: &LifecyclePlan) -> Vec<String> {
    let steps = &plan.plan.steps;
    let name = |step: &Step| format!("{} {}", step.action.verb(), step.subject());
    let waits = steps
        .iter()
        .filter(|step| !step.after.is_empty() && !matches!(step.action, Action::CheckRunning(_)));
    waits
        .map(|step| {
            let after = step
                .after
                .iter()
                .map(|id| format!("{} {}", name(&steps[*id]), steps[*id].reason));
            format!("{}: {}", name(step), after.collect::<Vec<_>>().join("; "))
        })
        .collect()
}

#[test]
fn a_resume_keeps_the_order_of_groups_and_a_stop_runs_it_backwards() {
    let scene = in_order(&[State::Exited, State::Exited]);
    assert_eq!(
        scene.printed(&Change::Resume),
        "\
start container n1.lab 127.0.0.1:8081->80/tcp
await n1.lab port 22
await n1.lab port 80
start container n2.lab 127.0.0.1:8082->80/tcp
await n2.lab port 22
await n2.lab port 80
check nodes lab they still run"
    );
    assert_eq!(
        waits(&scene.plan(&Change::Resume).unwrap()),
        ["start container n2.lab: await n1.lab port 22"]
    );
    let scene = in_order(&[State::Running, State::Running]);
    assert_eq!(
        waits(&scene.plan(&STOP).unwrap()),
        ["stop container n1.lab: stop container n2.lab it is killed after 10 s"]
    );
    assert_eq!(
        waits(&scene.plan(&RESTART).unwrap()),
        [
            "stop container n1.lab: stop container n2.lab it is killed after 3 s",
            "start container n2.lab: await n1.lab port 22",
        ]
    );
    assert_eq!(waits(&scene.plan(&Change::Wait).unwrap()), [""; 0]);
}
