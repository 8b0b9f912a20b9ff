//! `ssh`: a terminal on a node, through the engine: neither sshd nor a key nor a reachable address is needed.

use super::exec::{connected, exit_code, on};
use super::list;
use crate::cli::Ssh;
use crate::cluster::Node;
use crate::engine::ExecSpec;
use crate::error::Result;
use crate::execution::command::Command;
use crate::report::Stream;
use crate::select;
use crate::session::Session;
use crate::terminal;

/// Becomes the user's login shell, in the user's own folder; bash or sh where none is named or it is not there.
const LOGIN: &str = r#"cd "${HOME:-/}" 2>/dev/null || cd /
shell=$(getent passwd "$(id -un 2>/dev/null)" 2>/dev/null | cut -d: -f7)
for candidate in "$shell" /bin/bash /bin/sh; do
  [ -x "$candidate" ] && exec "$candidate" -l
done"#;

/// Opens a session; gives the exit code of the shell or command.
pub async fn ssh(session: &Session<'_>, args: &Ssh) -> Result<u8> {
    let clusters = list::clusters(session).await?;
    let node = select::running(select::node(&clusters, &args.node)?)?;
    let spec = ExecSpec { command: command(&args.command), user: Some(args.user.clone()), ..ExecSpec::default() };
    if terminal::is_interactive() {
        return on_terminal(session, node, spec).await;
    }
    let command = Command {
        engine: session.engine,
        id: &node.container.id,
        spec: &spec,
        stdin: None,
        stop: session.stop,
        deadline: None,
    };
    connected(session, &command).await.map_err(|error| on(node, error))
}

/// Runs a command that gets a terminal, and lends it ours.
pub(super) async fn on_terminal(session: &Session<'_>, node: &Node, mut spec: ExecSpec) -> Result<u8> {
    spec.terminal = true;
    spec.stdin = true;
    spec.size = terminal::size();
    let term = std::env::var("TERM").unwrap_or_else(|_| "xterm".into());
    spec.environment.push(format!("TERM={term}"));
    let _lent = session.report.lend_terminal();
    let work = async {
        let exec = session.engine.exec(&node.container.id, &spec).await?;
        let id = exec.id.clone();
        terminal::attend(session.engine, exec, &mut session.report.writer(Stream::Stdout)).await?;
        Ok(exit_code(session.engine.exec_exit_code(&id).await?.unwrap_or_default()))
    };
    session.stop.wait(work).await.map_err(|error| on(node, error))
}

/// One word is for the shell, as with the real ssh; several are a program and its arguments.
fn command(words: &[String]) -> Vec<String> {
    match words {
        [] => ["/bin/sh", "-c", LOGIN].map(String::from).to_vec(),
        [line] => vec!["/bin/sh".into(), "-c".into(), line.clone()],
        _ => words.to_vec(),
    }
}
