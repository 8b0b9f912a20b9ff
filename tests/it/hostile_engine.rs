//! The program against a server that is hostile or not an engine: it ends by itself, in little memory,
//! with an error that says so.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::{Command, Output};
use std::thread;

use clusterdock_tests::cargo::workspace;
use clusterdock_tests::plugins::library;
use clusterdock_tests::program::clusterdock;

/// The program's memory limit, in kilobytes of address space: far more than it needs, and far less than is sent.
const LIMIT: u32 = 600_000;
/// How much is sent, in pieces.
const PIECES: usize = 40_000;
static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

const VERSION: &str = r#"{"Version":"20.10.24","ApiVersion":"1.41","MinAPIVersion":"1.12","Arch":"amd64","Os":"linux"}"#;

/// Answers every request but that for the version by a head, and then with more data than memory can hold.
fn serve(mut stream: UnixStream, head: &str, piece: &[u8]) -> std::io::Result<()> {
    loop {
        let mut request = Vec::new();
        while !request.ends_with(b"\r\n\r\n") {
            let mut byte = [0];
            stream.read_exact(&mut byte)?;
            request.push(byte[0]);
        }
        if request.starts_with(b"GET /version ") {
            write!(
                stream,
                "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n{VERSION}",
                VERSION.len()
            )?;
            continue;
        }
        stream.write_all(head.as_bytes())?;
        for _ in 0..PIECES {
            stream.write_all(piece)?;
        }
        return Ok(());
    }
}

fn run(arguments: &[&str], head: &'static str, piece: &'static [u8]) -> Output {
    let folder = tempfile::tempdir().unwrap();
    let socket = folder.path().join("engine.sock");
    let listener = UnixListener::bind(&socket).unwrap();
    // They end with the program, and the listener with the test.
    thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            thread::spawn(move || serve(stream, head, piece));
        }
    });
    let script = format!("ulimit -v {LIMIT}; exec \"$@\"");
    Command::new("bash")
        .args(["-c", &script, "bash"])
        .arg(clusterdock())
        .args(arguments)
        .current_dir(workspace())
        .env("DOCKER_HOST", format!("unix://{}", socket.display()))
        .env("CLUSTERDOCK_CONFIG_DIRECTORY", folder.path())
        .output()
        .unwrap()
}

#[track_caller]
fn assert_fails(
    arguments: &[&str],
    head: &'static str,
    piece: &'static [u8],
    code: i32,
    text: &str,
) {
    let output = run(arguments, head, piece);
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(
        output.status.code(),
        Some(code),
        "{arguments:?} {head:?}: {stderr}"
    );
    assert!(
        stderr.contains(text) && stderr.len() < 10_000,
        "{arguments:?} {head:?}: {stderr}"
    );
}

const OK: &str = "HTTP/1.1 200 OK\r\n\r\n";
const REFUSED: &str = "HTTP/1.1 500 X\r\n\r\n";

/// A topology that is compiled already: the compiler takes more memory than the program may.
fn compiled() -> String {
    library("topology_nodebase").display().to_string()
}

#[test]
fn an_endless_answer_ends_every_command() {
    let topology = compiled();
    for arguments in [
        &["ls"][..],
        &["ps"],
        &["rm", "x"],
        &["exec", "x", "--", "true"],
        &["logs", "x"],
        &["manage", "nuke"],
        &["start", topology.as_str()],
    ] {
        assert_fails(arguments, OK, &PIECE, 1, "an answer of more than 32 MiB");
    }
}

#[test]
fn an_endless_error_body_ends_every_command() {
    assert_fails(&["ls"], REFUSED, &PIECE, 1, "an answer of more than 1 MiB");
    assert_fails(
        &["start", &compiled()],
        REFUSED,
        &PIECE,
        1,
        "an answer of more than 1 MiB",
    );
}

#[test]
fn an_endless_response_header_ends_a_command() {
    assert_fails(
        &["ls"],
        "HTTP/1.1 200 OK\r\nX: ",
        &PIECE,
        5,
        "broke the connection",
    );
    assert_fails(
        &["ls"],
        "HTTP/1.1 200 OK\r\n",
        b"X: y\r\n",
        5,
        "broke the connection",
    );
}

#[test]
fn a_server_that_is_not_an_engine_is_reported_briefly() {
    assert_fails(
        &["ls"],
        "220 mail.example ESMTP\r\n",
        b"x",
        5,
        "broke the connection",
    );
    assert_fails(
        &["ls"],
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"x",
        5,
        "broke the connection",
    );
    assert_fails(
        &["ls"],
        "HTTP/1.1 302 Found\r\nLocation: http://127.0.0.1:1/\r\nContent-Length: 0\r\n\r\n",
        b"",
        1,
        "302",
    );
    assert_fails(
        &["ls"],
        "HTTP/1.1 200 OK\r\nContent-Length: 11\r\n\r\n{\"Id\": \"a\"}",
        b"",
        1,
        "unexpected answer from the engine",
    );
}

#[test]
fn an_engine_error_cannot_control_the_terminal() {
    let head = "HTTP/1.1 500 X\r\nContent-Length: 45\r\n\r\n{\"message\":\"\\u001b]0;owned\\u0007\\u001b[2Jno\"}";
    let output = run(&["ls"], head, b"");
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(
        !stderr.contains(['\x1b', '\x07']) && stderr.contains("no"),
        "{stderr:?}"
    );
}
