//! Connects standard input and outputs to a command in a node. A terminal is in raw mode while the command runs, its size
//! is passed on when it changes, and its mode is restored whatever happens.

use std::convert::Infallible;
use std::future::pending;
use std::io::Read;
use std::ops::ControlFlow;
use std::pin::Pin;

use futures_util::StreamExt;
use rustix::termios::{self, OptionalActions, Termios};
use tokio::io::{AsyncWrite, AsyncWriteExt};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::mpsc;

use crate::engine::{Chunk, EngineError, ExecSession, Execs};
use crate::error::{Error, Kind, Result};
use crate::sink::{Sink, Stream};

/// How many pieces of input may wait for a slow connection.
const TYPED_AHEAD: usize = 64;

/// Whether both standard input and standard output are terminals.
pub fn is_interactive() -> bool {
    termios::isatty(std::io::stdin()) && termios::isatty(std::io::stdout())
}

/// Whether standard input is a terminal.
pub fn can_type() -> bool {
    termios::isatty(std::io::stdin())
}

/// Whether a session without a terminal gets standard input. Not if that is a terminal and the output goes elsewhere: in
/// `clusterdock ssh NODE -- dmesg | less`, the input belongs to the pager.
pub fn passes_input() -> bool {
    !termios::isatty(std::io::stdin()) || termios::isatty(std::io::stdout())
}

/// Rows and columns of the terminal, if there is one.
pub fn size() -> Option<(u16, u16)> {
    let size = termios::tcgetwinsize(std::io::stdout()).ok()?;
    (size.ws_row > 0 && size.ws_col > 0).then_some((size.ws_row, size.ws_col))
}

/// Connects the terminal to a command with a terminal in its node, until the command ends. Input is only passed on if
/// `has_input`. Breaks if the reader of standard output has left.
///
/// # Errors
/// The terminal cannot be set to raw mode, the connection fails, or the output cannot be written.
pub async fn attend(
    engine: &dyn Execs,
    session: ExecSession,
    sink: &dyn Sink,
    has_input: bool,
) -> Result<ControlFlow<()>> {
    let _raw = if has_input { Some(Raw::enter()?) } else { None };
    let ExecSession { id, output, input } = session;
    let mut resized = signal(SignalKind::window_change()).map_err(|error| {
        Error::new(Kind::Other, "cannot watch the size of the terminal").cause(error)
    })?;
    let follow = async {
        loop {
            resize(engine, &id).await;
            resized.recv().await;
        }
    };
    let feed = async {
        if has_input {
            feed(read_stdin(), input).await;
        }
    };
    let background = async { tokio::join!(feed, follow) };
    with_background(show(output, sink), background).await
}

/// Connects both outputs, and standard input if `has_input`, to a command without a terminal, until it ends. Breaks if
/// the reader of standard output has left.
///
/// # Errors
/// The connection fails, or the output cannot be written.
pub async fn pipe(
    session: ExecSession,
    sink: &dyn Sink,
    has_input: bool,
) -> Result<ControlFlow<()>> {
    let ExecSession { output, input, .. } = session;
    let background = async {
        if has_input {
            feed(read_stdin(), input).await;
        }
    };
    with_background(show(output, sink), background).await
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
        // A failure can be neither handled nor reported here.
        termios::tcsetattr(std::io::stdin(), OptionalActions::Now, &self.before).ok();
    }
}

/// Runs `work`, and `background` until it is done. Concurrently, since a command may have to write before it reads more,
/// so waiting in one direction must not block the other.
async fn with_background<T>(work: impl Future<Output = T>, background: impl Future) -> T {
    let never = async {
        background.await;
        pending::<Infallible>().await
    };
    tokio::select! {
        biased;
        done = work => done,
        never = never => match never {},
    }
}

type Chunks = futures_util::stream::BoxStream<'static, Result<crate::engine::Chunk, EngineError>>;

/// Shows the output of a command.
async fn show(mut output: Chunks, sink: &dyn Sink) -> Result<ControlFlow<()>> {
    while let Some(chunk) = output.next().await {
        let shown = match chunk.map_err(lost)? {
            Chunk::Stdout(bytes) => sink.stream(Stream::Stdout, &bytes).await?,
            Chunk::Stderr(bytes) => sink.stream(Stream::Stderr, &bytes).await?,
        };
        if shown.is_break() {
            return Ok(shown);
        }
    }
    // Before the terminal is restored; if the reader has left, the exit code is that of a broken pipe.
    sink.delivered().await
}

/// Passes on the input and its end.
async fn feed(mut pieces: mpsc::Receiver<Vec<u8>>, mut input: Pin<Box<dyn AsyncWrite + Send>>) {
    while let Some(bytes) = pieces.recv().await {
        // A command that has ended reads no more; its output is about to end.
        if input.write_all(&bytes).await.is_err() || input.flush().await.is_err() {
            return;
        }
    }
    // Fails if the command has ended, which its output shows.
    input.shutdown().await.ok();
}

/// Standard input, read on its own thread: a read cannot be cancelled and must not delay the exit of the program.
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

async fn resize(engine: &dyn Execs, id: &str) {
    if let Some((rows, columns)) = size() {
        // Fails if the command has ended, which its output shows.
        engine.resize_exec(id, rows, columns).await.ok();
    }
}

fn lost(error: EngineError) -> Error {
    Error::from(error).context("lost the connection to the command")
}
