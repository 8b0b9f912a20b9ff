//! What commands show of clusters and nodes: `inspect`, `env`, plans, and the final message.

use clusterdock::cli::lifecycle_args::{Env, Inspect, Kill};
use clusterdock::commands::{env, inspect};
use serde_json::Value;

use super::*;

async fn inspected(fake: &FakeEngine, name: &str) -> Value {
    let desk = Desk::at(fake);
    let args = Inspect {
        names: vec![name.into()],
        brief: false,
        format: None,
    };
    desk.run(async |session| inspect::inspect(session, &args).await)
        .await
        .unwrap();
    serde_json::from_str(&desk.stdout.text()).unwrap()
}

#[tokio::test]
async fn inspect_shows_ps_columns_labels_probes_and_engine_data() {
    let fake = lab(EngineGeneration::V26, State::Running, &[Probe::port(22)]);
    let cluster = inspected(&fake, "lab").await;
    assert_eq!(
        (&cluster["schema_version"], &cluster["cluster"]["name"]),
        (&1.into(), &"lab".into())
    );
    assert_eq!(cluster["cluster"]["state"], "running");
    let node = &cluster["cluster"]["nodes"][0];
    assert_eq!(
        (&node["fqdn"], &node["ip_address"]),
        (&"n1.lab".into(), &"10.128.16.2".into())
    );
    assert_eq!(node["ports"][0]["host_port"], 8080);
    assert_eq!(node["labels"]["com.clusterdock.group"], "head");
    assert_eq!(node["probes"][0]["port"], 22);
    assert_eq!(node["engine"]["Name"], "/n1.lab");
    let alone = inspected(&fake, "n1").await;
    assert_eq!(
        (&alone["schema_version"], &alone["node"]),
        (&1.into(), node)
    );
}

#[tokio::test]
async fn env_prints_what_a_shell_can_evaluate() {
    let fake = lab(EngineGeneration::V26, State::Running, &[]);
    let desk = Desk::at(&fake);
    let args = Env {
        cluster: "lab".into(),
    };
    desk.run(async |session| env::env(session, &args).await)
        .await
        .unwrap();
    assert_eq!(
        desk.stdout.text(),
        "\
export CLUSTERDOCK_CLUSTER=lab
export CLUSTERDOCK_NETWORK=lab
export CLUSTERDOCK_DOMAIN=lab
export CLUSTERDOCK_NODES='n1.lab n2.lab'
export CLUSTERDOCK_N1_FQDN=n1.lab
export CLUSTERDOCK_N1_ADDRESS=10.128.16.2
export CLUSTERDOCK_N1_PORT_80_TCP=127.0.0.1:8080
export CLUSTERDOCK_N2_FQDN=n2.lab
export CLUSTERDOCK_N2_ADDRESS=10.128.16.3
"
    );
    let script = format!("{}echo $CLUSTERDOCK_NODES", desk.stdout.text());
    let shell = std::process::Command::new("sh")
        .args(["-c", &script])
        .output()
        .unwrap();
    assert_eq!(shell.stdout, b"n1.lab n2.lab\n");
}

#[tokio::test]
async fn an_unknown_name_is_not_found() {
    let fake = lab(EngineGeneration::V26, State::Running, &[]);
    let desk = Desk::at(&fake);
    let args = Inspect {
        names: vec!["lap".into()],
        brief: false,
        format: None,
    };
    let error = desk
        .run(async |session| inspect::inspect(session, &args).await)
        .await
        .unwrap_err();
    assert_eq!(
        (error.kind(), error.next_step()),
        (Kind::NotFound, Some("did you mean `lab`?"))
    );
}

#[tokio::test]
async fn a_dry_run_prints_the_plan_and_changes_nothing() {
    let fake = lab(EngineGeneration::V26, State::Exited, &[Probe::port(22)]);
    let before = fake.snapshot();
    let desk = Desk::at(&fake);
    let args = Resume {
        change: ChangeArgs {
            dry_run: DryRunArgs {
                dry_run: true,
                ..DryRunArgs::default()
            },
            ..change()
        },
        timeout: MINUTE,
    };
    desk.run(async |session| lifecycle::resume(session, &args).await)
        .await
        .unwrap();
    let plan = desk.stdout.text();
    assert!(
        plan.starts_with(
            "start container   n1.lab                   127.0.0.1:8080->80/tcp\nawait "
        ),
        "{plan}"
    );
    assert_eq!(fake.snapshot(), before);
}

/// Asserts that a command's last message is this sentence.
async fn assert_ends_with(
    fake: &FakeEngine,
    sentence: &str,
    command: impl AsyncFnOnce(&Console<'_>) -> Result<()>,
) {
    let desk = Desk::at(fake);
    desk.run(command).await.unwrap();
    let story = desk.stderr.text();
    assert!(
        story.lines().last().unwrap().ends_with(sentence),
        "no `{sentence}` in:\n{story}"
    );
}

#[tokio::test]
async fn each_command_ends_with_a_summary() {
    let fake = lab(EngineGeneration::V26, State::Running, &[]);
    let stop = StopArgs {
        change: change(),
        time: Duration::from_secs(10),
        timeout: MINUTE,
    };
    let resume = Resume {
        change: change(),
        timeout: MINUTE,
    };
    let restart = Restart {
        change: change(),
        time: Duration::from_secs(10),
        timeout: MINUTE,
    };
    let wait = Wait {
        selection: selection(),
        timeout: MINUTE,
    };
    let kill = Kill {
        change: change(),
        signal: "SIGKILL".into(),
    };
    fake.stop_container("n2.lab", 1).await.unwrap();
    assert_ends_with(
        &fake,
        "Stopped 1 node; 1 node was not running.",
        async |s| lifecycle::stop(s, &stop).await,
    )
    .await;
    assert_ends_with(
        &fake,
        "Nothing to do: 2 nodes were not running.",
        async |s| lifecycle::stop(s, &stop).await,
    )
    .await;
    assert_ends_with(&fake, "Started 2 nodes.", async |s| {
        lifecycle::resume(s, &resume).await
    })
    .await;
    assert_ends_with(
        &fake,
        "Nothing to do: 2 nodes were already running.",
        async |s| lifecycle::resume(s, &resume).await,
    )
    .await;
    assert_ends_with(&fake, "Restarted 2 nodes.", async |s| {
        lifecycle::restart(s, &restart).await
    })
    .await;
    assert_ends_with(&fake, "2 nodes are ready.", async |s| {
        lifecycle::wait(s, &wait).await
    })
    .await;
    assert_ends_with(&fake, "Paused 2 nodes.", async |s| {
        lifecycle::pause(s, &change()).await
    })
    .await;
    let again = "Nothing to do: 2 nodes were already paused.";
    assert_ends_with(&fake, again, async |s| lifecycle::pause(s, &change()).await).await;
    assert_ends_with(&fake, "Unpaused 2 nodes.", async |s| {
        lifecycle::unpause(s, &change()).await
    })
    .await;
    assert_ends_with(&fake, "Sent SIGKILL to 2 nodes.", async |s| {
        lifecycle::kill(s, &kill).await
    })
    .await;
    assert_eq!(
        fake.container_state("n1.lab").await.unwrap().exit_code,
        Some(137)
    );
}
