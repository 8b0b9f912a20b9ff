//! What is sent and received, tested with a socket that answers like an engine.

mod hostile;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncBufReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};

use super::*;
use crate::cancellation::Cancellation;
use crate::engine::{Fault, GuardedEngine, Streams};

const VERSION: &str = r#"{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12"}"#;

struct Served {
    docker: Docker,
    connections: Arc<AtomicUsize>,
    _folder: tempfile::TempDir,
}

/// An engine that answers each request line with a status and body from `answer`, or closes the connection on `None`.
fn engine(answer: fn(&str) -> Option<(u16, &'static str)>) -> Served {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let connections = Arc::new(AtomicUsize::new(0));
    let count = connections.clone();
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            count.fetch_add(1, Ordering::Relaxed);
            tokio::spawn(serve(stream, answer));
        }
    });
    Served {
        docker: Docker::connect(address_of(&path), Path::new("")).unwrap(),
        connections,
        _folder: folder,
    }
}

fn address_of(socket: &Path) -> Address {
    let url = format!("unix://{}", socket.display());
    Address::choose(Some((&url, "--host")), &|_| None, &|_| ()).unwrap()
}

async fn serve(stream: UnixStream, answer: fn(&str) -> Option<(u16, &'static str)>) {
    let mut stream = BufReader::new(stream);
    loop {
        let mut head = String::new();
        while !head.ends_with("\r\n\r\n") {
            if !stream
                .read_line(&mut head)
                .await
                .is_ok_and(|length| length > 0)
            {
                return;
            }
        }
        let Some((status, body)) = answer(head.lines().next().unwrap_or_default()) else {
            return std::future::pending().await;
        };
        let length = if status == 304 {
            String::new()
        } else {
            format!("Content-Length: {}\r\n", body.len())
        };
        let text =
            format!("HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n{length}\r\n{body}");
        if stream.write_all(text.as_bytes()).await.is_err() || head.contains("/closes/") {
            return;
        }
    }
}

fn answers(request: &str) -> Option<(u16, &'static str)> {
    match request {
        _ if request.contains("/version ") => Some((200, VERSION)),
        _ if request.contains("/events") => None,
        _ if request.contains("/stopped/") => Some((304, "")),
        _ if request.contains("/broken/") => Some((500, "")),
        _ => Some((204, "")),
    }
}

#[tokio::test]
async fn no_change_is_not_an_error_but_an_empty_failure_is() {
    let served = engine(answers);
    served.docker.stop_container("stopped", 1).await.unwrap();
    served.docker.start_container("stopped").await.unwrap();
    for failed in [
        served.docker.stop_container("broken", 1).await,
        served.docker.start_container("broken").await,
    ] {
        assert_eq!(
            failed.unwrap_err().message,
            "the engine answered with status 500, without a message"
        );
    }
}

#[tokio::test]
async fn a_connection_is_reused_until_the_engine_closes_it() {
    let served = engine(answers);
    for _ in 0..3 {
        served.docker.pause_container("any").await.unwrap();
    }
    assert_eq!(served.connections.load(Ordering::Relaxed), 1);
    served.docker.pause_container("closes").await.unwrap();
    served.docker.pause_container("any").await.unwrap();
    assert_eq!(served.connections.load(Ordering::Relaxed), 2);
}

#[tokio::test]
async fn an_event_stream_that_never_opens_times_out() {
    let served = engine(answers);
    served.docker.greeted().await.unwrap();
    let cancellation = Cancellation::new();
    let guarded = GuardedEngine::new(&served.docker).with_cancellation(&cancellation);
    tokio::time::pause();
    let opened = guarded.deaths(("label", "value"), 0).await.map(drop);
    assert_eq!(opened.unwrap_err().fault, Fault::Timeout);
}
