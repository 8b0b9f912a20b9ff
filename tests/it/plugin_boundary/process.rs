//! A well-behaved plugin in its own process: requests, calls and output.

use std::process::Command;
use std::sync::Mutex;
use std::time::Duration;

use clusterdock::error::Kind;
use clusterdock::sink::Stream;
use clusterdock::topology::cache;
use clusterdock::topology::held::Held;
use clusterdock::topology::inspection::inspect;
use clusterdock::topology::plugin::{Hook, HostCalls, Plugin};
use clusterdock::topology::plugin_process::PluginProcess;
use clusterdock_plugin_wire::ops::{self, Operation};
use clusterdock_plugin_wire::{
    ClusterFacts, Code, DefaultNodes, Error, HookCall, NodeFacts, Request, RequestedNode,
};
use clusterdock_tests::plugins::{self, Lines, library, misbehaving};
use clusterdock_tests::program;
use clusterdock_tests::run::Run;
use clusterdock_tests::scene::skipped;
use tokio::sync::Notify;

/// A host that records what it is asked, and answers everything with nothing.
#[derive(Default)]
pub(super) struct Recorder {
    pub(super) calls: Mutex<Vec<(String, String, Vec<u8>)>>,
}

#[async_trait::async_trait]
impl HostCalls for Recorder {
    async fn call(
        &self,
        name: &str,
        input: &str,
        payload: Vec<u8>,
    ) -> clusterdock_plugin_wire::Result<(String, Vec<u8>)> {
        self.calls
            .lock()
            .unwrap()
            .push((name.into(), input.into(), payload));
        match name {
            "commit" => Err(Error::with_code(
                Code::Unsupported,
                "this host knows no operation `commit`",
            )),
            "wait-for" => Err(Error::with_code(
                Code::Timeout,
                "port 1 of node `node-1` was not open in time",
            )),
            _ => Ok(("null".into(), Vec::new())),
        }
    }
}

pub(super) fn facts() -> ClusterFacts {
    let node = NodeFacts {
        group: "nodes".into(),
        number: 1,
        hostname: "node-1".into(),
        fqdn: "node-1.cluster".into(),
        ..NodeFacts::default()
    };
    ClusterFacts {
        name: "a".into(),
        network: "cluster".into(),
        domain: "cluster".into(),
        nodes: vec![node],
        ..ClusterFacts::default()
    }
}

pub(super) fn request() -> Request {
    let node = RequestedNode {
        group: "nodes".into(),
        number: 1,
        hostname: "node-1".into(),
        fqdn: "node-1.cluster".into(),
    };
    Request {
        cluster: "a".into(),
        network: "cluster".into(),
        domain: "cluster".into(),
        nodes: vec![node],
        ..Request::default()
    }
}

fn call_of(hook: Hook) -> HookCall {
    HookCall::new(hook, facts(), request())
}

pub(super) async fn start(
    plugin: &PluginProcess,
    host: &dyn HostCalls,
) -> clusterdock::error::Result<()> {
    let call = call_of(Hook::Start);
    let hook = plugin.hook(&call, host);
    tokio::time::timeout(Duration::from_secs(60), hook)
        .await
        .expect("no hook of these tests lasts")
}

pub(super) async fn behaving(what: &str) -> (PluginProcess, Lines) {
    let (plugin, lines) = misbehaving(what).await;
    (plugin.unwrap(), lines)
}

#[tokio::test]
async fn a_plugin_declares_itself_and_runs_its_hook() {
    let (plugin, _) = behaving("not-at-all").await;
    assert_eq!(
        plugin.declare().await.unwrap().groups[0].nodes,
        DefaultNodes::Named(vec!["node-1".into()])
    );
    assert_eq!(
        plugin.nodes(&request()).await.unwrap()[0].hostname,
        "node-1"
    );

    let host = Recorder::default();
    start(&plugin, &host).await.unwrap();
    let calls = host.calls.into_inner().unwrap();
    assert_eq!(
        calls,
        [(
            "progress".into(),
            r#"{"message":"well-behaved"}"#.into(),
            Vec::new()
        )]
    );
    plugin.shut_down().await;
}

#[tokio::test]
async fn calls_of_several_threads_keep_their_payloads() {
    let (plugin, _) = behaving("call-from-threads").await;
    let host = Recorder::default();
    start(&plugin, &host).await.unwrap();
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, input, payload) in host.calls.into_inner().unwrap() {
        assert_eq!(name, ops::PutFile::NAME);
        files.push((
            serde_json::from_str::<ops::PutFile>(&input).unwrap().path,
            payload,
        ));
    }
    files.sort();
    let expected: Vec<_> = (0..8)
        .map(|number| (format!("/{number}"), vec![number; 100_000]))
        .collect();
    assert!(
        files == expected,
        "the payloads belong to other calls, or are not whole"
    );
}

#[tokio::test]
async fn output_of_a_plugin_and_its_children_arrives_by_lines() {
    let (plugin, lines) = behaving("print").await;
    start(&plugin, &Recorder::default()).await.unwrap();
    plugin.shut_down().await;
    let printed = lines.of(Stream::Stdout);
    assert_eq!(printed[..2], ["on stdout", "from a child"]);
    assert_eq!(printed[2..].iter().map(String::len).sum::<usize>(), 200_000);
    assert!(
        printed[2..].len() > 1,
        "a line that is too long comes in pieces"
    );
    assert_eq!(lines.of(Stream::Stderr), ["on stderr"]);
}

#[tokio::test]
async fn log_records_reach_the_host_or_standard_error() {
    let (plugin, _) = behaving("log").await;
    let host = Recorder::default();
    start(&plugin, &host).await.unwrap();
    let (name, input, _) = host.calls.into_inner().unwrap().remove(0);
    assert_eq!(name, "log");
    assert_eq!(
        input,
        r#"{"level":"info","target":"topology_misbehave","message":"about a"}"#
    );

    let (plugin, lines) = behaving("log-in-declare").await;
    plugin.declare().await.unwrap();
    plugin.shut_down().await;
    assert_eq!(
        lines.of(Stream::Stderr),
        ["warn: topology_misbehave: declared"]
    );
}

#[tokio::test]
async fn a_plugin_finds_its_standard_input_empty() {
    let (plugin, _) = behaving("read-stdin").await;
    let error = start(&plugin, &Recorder::default()).await.unwrap_err();
    assert_eq!(error.causes(), ["standard input has 0 bytes"]);
}

#[tokio::test]
async fn errors_keep_their_causes_and_their_kind() {
    let error_of = async |what| {
        start(&behaving(what).await.0, &Recorder::default())
            .await
            .unwrap_err()
    };

    let error = error_of("fail-with-chain").await;
    assert_eq!(
        error.message(),
        "plugin `topology_x` failed in its start hook"
    );
    assert_eq!(
        error.causes(),
        ["outer", "inner", "invalid digit found in string"]
    );
    assert_eq!(error.kind(), Kind::Hook);

    let error = error_of("wait").await;
    assert_eq!(
        error.causes(),
        [
            "in the hook",
            "port 1 of node `node-1` was not open in time"
        ]
    );
    assert_eq!(error.kind(), Kind::Timeout);

    let error = error_of("unknown-operation").await;
    assert_eq!(error.causes(), ["this host knows no operation `commit`"]);
    assert_eq!(error.kind(), Kind::Hook);

    let error = behaving("refuse")
        .await
        .0
        .nodes(&request())
        .await
        .unwrap_err();
    assert_eq!(
        error.to_string(),
        "plugin `topology_x` rejected the request: no node will do"
    );
}

#[tokio::test]
async fn a_handle_kept_after_its_hook_is_closed() {
    let (plugin, _) = behaving("keep-handle").await;
    start(&plugin, &Recorder::default()).await.unwrap();
    let host = Recorder::default();
    let error = plugin.hook(&call_of(Hook::Build), &host).await.unwrap_err();
    assert_eq!(error.causes(), ["Closed"]);
    assert!(
        host.calls.into_inner().unwrap().is_empty(),
        "the late call did not reach the host"
    );
}

/// Answers `progress` when it has got a `wait-for`, which it never answers.
#[derive(Default)]
pub(super) struct Unanswering {
    pub(super) asked: Notify,
}

#[async_trait::async_trait]
impl HostCalls for Unanswering {
    async fn call(
        &self,
        name: &str,
        _: &str,
        _: Vec<u8>,
    ) -> clusterdock_plugin_wire::Result<(String, Vec<u8>)> {
        if name == "wait-for" {
            self.asked.notify_one();
            std::future::pending::<()>().await;
        }
        self.asked.notified().await;
        Ok(("null".into(), Vec::new()))
    }
}

#[tokio::test]
async fn a_call_pending_when_its_hook_returns_is_closed() {
    let (plugin, _) = behaving("leave-call-behind").await;
    start(&plugin, &Unanswering::default()).await.unwrap();
    let error = plugin
        .hook(&call_of(Hook::Build), &Recorder::default())
        .await
        .unwrap_err();
    assert_eq!(error.causes(), ["Closed"]);
}

/// Panics in every call.
struct Panicking;

#[async_trait::async_trait]
impl HostCalls for Panicking {
    async fn call(
        &self,
        _: &str,
        _: &str,
        _: Vec<u8>,
    ) -> clusterdock_plugin_wire::Result<(String, Vec<u8>)> {
        panic!("a bug")
    }
}

#[tokio::test]
async fn a_panic_of_the_host_fails_the_call() {
    let (plugin, _) = behaving("not-at-all").await;
    let error = start(&plugin, &Panicking).await.unwrap_err();
    assert_eq!(
        error.causes(),
        ["clusterdock panicked in operation `progress`"]
    );
}

#[tokio::test]
async fn overwriting_a_loaded_library_does_no_harm() {
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("libtopology_x.so");
    std::fs::copy(library("topology_nodebase"), &original).unwrap();
    let copy = cache::keep(folder.path(), &inspect(&original).unwrap()).unwrap();
    let (plugin, _) = plugins::spawn(program::clusterdock(), &copy, Duration::from_secs(30)).await;
    let plugin = plugin.unwrap();
    std::fs::write(&original, vec![0; 1 << 20]).unwrap();
    assert_eq!(plugin.declare().await.unwrap().groups[0].name, "nodes");
    assert_eq!(plugin.nodes(&request()).await.unwrap().len(), 1);
    start(&plugin, &Recorder::default()).await.unwrap();
}

#[tokio::test]
async fn the_checked_library_is_loaded_even_if_files_change() {
    let folder = tempfile::tempdir().unwrap();
    let original = folder.path().join("libtopology_x.so");
    std::fs::copy(library("topology_nodebase"), &original).unwrap();
    let inspected = inspect(&original).unwrap();
    let copy = cache::keep(folder.path(), &inspected).unwrap();
    let in_memory = Held::new(&inspected, &copy).unwrap();
    let of_copy = Held::of_copy(&copy, &inspected.digest).unwrap();
    for path in [&original, &copy] {
        std::fs::remove_file(path).unwrap();
        std::fs::copy(library("topology_misbehave"), path).unwrap();
    }
    for held in [in_memory, of_copy] {
        let (plugin, _) =
            plugins::spawn_held(program::clusterdock(), &held, Duration::from_secs(30)).await;
        assert_eq!(
            plugin.unwrap().declare().await.unwrap().start_args()[0].name,
            "node-disks"
        );
    }
}

/// A file system in memory from which nothing may be run, until dropped.
struct Noexec(std::path::PathBuf);

impl Noexec {
    fn mount(place: &std::path::Path) -> Option<Noexec> {
        let mount = Command::new("mount")
            .args(["-t", "tmpfs", "-o", "noexec,mode=700", "tmpfs"])
            .arg(place)
            .output();
        mount
            .is_ok_and(|mount| mount.status.success())
            .then(|| Noexec(place.into()))
    }
}

impl Drop for Noexec {
    fn drop(&mut self) {
        drop(Command::new("umount").arg("-l").arg(&self.0).status());
    }
}

#[test]
fn a_noexec_mount_is_reported() {
    let folder = tempfile::tempdir().unwrap();
    let Some(_mount) = Noexec::mount(folder.path()) else {
        return skipped("only root can mount a file system noexec");
    };
    let inspected = inspect(&library("topology_nodebase")).unwrap();
    let copy = cache::keep(folder.path(), &inspected).unwrap();
    let error = Held::of_copy(&copy, &inspected.digest).unwrap_err();
    assert_eq!(error.causes(), ["its file system is mounted noexec"]);
    assert!(
        error
            .next_step()
            .unwrap()
            .contains("--clusterdock-config-directory")
    );
    // In memory it can be loaded all the same.
    let run = Run::new(["start"])
        .args([library("topology_nodebase")])
        .args(["-h"])
        .config(folder.path());
    run.succeeds();
}
