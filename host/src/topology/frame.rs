//! How a plugin's process and its parent talk: frames over a socket, each a header as JSON and plain bytes. Both
//! ends are the same executable, so the frames have no versions.

use clusterdock_plugin_api::export::Options;
use clusterdock_plugin_api::{Error, Result as ApiResult};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use std::io::{self, Read, Write};
use tokio::io::{AsyncRead, AsyncReadExt};

/// What the parent says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToPlugin {
    /// One thing to do; a [`ToParent::Done`] answers. One at a time.
    Ask(Question),
    /// Answers a [`ToParent::Call`] of that id; the payload belongs to it.
    Answer { id: u64, result: ApiResult<String> },
    /// The command was interrupted: all calls of the hook are answered with that from now on.
    Cancel,
    /// There is nothing more to do.
    End,
}

/// What can be asked of a plugin. Strings are JSON.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum Question {
    Load { options: Options },
    Declare,
    Nodes { request: String },
    Hook { name: String, cluster: String, request: String },
}

/// What the plugin's process says.
#[derive(Debug, Serialize, Deserialize)]
pub(super) enum ToParent {
    /// The answer to what was asked.
    Done(ApiResult<String>),
    /// A hook's call into the host; the payload belongs to it. Any number at once.
    Call { id: u64, name: String, input: String },
}

/// Lengths of header and payload.
const PREFIX: usize = 8;

/// The bytes of a frame up to its payload, which follows.
pub(super) fn head(header: &impl Serialize, payload: &[u8]) -> Result<Vec<u8>, Error> {
    let mut head = vec![0; PREFIX];
    serde_json::to_writer(&mut head, header)?;
    let too_long = |_| Error::new("a message to or from a plugin is longer than 4 GiB");
    let lengths =
        [u32::try_from(head.len() - PREFIX).map_err(too_long)?, u32::try_from(payload.len()).map_err(too_long)?];
    head[..4].copy_from_slice(&lengths[0].to_le_bytes());
    head[4..PREFIX].copy_from_slice(&lengths[1].to_le_bytes());
    Ok(head)
}

/// Writes a frame whose head is made already.
pub(super) fn write(mut socket: impl Write, head: &[u8], payload: &[u8]) -> io::Result<()> {
    socket.write_all(head)?;
    socket.write_all(payload)
}

/// Reads a frame; none at the end of the stream.
pub(super) fn read<T: DeserializeOwned>(mut socket: impl Read) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut prefix = [0; PREFIX];
    match socket.read_exact(&mut prefix) {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    }
    let (header, payload) = lengths(prefix);
    let (mut header, mut payload) = (vec![0; header], vec![0; payload]);
    socket.read_exact(&mut header)?;
    socket.read_exact(&mut payload)?;
    Ok(Some((serde_json::from_slice(&header)?, payload)))
}

/// As [`read`]; a future that must be awaited to its end.
pub(super) async fn read_async<T: DeserializeOwned>(
    mut socket: impl AsyncRead + Unpin,
) -> io::Result<Option<(T, Vec<u8>)>> {
    let mut prefix = [0; PREFIX];
    match socket.read_exact(&mut prefix).await {
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
        other => other?,
    };
    let (header, payload) = lengths(prefix);
    let (mut header, mut payload) = (vec![0; header], vec![0; payload]);
    socket.read_exact(&mut header).await?;
    socket.read_exact(&mut payload).await?;
    Ok(Some((serde_json::from_slice(&header)?, payload)))
}

fn lengths(prefix: [u8; PREFIX]) -> (usize, usize) {
    let [a, b, c, d, e, f, g, h] = prefix;
    (u32::from_le_bytes([a, b, c, d]) as usize, u32::from_le_bytes([e, f, g, h]) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_frame_arrives_as_it_was_sent_and_the_end_of_the_stream_is_no_error() {
        let call = ToParent::Call { id: 7, name: "exec".into(), input: "{}".into() };
        let mut bytes = Vec::new();
        write(&mut bytes, &head(&call, b"payload").unwrap(), b"payload").unwrap();
        let mut stream = bytes.as_slice();
        let (header, payload) = read::<ToParent>(&mut stream).unwrap().unwrap();
        assert_eq!((format!("{header:?}"), payload.as_slice()), (format!("{call:?}"), &b"payload"[..]));
        assert!(read::<ToParent>(&mut stream).unwrap().is_none());
    }

    #[test]
    fn a_frame_that_ends_early_is_an_error() {
        let head = head(&ToPlugin::End, b"").unwrap();
        assert!(read::<ToPlugin>(&head[..head.len() - 1]).is_err());
    }
}
