//! When the process of a plugin ends: with its hook, its parent or its socket, and what it leaves behind.

use std::io::{BufRead, BufReader, IoSlice, Read};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::net::UnixStream;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use clusterdock::sink::Stream;
use clusterdock::topology::inspection::inspect;
use clusterdock::topology::plugin::Plugin;
use clusterdock::topology::plugin_process::GRACE;
use clusterdock_tests::plugins::{library, misbehaving_within};
use clusterdock_tests::program;
use rustix::net::{SendAncillaryBuffer, SendAncillaryMessage, SendFlags, sendmsg};
use rustix::process::{Pid, Signal, kill_process};

use super::process::{Recorder, Unanswering, behaving, start};

#[tokio::test]
async fn dropping_a_hook_cancels_its_calls() {
    let (plugin, lines) = behaving("wait").await;
    let host = Unanswering::default();
    tokio::select! {
        result = start(&plugin, &host) => panic!("it waits for an answer that does not come: {result:?}"),
        () = host.asked.notified() => {}
    }
    let error = plugin.declare().await.unwrap_err();
    assert_eq!(
        error.message(),
        "plugin `topology_x` cannot be used in `declare`: an earlier call was cancelled"
    );
    let before = Instant::now();
    plugin.shut_down().await;
    assert!(before.elapsed() < GRACE, "it was waited for in vain");
    assert!(lines.of(Stream::Stderr).is_empty());
}

#[tokio::test]
async fn a_hook_that_ignores_its_cancellation_is_killed() {
    let (plugin, _) = misbehaving_within("endless-start", Duration::from_secs(30)).await;
    let plugin = plugin.unwrap();
    let impatient = tokio::time::timeout(
        Duration::from_millis(50),
        start(&plugin, &Recorder::default()),
    )
    .await;
    assert!(impatient.is_err());
    let before = Instant::now();
    plugin.shut_down().await;
    let took = before.elapsed();
    assert!((GRACE..GRACE * 30).contains(&took), "{took:?}");
}

#[tokio::test]
async fn a_process_left_behind_does_not_delay_the_shutdown() {
    let (plugin, lines) = behaving("leave-process-behind").await;
    start(&plugin, &Recorder::default()).await.unwrap();
    let before = Instant::now();
    plugin.shut_down().await;
    assert!(before.elapsed() < GRACE);
    let left = lines.of(Stream::Stdout)[0].parse().unwrap();
    kill_process(Pid::from_raw(left).unwrap(), Signal::KILL).unwrap();
}

/// Sends a library as the host does: its digest, and the open file beside it.
fn send_library(socket: &UnixStream) {
    let library = library("topology_nodebase");
    let digest = inspect(&library).unwrap().digest;
    let file = std::fs::File::open(&library).unwrap();
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    let mut control = SendAncillaryBuffer::new(&mut space);
    let files = [file.as_fd()];
    control.push(SendAncillaryMessage::ScmRights(&files));
    sendmsg(
        socket,
        &[IoSlice::new(digest.as_bytes())],
        &mut control,
        SendFlags::empty(),
    )
    .unwrap();
}

/// Starts a plugin process from a shell, which prints its id and waits; the test keeps this end of the socket.
fn started_by_a_shell() -> (Child, Pid, UnixStream) {
    let (ours, theirs) = UnixStream::pair().unwrap();
    ours.set_read_timeout(Some(Duration::from_secs(60)))
        .unwrap();
    send_library(&ours);
    let program = program::clusterdock().display();
    let script = format!("exec 3<&0; {program} __plugin $$ <&3 & echo $!; exec 3<&-; wait $!");
    let mut shell = Command::new("sh");
    let mut shell = shell
        .args(["-c", &script])
        .stdin(OwnedFd::from(theirs))
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut id = String::new();
    BufReader::new(shell.stdout.take().unwrap())
        .read_line(&mut id)
        .unwrap();
    (
        shell,
        Pid::from_raw(id.trim().parse().unwrap()).unwrap(),
        ours,
    )
}

#[test]
fn a_plugin_dies_with_the_process_that_started_it() {
    let (mut shell, _, mut socket) = started_by_a_shell();
    shell.kill().unwrap();
    shell.wait().unwrap();
    // The plugin's process has the only other end, so the socket ends when it does.
    match socket.read(&mut [0]) {
        Ok(read) => assert_eq!(read, 0),
        // It had not even received the library.
        Err(error) => assert_eq!(error.kind(), std::io::ErrorKind::ConnectionReset),
    }
}

#[test]
fn a_plugin_ends_when_its_parent_closes_the_socket() {
    let (mut shell, _, socket) = started_by_a_shell();
    drop(socket);
    assert_eq!(shell.wait().unwrap().code(), Some(128 + 9));
}

#[test]
fn a_plugin_process_cannot_be_started_by_hand() {
    let status = Command::new(program::clusterdock())
        .args(["__plugin", "1"])
        .status()
        .unwrap();
    assert_eq!(status.code(), Some(1));
}

#[tokio::test]
async fn terminal_signals_end_children_but_not_the_plugin() {
    let (plugin, _) = behaving("signal").await;
    let host = Recorder::default();
    start(&plugin, &host).await.unwrap();
    assert_eq!(
        host.calls.into_inner().unwrap()[0].1,
        r#"{"message":"still here"}"#
    );
}
