//! Ends a command in its node. Closing the connection would leave it running, and the engine has no call that ends a
//! command, so another command in the node does it. It finds the processes by a mark in their environment and, since a
//! command may clear that (`env -i`), by their descent from the process that the engine started, and by its outputs.

use std::time::Duration;

use tokio::time::timeout;

use super::exec_call::{StartedExec, ask, exit_code_within};
use crate::engine::{Engine, ExecSpec};

/// Marks a command's processes, children included, so that they can be found again in the node.
const MARK: &str = "CLUSTERDOCK_EXEC";

/// How long ending a command in its node may take.
const DEADLINE: Duration = Duration::from_secs(10);

/// How long the engine may take to notice the end.
const KNOWN_WITHIN: Duration = Duration::from_secs(3);

/// How long to wait for the end before looking again for processes that were not found.
const LOOKED_AGAIN_AFTER: Duration = Duration::from_millis(500);

/// Ends the processes of a command with TERM, and those left two seconds later with KILL. If `$1` is set, it acts like
/// a terminal that hangs up: HUP for processes with a terminal, and those that ignore it live on. Requires nothing but
/// a shell.
///
/// The mark is `$0`. The engine's commands have no parent in the node; of those the command is the one that is `$2`th by
/// start, if there are `$3`. Exits with [`NOTHING_FOUND`] if it found none of them, and with [`STRAYS`] if there are
/// others that may be the command's.
const END: &str = include_str!("command_end.sh");

const NOTHING_FOUND: i64 = 3;
/// Processes that have left the one that the engine started: it cannot be known whose they are.
const STRAYS: i64 = 4;

/// Everything needed to end a command.
pub(super) struct Ending<'a> {
    engine: &'a dyn Engine,
    container: &'a str,
    spec: &'a ExecSpec,
    mark: String,
    started: StartedExec,
}

impl<'a> Ending<'a> {
    pub(super) fn new(
        engine: &'a dyn Engine,
        container: &'a str,
        spec: &'a ExecSpec,
    ) -> Ending<'a> {
        let mark = format!("{MARK}={}", uuid::Uuid::new_v4().simple());
        Ending {
            engine,
            container,
            spec,
            mark,
            started: StartedExec::default(),
        }
    }

    /// The command with its mark.
    pub(super) fn marked(&self) -> ExecSpec {
        let mut spec = self.spec.clone();
        spec.environment.push(self.mark.clone());
        spec
    }

    pub(super) fn started(&self) -> &StartedExec {
        &self.started
    }

    /// Ends the command; returns whether it has ended, as far as can be known.
    pub(super) async fn end(&self) -> bool {
        timeout(DEADLINE, self.end_in_node())
            .await
            .unwrap_or_default()
    }

    async fn end_in_node(&self) -> bool {
        loop {
            let code = self.signal().await;
            let was_found = !matches!(code, Some(NOTHING_FOUND | STRAYS));
            let Some(exec) = self.started.id() else {
                return true;
            };
            let wait = if was_found {
                KNOWN_WITHIN
            } else {
                LOOKED_AGAIN_AFTER
            };
            if exit_code_within(self.engine, &exec, wait).await.is_ok() {
                return code != Some(STRAYS);
            }
            // The engine's list of commands and the node's processes are of two moments. If another command started or
            // ended in between, the position was wrong.
            if was_found {
                return false;
            }
        }
    }

    /// Looks for the command's processes in the node and ends them. Returns the exit code of [`END`], or `None` if they
    /// could not be looked for.
    async fn signal(&self) -> Option<i64> {
        let place = match self.started.id() {
            Some(exec) => self.place(&exec).await,
            None => None,
        };
        let mut command = ["/bin/sh", "-c", END].map(String::from).to_vec();
        command.push(self.mark.clone());
        command.push(if self.spec.terminal {
            "terminal".into()
        } else {
            String::new()
        });
        command.extend(
            place
                .map(|place| [place.0, place.1].map(|number| number.to_string()))
                .into_iter()
                .flatten(),
        );
        // In a container with few capabilities, root may not inspect other users' processes; the users themselves may.
        let own = self
            .spec
            .user
            .as_deref()
            .filter(|user| !matches!(*user, "0" | "root"));
        let mut code = None;
        for user in [Some("0"), own].into_iter().flatten() {
            let spec = ExecSpec {
                command: command.clone(),
                user: Some(user.into()),
                ..ExecSpec::default()
            };
            code = ask(self.engine, self.container, &spec)
                .await
                .ok()
                .map(|end| end.exit_code);
            if code == Some(0) {
                break;
            }
        }
        code
    }

    /// The command's position among all commands that the engine runs in the container, and their number. Process ids
    /// on the engine's machine have the same order as those in the node.
    async fn place(&self, exec: &str) -> Option<(usize, usize)> {
        let running = self.engine.running_execs(self.container).await.ok()?;
        let ours = running.iter().find(|other| other.id == exec)?.pid;
        Some((
            running.iter().filter(|other| other.pid < ours).count(),
            running.len(),
        ))
    }
}
