//! Our standard input and outputs, connected to a command in a node. A terminal is raw while the command runs, its size
//! is passed on as it changes, and it is put back whatever happens.

mod outlet;

use crate::engine::{Engine, EngineError, ExecSession};
use crate::error::{Error, Kind, Result};
use crate::report::Report;
use futures_util::StreamExt;
use outlet::Outlet;
use rustix::termios::{self, OptionalActions, Termios};
use std::convert::Infallible;
use std::future::pending;
use std::io::Read;
use std::ops::ControlFlow;
use std::pin::Pin;
use std::sync::Arc;
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// How many pieces of typing may wait for a slow connection.
const TYPED_AHEAD: usize = 64;

/// Whether both standard input and standard output are terminals.
pub fn is_interactive() -> bool {
    termios::isatty(std::io::stdin()) && termios::isatty(std::io::stdout())
}

/// Whether a command without a terminal gets our standard input. Not where that is a terminal and the output goes
/// elsewhere: in `clusterdock exec NODE -- dmesg | less` what is typed is for the pager.
pub fn passes_input() -> bool {
    !termios::isatty(std::io::stdin()) || termios::isatty(std::io::stdout())
}

/// Rows and columns of the terminal, if there is one.
pub fn size() -> Option<(u16, u16)> {
    let size = termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}

/// Connects the terminal to a command that has one in its node, until the command ends. Breaks when nobody reads our
/// output any more.
///
/// # Errors
/// The terminal cannot be made raw, the connection breaks, or the output cannot be written.
pub async fn attend(engine: &dyn Engine, session: ExecSession, report: &Arc<Report>) -> Result<ControlFlow<()>> {
    let _raw = Raw::enter()?;
    let ExecSession { id, output, input } = session;
    let mut resized = signal(SignalKind::window_change())
        .map_err(|error| Error::new(Kind::Other, "cannot follow the terminal's size").cause(error))?;
    let follow = async {
        loop {
            resize(engine, &id).await;
            resized.recv().await;
        }
    };
    let beside = async { tokio::join!(feed(read_stdin(), input), follow) };
    while_it_lasts(show(output, report), beside).await
}

/// Connects standard input (see [`passes_input`]) and the two outputs to a command without a terminal, until it ends.
/// Breaks when nobody reads our output any more.
///
/// # Errors
/// The connection breaks, or the output cannot be written.
pub async fn pipe(session: ExecSession, report: &Arc<Report>) -> Result<ControlFlow<()>> {
    let ExecSession { output, input, .. } = session;
    let beside = async {
        if passes_input() {
            feed(read_stdin(), input).await;
        }
    };
    while_it_lasts(show(output, report), beside).await
}

/// The terminal in raw mode, until it is dropped.
struct Raw {
    before: Termios,
}

impl Raw {
    fn enter() -> Result<Raw> {
        let failed = |error| Error::new(Kind::Other, "cannot use the terminal").cause(error);
        let before = termios::tcgetattr(std::io::stdin()).map_err(failed)?;
        let mut raw = before.clone();
        raw.make_raw();
        termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &raw).map_err(failed)?;
        Ok(Raw { before })
    }
}

impl Drop for Raw {
    fn drop(&mut self) {
        // Nothing can be done, or told, where this fails.
        termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before).ok();
    }
}

/// Does `work`, and `beside` for as long as it takes. Side by side, since a command may have to write before it can
/// read on: what waits for one direction must not hold up the other.
async fn while_it_lasts<T>(work: impl Future<Output = T>, beside: impl Future) -> T {
    let never = async {
        beside.await;
        pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        done = work => done,
        never = never => match never {},
    }
}

type Chunks = futures_util::stream::BoxStream<'static, Result<crate::engine::Chunk, EngineError>>;

/// Shows all that a command writes.
async fn show(mut output: Chunks, report: &Arc<Report>) -> Result<ControlFlow<()>> {
    let outlet = Outlet::new(report.clone());
    while let Some(chunk) = output.next().await {
        if !outlet.put(chunk.map_err(lost)?).await {
            break;
        }
    }
    outlet.finish().await
}

/// Passes on what is typed, and its end.
async fn feed(mut typed: mpsc::Receiver<Vec<u8>>, mut input: Pin<Box<dyn AsyncWrite + Send>>) {
    while let Some(bytes) = typed.recv().await {
        // A command that ended reads no more; its output ends in a moment.
        if input.write_all(&bytes).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
    input.shutdown().await.ok();
}

/// Standard input, read by a thread of its own: a read of it cannot be cancelled, and must not hold up the end of
/// the program.
fn read_stdin() -> mpsc::Receiver<Vec<u8>> {
    let (sender, receiver) = mpsc::channel(TYPED_AHEAD);
    std::thread::spawn(move || {
        let mut stdin = std::io::stdin().lock();
        let mut buffer = [0; 16 * 1024];
        while let Ok(count @ 1..) = stdin.read(&mut buffer) {
            if sender.blocking_send(buffer[..count].to_vec()).is_err() {
                break;
            }
        }
    });
    receiver
}

async fn resize(engine: &dyn Engine, id: &str) {
    if let Some((rows, columns)) = size() {
        // The command may have ended; its output tells.
        engine.resize_exec(id, rows, columns).await.ok();
    }
}

fn lost(error: EngineError) -> Error {
    Error::from(error).context("lost the connection to the command")
}
