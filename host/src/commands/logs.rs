//! `logs`: what nodes wrote. One node's log is passed on as it is; several are one, in the order in which it was written,
//! each line with its node in front.

use super::lifecycle::selection;
use super::list;
use crate::cli::lifecycle::{Logs, Since, Tail};
use crate::cluster::{Cluster, Node};
use crate::engine::{EngineResult, LogLine, LogOptions};
use crate::error::{Error, Result};
use crate::report::Stream;
use crate::select;
use crate::session::Session;
use futures_util::future::join_all;
use futures_util::stream::{BoxStream, select_all};
use futures_util::{StreamExt, stream};
use std::ops::ControlFlow;

/// Shows logs; with `--follow` until all nodes have stopped.
pub async fn logs(session: &Session<'_>, args: &Logs) -> Result<()> {
    let clusters = list::clusters(session).await?;
    let nodes = select::nodes(&clusters, &selection(&args.chosen))?;
    let options = LogOptions {
        tail: args.tail.and_then(|tail| match tail {
            Tail::All => None,
            Tail::Lines(lines) => Some(lines),
        }),
        follow: args.follow,
        since: args.since.map(|since| match since {
            Since::At(time) => time,
            Since::Ago(time) => jiff::Timestamp::now().as_second().saturating_sub_unsigned(time.as_secs()),
        }),
        timestamps: args.timestamps,
    };
    let work = async {
        match &nodes[..] {
            [node] if is_node(&clusters, args) => alone(session, node, &options).await,
            _ => together(session, &nodes, options).await,
        }
    };
    session.stop.wait(work).await
}

/// Whether a node was named, not a cluster or group that happens to have one node.
fn is_node(clusters: &[Cluster], args: &Logs) -> bool {
    let chosen = &args.chosen;
    let names_cluster = |name: &String| clusters.iter().any(|cluster| cluster.name == *name);
    chosen.groups.is_empty() && (!chosen.nodes.is_empty() || !chosen.names.iter().any(names_cluster))
}

async fn alone(session: &Session<'_>, node: &Node, options: &LogOptions) -> Result<()> {
    let failed = |error| unreadable(node, error);
    let mut log = session.engine.logs(&node.container.id, options).await.map_err(failed)?;
    while let Some(line) = log.next().await {
        let line = line.map_err(failed)?;
        if session.report.stream(side(line.is_stderr), &line.bytes)?.is_break() {
            break;
        }
    }
    Ok(())
}

async fn together(session: &Session<'_>, nodes: &[&Node], options: LogOptions) -> Result<()> {
    let mut lines = Lines::new(session, nodes, options.timestamps);
    // Times are needed to put lines in order, whether or not they are shown.
    let options = LogOptions { timestamps: true, ..options };
    let opened = join_all(nodes.iter().map(|node| session.engine.logs(&node.container.id, &options))).await;
    let mut logs: Vec<_> = opened.into_iter().enumerate().map(|(node, log)| pieces(node, log)).collect();
    if options.follow {
        let mut all = select_all(logs);
        while let Some(piece) = all.next().await {
            if lines.take(piece)?.is_break() {
                return Ok(());
            }
        }
    } else {
        let mut heads = join_all(logs.iter_mut().map(StreamExt::next)).await;
        while let Some(earliest) = earliest(&heads) {
            let piece = heads[earliest].take().expect("the earliest is there");
            if lines.take(piece)?.is_break() {
                return Ok(());
            }
            heads[earliest] = logs[earliest].next().await;
        }
    }
    lines.finish()
}

/// A piece of a node's log: a line, mostly.
struct Piece {
    /// Its place among the nodes.
    node: usize,
    /// When it was written, as the engine has it: texts that order as times do.
    time: String,
    content: EngineResult<LogLine>,
}

fn pieces(node: usize, log: EngineResult<BoxStream<'static, EngineResult<LogLine>>>) -> BoxStream<'static, Piece> {
    let log = log.unwrap_or_else(|error| stream::iter([Err(error)]).boxed());
    log.map(move |line| {
        let Ok(line) = line else { return Piece { node, time: String::new(), content: line } };
        let blank = line.bytes.iter().position(|byte| *byte == b' ').map_or(0, |blank| blank + 1);
        let time = String::from_utf8_lossy(&line.bytes[..blank]).trim_end().to_string();
        Piece { node, time, content: Ok(LogLine { bytes: line.bytes.slice(blank..), ..line }) }
    })
    .boxed()
}

fn earliest(heads: &[Option<Piece>]) -> Option<usize> {
    let there = heads.iter().enumerate().filter_map(|(index, head)| Some((&head.as_ref()?.time, index)));
    there.min().map(|(_, index)| index)
}

/// Lines of several nodes: pieces go in, whole lines are shown.
struct Lines<'a> {
    session: &'a Session<'a>,
    nodes: &'a [&'a Node],
    width: usize,
    timestamps: bool,
    /// What has no line end yet, of each node's standard output and error.
    begun: Vec<[Vec<u8>; 2]>,
    /// The first log that could not be read to its end.
    error: Option<Error>,
}

impl<'a> Lines<'a> {
    fn new(session: &'a Session<'a>, nodes: &'a [&'a Node], timestamps: bool) -> Lines<'a> {
        let width = nodes.iter().map(|node| node.fqdn.len()).max().unwrap_or_default();
        let begun = nodes.iter().map(|_| <[Vec<u8>; 2]>::default()).collect();
        Lines { session, nodes, width, timestamps, begun, error: None }
    }

    /// Shows the line that a piece completes, if it does. Breaks when nobody reads any more.
    fn take(&mut self, piece: Piece) -> Result<ControlFlow<()>> {
        let LogLine { is_stderr, bytes } = match piece.content {
            Ok(line) => line,
            Err(error) => {
                self.error.get_or_insert(unreadable(self.nodes[piece.node], error));
                return Ok(ControlFlow::Continue(()));
            }
        };
        let begun = &mut self.begun[piece.node][usize::from(is_stderr)];
        if begun.is_empty() && self.timestamps {
            begun.extend_from_slice(piece.time.as_bytes());
            begun.push(b' ');
        }
        begun.extend_from_slice(&bytes);
        match begun.ends_with(b"\n") {
            true => self.show(piece.node, is_stderr),
            false => Ok(ControlFlow::Continue(())),
        }
    }

    /// Shows what has no line end.
    fn finish(mut self) -> Result<()> {
        for node in 0..self.nodes.len() {
            for is_stderr in [false, true] {
                if !self.begun[node][usize::from(is_stderr)].is_empty() && self.show(node, is_stderr)?.is_break() {
                    return Ok(());
                }
            }
        }
        self.error.map_or(Ok(()), Err)
    }

    fn show(&mut self, node: usize, is_stderr: bool) -> Result<ControlFlow<()>> {
        let text = std::mem::take(&mut self.begun[node][usize::from(is_stderr)]);
        let end = text.iter().rposition(|byte| !b"\r\n".contains(byte)).map_or(0, |last| last + 1);
        let mut line = format!("{:<width$} | ", self.nodes[node].fqdn, width = self.width).into_bytes();
        line.extend_from_slice(&text[..end]);
        line.push(b'\n');
        self.session.report.stream(side(is_stderr), &line)
    }
}

fn side(is_stderr: bool) -> Stream {
    if is_stderr { Stream::Stderr } else { Stream::Stdout }
}

fn unreadable(node: &Node, error: crate::engine::EngineError) -> Error {
    Error::from(error).context(format!("failed to read the log of node `{}`", node.fqdn))
}
