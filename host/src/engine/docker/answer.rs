//! Answers of the engine. None is read without a bound, since any program may answer at its address.

use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::{self, Stream};
use http_body_util::{BodyExt, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::{Response, StatusCode};
use serde::Deserialize;
use serde::de::DeserializeOwned;

use super::super::{EngineError, EngineResult, Fault};
use super::fault::{refused, unreachable_by};

/// The longest answer that is not a stream: a list of ten thousand containers is shorter.
const LONGEST_ANSWER: usize = 32 * 1024 * 1024;
/// The longest error message.
const LONGEST_REASON: usize = 1024 * 1024;
/// The longest message in a stream of messages, each on a line of its own.
const LONGEST_MESSAGE: usize = 1024 * 1024;

/// The engine's error message.
#[derive(Deserialize)]
struct Refusal {
    message: String,
}

/// Returns the answer, or the error that it reports.
pub(super) async fn accepted(response: Response<Incoming>) -> EngineResult<Response<Incoming>> {
    let status = response.status();
    // 304 means that the container is already running or stopped.
    if status.is_success()
        || matches!(
            status,
            StatusCode::NOT_MODIFIED | StatusCode::SWITCHING_PROTOCOLS
        )
    {
        return Ok(response);
    }
    let text = whole(response, LONGEST_REASON).await?;
    let message = match serde_json::from_slice::<Refusal>(&text) {
        Ok(refusal) => refusal.message,
        Err(_) => String::from_utf8_lossy(&text).into_owned(),
    };
    Err(refused(status.as_u16(), &message))
}

/// Reads an answer with one JSON value.
pub(super) async fn value<T: DeserializeOwned>(response: Response<Incoming>) -> EngineResult<T> {
    let text = whole(response, LONGEST_ANSWER).await?;
    serde_json::from_slice(&text).map_err(|error| {
        EngineError::new(
            Fault::Other,
            format!("unexpected answer from the engine: {error}"),
        )
    })
}

/// Reads an answer without content, so that its connection can serve the next request.
pub(super) async fn nothing(response: Response<Incoming>) -> EngineResult<()> {
    whole(response, LONGEST_ANSWER).await.map(drop)
}

/// Reads an answer with any number of JSON values, each on a line of its own.
pub(super) fn messages<T: DeserializeOwned>(
    response: Response<Incoming>,
) -> impl Stream<Item = EngineResult<T>> + Send {
    let lines = Lines {
        body: response.into_body(),
        buffer: BytesMut::new(),
        searched: 0,
    };
    stream::unfold(Some(lines), |lines| async {
        let mut lines = lines?;
        match lines.next().await {
            Ok(None) => None,
            Ok(Some(line)) => match serde_json::from_slice(&line) {
                Ok(message) => Some((Ok(message), Some(lines))),
                Err(error) => {
                    let message = format!("unexpected message from the engine: {error}");
                    Some((Err(EngineError::new(Fault::Other, message)), None))
                }
            },
            Err(error) => Some((Err(error), None)),
        }
    })
}

struct Lines {
    body: Incoming,
    buffer: BytesMut,
    /// How much of the buffer is known to contain no line end.
    searched: usize,
}

impl Lines {
    /// The next line that is not blank; the last one may lack a line end.
    async fn next(&mut self) -> EngineResult<Option<Bytes>> {
        loop {
            let end = self.buffer[self.searched..]
                .iter()
                .position(|byte| *byte == b'\n');
            let line = match end {
                Some(end) => {
                    let line = self.buffer.split_to(self.searched + end).freeze();
                    self.buffer.advance(1);
                    self.searched = 0;
                    line
                }
                None => {
                    self.searched = self.buffer.len();
                    if self.searched > LONGEST_MESSAGE {
                        return Err(too_long("a message", LONGEST_MESSAGE));
                    }
                    match self.body.frame().await {
                        Some(Ok(frame)) => {
                            frame
                                .into_data()
                                .map(|data| self.buffer.extend_from_slice(&data))
                                .ok();
                            continue;
                        }
                        Some(Err(error)) => return Err(unreachable_by(&error)),
                        None if self.buffer.trim_ascii().is_empty() => return Ok(None),
                        None => {
                            self.searched = 0;
                            self.buffer.split().freeze()
                        }
                    }
                }
            };
            if !line.trim_ascii().is_empty() {
                return Ok(Some(line));
            }
        }
    }
}

async fn whole(response: Response<Incoming>, longest: usize) -> EngineResult<Bytes> {
    match Limited::new(response.into_body(), longest).collect().await {
        Ok(body) => Ok(body.to_bytes()),
        Err(error) if error.is::<LengthLimitError>() => Err(too_long("an answer", longest)),
        Err(error) => Err(unreachable_by(&*error)),
    }
}

fn too_long(kind: &str, longest: usize) -> EngineError {
    let longest = longest / (1024 * 1024);
    EngineError::new(
        Fault::Other,
        format!("the engine sent {kind} of more than {longest} MiB"),
    )
}
