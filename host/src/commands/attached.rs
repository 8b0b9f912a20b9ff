//! A command on one node that has our terminal, or our standard input and outputs.

use crate::cluster::Node;
use crate::engine::ExecSpec;
use crate::error::{Error, Result};
use crate::execution::command::{self, Command};
use crate::session::Session;
use crate::terminal;
use std::time::Duration;

/// The exit code where nobody reads the output any more (`clusterdock exec NODE -- yes | head -1`): that of a program
/// which SIGPIPE ended.
const UNREAD: u8 = 128 + 13;

/// Runs a command that has a terminal, and lends it ours.
pub(super) async fn on_terminal(session: &Session<'_>, node: &Node, mut spec: ExecSpec) -> Result<u8> {
    spec.terminal = true;
    spec.stdin = true;
    spec.size = terminal::size();
    let term = std::env::var("TERM").unwrap_or_else(|_| "xterm".into());
    spec.environment.push(format!("TERM={term}"));
    let _lent = session.report.lend_terminal();
    attached(session, node, &spec, None).await
}

/// Runs a command that has our standard input and outputs, and no terminal; longer than the deadline, it is ended.
pub(super) async fn on_pipes(
    session: &Session<'_>,
    node: &Node,
    mut spec: ExecSpec,
    deadline: Option<Duration>,
) -> Result<u8> {
    spec.stdin = terminal::passes_input();
    attached(session, node, &spec, deadline).await
}

async fn attached(session: &Session<'_>, node: &Node, spec: &ExecSpec, deadline: Option<Duration>) -> Result<u8> {
    let Session { engine, report, stop, .. } = *session;
    let command = Command { engine, id: &node.container.id, spec, stdin: None, stop, deadline };
    let code = command.attended(async |spec| {
        let exec = engine.exec(command.id, spec).await?;
        let id = exec.id.clone();
        let shown = match spec.terminal {
            true => terminal::attend(engine, exec, report).await?,
            false => terminal::pipe(exec, report).await?,
        };
        match shown.is_break() {
            true => Ok(None),
            false => Ok(Some(command::exit_code(engine, &id).await?)),
        }
    });
    code.await.map(|code| code.map_or(UNREAD, exit_code)).map_err(|error| on(node, error))
}

/// An exit code as this program can end with it.
pub(super) fn exit_code(code: i64) -> u8 {
    u8::try_from(code).unwrap_or(1)
}

pub(super) fn on(node: &Node, error: Error) -> Error {
    error.context(format!("failed to run the command on node `{}`", node.fqdn))
}
