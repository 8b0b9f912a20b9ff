//! The user's terminal, handed to a command in a node: raw while the command runs, its size passed on as it changes,
//! and put back whatever happens.

use crate::engine::{Chunk, Engine, EngineError, ExecSession};
use crate::error::{Error, Kind, Result};
use futures_util::StreamExt;
use rustix::termios::{self, OptionalActions, Termios};
use std::io::{Read, Write};
use tokio::io::AsyncWriteExt;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

/// How many pieces of typing may wait for a slow connection.
const TYPED_AHEAD: usize = 64;

/// Whether both standard input and standard output are terminals.
pub fn is_interactive() -> bool {
    termios::isatty(std::io::stdin()) && termios::isatty(std::io::stdout())
}

/// Rows and columns of the terminal, if there is one.
pub fn size() -> Option<(u16, u16)> {
    let size = termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
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

/// Connects the terminal to a command that has one in its node, until the command ends. What the command writes goes
/// to `out` as it comes.
///
/// # Errors
/// The terminal cannot be made raw, or the connection breaks.
pub async fn attend(engine: &dyn Engine, session: ExecSession, out: &mut (dyn Write + Send)) -> Result<()> {
    let _raw = Raw::enter()?;
    let ExecSession { id, mut output, mut input } = session;
    let mut typed = read_stdin();
    let mut resized = signal(SignalKind::window_change())
        .map_err(|error| Error::new(Kind::Other, "cannot follow the terminal's size").cause(error))?;
    resize(engine, &id).await;
    loop {
        tokio::select! {
            chunk = output.next() => match chunk {
                Some(Ok(Chunk::Stdout(bytes) | Chunk::Stderr(bytes))) => show(out, &bytes)?,
                Some(Err(error)) => return Err(lost(error)),
                None => return Ok(()),
            },
            Some(bytes) = typed.recv() => {
                // A command that ended reads no more; its output ends in a moment.
                if input.write_all(&bytes).await.is_ok() {
                    input.flush().await.ok();
                }
            }
            _ = resized.recv() => resize(engine, &id).await,
        }
    }
}

/// Connects standard input (when it is a pipe or file) and the two outputs to a command without a terminal.
///
/// # Errors
/// The connection breaks.
pub async fn pipe(
    session: &mut ExecSession,
    out: &mut (dyn Write + Send),
    error_out: &mut (dyn Write + Send),
) -> Result<()> {
    let mut typed = read_stdin();
    let mut open = true;
    loop {
        tokio::select! {
            chunk = session.output.next() => match chunk {
                Some(Ok(Chunk::Stdout(bytes))) => show(out, &bytes)?,
                Some(Ok(Chunk::Stderr(bytes))) => show(error_out, &bytes)?,
                Some(Err(error)) => return Err(lost(error)),
                None => return Ok(()),
            },
            bytes = typed.recv(), if open => match bytes {
                Some(bytes) => open = session.input.write_all(&bytes).await.is_ok(),
                None => {
                    session.input.shutdown().await.ok();
                    open = false;
                }
            },
        }
    }
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

fn show(out: &mut dyn Write, bytes: &[u8]) -> Result<()> {
    out.write_all(bytes)
        .and_then(|()| out.flush())
        .map_err(|error| Error::new(Kind::Other, "cannot write").cause(error))
}

fn lost(error: EngineError) -> Error {
    Error::from(error).context("lost the connection to the command")
}
