//! `logs`: the output of nodes. A single node's log is passed on unchanged; several are merged by time, with the node in
//! front of each line.

use std::ops::ControlFlow;

use futures_util::StreamExt;
use futures_util::future::join_all;

use super::Console;
use super::follow::Follower;
use super::list;
use super::log_piece::{Piece, pieces};
use crate::cli::lifecycle_args::{Logs, Tail};
use crate::cluster::Node;
use crate::cluster::select;
use crate::engine::{LogLine, LogOptions, Streams};
use crate::error::{Error, Result};
use crate::report::{Prefixed, Voice};
use crate::sink::{Sink, Stream};

/// Shows logs, with `--follow` until the nodes have stopped.
pub async fn logs(console: &Console<'_>, args: &Logs) -> Result<()> {
    let clusters = list::clusters(console).await?;
    let selection = args.selection.selection();
    let nodes = select::nodes(&clusters, &selection)?;
    let now = jiff::Timestamp::now();
    let options = LogOptions {
        tail: args.tail.and_then(|tail| match tail {
            Tail::All => None,
            Tail::Lines(lines) => Some(lines),
        }),
        follow: args.follow,
        since: args.since.map(|since| since.seconds(now)),
        until: args.until.map(|until| until.seconds(now)),
        timestamps: args.timestamps,
    };
    let work = async {
        match &nodes[..] {
            [node] if selection.names_only_nodes(&clusters) => alone(console, node, &options).await,
            _ => together(console, &nodes, options).await,
        }
    };
    console.cancellation.wait(work).await
}

async fn alone(console: &Console<'_>, node: &Node, options: &LogOptions) -> Result<()> {
    let failed = |error| unreadable(node, error);
    let mut log = console
        .engine
        .logs(&node.container.id, options)
        .await
        .map_err(failed)?;
    while let Some(line) = log.next().await {
        let line = line.map_err(failed)?;
        if console
            .report
            .stream(side(line.is_stderr), &line.bytes)
            .await?
            .is_break()
        {
            break;
        }
    }
    Ok(())
}

async fn together(console: &Console<'_>, nodes: &[&Node], options: LogOptions) -> Result<()> {
    let names = Prefixed::new(console.report, nodes.iter().map(|node| node.name.as_str()));
    let mut lines = Lines::new(&names, nodes, options.timestamps);
    if options.follow {
        let follower = Follower::new(console, nodes, options);
        let mut all = follower.pieces();
        let show = async {
            while let Some(piece) = all.next().await {
                if lines.take(piece).await?.is_break() {
                    return Ok(());
                }
            }
            lines.finish().await
        };
        return tokio::select! {
            biased;
            done = show => done,
            error = follower.watch() => Err(error),
        };
    }
    // Merging requires timestamps, whether or not they are shown.
    let options = LogOptions {
        timestamps: true,
        ..options
    };
    let opened = join_all(
        nodes
            .iter()
            .map(|node| console.engine.logs(&node.container.id, &options)),
    )
    .await;
    let mut logs: Vec<_> = opened
        .into_iter()
        .enumerate()
        .map(|(node, log)| pieces(node, log))
        .collect();
    let mut heads = join_all(logs.iter_mut().map(StreamExt::next)).await;
    while let Some(earliest) = earliest(&heads) {
        let piece = heads[earliest].take().expect("the earliest is there");
        if lines.take(piece).await?.is_break() {
            return Ok(());
        }
        heads[earliest] = logs[earliest].next().await;
    }
    lines.finish().await
}

fn earliest(heads: &[Option<Piece>]) -> Option<usize> {
    let there = heads
        .iter()
        .enumerate()
        .filter_map(|(index, head)| Some((&head.as_ref()?.time, index)));
    there.min().map(|(_, index)| index)
}

/// Joins the pieces of several nodes' logs into lines and shows them.
struct Lines<'a> {
    nodes: &'a [&'a Node],
    voices: Vec<Voice<'a>>,
    timestamps: bool,
    /// The error of the first log that could not be read to its end.
    error: Option<Error>,
}

impl<'a> Lines<'a> {
    fn new(names: &'a Prefixed<'a>, nodes: &'a [&'a Node], timestamps: bool) -> Lines<'a> {
        let voices = nodes
            .iter()
            .enumerate()
            .map(|(number, node)| names.voice(number, &node.name))
            .collect();
        Lines {
            nodes,
            voices,
            timestamps,
            error: None,
        }
    }

    /// Shows the line that a piece completes, if any. Breaks once the reader of the output has gone.
    async fn take(&mut self, piece: Piece) -> Result<ControlFlow<()>> {
        let LogLine { is_stderr, bytes } = match piece.content {
            Ok(line) => line,
            Err(error) => {
                self.error
                    .get_or_insert(unreadable(self.nodes[piece.node], error));
                return Ok(ControlFlow::Continue(()));
            }
        };
        let (voice, side) = (&mut self.voices[piece.node], side(is_stderr));
        if !self.timestamps || !voice.is_between_lines(side) {
            return voice.push(side, &bytes).await;
        }
        voice
            .push(side, &[piece.time.as_bytes(), b" ", &bytes].concat())
            .await
    }

    /// Shows the last lines, which have no line end.
    async fn finish(self) -> Result<()> {
        for voice in self.voices {
            if voice.finish().await?.is_break() {
                return Ok(());
            }
        }
        self.error.map_or(Ok(()), Err)
    }
}

fn side(is_stderr: bool) -> Stream {
    if is_stderr {
        Stream::Stderr
    } else {
        Stream::Stdout
    }
}

fn unreadable(node: &Node, error: crate::engine::EngineError) -> Error {
    Error::from(error).context(format!("failed to read the log of node `{}`", node.name))
}
