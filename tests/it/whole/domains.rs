//! Two clusters with the same names inside, on separate networks: what is done to one does not affect the other.

use std::fs;
use std::time::Duration;

use clusterdock::cli::lifecycle_args::{ChangeArgs, Restart};
use clusterdock::cli::output_args::DryRunArgs;
use clusterdock::cli::selection::SelectionArgs;
use clusterdock::cluster::select;
use clusterdock::commands::lifecycle;
use clusterdock::engine::{Inventory, State};
use clusterdock::error::{Error, Kind, Result};
use clusterdock_plugin_wire::Probe;
use clusterdock_tests::fake::{FakeEngine, Program};

use super::{Stage, Wish, engine, engine_with_sshd};

const DOMAIN: &str = "lab.example";

fn twin(cluster: &str) -> Wish {
    Wish::of(&["a", "b"])
        .cluster(cluster)
        .on(&format!("net-{cluster}"), DOMAIN)
}

/// An engine with the clusters `one` and `two`.
async fn twins() -> (FakeEngine, Stage) {
    let fake = engine();
    let stage = Stage::new(&fake);
    for cluster in ["one", "two"] {
        stage.start(twin(cluster)).await.unwrap();
    }
    (fake, stage)
}

async fn restart(stage: &Stage, names: &[&str]) -> Result<()> {
    let selection = SelectionArgs {
        names: names.iter().map(ToString::to_string).collect(),
        ..SelectionArgs::default()
    };
    let args = Restart {
        change: ChangeArgs {
            selection,
            dry_run: DryRunArgs::default(),
        },
        time: Duration::from_secs(1),
        timeout: Duration::from_secs(60),
    };
    lifecycle::restart(&stage.session(), &args).await
}

async fn started(fake: &FakeEngine, container: &str) -> (State, String) {
    let state = fake.container_state(container).await.unwrap();
    (state.state, state.hostname)
}

#[tokio::test(start_paused = true)]
async fn twins_have_one_fqdn_and_their_own_containers() {
    let (fake, stage) = twins().await;
    for container in ["a.net-one", "b.net-one", "a.net-two", "b.net-two"] {
        let hostname = format!("{}.{DOMAIN}", &container[..1]);
        assert_eq!(started(&fake, container).await, (State::Running, hostname));
    }
    let clusters = stage.clusters().await;
    for cluster in &clusters {
        assert_eq!(cluster.domains, [DOMAIN]);
        assert_eq!(cluster.networks, [format!("net-{}", cluster.name)]);
        assert_eq!(cluster.nodes[0].fqdn, "a.lab.example");
        assert_eq!(cluster.nodes[0].name, format!("{}/a", cluster.name));
    }
    let error = select::node(&clusters, "a.lab.example").unwrap_err();
    assert_eq!(
        error.to_string(),
        "node `a.lab.example` is ambiguous: it matches one/a and two/a"
    );
}

#[tokio::test(start_paused = true)]
async fn one_restart_restarts_the_nodes_of_both_twins() {
    let (fake, stage) = twins().await;
    restart(&stage, &["one", "two"]).await.unwrap();
    for container in ["a.net-one", "b.net-one", "a.net-two", "b.net-two"] {
        assert_eq!(started(&fake, container).await.0, State::Running);
    }
    let starts = |line: &&str| line.starts_with("container ") && line.contains("starts=2");
    assert_eq!(fake.snapshot().lines().filter(starts).count(), 4);
    fake.forget_calls();
    restart(&stage, &["two/a"]).await.unwrap();
    let calls = fake.calls();
    let changed: Vec<String> = calls
        .iter()
        .filter(|call| ["stop_container", "start_container"].contains(&call.method))
        .map(ToString::to_string)
        .collect();
    assert_eq!(
        changed,
        ["stop_container `a.net-two`", "start_container `a.net-two`"]
    );
    let error = restart(&stage, &["a.lab.example"]).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Usage, "{error}");
}

#[tokio::test(start_paused = true)]
async fn removing_one_twin_or_its_node_leaves_the_other() {
    let (fake, stage) = twins().await;
    let hosts = || fs::read_to_string(&stage.paths.hosts_file).unwrap();
    assert_eq!(
        hosts().matches(" a.lab.example\n").count(),
        2,
        "{}",
        hosts()
    );
    let error = stage.rm(&["a.lab.example"]).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.next_step()),
        (Kind::Usage, Some("use CLUSTER/HOSTNAME"))
    );
    stage.rm(&["one/a"]).await.unwrap();
    assert_eq!(
        hosts().matches(" a.lab.example\n").count(),
        1,
        "{}",
        hosts()
    );
    stage.rm(&["one"]).await.unwrap();
    assert_eq!(hosts().matches(".lab.example\n").count(), 2, "{}", hosts());
    let clusters = stage.clusters().await;
    let nodes = select::cluster(&clusters, "two").unwrap().nodes.iter();
    let names: Vec<&str> = nodes.map(|node| node.name.as_str()).collect();
    assert_eq!(names, ["a.lab.example", "b.lab.example"], "unique again");
    stage.rm(&["a.lab.example", "two/b"]).await.unwrap();
    assert_eq!(fake.snapshot(), engine().snapshot());
    assert_eq!(hosts(), "");
}

#[tokio::test(start_paused = true)]
async fn a_failed_start_leaves_its_twin() {
    let fake = engine();
    let stage = Stage::new(&fake);
    stage.start(twin("one")).await.unwrap();
    let before = fake.snapshot();
    fake.program("b.net-two", Program::dies(3));
    let wish = twin("two").each(|node| node.ready_when(Probe::command("true")));
    let error = stage.start(wish).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::Node, "node `b.lab.example` died")
    );
    assert_eq!(fake.snapshot(), before);
    let hosts = fs::read_to_string(&stage.paths.hosts_file).unwrap();
    assert_eq!(hosts.matches(" b.lab.example\n").count(), 1, "{hosts}");
}

#[tokio::test(start_paused = true)]
async fn names_taken_in_the_hosts_file_are_reported() {
    let (_, stage) = twins().await;
    let story = stage.story.text();
    let warning = format!(
        "a.lab.example and 1 more are already in {}, for cluster `one`: ",
        stage.paths.hosts_file.display()
    );
    assert_eq!(story.matches("already in").count(), 1, "{story}");
    assert!(story.contains(&warning), "{story}");
}

#[tokio::test(start_paused = true)]
async fn a_host_name_on_one_network_is_used_once_whatever_the_domain() {
    let fake = engine();
    let stage = Stage::new(&fake);
    stage.start(twin("one")).await.unwrap();
    let before = fake.snapshot();
    let other = twin("two").on("net-one", "other.example");
    let error = stage.start(other).await.unwrap_err();
    assert_eq!(
        (error.kind(), error.message()),
        (Kind::Conflict, "host name `a.net-one` is in use")
    );
    assert_eq!(fake.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn ssh_knows_each_twin_by_its_own_names() -> Result<(), Error> {
    let fake = engine_with_sshd();
    let stage = Stage::new(&fake);
    stage.start(twin("lab")).await?;
    let alone = stage.ssh_config().await?;
    assert!(alone.starts_with("Host a.lab.example lab/a a\n"), "{alone}");
    stage.start(twin("two")).await?;
    let config = stage.ssh_config().await?;
    assert!(config.starts_with("Host lab/a\n"), "{config}");
    assert!(config.contains("HostKeyAlias a.lab.example\n"), "{config}");
    Ok(())
}
