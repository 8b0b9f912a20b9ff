//! The log of a node in pieces with their times, by which several logs are merged.

use futures_util::stream::BoxStream;
use futures_util::{StreamExt, stream};

use crate::engine::{EngineResult, LogLine};

/// A piece of a node's log: a line, mostly.
pub(super) struct Piece {
    /// The index of its node.
    pub(super) node: usize,
    /// The time in the engine's form, whose text order is its time order.
    pub(super) time: String,
    pub(super) content: EngineResult<LogLine>,
}

pub(super) fn pieces(
    node: usize,
    log: EngineResult<BoxStream<'static, EngineResult<LogLine>>>,
) -> BoxStream<'static, Piece> {
    let log = log.unwrap_or_else(|error| stream::iter([Err(error)]).boxed());
    log.map(move |line| {
        let Ok(line) = line else {
            return Piece {
                node,
                time: String::new(),
                content: line,
            };
        };
        let blank = line
            .bytes
            .iter()
            .position(|byte| *byte == b' ')
            .map_or(0, |blank| blank + 1);
        let time = String::from_utf8_lossy(&line.bytes[..blank])
            .trim_end()
            .to_string();
        Piece {
            node,
            time,
            content: Ok(LogLine {
                bytes: line.bytes.slice(blank..),
                ..line
            }),
        }
    })
    .boxed()
}
