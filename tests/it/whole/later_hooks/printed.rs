//! Hooks are steps of the printed plan, and run where it says.

use clusterdock::cli::lifecycle_args::{Restart, Resume, Stop};
use clusterdock::commands::lifecycle;
use serde_json::Value;

use super::{LONG, NODES, Scene, dry_run, whole};

/// What a step leaves in the log; nothing if it only looks.
fn traces(step: &Value) -> Vec<String> {
    let text = |key: &str| step[key].as_str().unwrap().to_string();
    let (action, subject) = (text("action"), text("subject"));
    match action.as_str() {
        "run_hook" => NODES.map(|node| format!("{subject} {node}")).to_vec(),
        "stop_container" | "start_container" => vec![format!("{action} {subject}")],
        "await" if text("reason").contains("ready") => vec![format!("ready {subject}")],
        "await" if text("reason").contains("serves") => vec![format!("serves {subject}")],
        "await" | "check_nodes" => Vec::new(),
        other => panic!("an unexpected step: {other}"),
    }
}

/// Expects that the log has what the plan says and nothing else, each after what it waits for.
#[track_caller]
fn assert_carried_out(plan: &Value, log: &[String]) {
    let steps = plan["steps"].as_array().unwrap();
    let all: Vec<String> = steps.iter().flat_map(traces).collect();
    for trace in log {
        assert!(all.contains(trace), "{trace} is not in {plan:#}");
    }
    for step in steps {
        for trace in traces(step) {
            let first = log.iter().position(|one| *one == trace);
            let first = first.unwrap_or_else(|| panic!("{trace} is missing in {log:?}"));
            for after in step["after"].as_array().unwrap() {
                let earlier = traces(&steps[after.as_u64().unwrap() as usize]);
                for earlier in earlier {
                    let last = log.iter().rposition(|one| *one == earlier).unwrap();
                    assert!(last < first, "{earlier} before {trace}: {log:?}");
                }
            }
        }
    }
}

#[tokio::test]
async fn printed_hooks_are_run_where_the_plan_says() {
    let scene = Scene::started(&[]).await;
    let session = scene.stage.session();
    let change = |is_printed| {
        let mut change = whole();
        change.dry_run = dry_run(is_printed);
        change
    };
    let stop = |is_printed| Stop {
        change: change(is_printed),
        time: LONG,
        timeout: LONG,
    };
    let resume = |is_printed| Resume {
        change: change(is_printed),
        timeout: LONG,
    };
    let restart = |is_printed| Restart {
        change: change(is_printed),
        time: LONG,
        timeout: LONG,
    };
    let taken = || std::mem::take(&mut *scene.log.lock().unwrap());
    let hooks = |plan: &Value| plan.to_string().matches("run_hook").count();

    let args = stop(true);
    let plan = scene.stage.printed(lifecycle::stop(&session, &args)).await;
    assert_eq!((hooks(&plan), taken()), (1, Vec::new()));
    scene.note_calls();
    lifecycle::stop(&session, &stop(false)).await.unwrap();
    assert_carried_out(&plan, &taken());

    let args = resume(true);
    let plan = scene
        .stage
        .printed(lifecycle::resume(&session, &args))
        .await;
    assert_eq!((hooks(&plan), taken()), (1, Vec::new()));
    lifecycle::resume(&session, &resume(false)).await.unwrap();
    assert_carried_out(&plan, &taken());

    let args = restart(true);
    let plan = scene
        .stage
        .printed(lifecycle::restart(&session, &args))
        .await;
    assert_eq!((hooks(&plan), taken()), (2, Vec::new()));
    scene.note_calls();
    lifecycle::restart(&session, &restart(false)).await.unwrap();
    assert_carried_out(&plan, &taken());
}
