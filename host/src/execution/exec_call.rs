//! The engine's calls that run a command in a node: its input and output, and its exit code.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use futures_util::StreamExt;
use tokio::io::AsyncWriteExt;
use tokio::time::{sleep, timeout};

use crate::engine::{Chunk, Engine, EngineError, EngineResult, ExecSpec, Fault};
use crate::sink::Sink;

/// How long the engine may take to know a command's exit code once its output has ended.
const EXIT_DEADLINE: Duration = Duration::from_secs(10);
const FIRST_PAUSE: Duration = Duration::from_millis(10);

/// The result of a command.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CommandOutput {
    /// 0 on success.
    pub exit_code: i64,
    /// Both outputs, in the order in which they came.
    pub both: Vec<u8>,
    /// The pieces of `both`: their length, and whether they are from standard error.
    pieces: Vec<(usize, bool)>,
}

impl CommandOutput {
    /// Standard output.
    pub fn stdout(&self) -> Vec<u8> {
        self.of(false)
    }

    /// Standard error.
    pub fn stderr(&self) -> Vec<u8> {
        self.of(true)
    }

    /// The pieces of both outputs: their length, and whether they are from standard error.
    pub fn pieces(&self) -> impl Iterator<Item = (usize, bool)> {
        self.pieces.iter().copied()
    }

    fn of(&self, stderr: bool) -> Vec<u8> {
        let mut rest = &self.both[..];
        let mut bytes = Vec::new();
        for (length, is_stderr) in &self.pieces {
            let (piece, after) = rest.split_at(*length);
            rest = after;
            if *is_stderr == stderr {
                bytes.extend_from_slice(piece);
            }
        }
        bytes
    }

    fn keep(&mut self, bytes: &[u8], is_stderr: bool) {
        self.both.extend_from_slice(bytes);
        match self
            .pieces
            .last_mut()
            .filter(|(_, last)| *last == is_stderr)
        {
            Some((length, _)) => *length += bytes.len(),
            None => self.pieces.push((bytes.len(), is_stderr)),
        }
    }
}

/// How much output may be returned.
pub const RETURNED: usize = 16 << 20;

/// How much output commands may return together.
#[derive(Debug)]
pub struct OutputBudget(AtomicUsize);

impl OutputBudget {
    /// Allows this many bytes.
    pub fn new(bytes: usize) -> OutputBudget {
        OutputBudget(AtomicUsize::new(bytes))
    }

    /// Takes this many bytes; returns whether they were left.
    fn covers(&self, bytes: usize) -> bool {
        self.0
            .fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| {
                left.checked_sub(bytes)
            })
            .is_ok()
    }
}

/// Where a command's output goes.
pub struct OutputCollector<'a> {
    /// How much of it may be collected.
    pub budget: &'a OutputBudget,
    /// The sink whose reader the command waits for, if the output is shown.
    pub sink: Option<&'a dyn Sink>,
    /// Sees every piece as it comes.
    pub on_chunk: &'a mut (dyn FnMut(&Chunk) + Send),
}

impl OutputCollector<'_> {
    async fn take(&mut self, outcome: &mut CommandOutput, chunk: &Chunk) -> EngineResult<()> {
        (self.on_chunk)(chunk);
        if let Some(sink) = self.sink {
            sink.story_room().await;
        }
        let (bytes, is_stderr) = match chunk {
            Chunk::Stdout(bytes) => (bytes, false),
            Chunk::Stderr(bytes) => (bytes, true),
        };
        if !self.budget.covers(bytes.len()) {
            return Err(
                EngineError::new(Fault::Other, "the output is longer than 16 MiB")
                    .hint("write it to a file in the node, and copy that"),
            );
        }
        outcome.keep(bytes, is_stderr);
        Ok(())
    }
}

/// The engine's id of a command, once it has started.
#[derive(Debug, Default)]
pub struct StartedExec(Mutex<Option<String>>);

impl StartedExec {
    /// Stores the id.
    pub fn set(&self, exec: &str) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(exec.into());
    }

    pub(super) fn id(&self) -> Option<String> {
        self.0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .clone()
    }
}

/// Runs an internal command to its end, such as one that ends another command.
pub(super) async fn ask(
    engine: &dyn Engine,
    id: &str,
    spec: &ExecSpec,
) -> EngineResult<CommandOutput> {
    let mut collector = OutputCollector {
        budget: &OutputBudget::new(RETURNED),
        sink: None,
        on_chunk: &mut |_| {},
    };
    attend(
        engine,
        id,
        spec,
        None,
        &StartedExec::default(),
        &mut collector,
    )
    .await
}

pub(super) async fn attend(
    engine: &dyn Engine,
    id: &str,
    spec: &ExecSpec,
    stdin: Option<&[u8]>,
    started: &StartedExec,
    collector: &mut OutputCollector<'_>,
) -> EngineResult<CommandOutput> {
    let spec = ExecSpec {
        stdin: stdin.is_some(),
        ..spec.clone()
    };
    let mut session = engine.exec(id, &spec).await?;
    started.set(&session.id);
    let mut outcome = CommandOutput::default();
    let feed = async {
        // A command need not read its input to the end; then writing fails, which is its own business.
        if let Some(bytes) = stdin
            && session.input.write_all(bytes).await.is_ok()
        {
            session.input.shutdown().await.ok();
        }
        EngineResult::Ok(())
    };
    let read = async {
        while let Some(chunk) = session.output.next().await {
            collector.take(&mut outcome, &chunk?).await?;
        }
        EngineResult::Ok(())
    };
    tokio::try_join!(feed, read)?;
    if !spec.detached {
        outcome.exit_code = exit_code(engine, &session.id).await?;
    }
    Ok(outcome)
}

/// The exit code of a command whose output has ended, which comes a moment before the engine knows it.
///
/// # Errors
/// [`Fault::Timeout`] if the command continues: something made the engine lose its output.
pub async fn exit_code(engine: &dyn Engine, exec: &str) -> EngineResult<i64> {
    exit_code_within(engine, exec, EXIT_DEADLINE).await
}

/// Like [`exit_code`], with a deadline.
pub(super) async fn exit_code_within(
    engine: &dyn Engine,
    exec: &str,
    deadline: Duration,
) -> EngineResult<i64> {
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
    timeout(deadline, known).await.unwrap_or_else(|_| {
        let seconds = deadline.as_secs();
        Err(EngineError::new(
            Fault::Timeout,
            format!("the command continues {seconds} s after the end of its output"),
        ))
    })
}
