//! A command in a node, run to its end: its output as it comes, its exit code, and its own end when the user or a
//! deadline ends the wait. Closing the connection alone would leave it running (Docker does not pass that on).

use super::Stop;
use crate::engine::{Chunk, Engine, EngineError, EngineResult, ExecSpec, Fault};
use crate::error::{Error, Kind, Result};
use futures_util::StreamExt;
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};

/// Marks a command's processes, children included, so that they can be found again in the node.
const MARK: &str = "CLUSTERDOCK_EXEC";

/// How long ending a command in its node may take.
const END_DEADLINE: Duration = Duration::from_secs(10);

/// How long the engine may take to know a command's exit code once its output has ended.
const EXIT_DEADLINE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// Ends every process that has the mark `$0` in its environment: by TERM, and KILL for what is left two seconds later.
/// With `$1`, as a terminal that hangs up does: HUP for what has a terminal, and whoever ignores that lives on. Needs
/// nothing but a shell and `sleep`. Exits with 3 when it found nothing.
const END: &str = r#"marked() {
  found=
  for folder in /proc/[0-9]*; do
    if [ -n "$1" ]; then
      read -r stat <"$folder/stat" || continue
      set -- "$1" ${stat##*) }
      [ "$6" = 0 ] && continue
    fi
    while IFS= read -r line || [ -n "$line" ]; do
      case $line in *"$0"*) found="$found ${folder#/proc/}"; break ;; esac
    done <"$folder/environ"
  done
}
exec 2>/dev/null
marked "$1"
[ -z "$found" ] && exit 3
if [ -n "$1" ]; then
  kill -HUP $found
  exit 0
fi
kill -TERM $found
for step in 1 2 3 4 5 6 7 8 9 10; do
  marked
  [ -z "$found" ] && exit 0
  sleep 0.2
done
kill -KILL $found
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
        let outcome =
            self.attended(async |spec| Ok(Some(attend(self.engine, self.id, spec, self.stdin, &mut on_chunk).await?)));
        Ok(outcome.await?.expect("it is attended to its end"))
    }

    /// Runs it by `attend`, which is given the command with the mark by which it is found again. When that gives
    /// nothing, or fails, the command is ended in its node.
    ///
    /// # Errors
    /// As [`run`](Command::run).
    pub async fn attended<T>(&self, attend: impl AsyncFnOnce(&ExecSpec) -> Result<Option<T>>) -> Result<Option<T>> {
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
        if !matches!(result, Ok(Some(_))) {
            timeout(END_DEADLINE, self.end(&mark)).await.unwrap_or_default();
        }
        result
    }

    /// Ends the command in its node. What cannot be ended (no shell in the node, the node is gone) is let be.
    async fn end(&self, mark: &str) {
        let mut command = ["/bin/sh", "-c", END].map(String::from).to_vec();
        command.push(format!("{MARK}={mark}"));
        if self.spec.terminal {
            command.push("terminal".into());
        }
        // Root may not look at other users' processes in a container with few capabilities; they may themselves.
        let own = self.spec.user.as_deref().filter(|user| !matches!(*user, "0" | "root"));
        for user in [Some("0"), own].into_iter().flatten() {
            let spec = ExecSpec { command: command.clone(), user: Some(user.into()), ..ExecSpec::default() };
            if attend(self.engine, self.id, &spec, None, &mut |_| {}).await.is_ok_and(|end| end.exit_code == 0) {
                return;
            }
        }
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
        outcome.exit_code = exit_code(engine, &session.id).await?;
    }
    Ok(outcome)
}

/// The exit code of a command whose output has ended, which comes a moment before the engine knows it.
///
/// # Errors
/// [`Fault::Timeout`] when the command goes on: the engine was made to let go of it.
pub async fn exit_code(engine: &dyn Engine, exec: &str) -> EngineResult<i64> {
    let known = async {
        let mut pause = FIRST_PAUSE;
        loop {
            if let Some(code) = engine.exec_exit_code(exec).await? {
                return Ok(code);
            }
            sleep(pause).await;
            pause *= 2;
        }
    };
    timeout(EXIT_DEADLINE, known).await.unwrap_or_else(|_| {
        let seconds = EXIT_DEADLINE.as_secs();
        Err(EngineError::new(Fault::Timeout, format!("the command goes on {seconds} s after the end of its output")))
    })
}

fn late(deadline: Duration) -> Error {
    Error::new(Kind::Timeout, format!("the command did not end within {}", humantime::format_duration(deadline)))
}
