//! `ssh`: a shell on a node, through the engine, so that it requires neither sshd nor keys nor a reachable address.

use super::Console;
use super::attached::{on_pipes, on_terminal};
use super::list;
use crate::cli::exec_args::Ssh;
use crate::cluster::select;
use crate::engine::ExecSpec;
use crate::error::Result;
use crate::event::Event;
use crate::terminal;

/// Replaces itself by the user's login shell in the user's home folder, or by bash or sh if that does not exist.
const LOGIN: &str = r#"cd "${HOME:-/}" 2>/dev/null || cd /
shell=$(getent passwd "$(id -un 2>/dev/null)" 2>/dev/null | cut -d: -f7)
for candidate in "$shell" /bin/bash /bin/sh; do
  [ -x "$candidate" ] && exec "$candidate" -l
done"#;

/// Opens a session and returns the exit code of the shell or command.
pub async fn ssh(console: &Console<'_>, args: &Ssh) -> Result<u8> {
    let clusters = list::clusters(console).await?;
    let node = select::running(select::node(&clusters, &args.node)?)?;
    let spec = ExecSpec {
        command: command(&args.command),
        user: Some(args.user.clone()),
        stdin: !args.no_stdin && (terminal::passes_input() || args.tty),
        ..ExecSpec::default()
    };
    let wants_terminal = args.tty && terminal::can_type();
    if args.tty && !wants_terminal {
        let message = "no terminal is allocated: standard input is not one".into();
        console.event(Event::Warning { message });
    }
    if wants_terminal || !args.no_stdin && terminal::is_interactive() {
        on_terminal(console, node, spec, None).await
    } else {
        on_pipes(console, node, spec, None).await
    }
}

/// A single word is run by a shell, as with the real ssh; several are a program and its arguments.
fn command(words: &[String]) -> Vec<String> {
    match words {
        [] => ["/bin/sh", "-c", LOGIN].map(String::from).to_vec(),
        [line] => vec!["/bin/sh".into(), "-c".into(), line.clone()],
        _ => words.to_vec(),
    }
}
