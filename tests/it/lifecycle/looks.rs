//! What is said of clusters and nodes: `inspect`, `env`, plans, and the sentence at the end.

use super::*;
use clusterdock::cli::lifecycle::{Env, Inspect, Kill};
use clusterdock::commands::{env, inspect};
use serde_json::Value;

async fn inspected(fake: &FakeEngine, name: &str) -> Value {
    let desk = Desk::at(fake);
    let args = Inspect { name: name.into() };
    desk.run(async |session| inspect::inspect(session, &args).await).await.unwrap();
    serde_json::from_str(&desk.stdout.text()).unwrap()
}

#[tokio::test]
async fn an_inspection_has_what_ps_has_and_labels_probes_and_the_engines_own() {
    let fake = lab(EngineGeneration::V26, State::Running, &[Probe::port(22)]);
    let cluster = inspected(&fake, "lab").await;
    assert_eq!((&cluster["schema_version"], &cluster["cluster"]["name"]), (&1.into(), &"lab".into()));
    assert_eq!(cluster["cluster"]["state"], "running");
    let node = &cluster["cluster"]["nodes"][0];
    assert_eq!((&node["fqdn"], &node["ip_address"]), (&"n1.lab".into(), &"10.128.16.2".into()));
    assert_eq!(node["ports"][0]["host_port"], 8080);
    assert_eq!(node["labels"][labels::GROUP], "head");
    assert_eq!(node["probes"][0]["port"], 22);
    assert_eq!(node["engine"]["Name"], "/n1.lab");
    let alone = inspected(&fake, "n1").await;
    assert_eq!((&alone["schema_version"], &alone["node"]), (&1.into(), node));
}

#[tokio::test]
async fn the_environment_of_a_cluster_is_what_a_shell_can_evaluate() {
    let fake = lab(EngineGeneration::V26, State::Running, &[]);
    let desk = Desk::at(&fake);
    let args = Env { cluster: "lab".into() };
    desk.run(async |session| env::env(session, &args).await).await.unwrap();
    assert_eq!(
        desk.stdout.text(),
        "\
export CLUSTERDOCK_CLUSTER=lab
export CLUSTERDOCK_NETWORK=lab
export CLUSTERDOCK_NODES='n1.lab n2.lab'
export CLUSTERDOCK_N1_FQDN=n1.lab
export CLUSTERDOCK_N1_ADDRESS=10.128.16.2
export CLUSTERDOCK_N1_PORT_80_TCP=127.0.0.1:8080
export CLUSTERDOCK_N2_FQDN=n2.lab
export CLUSTERDOCK_N2_ADDRESS=10.128.16.3
"
    );
    let script = format!("{}echo $CLUSTERDOCK_NODES", desk.stdout.text());
    let shell = std::process::Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(shell.stdout, b"n1.lab n2.lab\n");
}

#[tokio::test]
async fn a_name_that_means_nothing_is_not_found() {
    let fake = lab(EngineGeneration::V26, State::Running, &[]);
    let desk = Desk::at(&fake);
    let args = Inspect { name: "lap".into() };
    let error = desk.run(async |session| inspect::inspect(session, &args).await).await.unwrap_err();
    assert_eq!((error.kind(), error.next_step()), (Kind::NotFound, Some("did you mean `lab`?")));
}

#[tokio::test]
async fn a_dry_run_prints_the_plan_and_makes_no_change() {
    let fake = lab(EngineGeneration::V26, State::Exited, &[Probe::port(22)]);
    let before = fake.snapshot();
    let desk = Desk::at(&fake);
    let args = Resume { plain: Plain { dry_run: true, ..plain() }, timeout: MINUTE };
    desk.run(async |session| lifecycle::resume(session, &args).await).await.unwrap();
    let plan = desk.stdout.text();
    assert!(plan.starts_with("start container   n1.lab                   127.0.0.1:8080->80/tcp\nawait "), "{plan}");
    assert_eq!(fake.snapshot(), before);
}

/// Expects that a command's story ends with this sentence.
async fn ends_with(fake: &FakeEngine, sentence: &str, command: impl AsyncFnOnce(&Session<'_>) -> Result<()>) {
    let desk = Desk::at(fake);
    desk.run(command).await.unwrap();
    let story = desk.stderr.text();
    assert!(story.lines().last().unwrap().ends_with(sentence), "no `{sentence}` in:\n{story}");
}

#[tokio::test]
async fn each_command_ends_with_what_it_has_done() {
    let fake = lab(EngineGeneration::V26, State::Running, &[]);
    let stop = StopArgs { plain: plain(), time: Duration::from_secs(10) };
    let resume = Resume { plain: plain(), timeout: MINUTE };
    let restart = Restart { plain: plain(), time: Duration::from_secs(10), timeout: MINUTE };
    let wait = Wait { chosen: chosen(), timeout: MINUTE };
    let kill = Kill { plain: plain(), signal: "SIGKILL".into() };
    fake.stop_container("n2.lab", 1).await.unwrap();
    ends_with(&fake, "Stopped 1 node; 1 node did not run.", async |s| lifecycle::stop(s, &stop).await).await;
    ends_with(&fake, "Nothing to do: 2 nodes did not run.", async |s| lifecycle::stop(s, &stop).await).await;
    ends_with(&fake, "Started 2 nodes.", async |s| lifecycle::resume(s, &resume).await).await;
    ends_with(&fake, "Nothing to do: 2 nodes ran already.", async |s| lifecycle::resume(s, &resume).await).await;
    ends_with(&fake, "Restarted 2 nodes.", async |s| lifecycle::restart(s, &restart).await).await;
    ends_with(&fake, "2 nodes are ready.", async |s| lifecycle::wait(s, &wait).await).await;
    ends_with(&fake, "Paused 2 nodes.", async |s| lifecycle::pause(s, &plain()).await).await;
    let again = "Nothing to do: 2 nodes had been paused already.";
    ends_with(&fake, again, async |s| lifecycle::pause(s, &plain()).await).await;
    ends_with(&fake, "Unpaused 2 nodes.", async |s| lifecycle::unpause(s, &plain()).await).await;
    ends_with(&fake, "Sent SIGKILL to 2 nodes.", async |s| lifecycle::kill(s, &kill).await).await;
    assert_eq!(fake.container_state("n1.lab").await.unwrap().exit_code, Some(137));
}
