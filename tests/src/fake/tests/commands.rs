use bytes::Bytes;
use clusterdock::engine::{Chunk, ExecSession, ExecSpec};
use futures_util::{FutureExt, StreamExt};
use tokio::io::AsyncWriteExt;

use super::*;

fn command(line: &str) -> ExecSpec {
    ExecSpec {
        command: line.split(' ').map(String::from).collect(),
        ..ExecSpec::default()
    }
}

async fn output(session: &mut ExecSession) -> Vec<Chunk> {
    session.output.by_ref().map(Result::unwrap).collect().await
}

#[tokio::test]
async fn a_command_succeeds_silently_unless_told_otherwise() {
    let fake = fake_with_network();
    let id = started(&fake, &node("node-1")).await;
    let mut session = fake.exec(&id, &command("true")).await.unwrap();
    assert!(output(&mut session).await.is_empty());
    assert_eq!(fake.exec_exit_code(&session.id).await.unwrap(), Some(0));
}

#[tokio::test]
async fn commands_are_answered_by_a_closure_and_recorded() {
    let fake = fake_with_network();
    let id = started(&fake, &node("node-1")).await;
    fake.on_exec(|call| match call.line().as_str() {
        "hostname" => ExecAnswer::success().stdout(&call.container),
        _ => ExecAnswer::failure(127).stderr("not found"),
    });
    let mut session = fake.exec(&id, &command("hostname")).await.unwrap();
    assert_eq!(
        output(&mut session).await,
        [Chunk::Stdout(Bytes::from("node-1.cluster"))]
    );
    let mut session = fake.exec(&id, &command("nonsense")).await.unwrap();
    assert_eq!(
        output(&mut session).await,
        [Chunk::Stderr(Bytes::from("not found"))]
    );
    assert_eq!(fake.exec_exit_code(&session.id).await.unwrap(), Some(127));
    let lines: Vec<_> = fake.execs().iter().map(ExecCall::line).collect();
    assert_eq!(lines, ["hostname", "nonsense"]);
}

#[tokio::test]
async fn a_terminal_has_one_stream_and_a_size() {
    let fake = fake_with_network();
    let id = started(&fake, &node("node-1")).await;
    fake.on_exec(|_| ExecAnswer::success().stderr("oops"));
    let spec = ExecSpec {
        terminal: true,
        size: Some((24, 80)),
        ..command("top")
    };
    let mut session = fake.exec(&id, &spec).await.unwrap();
    assert_eq!(
        output(&mut session).await,
        [Chunk::Stdout(Bytes::from("oops"))]
    );
    assert_eq!(fake.exec_size(0), Some((24, 80)));
    fake.resize_exec(&session.id, 50, 100).await.unwrap();
    assert_eq!(fake.exec_size(0), Some((50, 100)));
}

#[tokio::test]
async fn a_command_with_input_runs_once_the_input_ends() {
    let fake = fake_with_network();
    let id = started(&fake, &node("node-1")).await;
    fake.on_exec(|call| ExecAnswer::success().stdout(&call.stdin));
    let mut session = fake
        .exec(
            &id,
            &ExecSpec {
                stdin: true,
                ..command("cat")
            },
        )
        .await
        .unwrap();
    session.input.write_all(b"one ").await.unwrap();
    session.input.write_all(b"two").await.unwrap();
    assert!(session.output.next().now_or_never().is_none());
    assert_eq!(fake.exec_exit_code(&session.id).await.unwrap(), None);
    session.input.shutdown().await.unwrap();
    assert_eq!(
        output(&mut session).await,
        [Chunk::Stdout(Bytes::from("one two"))]
    );
    session.input.write_all(b"three").await.unwrap_err();
}

#[tokio::test]
async fn a_detached_command_runs_without_output() {
    let fake = fake_with_network();
    let id = started(&fake, &node("node-1")).await;
    fake.on_exec(|_| ExecAnswer::failure(5).stdout("unheard"));
    let mut session = fake
        .exec(
            &id,
            &ExecSpec {
                detached: true,
                ..command("server")
            },
        )
        .await
        .unwrap();
    assert!(output(&mut session).await.is_empty());
    assert_eq!(fake.exec_exit_code(&session.id).await.unwrap(), Some(5));
}

#[tokio::test]
async fn an_endless_command_ends_with_its_container() {
    let fake = fake_with_network();
    let id = started(&fake, &node("node-1")).await;
    fake.on_exec(|_| ExecAnswer::endless().stdout("begun"));
    let mut session = fake.exec(&id, &command("sleep infinity")).await.unwrap();
    assert!(session.output.next().await.is_some());
    assert!(session.output.next().now_or_never().is_none());
    assert_eq!(fake.exec_exit_code(&session.id).await.unwrap(), None);
    fake.kill(&id, 137);
    assert!(session.output.next().await.is_none());
    assert_eq!(fake.exec_exit_code(&session.id).await.unwrap(), Some(137));
}

#[tokio::test]
async fn a_command_may_kill_its_container() {
    let fake = fake_with_network();
    let id = started(&fake, &node("node-1")).await;
    let engine = fake.clone();
    fake.on_exec(move |call| {
        engine.kill(&call.container, 1);
        ExecAnswer::success()
    });
    fake.exec(&id, &command("halt")).await.unwrap();
    assert_eq!(
        fake.container_state(&id).await.unwrap().state,
        State::Exited
    );
}

#[tokio::test]
async fn a_command_needs_a_running_container() {
    let fake = fake_with_network();
    let id = fake.create_container(&node("node-1")).await.unwrap();
    let (kind, message) = fault(fake.exec(&id, &command("true")).await);
    assert_eq!(
        (kind, message),
        (Fault::WrongState, format!("Container {id} is not running"))
    );
    assert_eq!(
        fault(fake.exec("nobody", &command("true")).await).0,
        Fault::NotFound
    );
    assert_eq!(fault(fake.exec_exit_code("none").await).0, Fault::NotFound);
    assert!(fake.execs().is_empty());
}
