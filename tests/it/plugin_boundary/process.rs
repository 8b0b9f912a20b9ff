//! A plugin that behaves, in a process of its own: it is asked, its calls are answered, and it ends when it should.

use clusterdock::error::Kind;
use clusterdock::topology::cache;
use clusterdock::topology::inspect::inspect;
use clusterdock::topology::plugin::{Hook, HostCalls, Plugin};
use clusterdock::topology::process::{GRACE, PluginProcess, Stream};
use clusterdock_plugin_api::ops::{ClusterFacts, NodeFacts, Operation};
use clusterdock_plugin_api::{Code, Error, Request, ops};
use clusterdock_tests::plugins::{self, Lines, library, misbehaving, misbehaving_within};
use clusterdock_tests::program;
use rustix::process::{Pid, Signal, kill_process};
use std::io::{BufRead, BufReader, Read};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::{Duration, Instant};
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
    ) -> clusterdock_plugin_api::Result<(String, Vec<u8>)> {
        self.calls.lock().unwrap().push((name.into(), input.into(), payload));
        match name {
            "commit" => Err(Error::with_code(Code::Unsupported, "this host knows no operation `commit`")),
            "wait-for" => Err(Error::with_code(Code::Timeout, "port 1 of node `node-1` was not open in time")),
            _ => Ok(("null".into(), Vec::new())),
        }
    }
}

pub(super) fn facts() -> ClusterFacts {
    let node = NodeFacts { hostname: "node-1".into(), fqdn: "node-1.cluster".into(), ..NodeFacts::default() };
    ClusterFacts { name: "a".into(), network: "cluster".into(), nodes: vec![node] }
}

pub(super) fn request() -> Request {
    let groups = [("nodes".to_string(), vec!["node-1".to_string()])].into();
    Request { cluster: "a".into(), network: "cluster".into(), groups, ..Request::default() }
}

pub(super) async fn start(plugin: &PluginProcess, host: &dyn HostCalls) -> clusterdock::error::Result<()> {
    let (facts, request) = (facts(), request());
    let hook = plugin.hook(Hook::Start, &facts, &request, host);
    tokio::time::timeout(Duration::from_secs(60), hook).await.expect("no hook of these tests lasts")
}

async fn behaving(what: &str) -> (PluginProcess, Lines) {
    let (plugin, lines) = misbehaving(what).await;
    (plugin.unwrap(), lines)
}

#[tokio::test]
async fn a_plugin_declares_itself_names_its_nodes_and_runs_its_hook() {
    let (plugin, _) = behaving("not-at-all").await;
    assert_eq!(plugin.declare().await.unwrap().groups[0].default_nodes, ["node-1"]);
    assert_eq!(plugin.nodes(&request()).await.unwrap()[0].hostname, "node-1");

    let host = Recorder::default();
    start(&plugin, &host).await.unwrap();
    let calls = host.calls.into_inner().unwrap();
    assert_eq!(calls, [("progress".into(), r#"{"message":"well-behaved"}"#.into(), Vec::new())]);
    plugin.shut_down().await;
}

#[tokio::test]
async fn calls_of_several_threads_are_answered_each_with_its_own_payload() {
    let (plugin, _) = behaving("call-from-threads").await;
    let host = Recorder::default();
    start(&plugin, &host).await.unwrap();
    let mut files: Vec<(String, Vec<u8>)> = Vec::new();
    for (name, input, payload) in host.calls.into_inner().unwrap() {
        assert_eq!(name, ops::PutFile::NAME);
        files.push((serde_json::from_str::<ops::PutFile>(&input).unwrap().path, payload));
    }
    files.sort();
    let expected: Vec<_> = (0..8).map(|number| (format!("/{number}"), vec![number; 100_000])).collect();
    assert!(files == expected, "the payloads belong to other calls, or are not whole");
}

#[tokio::test]
async fn what_a_plugin_prints_goes_to_the_parent_by_lines_and_so_does_what_it_starts() {
    let (plugin, lines) = behaving("print").await;
    start(&plugin, &Recorder::default()).await.unwrap();
    plugin.shut_down().await;
    let printed = lines.of(Stream::Stdout);
    assert_eq!(printed[..2], ["on stdout", "from a child"]);
    assert_eq!(printed[2..].iter().map(String::len).sum::<usize>(), 200_000);
    assert!(printed[2..].len() > 1, "a line that is too long comes in pieces");
    assert_eq!(lines.of(Stream::Stderr), ["on stderr"]);
}

#[tokio::test]
async fn records_of_the_log_crate_go_to_the_host_and_outside_of_hooks_to_standard_error() {
    let (plugin, _) = behaving("log").await;
    let host = Recorder::default();
    start(&plugin, &host).await.unwrap();
    let (name, input, _) = host.calls.into_inner().unwrap().remove(0);
    assert_eq!(name, "log");
    assert_eq!(input, r#"{"level":"info","target":"topology_misbehave","message":"about a"}"#);

    let (plugin, lines) = behaving("log-in-declare").await;
    plugin.declare().await.unwrap();
    plugin.shut_down().await;
    assert_eq!(lines.of(Stream::Stderr), ["warn: topology_misbehave: declared"]);
}

#[tokio::test]
async fn a_plugin_finds_its_standard_input_empty() {
    let (plugin, _) = behaving("read-stdin").await;
    let error = start(&plugin, &Recorder::default()).await.unwrap_err();
    assert_eq!(error.causes(), ["standard input has 0 bytes"]);
}

#[tokio::test]
async fn errors_of_the_plugin_and_of_the_host_keep_their_chain_and_their_kind() {
    let error_of = async |what| start(&behaving(what).await.0, &Recorder::default()).await.unwrap_err();

    let error = error_of("fail-with-chain").await;
    assert_eq!(error.message(), "plugin `topology_x` failed in its start hook");
    assert_eq!(error.causes(), ["outer", "inner", "invalid digit found in string"]);
    assert_eq!(error.kind(), Kind::Hook);

    let error = error_of("wait").await;
    assert_eq!(error.causes(), ["in the hook", "port 1 of node `node-1` was not open in time"]);
    assert_eq!(error.kind(), Kind::Timeout);

    let error = error_of("unknown-operation").await;
    assert_eq!(error.causes(), ["this host knows no operation `commit`"]);
    assert_eq!(error.kind(), Kind::Hook);

    let error = behaving("refuse").await.0.nodes(&request()).await.unwrap_err();
    assert_eq!(error.to_string(), "plugin `topology_x` refused the request: no node will do");
}

#[tokio::test]
async fn a_handle_that_is_kept_after_its_hook_is_closed() {
    let (plugin, _) = behaving("keep-handle").await;
    start(&plugin, &Recorder::default()).await.unwrap();
    let host = Recorder::default();
    let error = plugin.hook(Hook::Build, &facts(), &request(), &host).await.unwrap_err();
    assert_eq!(error.causes(), ["Closed"]);
    assert!(host.calls.into_inner().unwrap().is_empty(), "the late call did not reach the host");
}

/// Answers `progress` when it has got a `wait-for`, which it never answers.
#[derive(Default)]
struct Unanswering {
    asked: Notify,
}

#[async_trait::async_trait]
impl HostCalls for Unanswering {
    async fn call(&self, name: &str, _: &str, _: Vec<u8>) -> clusterdock_plugin_api::Result<(String, Vec<u8>)> {
        if name == "wait-for" {
            self.asked.notify_one();
            std::future::pending::<()>().await;
        }
        self.asked.notified().await;
        Ok(("null".into(), Vec::new()))
    }
}

#[tokio::test]
async fn a_call_that_waits_when_its_hook_returns_is_closed() {
    let (plugin, _) = behaving("leave-call-behind").await;
    start(&plugin, &Unanswering::default()).await.unwrap();
    let error = plugin.hook(Hook::Build, &facts(), &request(), &Recorder::default()).await.unwrap_err();
    assert_eq!(error.causes(), ["Closed"]);
}

/// Panics in every call.
struct Panicking;

#[async_trait::async_trait]
impl HostCalls for Panicking {
    async fn call(&self, _: &str, _: &str, _: Vec<u8>) -> clusterdock_plugin_api::Result<(String, Vec<u8>)> {
        panic!("a bug")
    }
}

#[tokio::test]
async fn a_panic_of_the_host_in_a_call_is_the_hooks_to_hear_of() {
    let (plugin, _) = behaving("not-at-all").await;
    let error = start(&plugin, &Panicking).await.unwrap_err();
    assert_eq!(error.causes(), ["clusterdock panicked in operation `progress`"]);
}

#[tokio::test]
async fn dropping_a_hook_cancels_its_calls_and_the_plugin_ends_in_peace() {
    let (plugin, lines) = behaving("wait").await;
    let host = Unanswering::default();
    tokio::select! {
        result = start(&plugin, &host) => panic!("it waits for an answer that does not come: {result:?}"),
        () = host.asked.notified() => {}
    }
    let error = plugin.declare().await.unwrap_err();
    assert_eq!(error.message(), "plugin `topology_x` cannot be used in `declare`: an earlier call was cancelled");
    let before = Instant::now();
    plugin.shut_down().await;
    assert!(before.elapsed() < GRACE, "it was waited for in vain");
    assert!(lines.of(Stream::Stderr).is_empty());
}

#[tokio::test]
async fn a_hook_that_does_not_heed_its_cancellation_is_killed_in_the_end() {
    let (plugin, _) = misbehaving_within("endless-start", Duration::from_secs(30)).await;
    let plugin = plugin.unwrap();
    let impatient = tokio::time::timeout(Duration::from_millis(50), start(&plugin, &Recorder::default())).await;
    assert!(impatient.is_err());
    let before = Instant::now();
    plugin.shut_down().await;
    let took = before.elapsed();
    assert!((GRACE..GRACE * 5).contains(&took), "{took:?}");
}

#[tokio::test]
async fn overwriting_a_library_while_it_is_loaded_does_no_harm() {
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
async fn a_process_that_a_plugin_leaves_behind_does_not_hold_up_the_end() {
    let (plugin, lines) = behaving("leave-process-behind").await;
    start(&plugin, &Recorder::default()).await.unwrap();
    let before = Instant::now();
    plugin.shut_down().await;
    assert!(before.elapsed() < GRACE);
    let left = lines.of(Stream::Stdout)[0].parse().unwrap();
    kill_process(Pid::from_raw(left).unwrap(), Signal::KILL).unwrap();
}

/// Starts a plugin's process from a shell, which tells its id and waits; this end of the socket is the test's.
fn started_by_a_shell() -> (Child, Pid, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let (program, library) = (program::clusterdock().display(), library("topology_nodebase"));
    let script = format!("exec 3<&0; {program} __plugin $$ {} <&3 & echo $!; exec 3<&-; wait $!", library.display());
    let mut shell = Command::new("sh");
    let mut shell = shell.args(["-c", &script]).stdin(OwnedFd::from(theirs)).stdout(Stdio::piped()).spawn().unwrap();
    let mut id = String::new();
    BufReader::new(shell.stdout.take().unwrap()).read_line(&mut id).unwrap();
    (shell, Pid::from_raw(id.trim().parse().unwrap()).unwrap(), ours)
}

#[test]
fn a_plugin_dies_with_the_process_that_started_it() {
    let (mut shell, _, mut socket) = started_by_a_shell();
    shell.kill().unwrap();
    shell.wait().unwrap();
    // The plugin's process has the only other end, so the socket ends when it does.
    assert_eq!(socket.read(&mut [0]).unwrap(), 0);
}

#[test]
fn a_plugin_ends_when_its_parent_closes_the_socket() {
    let (mut shell, _, socket) = started_by_a_shell();
    drop(socket);
    assert_eq!(shell.wait().unwrap().code(), Some(128 + 9));
}

#[test]
fn a_plugins_process_is_nothing_that_another_may_start() {
    let status = Command::new(program::clusterdock()).args(["__plugin", "1", "/x.so"]).status().unwrap();
    assert_eq!(status.code(), Some(1));
}

#[tokio::test]
async fn signals_of_the_terminal_do_not_end_a_plugin_but_what_it_starts() {
    let (plugin, _) = behaving("signal").await;
    let host = Recorder::default();
    start(&plugin, &host).await.unwrap();
    assert_eq!(host.calls.into_inner().unwrap()[0].1, r#"{"message":"still here"}"#);
}
