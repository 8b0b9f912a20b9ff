//! A command in a node, run to its end: its output as it comes, its exit code, and its own end when the user or a
//! deadline ends the wait.

use std::time::Duration;

use tokio::time::timeout;

use super::ending::Ending;
use super::exec_call::{Begun, Outcome, Taker, attend};
use crate::engine::{Engine, ExecSpec};
use crate::error::{Error, Kind, Result};
use crate::stop::Stop;

/// How a command is run.
#[derive(Clone, Copy)]
pub struct Command<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// The node's container.
    pub id: &'a str,
    /// The command.
    pub spec: &'a ExecSpec,
    /// What its standard input gets.
    pub stdin: Option<&'a [u8]>,
    /// Ends it early, in the node too.
    pub stop: &'a Stop,
    /// Time limit, after which the command is killed in the node too. Default: none.
    pub deadline: Option<Duration>,
}

/// A command that did not come to its end.
#[derive(Debug)]
pub struct Unfinished {
    /// Why.
    pub error: Error,
    /// Whether it still runs in the node, where nothing could end it.
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
    /// The engine refused; the output is longer than allowed; the deadline passed ([`Kind::Timeout`]); or the work is to
    /// end.
    pub async fn run(&self, mut taker: Taker<'_>) -> Result<Outcome> {
        let outcome = self.attended(async |spec, begun| {
            Ok(Some(
                attend(self.engine, self.id, spec, self.stdin, begun, &mut taker).await?,
            ))
        });
        Ok(outcome.await?.expect("it is attended to its end"))
    }

    /// Runs it by `attend`, which is given the command with a mark by which it is found again, and reports when it has
    /// begun. When that gives nothing, or fails, the command is ended in its node.
    ///
    /// # Errors
    /// As [`run`](Command::run).
    pub async fn attended<T>(
        &self,
        attend: impl AsyncFnOnce(&ExecSpec, &Begun) -> Result<Option<T>>,
    ) -> Result<Option<T>, Unfinished> {
        let ending = Ending::new(self.engine, self.id, self.spec);
        let spec = ending.marked();
        let begun = ending.begun();
        let bounded = async {
            match self.deadline {
                None => attend(&spec, begun).await,
                Some(deadline) => timeout(deadline, attend(&spec, begun))
                    .await
                    .unwrap_or_else(|_| Err(late(deadline))),
            }
        };
        match self.stop.wait(bounded).await {
            Ok(Some(done)) => Ok(Some(done)),
            unfinished => {
                let runs_on = !ending.end().await;
                unfinished.map_err(|error| Unfinished { error, runs_on })
            }
        }
    }
}

fn late(deadline: Duration) -> Error {
    Error::new(
        Kind::Timeout,
        format!(
            "the command did not end within {}",
            humantime::format_duration(deadline)
        ),
    )
}
