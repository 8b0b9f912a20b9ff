//! Commands in containers: answered by the test's closure, and recorded.

use std::collections::VecDeque;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use bytes::Bytes;
use clusterdock::engine::{
    Chunk, EngineError, EngineResult, ExecSession, ExecSpec, Fault, RunningExec, State,
};
use tokio::io::AsyncWrite;

use super::FakeEngine;
use super::container::HeldContainer;
use super::state::Holdings;
use super::stream::Step;

/// The exit code of a command whose container ends.
const KILLED: i64 = 137;

/// A command that was run in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExecCall {
    /// The container's name.
    pub container: String,
    /// The spec of the command.
    pub spec: ExecSpec,
    /// What was written to its standard input.
    pub stdin: Vec<u8>,
}

impl ExecCall {
    /// Program and arguments, separated by spaces.
    pub fn line(&self) -> String {
        self.spec.command.join(" ")
    }
}

/// What a command does.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ExecAnswer {
    /// Its standard output; with a terminal, it comes before its standard error on the same stream.
    pub stdout: Vec<u8>,
    /// Its standard error.
    pub stderr: Vec<u8>,
    /// Its exit code.
    pub exit_code: i64,
    /// Whether it continues after its output until its container ends. Default: no.
    pub endless: bool,
}

impl ExecAnswer {
    /// Succeeds without output.
    pub fn success() -> ExecAnswer {
        ExecAnswer::default()
    }

    /// Ends with this exit code and without output.
    pub fn failure(exit_code: i64) -> ExecAnswer {
        ExecAnswer {
            exit_code,
            ..ExecAnswer::default()
        }
    }

    /// Runs until its container ends.
    pub fn endless() -> ExecAnswer {
        ExecAnswer {
            endless: true,
            ..ExecAnswer::default()
        }
    }

    /// The same, with this on its standard output.
    #[must_use]
    pub fn stdout(mut self, output: impl AsRef<[u8]>) -> ExecAnswer {
        self.stdout.extend_from_slice(output.as_ref());
        self
    }

    /// The same, with this on its standard error.
    #[must_use]
    pub fn stderr(mut self, output: impl AsRef<[u8]>) -> ExecAnswer {
        self.stderr.extend_from_slice(output.as_ref());
        self
    }
}

/// Answers commands.
pub(super) struct Runner(Arc<dyn Fn(&ExecCall) -> ExecAnswer + Send + Sync>);

impl Default for Runner {
    fn default() -> Runner {
        Runner(Arc::new(|_| ExecAnswer::success()))
    }
}

/// A command, running or ended.
pub(super) struct HeldExec {
    id: String,
    container_id: String,
    call: ExecCall,
    answer: Option<ExecAnswer>,
    size: Option<(u16, u16)>,
}

impl FakeEngine {
    /// Sets what commands do. A command without standard input runs at once, one with it once that ends. Default: they
    /// succeed without output.
    pub fn on_exec(&self, answer: impl Fn(&ExecCall) -> ExecAnswer + Send + Sync + 'static) {
        self.change(|holdings| holdings.runner = Runner(Arc::new(answer)));
    }

    /// All commands so far, in the order of their requests.
    pub fn execs(&self) -> Vec<ExecCall> {
        self.holdings()
            .execs
            .iter()
            .map(|exec| exec.call.clone())
            .collect()
    }

    /// Ends the running commands with this line, as a signal does.
    pub fn kill_execs(&self, line: &str) {
        self.change(|holdings| {
            holdings
                .execs
                .iter_mut()
                .filter(|exec| exec.call.line() == line)
                .for_each(|exec| exec.answer = Some(ExecAnswer::failure(KILLED)));
        });
    }

    /// The latest size of a command's terminal in rows and columns, by the command's index in [`FakeEngine::execs`].
    pub fn exec_size(&self, index: usize) -> Option<(u16, u16)> {
        self.holdings().execs.get(index).and_then(|exec| exec.size)
    }

    /// Returns the session of a command that was started, and runs it unless it waits for its input.
    pub(super) fn session(&self, id: String, spec: &ExecSpec) -> ExecSession {
        if !spec.stdin {
            self.run(&id);
        }
        let output = if spec.detached {
            self.breakable(|_| Step::End)
        } else {
            let (id, mut chunks) = (id.clone(), None);
            self.breakable(move |holdings| holdings.output_step(&id, &mut chunks))
        };
        let input = Input {
            fake: self.clone(),
            exec: id.clone(),
            open: spec.stdin,
        };
        ExecSession {
            id,
            output,
            input: Box::pin(input),
        }
    }

    /// Runs a command. The closure may use the engine, so nothing is locked meanwhile.
    fn run(&self, id: &str) {
        let (call, runner) = {
            let holdings = self.holdings();
            (
                holdings.exec(id).map(|exec| exec.call.clone()),
                Arc::clone(&holdings.runner.0),
            )
        };
        let Ok(call) = call else { return };
        let answer = runner(&call);
        self.change(|holdings| {
            holdings
                .execs
                .iter_mut()
                .filter(|exec| exec.id == id)
                .for_each(|exec| exec.answer = Some(answer.clone()));
        });
    }
}

impl Holdings {
    /// Starts a command; returns its id.
    pub(super) fn begin_exec(&mut self, container: &str, spec: &ExecSpec) -> EngineResult<String> {
        let held = self.container(container)?;
        if !held.state.is_running() {
            let message = match held.state {
                State::Paused => {
                    format!("Container {container} is paused, unpause the container before exec")
                }
                _ => format!("Container {} is not running", held.id),
            };
            return Err(EngineError::new(Fault::WrongState, message));
        }
        if spec.command.is_empty() {
            return Err(EngineError::new(
                Fault::Refused,
                "No exec command specified",
            ));
        }
        let call = ExecCall {
            container: held.spec.name.clone(),
            spec: spec.clone(),
            stdin: Vec::new(),
        };
        let container_id = held.id.clone();
        let id = self.new_id();
        self.execs.push(HeldExec {
            id: id.clone(),
            container_id,
            call,
            answer: None,
            size: spec.size,
        });
        // Created, then started.
        self.deaths.other_event();
        self.deaths.other_event();
        Ok(id)
    }

    pub(super) fn exec_exit_code(&self, id: &str) -> EngineResult<Option<i64>> {
        let exec = self.exec(id)?;
        Ok(match &exec.answer {
            Some(answer) if !answer.endless => Some(answer.exit_code),
            _ if self.is_alive(exec) => None,
            _ => Some(KILLED),
        })
    }

    /// Processes are numbered in the order of their start.
    pub(super) fn running_execs(&self, container: &str) -> EngineResult<Vec<RunningExec>> {
        let container = &self.container(container)?.id;
        let of_container = self
            .execs
            .iter()
            .enumerate()
            .filter(|(_, exec)| exec.container_id == *container);
        let mut running = Vec::new();
        for (number, exec) in of_container {
            if self.exec_exit_code(&exec.id)?.is_none() {
                running.push(RunningExec {
                    id: exec.id.clone(),
                    pid: 1000 + number as i64,
                });
            }
        }
        Ok(running)
    }

    pub(super) fn resize_exec(&mut self, id: &str, rows: u16, columns: u16) -> EngineResult<()> {
        self.exec(id)?;
        self.execs
            .iter_mut()
            .filter(|exec| exec.id == id)
            .for_each(|exec| exec.size = Some((rows, columns)));
        Ok(())
    }

    fn exec(&self, id: &str) -> EngineResult<&HeldExec> {
        let found = self.execs.iter().find(|exec| exec.id == id);
        found.ok_or_else(|| {
            EngineError::new(Fault::NotFound, format!("No such exec instance: {id}"))
        })
    }

    /// Whether a command's container is still running.
    fn is_alive(&self, exec: &HeldExec) -> bool {
        self.containers
            .get(&exec.container_id)
            .is_some_and(HeldContainer::is_up)
    }

    /// The next piece of a command's output; `chunks` has the rest once it has run.
    fn output_step(&self, id: &str, chunks: &mut Option<VecDeque<Chunk>>) -> Step<Chunk> {
        let Ok(exec) = self.exec(id) else {
            return Step::End;
        };
        let endless = match &exec.answer {
            Some(answer) => {
                let left = chunks.get_or_insert_with(|| pieces(answer, exec.call.spec.terminal));
                if let Some(chunk) = left.pop_front() {
                    return Step::Give(chunk);
                }
                answer.endless
            }
            None => true,
        };
        if endless && self.is_alive(exec) {
            Step::Wait
        } else {
            Step::End
        }
    }
}

fn pieces(answer: &ExecAnswer, terminal: bool) -> VecDeque<Chunk> {
    let stderr = if terminal {
        Chunk::Stdout
    } else {
        Chunk::Stderr
    };
    let stdout: fn(Bytes) -> Chunk = Chunk::Stdout;
    let both = [(stdout, &answer.stdout), (stderr, &answer.stderr)];
    let written = both.into_iter().filter(|(_, bytes)| !bytes.is_empty());
    written
        .map(|(kind, bytes)| kind(Bytes::copy_from_slice(bytes)))
        .collect()
}

/// A command's standard input, closed by a shutdown or a drop.
struct Input {
    fake: FakeEngine,
    exec: String,
    open: bool,
}

impl Input {
    fn close(&mut self) {
        if std::mem::take(&mut self.open) {
            self.fake.run(&self.exec);
        }
    }
}

impl AsyncWrite for Input {
    fn poll_write(
        self: Pin<&mut Self>,
        _: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        if !self.open {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        self.fake.change(|holdings| {
            let exec = holdings
                .execs
                .iter_mut()
                .filter(|exec| exec.id == self.exec);
            exec.for_each(|exec| exec.call.stdin.extend_from_slice(bytes));
        });
        Poll::Ready(Ok(bytes.len()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.close();
        Poll::Ready(Ok(()))
    }
}

impl Drop for Input {
    fn drop(&mut self) {
        self.close();
    }
}
