//! Commands in containers, over a connection of their own: the engine turns it into a plain stream in both
//! directions. Not by the client library, whose decoder takes a terminal's bytes for frame heads.

use super::super::{Chunk, EngineError, EngineResult, ExecSession, Fault};
use super::fault::{fault, of_answer};
use super::wire::Wire;
use bytes::{Buf, Bytes, BytesMut};
use futures_util::StreamExt;
use futures_util::stream::{self, BoxStream};
use http_body_util::{BodyExt, Full};
use hyper::header::{CONNECTION, CONTENT_TYPE, UPGRADE};
use hyper::{Method, Request, StatusCode};
use hyper_util::rt::TokioIo;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt};

/// How much is read at once.
const PIECE: usize = 32 * 1024;
/// A frame's head: the stream's number, three zeros, and the length.
const HEAD: usize = 8;

/// Starts a command that was created, and connects to it.
pub(super) async fn attach(
    wire: &Wire,
    id: String,
    terminal: bool,
    size: Option<(u16, u16)>,
) -> EngineResult<ExecSession> {
    let mut body = json!({"Detach": false, "Tty": terminal});
    if let Some((rows, columns)) = size.filter(|_| terminal) {
        body["ConsoleSize"] = json!([rows, columns]);
    }
    let response = start(wire, &id, &body).await?;
    let upgraded = hyper::upgrade::on(response).await.map_err(|error| {
        EngineError::new(Fault::Other, format!("the engine gave no stream for the command: {error}"))
    })?;
    let (reading, writing) = tokio::io::split(TokioIo::new(upgraded));
    let output = if terminal { raw(reading) } else { framed(reading) };
    Ok(ExecSession { id, output, input: Box::pin(writing) })
}

/// Starts a command that was created, and leaves it running.
pub(super) async fn detach(wire: &Wire, id: String) -> EngineResult<ExecSession> {
    start(wire, &id, &json!({"Detach": true})).await?;
    Ok(ExecSession { id, output: stream::empty().boxed(), input: Box::pin(tokio::io::sink()) })
}

async fn start(wire: &Wire, id: &str, body: &Value) -> EngineResult<hyper::Response<hyper::body::Incoming>> {
    let broken = |error: &dyn std::fmt::Display| EngineError::new(Fault::Other, error.to_string());
    let mut request = Request::builder()
        .method(Method::POST)
        .uri(format!("/exec/{id}/start"))
        .header(CONTENT_TYPE, "application/json");
    if body["Detach"] == json!(false) {
        request = request.header(CONNECTION, "Upgrade").header(UPGRADE, "tcp");
    }
    let request = request.body(Full::<Bytes>::from(body.to_string())).map_err(|error| broken(&error))?;
    let response = wire.send(request).await.map_err(fault)?;
    match response.status() {
        StatusCode::SWITCHING_PROTOCOLS | StatusCode::OK => Ok(response),
        status => {
            let text = response.into_body().collect().await.map(|body| body.to_bytes()).unwrap_or_default();
            let message =
                serde_json::from_slice::<Value>(&text).ok().and_then(|v| Some(v["message"].as_str()?.to_string()));
            let message = message.unwrap_or_else(|| String::from_utf8_lossy(&text).into_owned());
            Err(EngineError::new(of_answer(status.as_u16(), &message), message))
        }
    }
}

/// A terminal's output: bytes as they come.
fn raw(reading: impl AsyncRead + Send + Unpin + 'static) -> BoxStream<'static, EngineResult<Chunk>> {
    stream::unfold(reading, |mut reading| async {
        let mut buffer = BytesMut::with_capacity(PIECE);
        match reading.read_buf(&mut buffer).await {
            Ok(0) => None,
            Ok(_) => Some((Ok(Chunk::Stdout(buffer.freeze())), reading)),
            Err(error) => Some((Err(cut(&error)), reading)),
        }
    })
    .boxed()
}

/// Output of a command without a terminal: both streams in frames.
fn framed(reading: impl AsyncRead + Send + Unpin + 'static) -> BoxStream<'static, EngineResult<Chunk>> {
    stream::unfold((reading, BytesMut::new()), |(mut reading, mut buffer)| async {
        loop {
            if let Some(chunk) = take_frame(&mut buffer) {
                return Some((Ok(chunk), (reading, buffer)));
            }
            match reading.read_buf(&mut buffer).await {
                Ok(0) if buffer.is_empty() => return None,
                Ok(0) => {
                    buffer.clear();
                    let error = EngineError::new(Fault::Other, "the engine's stream ended within a frame");
                    return Some((Err(error), (reading, buffer)));
                }
                Ok(_) => {}
                Err(error) => return Some((Err(cut(&error)), (reading, buffer))),
            }
        }
    })
    .boxed()
}

fn take_frame(buffer: &mut BytesMut) -> Option<Chunk> {
    let head = buffer.get(..HEAD)?;
    let is_stderr = head[0] == 2;
    let length = u32::from_be_bytes([head[4], head[5], head[6], head[7]]) as usize;
    if buffer.len() < HEAD + length {
        return None;
    }
    buffer.advance(HEAD);
    let bytes = buffer.split_to(length).freeze();
    Some(if is_stderr { Chunk::Stderr(bytes) } else { Chunk::Stdout(bytes) })
}

fn cut(error: &std::io::Error) -> EngineError {
    EngineError::new(Fault::Other, format!("the engine cut the command's stream: {error}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(stream: u8, text: &str) -> Vec<u8> {
        let mut frame = vec![stream, 0, 0, 0];
        frame.extend((text.len() as u32).to_be_bytes());
        frame.extend(text.bytes());
        frame
    }

    #[tokio::test]
    async fn frames_are_put_together_however_they_were_cut() {
        let bytes = [frame(1, "out"), frame(2, "err"), frame(1, "")].concat();
        for size in [1, 3, 8, 100] {
            let (mut writing, reading) = tokio::io::duplex(size);
            let bytes = bytes.clone();
            tokio::spawn(async move { tokio::io::AsyncWriteExt::write_all(&mut writing, &bytes).await });
            let chunks: Vec<Chunk> = framed(reading).map(Result::unwrap).collect().await;
            let expected = [Chunk::Stdout("out".into()), Chunk::Stderr("err".into()), Chunk::Stdout(Bytes::new())];
            assert_eq!(chunks, expected);
        }
    }

    #[tokio::test]
    async fn a_terminals_bytes_are_nobodys_frames() {
        let bytes: &[u8] = b"\x01\x00\x00\x00\x00\x00\x00\x09abc";
        let chunks: Vec<Chunk> = raw(bytes).map(Result::unwrap).collect().await;
        assert_eq!(chunks, [Chunk::Stdout(Bytes::from_static(bytes))]);
    }
}
