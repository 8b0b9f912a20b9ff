//! The hooks of a topology in a stop, a resume, a restart and a wait of a whole cluster.

use clusterdock_plugin_wire::Probe;

use super::*;
use crate::cluster::select::{self, Selection};
use crate::plan::step::StepId;
use crate::topology::plugin::Hook;

const ALL: &str = "start,check,on_stop,on_resume";

/// Nodes in these states, of a topology with these hooks; they serve port 80.
fn with_hooks(states: &[State], hooks: &str) -> Scene {
    let mut scene = Scene::of(states);
    let mut seen: Vec<Container> = scene
        .observed
        .containers
        .iter()
        .map(|one| one.seen.clone())
        .collect();
    for container in &mut seen {
        let serves = serde_json::to_string(&[Probe::port(80)]).unwrap();
        container.labels.insert(labels::HOOKS.into(), hooks.into());
        container.labels.insert(labels::SERVES.into(), serves);
    }
    let networks = vec![network("net", "10.128.16.0/24")];
    scene.observed = Observed::new(seen, networks, Vec::new());
    scene
}

/// The steps that a hook waits for, and those that wait for it, in words.
fn around(plan: &Plan, hook: Hook) -> (Vec<String>, Vec<String>) {
    let words = |id: &StepId| {
        let step = &plan.steps[*id];
        let port = if step.action.is_wait() {
            &step.reason
        } else {
            ""
        };
        format!("{} {} {port}", step.action.verb(), step.subject())
            .trim_end()
            .into()
    };
    let is_it =
        |action: &Action| matches!(action, Action::RunHook { hook: one, .. } if *one == hook);
    let id = plan.ids(is_it)[0];
    let is_look = |id: &StepId| matches!(plan.steps[*id].action, Action::CheckRunning(_));
    let later = plan.so_far().into_iter();
    let later = later.filter(|one| plan.steps[*one].after.contains(&id) && !is_look(one));
    let later: Vec<StepId> = later.collect();
    let before = plan.steps[id].after.iter().map(words).collect();
    (before, later.iter().map(words).collect())
}

#[test]
fn a_stop_runs_its_hook_before_the_first_node() {
    let scene = with_hooks(&[State::Running, State::Running], ALL);
    assert_eq!(
        scene.printed(&STOP),
        "\
run hook on_stop of cluster lab
stop container n1.lab it is killed after 10 s
stop container n2.lab it is killed after 10 s"
    );
    let plan = scene.plan(&STOP).unwrap().plan;
    let (before, after) = around(&plan, Hook::OnStop);
    assert_eq!(before, [""; 0]);
    assert_eq!(after, ["stop container n1.lab", "stop container n2.lab"]);
}

#[test]
fn a_resume_runs_its_hook_once_nodes_are_ready_and_before_they_serve() {
    let scene = with_hooks(&[State::Exited, State::Paused, State::Running], ALL);
    assert_eq!(
        scene.printed(&Change::Resume),
        "\
keep n3.lab it is running
start container n1.lab 127.0.0.1:8081->80/tcp
await n1.lab port 22
unpause container n2.lab
await n2.lab port 22
await n3.lab port 22
run hook on_resume of cluster lab
await n1.lab port 80
await n2.lab port 80
await n3.lab port 80
check nodes lab they still run"
    );
    let plan = scene.plan(&Change::Resume).unwrap().plan;
    let nodes = ["n1", "n2", "n3"].map(|node| format!("await {node}.lab"));
    let at = |port: &str| nodes.clone().map(|node| format!("{node} port {port}"));
    let (before, after) = around(&plan, Hook::OnResume);
    assert_eq!((before, after), (at("22").to_vec(), at("80").to_vec()));
}

#[test]
fn a_resume_of_nodes_without_probes_runs_its_hook_once_they_have_run_for_a_moment() {
    let mut scene = with_hooks(&[State::Exited], ALL);
    let mut seen = scene.observed.containers[0].seen.clone();
    for key in [labels::PROBES, labels::SERVES] {
        seen.labels.insert(key.into(), "[]".into());
    }
    let networks = vec![network("net", "10.128.16.0/24")];
    scene.observed = Observed::new(vec![seen], networks, Vec::new());
    assert_eq!(
        scene.printed(&Change::Resume),
        "\
start container n1.lab 127.0.0.1:8081->80/tcp
await n1.lab that it runs for 200 ms
run hook on_resume of cluster lab
check nodes lab they still run"
    );
}

#[test]
fn a_restart_runs_both_hooks() {
    let scene = with_hooks(&[State::Running], ALL);
    assert_eq!(
        scene.printed(&RESTART),
        "\
run hook on_stop of cluster lab
stop container n1.lab it is killed after 3 s
start container n1.lab 127.0.0.1:8081->80/tcp
await n1.lab port 22
run hook on_resume of cluster lab
await n1.lab port 80
check nodes lab they still run"
    );
}

#[test]
fn a_wait_runs_the_check_when_all_probes_hold() {
    let scene = with_hooks(&[State::Running], ALL);
    assert_eq!(
        scene.printed(&Change::Wait),
        "\
keep n1.lab it is running
await n1.lab port 22
await n1.lab port 80
run hook check of cluster lab
check nodes lab they still run"
    );
    let plan = scene.plan(&Change::Wait).unwrap().plan;
    let (before, after) = around(&plan, Hook::Check);
    assert_eq!(before, ["await n1.lab port 80"]);
    assert_eq!(after, [""; 0]);
}

#[test]
fn only_hooks_that_the_labels_name_are_run() {
    for hooks in ["", "start", "start,build,scale"] {
        let scene = with_hooks(&[State::Running], hooks);
        for change in [STOP, RESTART, Change::Wait] {
            assert!(!scene.printed(&change).contains("hook"), "{hooks}");
        }
    }
    let scene = with_hooks(&[State::Running], "on_resume");
    let printed = scene.printed(&RESTART);
    assert!(printed.contains("run hook on_resume") && !printed.contains("on_stop"));
    let kill = Change::Signal("SIGHUP".into());
    let scene = with_hooks(&[State::Running], ALL);
    for change in [Change::Pause, kill] {
        assert!(!scene.printed(&change).contains("hook"), "{change:?}");
    }
}

#[test]
fn a_change_that_stops_or_starts_nothing_runs_no_hook() {
    let stopped = with_hooks(&[State::Exited, State::Created], ALL);
    assert_eq!(
        stopped.printed(&STOP),
        "keep n1.lab it is exited\nkeep n2.lab it is created"
    );
    let printed = stopped.printed(&RESTART);
    assert!(!printed.contains("on_stop") && printed.contains("run hook on_resume"));
    let running = with_hooks(&[State::Running], ALL);
    assert!(!running.printed(&Change::Resume).contains("hook"));
}

#[test]
fn a_stop_skips_its_hook_if_a_node_does_not_run() {
    for (state, shown) in [
        (State::Exited, "exited"),
        (State::Paused, "paused"),
        (State::Restarting, "restarting"),
    ] {
        let scene = with_hooks(&[State::Running, state], ALL);
        for change in [STOP, RESTART] {
            let plan = scene.plan(&change).unwrap();
            let note = format!(
                "skip hook         on_stop                  of cluster lab: node `n2.lab` is {shown}\n"
            );
            assert!(plan.plan.to_string().contains(&note), "{}", plan.plan);
            assert!(!plan.plan.to_string().contains("run hook          on_stop"));
            assert_eq!(
                plan.warnings,
                [format!(
                    "the on_stop hook of cluster `lab` is skipped: node `n2.lab` is {shown}"
                )]
            );
        }
    }
}

/// Plans a change of the nodes that these names select.
fn selected(scene: &Scene, change: &Change, names: &[&str]) -> String {
    let clusters = scene.clusters();
    let names: Vec<String> = names.iter().map(ToString::to_string).collect();
    let selection = Selection {
        names: &names,
        ..Selection::default()
    };
    let nodes = select::nodes(&clusters, &selection).unwrap();
    let inputs = LifecycleInputs {
        change,
        nodes: &nodes,
        observed: &scene.observed,
        inspected: &scene.inspected,
        routes: &[],
    };
    plan(&inputs).unwrap().plan.to_string()
}

#[test]
fn a_change_of_single_nodes_runs_no_hook_unless_they_are_all() {
    let running = with_hooks(&[State::Running, State::Running], ALL);
    for change in [STOP, RESTART, Change::Wait] {
        assert!(!selected(&running, &change, &["n1.lab"]).contains("hook"));
        for whole in [&["lab"][..], &["n1.lab", "n2.lab"], &["lab", "n2.lab"]] {
            assert!(selected(&running, &change, whole).contains("run hook"));
        }
    }
    let stopped = with_hooks(&[State::Exited, State::Running], ALL);
    assert!(!selected(&stopped, &Change::Resume, &["n1.lab"]).contains("hook"));
    assert!(selected(&stopped, &Change::Resume, &["lab"]).contains("run hook"));
}

#[test]
fn hooks_go_with_the_order_of_groups() {
    let mut scene = with_hooks(&[State::Running, State::Running], ALL);
    let mut seen: Vec<Container> = scene
        .observed
        .containers
        .iter()
        .map(|one| one.seen.clone())
        .collect();
    for (container, (group, after)) in seen
        .iter_mut()
        .zip([("members", ""), ("brokers", "members")])
    {
        container.labels.insert(labels::GROUP.into(), group.into());
        container.labels.insert(labels::AFTER.into(), after.into());
    }
    let networks = vec![network("net", "10.128.16.0/24")];
    scene.observed = Observed::new(seen, networks, Vec::new());
    let plan = scene.plan(&RESTART).unwrap().plan;
    let (before, after) = around(&plan, Hook::OnStop);
    assert_eq!(before, [""; 0]);
    // The node of `members` stops after that of `brokers`, and so after the hook too.
    assert_eq!(after, ["stop container n1.lab", "stop container n2.lab"]);
    let (before, after) = around(&plan, Hook::OnResume);
    assert_eq!(before, ["await n1.lab port 22", "await n2.lab port 22"]);
    assert_eq!(after, ["await n1.lab port 80", "await n2.lab port 80"]);
    let start_of_brokers = &plan.steps[plan.ids(
        |action| matches!(action, Action::StartContainer(node) if node.container.name == "n2.lab"),
    )[0]];
    let ready: Vec<&str> = start_of_brokers
        .after
        .iter()
        .map(|id| plan.steps[*id].reason.as_str())
        .collect();
    assert_eq!(ready, ["port 22"], "serving is not waited for");
}
