//! A command in a node, run to its end: passes its output on as it comes, and returns its exit code. If the user or a
//! deadline ends the wait, the command is ended, too.

use std::time::Duration;

use tokio::time::timeout;

use super::command_end::Ending;
use super::exec_call::{CommandOutput, OutputCollector, StartedExec, attend};
use crate::cancellation::Cancellation;
use crate::engine::{Engine, ExecSpec};
use crate::error::{Error, Kind, Result};

/// How a command is run.
#[derive(Clone, Copy)]
pub struct Command<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// The node's container.
    pub id: &'a str,
    /// The command.
    pub spec: &'a ExecSpec,
    /// Its standard input.
    pub stdin: Option<&'a [u8]>,
    /// Ends it early, in the node too.
    pub cancellation: &'a Cancellation,
    /// Time limit, after which the command is killed in the node too. Default: none.
    pub deadline: Option<Duration>,
}

/// A command that did not run to its end.
#[derive(Debug)]
pub struct Unfinished {
    /// Why.
    pub error: Error,
    /// Whether it still runs in the node because it could not be ended.
    pub runs_on: bool,
}

impl From<Unfinished> for Error {
    fn from(unfinished: Unfinished) -> Error {
        let Unfinished { error, runs_on } = unfinished;
        if runs_on {
            error.cause("it still runs in the node, where it could not be ended")
        } else {
            error
        }
    }
}

impl Command<'_> {
    /// Runs it and collects its output.
    ///
    /// # Errors
    /// The engine refused; the output is longer than allowed; the deadline passed ([`Kind::Timeout`]); or the work was
    /// cancelled.
    pub async fn run(&self, mut collector: OutputCollector<'_>) -> Result<CommandOutput> {
        let outcome = self.attended(async |spec, started| {
            Ok(Some(
                attend(
                    self.engine,
                    self.id,
                    spec,
                    self.stdin,
                    started,
                    &mut collector,
                )
                .await?,
            ))
        });
        Ok(outcome.await?.expect("it is attended to its end"))
    }

    /// Runs it with `attend`, which gets the command with a mark by which it can be found again, and stores its id once
    /// it has started. If `attend` returns `None` or fails, the command is ended in its node.
    ///
    /// # Errors
    /// As [`run`](Command::run).
    pub async fn attended<T>(
        &self,
        attend: impl AsyncFnOnce(&ExecSpec, &StartedExec) -> Result<Option<T>>,
    ) -> Result<Option<T>, Unfinished> {
        let ending = Ending::new(self.engine, self.id, self.spec);
        let spec = ending.marked();
        let started = ending.started();
        let bounded = async {
            match self.deadline {
                None => attend(&spec, started).await,
                Some(deadline) => timeout(deadline, attend(&spec, started))
                    .await
                    .unwrap_or_else(|_| Err(timed_out(deadline))),
            }
        };
        match self.cancellation.wait(bounded).await {
            Ok(Some(done)) => Ok(Some(done)),
            unfinished => {
                let runs_on = !ending.end().await;
                unfinished.map_err(|error| Unfinished { error, runs_on })
            }
        }
    }
}

fn timed_out(deadline: Duration) -> Error {
    Error::new(
        Kind::Timeout,
        format!(
            "the command did not end within {}",
            humantime::format_duration(deadline)
        ),
    )
}
