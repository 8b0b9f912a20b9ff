//! The printed plan is executed as printed: its steps are the calls that the engine gets, in an order that the plan
//! allows.

use std::time::Duration;

use clusterdock::cli::lifecycle_args::{ChangeArgs, Resume, Stop};
use clusterdock::cli::output_args::DryRunArgs;
use clusterdock::cli::removal_args::Rm;
use clusterdock::cli::selection::SelectionArgs;
use clusterdock::commands::{lifecycle, rm};
use clusterdock::engine::Image;
use clusterdock::error::Result;
use clusterdock::report::Format;
use clusterdock_plugin_wire::{Contents, File, Probe, Volume};
use clusterdock_tests::fake::FakeEngine;
use serde_json::{Value, json};

use super::life::without_run;
use super::{CLUSTER, IMAGE, Stage, Wish, engine, engine_with_sshd};

/// Actions of steps, and the calls that execute them. Others only look or wait.
const CALLS: [(&str, &str); 16] = [
    ("create_volume", "create_volume"),
    ("create_container", "create_container"),
    ("create_network", "create_network"),
    ("put_ssh_keys", "put_archive"),
    ("put_files", "put_archive"),
    ("write_file", "put_archive"),
    ("join_network", "connect_network"),
    ("start_container", "start_container"),
    ("stop_container", "stop_container"),
    ("pause_container", "pause_container"),
    ("unpause_container", "unpause_container"),
    ("signal_container", "kill_container"),
    ("remove_container", "remove_container"),
    ("remove_network", "remove_network"),
    ("remove_volume", "remove_volume"),
    ("pull_image", "pull_image"),
];

/// Looks that are steps too.
const LOOKS: [&str; 4] = ["await", "check_nodes", "check_volume", "run_hook"];

/// The call that executes a step; `None` if it only looks or waits. The record is written through the first node.
fn call_of(step: &Value, first_node: &str) -> Option<String> {
    let (action, subject) = (step["action"].as_str()?, step["subject"].as_str()?);
    if LOOKS.contains(&action) {
        return None;
    }
    let (_, method) = CALLS.iter().find(|(one, _)| *one == action).unwrap();
    let subject = if action == "write_file" {
        first_node
    } else {
        subject
    };
    Some(without_run(&format!("{method} `{subject}`")))
}

/// Expects that the engine got the calls of the plan and no others, each after those that it waits for.
#[track_caller]
fn assert_executed(plan: &Value, fake: &FakeEngine, first_node: &str) {
    let is_change = |method: &str| CALLS.iter().any(|(_, call)| *call == method);
    let calls = fake.calls();
    let calls: Vec<String> = calls
        .iter()
        .filter(|call| is_change(call.method))
        .map(|call| without_run(&call.to_string()))
        .collect();
    let steps = plan["steps"].as_array().unwrap();
    let planned: Vec<Option<String>> = steps.iter().map(|step| call_of(step, first_node)).collect();
    let sorted = |mut list: Vec<String>| {
        list.sort();
        list
    };
    assert_eq!(
        sorted(calls.clone()),
        sorted(planned.iter().flatten().cloned().collect()),
        "{plan:#}"
    );
    let place = |call: &String| calls.iter().position(|one| one == call).unwrap();
    for (step, call) in steps.iter().zip(&planned) {
        assert_eq!(step["engine"], "unix:///run/fake.sock");
        for after in step["after"].as_array().unwrap() {
            let earlier = &planned[after.as_u64().unwrap() as usize];
            // The record is written by the node whose keys were put in the same way.
            if let (Some(earlier), Some(call)) = (earlier, call)
                && earlier != call
                && step["action"] != "write_file"
            {
                assert!(place(earlier) < place(call), "{call} before {earlier}");
            }
        }
    }
}

impl Stage {
    /// Runs a command that prints a plan as JSON.
    pub(super) async fn printed(&self, command: impl Future<Output = Result<()>>) -> Value {
        let before = self.story.text().len();
        command.await.unwrap();
        let story = self.story.text()[before..].to_string();
        let (from, to) = (story.find('{').unwrap(), story.rfind('}').unwrap());
        let plan: Value = serde_json::from_str(&story[from..=to]).unwrap();
        assert_eq!(plan["schema_version"], 1);
        plan
    }

    async fn resume(&self, dry_run: bool) -> Result<()> {
        let (change, timeout) = (change(dry_run), Duration::from_secs(60));
        lifecycle::resume(&self.session(), &Resume { change, timeout }).await
    }

    async fn stop(&self, dry_run: bool) -> Result<()> {
        let stop = Stop {
            change: change(dry_run),
            time: Duration::from_secs(10),
            timeout: Duration::from_secs(60),
        };
        lifecycle::stop(&self.session(), &stop).await
    }

    async fn pause(&self, dry_run: bool) -> Result<()> {
        lifecycle::pause(&self.session(), &change(dry_run)).await
    }

    async fn remove(&self, dry_run: bool) -> Result<()> {
        let args = Rm {
            names: vec![CLUSTER.into()],
            force: false,
            dry_run: in_json(dry_run),
        };
        rm::rm(&self.session(), &args).await
    }
}

fn change(dry_run: bool) -> ChangeArgs {
    ChangeArgs {
        selection: SelectionArgs {
            names: vec![CLUSTER.into()],
            ..SelectionArgs::default()
        },
        dry_run: in_json(dry_run),
    }
}

fn in_json(dry_run: bool) -> DryRunArgs {
    DryRunArgs {
        dry_run,
        format: Format::Json,
    }
}

/// Starts, stops, resumes and removes a cluster, and compares each printed plan with the calls that follow.
async fn assert_plans_are_executed(fake: &FakeEngine, wish: Wish) {
    let stage = Stage::new(fake);
    let first = format!("{}.cluster", wish.specs[0].hostname);
    let before = fake.snapshot();
    let print = async {
        let json = Some(Format::Json);
        stage.start_or_print(wish.clone(), json).await.map(drop)
    };
    let plan = stage.printed(print).await;
    assert_eq!(fake.snapshot(), before, "a dry run changes nothing");
    fake.forget_calls();
    stage.start(wish).await.unwrap();
    assert_executed(&plan, fake, &first);

    let plan = stage.printed(stage.stop(true)).await;
    fake.forget_calls();
    stage.stop(false).await.unwrap();
    assert_executed(&plan, fake, &first);

    let plan = stage.printed(stage.resume(true)).await;
    fake.forget_calls();
    stage.resume(false).await.unwrap();
    assert_executed(&plan, fake, &first);

    let plan = stage.printed(stage.pause(true)).await;
    fake.forget_calls();
    stage.pause(false).await.unwrap();
    assert_executed(&plan, fake, &first);

    let plan = stage.printed(stage.remove(true)).await;
    fake.forget_calls();
    stage.remove(false).await.unwrap();
    assert_executed(&plan, fake, &first);
    assert_eq!(fake.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn the_printed_steps_of_a_plain_cluster_are_its_calls() {
    assert_plans_are_executed(&engine(), Wish::of(&["a", "b", "c"])).await;
}

#[tokio::test(start_paused = true)]
async fn the_printed_steps_of_nodes_with_keys_and_probes_are_their_calls() {
    let file = File {
        path: "/etc/lab.conf".into(),
        contents: Contents::Text("x".into()),
        mode: None,
        owner: "0".into(),
    };
    let wish = Wish::of(&["a", "b"]).each(|node| {
        node.ready_when(Probe::command("true"))
            .serves_when(Probe::command("true"))
            .file(file.clone())
    });
    assert_plans_are_executed(&engine_with_sshd(), wish).await;
}

#[tokio::test(start_paused = true)]
async fn the_printed_steps_of_nodes_with_volumes_are_their_calls() {
    let fake = engine();
    let data = Image {
        volumes: vec!["/data".into()],
        ..Image::default()
    };
    fake.seed().image_as("example/data:1", data);
    let wish = Wish::of(&["a", "b"]).each(|node| node.volume(Volume::of_image("example/data:1")));
    assert_plans_are_executed(&fake, wish).await;
}

#[tokio::test(start_paused = true)]
async fn the_printed_steps_on_a_network_of_another_cluster_are_the_calls() {
    let fake = engine();
    let other = Wish::of(&["x"]).cluster("other");
    Stage::new(&fake).start(other).await.unwrap();
    assert_plans_are_executed(&fake, Wish::of(&["a", "b"])).await;
}

#[tokio::test(start_paused = true)]
async fn the_printed_steps_of_an_image_to_pull_are_its_calls() {
    let fake = FakeEngine::new();
    fake.registry_has(
        IMAGE,
        Image {
            command: vec!["/bin/sleep".into()],
            ..Image::default()
        },
    );
    let stage = Stage::new(&fake);
    let wish = Wish::of(&["a", "b"]);
    let print = async {
        let json = Some(Format::Json);
        stage.start_or_print(wish.clone(), json).await.map(drop)
    };
    let plan = stage.printed(print).await;
    assert_eq!(plan["steps"][0]["action"], "pull_image");
    fake.forget_calls();
    stage.start(wish).await.unwrap();
    assert_executed(&plan, &fake, "a.cluster");
}

#[tokio::test(start_paused = true)]
async fn a_printed_plan_shows_retries_and_steps_done_despite_failures() {
    let stage = Stage::new(&engine());
    stage.start(Wish::of(&["a"])).await.unwrap();
    let plan = stage.printed(stage.remove(true)).await;
    let steps = plan["steps"].as_array().unwrap();
    for step in steps {
        assert_eq!(step["retries_ms"], json!([50, 200, 800, 2000]), "{step}");
        let is_network = step["action"] == "remove_network";
        assert_eq!(step["despite_failures"], is_network, "{step}");
    }
    let plan = stage.printed(stage.stop(true)).await;
    assert_eq!(plan["steps"][0]["retries_ms"], json!([]));
}
