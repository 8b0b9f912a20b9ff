//! Starts that fail by themselves, and the calls of a start.

use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt;

use clusterdock::engine::{EngineError, Fault};
use clusterdock::error::Kind;
use clusterdock_plugin_wire::{Port, Probe};
use clusterdock_tests::fake::{EngineGeneration, ExecAnswer, FakeEngine, Program};

use super::{IMAGE, Stage, Wish, engine};

#[tokio::test(start_paused = true)]
async fn a_start_makes_no_call_twice() {
    let fake = engine();
    Stage::new(&fake)
        .start(Wish::of(&["a", "b"]))
        .await
        .unwrap();
    let calls: Vec<String> = fake.calls().iter().map(ToString::to_string).collect();
    // The order of concurrent calls does not matter.
    let mut calls: Vec<String> = calls.iter().map(|call| without_run(call)).collect();
    calls.sort();
    let expected = [
        "containers ``",                        // what is there
        "containers `com.clusterdock.run=RUN`", // whether every node still runs
        "create_container `a.cluster`",
        "create_container `b.cluster`",
        "create_network `cluster`",
        "create_volume `clusterdock-lab`",
        "deaths `com.clusterdock.run=RUN`",
        "image `clusterdock/topology_lab:1`",
        "info ``", // who it is, and where it logs
        "missing_capabilities ``",
        "networks ``",
        "put_archive `a.cluster`", // the record of a completed start
        "start_container `a.cluster`",
        "start_container `b.cluster`",
        "volumes `com.clusterdock.clusterdock`",
        "volumes `com.clusterdock.run=RUN`", // whether the record is the one that was created
    ];
    assert_eq!(calls, expected);
    let order = |method: &str| {
        fake.calls()
            .iter()
            .rposition(|call| call.method == method)
            .unwrap()
    };
    assert!(
        order("create_volume") < order("create_container"),
        "the record comes first"
    );
    assert!(
        order("put_archive") < order("containers"),
        "it is written once the start is complete"
    );
    assert_eq!(
        order("containers"),
        calls.len() - 1,
        "and the last look is the last act"
    );
}

/// A call with the run's random word replaced.
pub(super) fn without_run(call: &str) -> String {
    let is_run = |word: &&str| word.len() == 16 && word.chars().all(|c| c.is_ascii_hexdigit());
    let run = call
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find(is_run);
    run.map_or(call.into(), |run| call.replace(run, "RUN"))
}

#[tokio::test(start_paused = true)]
async fn a_death_ends_the_start_with_the_last_log_lines() {
    let fake = engine();
    fake.program(
        "b.cluster",
        Program::dies(3).says("about to fail").complains("no disk"),
    );
    fake.on_exec(|_| ExecAnswer::failure(1));
    let before = fake.snapshot();
    let stage = Stage::new(&fake);
    let began = tokio::time::Instant::now();
    let wish = Wish::of(&["a", "b"]).each(|node| node.ready_when(Probe::command("false")));
    let error = stage.start(wish).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Node, "{error}");
    let message = error.to_string();
    for text in ["node `b.cluster` died", "exit code 3", "no disk"] {
        assert!(message.contains(text), "{message}");
    }
    assert!(
        began.elapsed().as_secs() < 5,
        "it waited for {:?}",
        began.elapsed()
    );
    assert_eq!(fake.snapshot(), before);
    let logs = stage.paths.config.join("logs");
    let folder = std::fs::read_dir(&logs)
        .unwrap()
        .next()
        .unwrap()
        .unwrap()
        .path();
    let mode =
        |path: &std::path::Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&logs), mode(&folder)), (0o700, 0o700));
    for log in std::fs::read_dir(&folder).unwrap() {
        assert_eq!(
            mode(&log.unwrap().path()),
            0o600,
            "programs log passwords, too"
        );
    }
    let log = std::fs::read_to_string(folder.join("b.cluster.log")).unwrap();
    assert!(log.contains("about to fail"), "{log}");
    assert!(
        error
            .next_step()
            .unwrap()
            .contains(&folder.display().to_string()),
        "{error:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_death_of_a_node_without_probes_fails_the_start() {
    let fake = engine();
    fake.program("a.cluster", Program::dies(1));
    let before = fake.snapshot();
    let error = Stage::new(&fake).start(Wish::of(&["a"])).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Node, "{error}");
    assert_eq!(fake.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn a_probe_that_never_holds_is_named_in_the_timeout() {
    let fake = engine();
    fake.on_exec(|_| ExecAnswer::failure(1));
    let before = fake.snapshot();
    let wish = Wish::of(&["a"]).each(|node| node.ready_when(Probe::command("false")));
    let error = Stage::new(&fake).start(wish).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Timeout);
    for text in ["1m", "a.cluster", "command `false`"] {
        assert!(error.to_string().contains(text), "{error}");
    }
    assert_eq!(fake.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn a_retained_cluster_is_kept_and_reported() {
    let fake = engine();
    fake.program("b.cluster", Program::dies(1));
    let stage = Stage::new(&fake);
    let mut wish = Wish::of(&["a", "b"]);
    wish.keep = true;
    stage.start(wish).await.unwrap_err();
    assert_eq!(stage.clusters().await.len(), 1);
    assert!(
        stage.story.text().contains("clusterdock rm lab"),
        "{}",
        stage.story.text()
    );
}

#[tokio::test(start_paused = true)]
async fn a_host_port_in_use_is_a_conflict() {
    let fake = engine();
    // Every port of the machine is in use by programs that this process cannot see.
    (20_000..32_768).for_each(|port| fake.take_port(IpAddr::V4(Ipv4Addr::LOCALHOST), port));
    let before = fake.snapshot();
    let wish = Wish::of(&["a", "b"]).each(|node| node.port(Port::tcp(80)));
    let error = Stage::new(&fake).start(wish).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Conflict);
    assert!(
        error.to_string().contains("port is already allocated"),
        "{error}"
    );
    assert_eq!(
        error.next_step(),
        Some("choose another host port, or omit it: -p NODE:CONTAINER")
    );
    assert_eq!(fake.snapshot(), before);
}

#[tokio::test(start_paused = true)]
async fn an_image_may_be_named_like_a_network() {
    let fake = engine();
    let missing = EngineError::new(Fault::NotFound, "No such image: my/network:1");
    fake.fail(("create_container", 0), missing);
    let error = Stage::new(&fake).start(Wish::of(&["a"])).await.unwrap_err();
    assert_eq!(error.kind(), Kind::Image);
}

#[tokio::test(start_paused = true)]
async fn an_old_remote_engine_grants_the_capabilities_it_has() {
    for lacking in ["SYS_RESOURCE", "SYS_ADMIN"] {
        let fake = FakeEngine::at("tcp://elsewhere:2375", EngineGeneration::V20);
        fake.seed().image(IMAGE);
        fake.lack_capability(lacking);
        let stage = Stage::new(&fake);
        stage.start(Wish::of(&["a", "b"])).await.unwrap();
        let story = stage.story.text();
        assert!(story.contains(&format!("CAP_{lacking}")), "{story}");
        assert_eq!(stage.clusters().await[0].nodes.len(), 2);
    }
}
