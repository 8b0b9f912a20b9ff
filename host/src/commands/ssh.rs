//! `ssh`: a terminal on a node, through the engine: neither sshd nor a key nor a reachable address is needed.

use super::attached::{on_pipes, on_terminal};
use super::list;
use crate::cli::Ssh;
use crate::engine::ExecSpec;
use crate::error::Result;
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
    match terminal::is_interactive() {
        true => on_terminal(session, node, spec).await,
        false => on_pipes(session, node, spec, None).await,
    }
}

/// One word is for the shell, as with the real ssh; several are a program and its arguments.
fn command(words: &[String]) -> Vec<String> {
    match words {
        [] => ["/bin/sh", "-c", LOGIN].map(String::from).to_vec(),
        [line] => vec!["/bin/sh".into(), "-c".into(), line.clone()],
        _ => words.to_vec(),
    }
}
