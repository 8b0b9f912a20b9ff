//! Hostile servers at an engine's address: every answer is bounded, and none is trusted.

use std::io;
use std::time::Duration;

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::future::BoxFuture;
use tokio::io::AsyncReadExt;

use super::*;
use crate::engine::{BuildSpec, EngineError, ExecSpec, Execs, Files, Images, LogOptions, Streams};

/// More than the longest answer that is read.
const ENDLESS: usize = 256 * 1024 * 1024;

/// Writes the answer to a request.
type Script = fn(UnixStream) -> BoxFuture<'static, io::Result<()>>;

/// An engine that reports its version, and then runs a script.
fn hostile(script: Script) -> (Docker, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&path).unwrap();
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            tokio::spawn(async move {
                let mut head = Vec::new();
                while !head.ends_with(b"\r\n\r\n") {
                    head.push(stream.read_u8().await?);
                }
                if head.starts_with(b"GET /version ") {
                    let length = VERSION.len();
                    let text = format!(
                        "HTTP/1.1 200 OK\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{VERSION}"
                    );
                    return stream.write_all(text.as_bytes()).await;
                }
                script(stream).await
            });
        }
    });
    let address = address_of(&path);
    (Docker::connect(address, Path::new("")).unwrap(), folder)
}

/// Sends a header, and then the same piece forever.
async fn endless(mut stream: UnixStream, head: &str, piece: &[u8]) -> io::Result<()> {
    stream.write_all(head.as_bytes()).await?;
    for _ in 0..ENDLESS / piece.len() {
        stream.write_all(piece).await?;
    }
    Ok(())
}

const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";
const PIECE: [u8; 4096] = [b' '; 4096];

#[track_caller]
fn says(error: &EngineError, text: &str) {
    assert!(error.message.contains(text), "{error:?}");
}

#[tokio::test]
async fn an_endless_answer_is_read_up_to_a_limit() {
    let (docker, _folder) = hostile(|stream| Box::pin(endless(stream, OK, &PIECE)));
    let error = docker.containers(&Filter::all()).await.unwrap_err();
    says(&error, "the engine sent an answer of more than 32 MiB");
    assert_eq!(error.fault, Fault::Other);
    // An answer whose content is ignored is read too, so that its connection can be reused.
    says(
        &docker.pause_container("a").await.unwrap_err(),
        "an answer of more than",
    );
}

#[tokio::test]
async fn an_endless_error_body_is_read_up_to_a_limit() {
    type Calls<'a> = [BoxFuture<'a, EngineResult<()>>; 4];
    let (docker, _folder) =
        hostile(|stream| Box::pin(endless(stream, "HTTP/1.1 500 X\r\n\r\n", &PIECE)));
    let calls: Calls<'_> = [
        Box::pin(async { docker.containers(&Filter::all()).await.map(drop) }),
        Box::pin(async { docker.pull_image("a", None, &mut |_| ()).await }),
        Box::pin(async { docker.get_archive("a", "/").await.map(drop) }),
        Box::pin(async { docker.exec("a", &ExecSpec::default()).await.map(drop) }),
    ];
    for call in calls {
        says(&call.await.unwrap_err(), "an answer of more than 1 MiB");
    }
}

#[tokio::test]
async fn an_endless_response_header_is_an_error() {
    let (docker, _folder) = hostile(|stream| {
        Box::pin(endless(
            stream,
            "HTTP/1.1 200 OK\r\nX: ",
            b"aaaaaaaaaaaaaaaa",
        ))
    });
    assert_eq!(
        docker.containers(&Filter::all()).await.unwrap_err().fault,
        Fault::Unreachable
    );
    let (docker, _folder) =
        hostile(|stream| Box::pin(endless(stream, "HTTP/1.1 200 OK\r\n", b"X: y\r\n")));
    assert_eq!(
        docker.containers(&Filter::all()).await.unwrap_err().fault,
        Fault::Unreachable
    );
}

#[tokio::test]
async fn an_endless_stream_message_is_read_up_to_a_limit() {
    let (docker, _folder) = hostile(|stream| Box::pin(endless(stream, OK, &[b'a'; 4096])));
    let context = || futures_util::stream::empty().boxed();
    let spec = BuildSpec {
        reference: "a".into(),
        ..Default::default()
    };
    for error in [
        docker.pull_image("a", None, &mut |_| ()).await.unwrap_err(),
        docker.push_image("a", None, &mut |_| ()).await.unwrap_err(),
        docker.import_image("a", &[], context()).await.unwrap_err(),
        docker
            .build_image(&spec, context(), &mut |_| ())
            .await
            .unwrap_err(),
        docker
            .deaths(("a", "b"), 0)
            .await
            .unwrap()
            .next()
            .await
            .unwrap()
            .unwrap_err(),
    ] {
        says(&error, "a message of more than 1 MiB");
    }
}

#[tokio::test]
async fn messages_are_reassembled_however_they_arrive() {
    let (docker, _folder) = hostile(|mut stream| {
        Box::pin(async move {
            stream.write_all(OK.as_bytes()).await?;
            for byte in
                b"\r\n{\"status\":\"one\"}\r\n\n{\"status\":\"two\\n\"}\n {\"status\":\"three\"}"
            {
                stream.write_all(&[*byte]).await?;
            }
            Ok(())
        })
    });
    let mut steps = Vec::new();
    docker
        .pull_image("a", None, &mut |step| steps.push(step.status))
        .await
        .unwrap();
    assert_eq!(steps, ["one", "two", "three"]);
}

#[tokio::test]
async fn an_invalid_frame_ends_a_log() {
    let (docker, _folder) =
        hostile(|stream| Box::pin(endless(stream, OK, b"\x01\0\0\0\xff\xff\xff\xff")));
    let error = docker
        .logs("a", &LogOptions::default())
        .await
        .unwrap()
        .next()
        .await
        .unwrap()
        .unwrap_err();
    says(&error, "not made of frames");
}

#[tokio::test]
async fn a_log_is_read_in_frames_and_a_terminal_log_in_lines() {
    let (docker, _folder) = hostile(|mut stream| {
        Box::pin(async move {
            stream
                .write_all(&[OK.as_bytes(), b"\x02\0\0\0\0\0\0\x03abc"].concat())
                .await
        })
    });
    let log = docker.logs("a", &LogOptions::default()).await.unwrap();
    let lines: Vec<_> = log
        .map(|line| line.unwrap())
        .map(|line| (line.is_stderr, line.bytes))
        .collect()
        .await;
    assert_eq!(lines, [(true, Bytes::from("abc"))]);
    let (docker, _folder) =
        hostile(|stream| Box::pin(endless(stream, OK, b"a log of a terminal\n")));
    let mut log = docker.logs("a", &LogOptions::default()).await.unwrap();
    assert_eq!(
        log.next().await.unwrap().unwrap().bytes,
        "a log of a terminal\n"
    );
}

#[tokio::test]
async fn a_redirection_is_not_followed() {
    let (docker, _folder) = hostile(|mut stream| {
        let text =
            "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:9/\r\nContent-Length: 0\r\n\r\n";
        Box::pin(async move { stream.write_all(text.as_bytes()).await })
    });
    says(
        &docker.containers(&Filter::all()).await.unwrap_err(),
        "status 302, without a message",
    );
}

#[tokio::test]
async fn an_answer_that_is_not_http_or_valid_json_is_an_error() {
    for (text, words) in [
        ("SSH-2.0-OpenSSH_9.2\r\n", ""),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nzz",
            "",
        ),
        (
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-5\r\n[]\r\n0\r\n\r\n",
            "",
        ),
        ("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n[", ""),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}",
            "unexpected answer from the engine",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 12\r\n\r\n[{\"Id\": [1]}",
            "unexpected answer from the engine",
        ),
        (
            "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
            "unexpected answer from the engine",
        ),
        ("", ""),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("engine.sock");
        let listener = UnixListener::bind(&path).unwrap();
        let serving = tokio::spawn(async move {
            loop {
                let (mut stream, _) = listener.accept().await.unwrap();
                let mut head = [0; 4096];
                let read = stream.read(&mut head).await.unwrap_or_default();
                let version = format!(
                    "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{VERSION}",
                    VERSION.len()
                );
                let answer = if head[..read].starts_with(b"GET /version ") {
                    &version
                } else {
                    text
                };
                stream.write_all(answer.as_bytes()).await.ok();
            }
        });
        let address = address_of(&path);
        let docker = Docker::connect(address, Path::new("")).unwrap();
        says(&docker.containers(&Filter::all()).await.unwrap_err(), words);
        serving.abort();
    }
}

#[tokio::test]
async fn a_slowly_dripping_answer_times_out() {
    let (docker, _folder) = hostile(|mut stream| {
        Box::pin(async move {
            stream.write_all(OK.as_bytes()).await?;
            loop {
                stream.write_all(b" ").await?;
                tokio::time::sleep(Duration::from_secs(1)).await;
            }
        })
    });
    docker.greeted().await.unwrap();
    let cancellation = Cancellation::new();
    let guarded = GuardedEngine::new(&docker).with_cancellation(&cancellation);
    tokio::time::pause();
    let listed = guarded.containers(&Filter::all()).await;
    assert_eq!(listed.unwrap_err().fault, Fault::Timeout);
}

#[tokio::test]
async fn an_id_from_the_engine_never_becomes_a_path() {
    let (docker, _folder) = hostile(|mut stream| {
        let body = r#"{"Id":"../../containers/json?all=1#"}"#;
        let text = format!(
            "HTTP/1.1 201 Created\r\nContent-Length: {}\r\n\r\n{body}",
            body.len()
        );
        Box::pin(async move { stream.write_all(text.as_bytes()).await })
    });
    let error = docker
        .exec("a", &ExecSpec::default())
        .await
        .map(drop)
        .unwrap_err();
    says(&error, "invalid command id `../../containers/json?all=1#`");
}

#[tokio::test]
async fn names_that_reach_another_endpoint_are_never_sent() {
    let served = engine(answers);
    let name = "../../containers/json?all=1#";
    for error in [
        served
            .docker
            .container_state(name)
            .await
            .map(drop)
            .unwrap_err(),
        served.docker.start_container(name).await.unwrap_err(),
        served.docker.remove_container(name).await.unwrap_err(),
        served.docker.remove_network(name).await.unwrap_err(),
        served.docker.remove_volume(name).await.unwrap_err(),
        served.docker.file(name, "/").await.map(drop).unwrap_err(),
        served.docker.image(name).await.map(drop).unwrap_err(),
        served
            .docker
            .exec_exit_code(name)
            .await
            .map(drop)
            .unwrap_err(),
    ] {
        assert_eq!(error.fault, Fault::Refused);
    }
    // Only the version was asked for.
    assert_eq!(served.connections.load(Ordering::Relaxed), 1);
}
