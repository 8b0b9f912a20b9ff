//! A command in a node, run to its end: its output as it comes, its exit code, and its own end when the user or a
//! deadline ends the wait. Closing the connection alone would leave it running (Docker does not pass that on).

use super::Stop;
use crate::engine::{Chunk, Engine, EngineResult, ExecSpec};
use crate::error::{Error, Kind, Result};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::timeout;

/// Marks a command's processes, children included, so that they can be found again in the node.
const MARK: &str = "CLUSTERDOCK_EXEC";

/// How long ending a command in its node may take.
const END_DEADLINE: Duration = Duration::from_secs(10);

/// Sends TERM to every process that has the mark `$0` in its environment, and KILL to what is left two seconds
/// later. Needs nothing but a shell and `sleep`.
const END: &str = r#"marked() {
  found=
  for folder in /proc/[0-9]*; do
    IFS= read -r environment 2>/dev/null <"$folder/environ"
    case $environment in *"$0"*) found="$found ${folder#/proc/}" ;; esac
    environment=
  done
}
marked
[ -z "$found" ] && exit 0
kill -TERM $found 2>/dev/null
for step in 1 2 3 4 5 6 7 8 9 10; do
  marked
  [ -z "$found" ] && exit 0
  sleep 0.2
done
kill -KILL $found 2>/dev/null
exit 0"#;

/// What a command gave.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Outcome {
    /// 0 when all went well.
    pub exit_code: i64,
    /// Standard output.
    pub stdout: Vec<u8>,
    /// Standard error.
    pub stderr: Vec<u8>,
    /// Both, in the order in which they came.
    pub both: Vec<u8>,
}

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
    /// After so long it is ended, in the node too. Default: never.
    pub deadline: Option<Duration>,
}

impl Command<'_> {
    /// Runs it and collects its output; `on_chunk` sees every piece as it comes.
    ///
    /// # Errors
    /// The engine refused; the deadline passed ([`Kind::Timeout`]); or the work is to end.
    pub async fn run(&self, mut on_chunk: impl FnMut(&Chunk) + Send) -> Result<Outcome> {
        self.attended(async |spec| Ok(attend(self.engine, self.id, spec, self.stdin, &mut on_chunk).await?)).await
    }

    /// Runs it by `attend`, which is given the command with the mark by which it is found again.
    ///
    /// # Errors
    /// As [`run`](Command::run).
    pub async fn attended<T>(&self, attend: impl AsyncFnOnce(&ExecSpec) -> Result<T>) -> Result<T> {
        let mark = uuid::Uuid::new_v4().simple().to_string();
        let mut spec = self.spec.clone();
        spec.environment.push(format!("{MARK}={mark}"));
        let bounded = async {
            match self.deadline {
                None => attend(&spec).await,
                Some(deadline) => timeout(deadline, attend(&spec)).await.unwrap_or_else(|_| Err(late(deadline))),
            }
        };
        let result = self.stop.wait(bounded).await;
        let given_up = |kind| matches!(kind, Kind::Timeout | Kind::Interrupted | Kind::Terminated);
        if result.as_ref().is_err_and(|error| given_up(error.kind())) {
            self.end(&mark).await;
        }
        result
    }

    /// Ends the command in its node. What cannot be ended (no shell in the node, the node is gone) is let be.
    async fn end(&self, mark: &str) {
        let mark = format!("{MARK}={mark}");
        let command = ["/bin/sh", "-c", END, &mark].map(String::from).to_vec();
        let spec = ExecSpec { command, user: Some("0".into()), ..ExecSpec::default() };
        let mut unheard = |_: &Chunk| {};
        let end = attend(self.engine, self.id, &spec, None, &mut unheard);
        timeout(END_DEADLINE, end).await.map(drop).unwrap_or_default();
    }
}

/// Runs a command to its end.
pub(super) async fn attend(
    engine: &dyn Engine,
    id: &str,
    spec: &ExecSpec,
    stdin: Option<&[u8]>,
    on_chunk: &mut (dyn FnMut(&Chunk) + Send),
) -> EngineResult<Outcome> {
    let spec = ExecSpec { stdin: stdin.is_some(), ..spec.clone() };
    let mut session = engine.exec(id, &spec).await?;
    let mut outcome = Outcome::default();
    let feed = async {
        // A command need not read its input to the end; then writing fails, which is its own business.
        if let Some(bytes) = stdin
            && session.input.write_all(bytes).await.is_ok()
        {
            session.input.shutdown().await.ok();
        }
    };
    let read = async {
        while let Some(chunk) = session.output.next().await {
            let chunk = chunk?;
            on_chunk(&chunk);
            match &chunk {
                Chunk::Stdout(bytes) => outcome.stdout.extend_from_slice(bytes),
                Chunk::Stderr(bytes) => outcome.stderr.extend_from_slice(bytes),
            }
            let (Chunk::Stdout(bytes) | Chunk::Stderr(bytes)) = &chunk;
            outcome.both.extend_from_slice(bytes);
        }
        EngineResult::Ok(())
    };
    let ((), read) = tokio::join!(feed, read);
    read?;
    if !spec.detached {
        outcome.exit_code = engine.exec_exit_code(&session.id).await?.unwrap_or_default();
    }
    Ok(outcome)
}

fn late(deadline: Duration) -> Error {
    Error::new(Kind::Timeout, format!("the command did not end within {}", humantime::format_duration(deadline)))
}
