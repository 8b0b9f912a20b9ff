//! The protocol between a plugin's process and its parent: frames over a socket, each a JSON header and raw bytes. Both
//! ends are the same executable, so frames have no version. But the plugin controls the child's end as much as the host's
//! code does, so the parent trusts nothing: lengths are checked before memory is reserved, and a frame once begun must
//! continue.

use std::io::{self, Read, Write};
use std::time::Duration;

use clusterdock_plugin_wire::Options;
use clusterdock_plugin_wire::{Error, Result as ApiResult};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use tokio::io::{AsyncRead, AsyncReadExt};
use tokio::time::timeout;

/// A message of the parent.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToPlugin {
    /// A question, answered by [`ToParent::Done`]. One at a time.
    Ask(Question),
    /// Answers the [`ToParent::Call`] with this id, together with the payload.
    Answer { id: u64, result: ApiResult<String> },
    /// The command was interrupted: from now on all calls of the hook fail with this error.
    Cancel,
    /// No more questions.
    End,
}

/// A question to a plugin. Strings are JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Question {
    Load { options: Options },
    Declare,
    Nodes { request: String },
    Hook { call: String },
}

/// A message of the plugin's process.
#[derive(Debug, Serialize, Deserialize)]
pub enum ToParent {
    /// The answer to a question.
    Done(ApiResult<String>),
    /// A hook's call into the host, together with the payload. Any number at the same time.
    Call {
        /// Identifies the call in its answer.
        id: u64,
        /// The operation.
        name: String,
        /// Its input, JSON.
        input: String,
    },
}

/// Why bytes from the socket are not a frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Flaw {
    /// The other end was closed within a frame, or the socket failed: its process may have died.
    Broken,
    /// It is invalid, for this reason.
    Malformed(String),
}

/// Size of the two lengths, of header and payload.
const PREFIX: usize = 8;

/// Limit for a header: a request or the nodes of the largest cluster take a few MiB.
const LONGEST_HEADER: usize = 64 << 20;

/// Limit for a payload: a file that a hook reads or writes.
const LONGEST_PAYLOAD: usize = 1 << 30;

/// Limit for a pause within a frame. Both ends are on one machine, and a frame is sent at once.
const PAUSE: Duration = Duration::from_secs(10);

/// The bytes of a frame before its payload.
pub(super) fn head(header: &impl Serialize, payload: &[u8]) -> Result<Vec<u8>, Error> {
    let mut head = vec![0; PREFIX];
    serde_json::to_writer(&mut head, header)?;
    let (header, payload) = (head.len() - PREFIX, payload.len());
    check(header, payload).map_err(Error::new)?;
    head[..4].copy_from_slice(&(header as u32).to_le_bytes());
    head[4..PREFIX].copy_from_slice(&(payload as u32).to_le_bytes());
    Ok(head)
}

/// Writes a frame whose head is already encoded.
pub(super) fn write(mut socket: impl Write, head: &[u8], payload: &[u8]) -> io::Result<()> {
    socket.write_all(head)?;
    socket.write_all(payload)
}

/// Reads a frame of the parent; `None` at the end of the stream.
pub(super) fn read<T: DeserializeOwned>(mut socket: impl Read) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut prefix = [0; PREFIX];
    match socket.read_exact(&mut prefix) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let (header, payload) = lengths(prefix);
    check(header, payload).map_err(io::Error::other)?;
    let (mut header, mut payload) = (vec![0; header], vec![0; payload]);
    socket.read_exact(&mut header)?;
    socket.read_exact(&mut payload)?;
    Ok(Some((serde_json::from_slice(&header)?, payload)))
}

/// Reads a frame of a plugin's process; `None` if the stream ends before one begins. Not cancel-safe.
///
/// # Errors
/// The first flaw, after which the stream is unusable.
pub async fn read_async(
    mut socket: impl AsyncRead + Unpin,
) -> Result<Option<(ToParent, Vec<u8>)>, Flaw> {
    let mut prefix = [0; PREFIX];
    // A plugin may be silent for any time, so there is no deadline for the first byte.
    let first = socket.read(&mut prefix[..1]).await;
    if first.map_err(|_| Flaw::Broken)? == 0 {
        return Ok(None);
    }
    let rest = take(&mut socket, PREFIX - 1).await?;
    prefix[1..].copy_from_slice(&rest);
    let (header, payload) = lengths(prefix);
    check(header, payload).map_err(Flaw::Malformed)?;
    let header = take(&mut socket, header).await?;
    let message =
        serde_json::from_slice(&header).map_err(|error| Flaw::Malformed(error.to_string()))?;
    Ok(Some((message, take(&mut socket, payload).await?)))
}

/// Reads exactly `length` bytes. Memory grows with the bytes that arrive, not with the announced length.
async fn take(socket: &mut (impl AsyncRead + Unpin), length: usize) -> Result<Vec<u8>, Flaw> {
    let mut bytes = Vec::new();
    while bytes.len() < length {
        let mut rest = (&mut *socket).take((length - bytes.len()) as u64);
        match timeout(PAUSE, rest.read_buf(&mut bytes)).await {
            Ok(Ok(0) | Err(_)) => return Err(Flaw::Broken),
            Ok(Ok(_)) => {}
            Err(_) => {
                let missing = length - bytes.len();
                let pause = humantime::format_duration(PAUSE);
                return Err(Flaw::Malformed(format!(
                    "{missing} bytes of a message are missing after {pause}"
                )));
            }
        }
    }
    Ok(bytes)
}

fn lengths(prefix: [u8; PREFIX]) -> (usize, usize) {
    let [a, b, c, d, e, f, g, h] = prefix;
    (
        u32::from_le_bytes([a, b, c, d]) as usize,
        u32::from_le_bytes([e, f, g, h]) as usize,
    )
}

fn check(header: usize, payload: usize) -> Result<(), String> {
    let too_long = |what: &str, length, longest: usize| {
        Err(format!(
            "message with {length} bytes of {what}; at most {} MiB are allowed",
            longest >> 20
        ))
    };
    match (header, payload) {
        _ if header > LONGEST_HEADER => too_long("JSON", header, LONGEST_HEADER),
        _ if payload > LONGEST_PAYLOAD => too_long("data", payload, LONGEST_PAYLOAD),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    async fn read_all(mut bytes: &[u8]) -> Result<Option<(ToParent, Vec<u8>)>, Flaw> {
        read_async(&mut bytes).await
    }

    fn framed(header: &str, payload: &[u8]) -> Vec<u8> {
        let lengths = [
            (header.len() as u32).to_le_bytes(),
            (payload.len() as u32).to_le_bytes(),
        ];
        [&lengths.concat(), header.as_bytes(), payload].concat()
    }

    #[tokio::test]
    async fn frames_survive_the_round_trip() {
        let call = ToParent::Call {
            id: 7,
            name: "exec".into(),
            input: "{}".into(),
        };
        let mut bytes = Vec::new();
        write(&mut bytes, &head(&call, b"payload").unwrap(), b"payload").unwrap();
        let mut stream = bytes.as_slice();
        let (header, payload) = read::<ToParent>(&mut stream).unwrap().unwrap();
        assert_eq!(
            (format!("{header:?}"), payload.as_slice()),
            (format!("{call:?}"), &b"payload"[..])
        );
        assert!(read::<ToParent>(&mut stream).unwrap().is_none());

        let mut stream = bytes.as_slice();
        let (header, payload) = read_async(&mut stream).await.unwrap().unwrap();
        assert_eq!(
            (format!("{header:?}"), payload.as_slice()),
            (format!("{call:?}"), &b"payload"[..])
        );
        assert!(read_async(&mut stream).await.unwrap().is_none());
    }

    #[tokio::test]
    async fn a_truncated_frame_is_an_error() {
        let bytes = framed(
            r#"{"Call":{"id":1,"name":"exec","input":"{}"}}"#,
            b"payload",
        );
        for length in 1..bytes.len() {
            assert_eq!(
                read_all(&bytes[..length]).await.unwrap_err(),
                Flaw::Broken,
                "{length}"
            );
            assert!(
                !matches!(read::<ToParent>(&bytes[..length]), Ok(Some(_))),
                "{length}"
            );
        }
    }

    #[tokio::test]
    async fn invalid_messages_are_malformed() {
        let headers = [
            "",
            "{",
            "null",
            "[]",
            "\"End\"",
            r#"{"Call":{}}"#,
            r#"{"Done":{"Ok":1}}"#,
            r#"{"Ask":"Declare"}"#,
            r#"{"Call":{"id":-1,"name":"exec","input":"{}"}}"#,
            r#"{"Done":{"Ok":""}} {"Done":{"Ok":""}}"#,
            "\u{0}",
            &"[".repeat(100_000),
        ];
        for header in headers {
            let flaw = read_all(&framed(header, b"")).await.unwrap_err();
            assert!(matches!(flaw, Flaw::Malformed(_)), "{header:.20}: {flaw:?}");
        }
        let bytes = [
            &framed("", b"")[..4],
            &4_u32.to_le_bytes(),
            b"\xff\xfe\xfd\xfc",
        ]
        .concat();
        assert!(matches!(read_all(&bytes).await, Err(Flaw::Malformed(_))));
    }

    #[tokio::test]
    async fn excessive_lengths_are_refused_before_memory_is_reserved() {
        for (header, payload) in [
            (u32::MAX, 0),
            (0, u32::MAX),
            (u32::MAX, u32::MAX),
            (64 << 20 | 1, 0),
            (2, 1 << 31),
        ] {
            let bytes = [header.to_le_bytes(), payload.to_le_bytes()].concat();
            assert!(
                matches!(read_all(&bytes).await, Err(Flaw::Malformed(_))),
                "{header} {payload}"
            );
            assert!(read::<ToPlugin>(bytes.as_slice()).is_err());
        }
        assert!(head(&"x".repeat(LONGEST_HEADER), b"").is_err());
    }

    #[tokio::test(start_paused = true)]
    async fn a_stalled_frame_is_malformed() {
        let bytes = framed(r#"{"Done":{"Ok":""}}"#, b"payload");
        for length in [1, 4, 8, 9, bytes.len() - 7, bytes.len() - 1] {
            let (mut here, there) = tokio::io::duplex(1024);
            tokio::io::AsyncWriteExt::write_all(&mut here, &bytes[..length])
                .await
                .unwrap();
            let flaw = read_async(there).await.unwrap_err();
            assert!(
                matches!(&flaw, Flaw::Malformed(why) if why.contains("missing after 10s")),
                "{length}: {flaw:?}"
            );
        }
    }
}
