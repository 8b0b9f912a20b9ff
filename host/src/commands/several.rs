//! A command on several nodes in parallel: output with the node in front of each line, and failures by node.

use std::time::Duration;

use futures_util::StreamExt;
use futures_util::future::join_all;

use super::Console;
use super::attached::{UNREAD, exit_code, on};
use crate::cluster::Node;
use crate::engine::{Chunk, ExecSpec};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execution::command::{Command, Unfinished};
use crate::execution::exec_call::{self, StartedExec};
use crate::report::{Prefixed, Voice};
use crate::sink::Stream;

/// Runs a command on nodes. Returns the first exit code in node order that is not 0.
pub(super) async fn on_several(
    console: &Console<'_>,
    nodes: &[&Node],
    spec: &ExecSpec,
    deadline: Option<Duration>,
) -> Result<u8> {
    let all = Prefixed::new(console.report, nodes.iter().map(|node| node.name.as_str()));
    let results = join_all(nodes.iter().enumerate().map(|(number, node)| {
        let command = Command {
            engine: &console.engine,
            id: &node.container.id,
            spec,
            stdin: None,
            cancellation: console.cancellation,
            deadline,
        };
        one(command, all.voice(number, &node.name))
    }));
    outcome(console, nodes, results.await)
}

/// Runs it on one node. Returns `None` if the reader of the output has gone.
async fn one(command: Command<'_>, mut voice: Voice<'_>) -> Result<Option<i64>, Unfinished> {
    let attend = async |spec: &ExecSpec, started: &StartedExec| {
        let mut exec = command.engine.exec(command.id, spec).await?;
        started.set(&exec.id);
        while let Some(chunk) = exec.output.next().await {
            let (stream, bytes) = match chunk? {
                Chunk::Stdout(bytes) => (Stream::Stdout, bytes),
                Chunk::Stderr(bytes) => (Stream::Stderr, bytes),
            };
            if voice.push(stream, &bytes).await?.is_break() {
                return Ok(None);
            }
        }
        if voice.finish().await?.is_break() {
            return Ok(None);
        }
        if spec.detached {
            Ok(Some(0))
        } else {
            Ok(Some(exec_call::exit_code(command.engine, &exec.id).await?))
        }
    };
    command.attended(attend).await
}

/// The exit code or error of all nodes together. Warnings name the nodes where the command failed.
fn outcome(
    console: &Console<'_>,
    nodes: &[&Node],
    results: Vec<Result<Option<i64>, Unfinished>>,
) -> Result<u8> {
    let mut first = 0;
    let mut failed: Option<Error> = None;
    let (mut stopped, mut why) = (Vec::new(), None);
    for (node, result) in nodes.iter().zip(results) {
        match result {
            Ok(code) => {
                let ended = code.map(exit_code);
                if let Some(code) = ended.filter(|code| *code != 0 && nodes.len() > 1) {
                    let message = format!(
                        "the command failed on node `{}` with exit code {code}",
                        node.name
                    );
                    console.event(Event::Warning { message });
                }
                first = if first == 0 {
                    ended.unwrap_or(UNREAD)
                } else {
                    first
                };
            }
            Err(unfinished) if is_stop(&unfinished.error) => {
                stopped.push((node.name.as_str(), unfinished.runs_on));
                why.get_or_insert(unfinished.error);
            }
            Err(unfinished) => match failed {
                None => failed = Some(on(node, unfinished.into())),
                Some(_) => {
                    let message = on(node, unfinished.into()).to_string();
                    console.event(Event::Warning { message });
                }
            },
        }
    }
    match why.map(|why| still_running(why, &stopped)).or(failed) {
        Some(error) => Err(error),
        None => Ok(first),
    }
}

fn is_stop(error: &Error) -> bool {
    matches!(
        error.kind(),
        Kind::Timeout | Kind::Interrupted | Kind::Terminated
    )
}

/// Why commands were stopped, with the nodes that they were running on.
fn still_running(why: Error, stopped: &[(&str, bool)]) -> Error {
    let names = |nodes: &mut dyn Iterator<Item = &(&str, bool)>| {
        nodes
            .map(|(node, _)| format!("`{node}`"))
            .collect::<Vec<_>>()
            .join(", ")
    };
    let error = why.cause(format!(
        "the command was still running on {}",
        names(&mut stopped.iter())
    ));
    match names(&mut stopped.iter().filter(|(_, runs_on)| *runs_on)) {
        none if none.is_empty() => error,
        left => error.cause(format!(
            "it could not be stopped on {left} and is still running there"
        )),
    }
}
