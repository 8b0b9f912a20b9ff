//! A command on one node, connected to the user's terminal or to standard input and output.

use std::time::Duration;

use super::Console;
use crate::cluster::Node;
use crate::engine::{ExecSpec, Execs};
use crate::error::{Error, Kind, Result};
use crate::execution::command::Command;
use crate::execution::exec_call;
use crate::sink;
use crate::terminal;

/// The exit code if the reader of the output has gone (`clusterdock exec NODE -- yes | head -1`): that of a program killed
/// by SIGPIPE.
pub(super) const UNREAD: u8 = 128 + 13;

/// Runs a command in a terminal on the node, which is connected to the user's terminal.
pub(super) async fn on_terminal(
    console: &Console<'_>,
    node: &Node,
    mut spec: ExecSpec,
    deadline: Option<Duration>,
) -> Result<u8> {
    spec.terminal = true;
    spec.size = terminal::size();
    let term = std::env::var("TERM")
        .ok()
        .filter(|term| !term.is_empty())
        .unwrap_or("xterm".into());
    spec.environment.push(format!("TERM={term}"));
    let _lent = sink::lend_terminal(console.report.as_ref());
    attached(console, node, &spec, deadline).await
}

/// Runs a command without a terminal.
pub(super) async fn on_pipes(
    console: &Console<'_>,
    node: &Node,
    spec: ExecSpec,
    deadline: Option<Duration>,
) -> Result<u8> {
    attached(console, node, &spec, deadline).await
}

async fn attached(
    console: &Console<'_>,
    node: &Node,
    spec: &ExecSpec,
    deadline: Option<Duration>,
) -> Result<u8> {
    let (engine, sink) = (&console.engine, console.sink.as_ref());
    let command = Command {
        engine,
        id: &node.container.id,
        spec,
        stdin: None,
        cancellation: console.cancellation,
        deadline,
    };
    let code = command.attended(async |spec, started| {
        let exec = engine.exec(command.id, spec).await?;
        started.set(&exec.id);
        let id = exec.id.clone();
        let shown = if spec.terminal {
            terminal::attend(engine, exec, sink, spec.stdin).await?
        } else {
            terminal::pipe(exec, sink, spec.stdin).await?
        };
        if shown.is_break() {
            Ok(None)
        } else {
            Ok(Some(exec_call::exit_code(engine, &id).await?))
        }
    });
    code.await
        .map(|code| code.map_or(UNREAD, exit_code))
        .map_err(|unfinished| on(node, unfinished.into()))
}

/// An exit code of a command as this program's own.
pub(super) fn exit_code(code: i64) -> u8 {
    u8::try_from(code).unwrap_or(1)
}

/// The error of a command on a node. An interrupt needs no context: the user knows what was interrupted.
pub(super) fn on(node: &Node, error: Error) -> Error {
    if matches!(error.kind(), Kind::Interrupted | Kind::Terminated) {
        return error;
    }
    error.context(format!("failed to run the command on node `{}`", node.name))
}
