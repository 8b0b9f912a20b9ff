//! Between the engine's streams and work that blocks: bounded channels, so that neither side runs ahead.

use crate::engine::EngineError;
use crate::error::{Error, Kind, Result};
use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use std::io::{self, BufRead, Read, Write};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

/// How many pieces may wait for the slower side.
const AHEAD: usize = 8;
/// How long pieces are that we make.
const PIECE: usize = 128 * 1024;

/// How long nothing may move.
const SILENCE: Duration = Duration::from_secs(300);

type Piece = io::Result<Bytes>;

/// Beats while something moves.
#[derive(Debug, Clone)]
pub struct Pulse(Arc<watch::Sender<()>>);

/// Nothing has moved yet.
impl Default for Pulse {
    fn default() -> Pulse {
        Pulse(Arc::new(watch::Sender::new(())))
    }
}

impl Pulse {
    fn beat(&self) {
        self.0.send_replace(());
    }

    /// Ends when nothing has moved for five minutes.
    pub async fn silence(&self) -> Error {
        let mut beats = self.0.subscribe();
        // The sender is here, so waiting ends by a beat or by the deadline.
        while timeout(SILENCE, beats.changed()).await.is_ok() {}
        Error::new(Kind::Timeout, format!("nothing has moved for {}", humantime::format_duration(SILENCE)))
            .hint("look at the engine's load and its log")
    }
}

/// What blocking work writes to the engine.
pub struct Outlet {
    sender: mpsc::Sender<Piece>,
    piece: BytesMut,
}

/// An outlet, and the stream that comes out of it.
pub fn outlet(pulse: &Pulse) -> (Outlet, BoxStream<'static, Piece>) {
    let (sender, receiver) = mpsc::channel(AHEAD);
    (Outlet { sender, piece: BytesMut::new() }, beating(receiver, pulse).boxed())
}

impl Outlet {
    /// Whether nobody takes anything any more; why, the taker knows.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Breaks the stream, so that what came out of it is not taken for all.
    pub fn fail(self) {
        // Who does not listen any more need not hear it.
        self.sender.blocking_send(Err(io::Error::other("given up"))).unwrap_or_default();
    }

    fn send(&mut self) -> io::Result<()> {
        let piece = self.piece.split().freeze();
        self.sender.blocking_send(Ok(piece)).map_err(|_| io::Error::other("the engine takes no more"))
    }
}

impl Write for Outlet {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.piece.reserve(PIECE - self.piece.len());
        let length = bytes.len().min(PIECE - self.piece.len());
        self.piece.extend_from_slice(&bytes[..length]);
        if self.piece.len() == PIECE {
            self.send()?;
        }
        Ok(length)
    }

    fn flush(&mut self) -> io::Result<()> {
        if self.piece.is_empty() { Ok(()) } else { self.send() }
    }
}

/// What blocking work reads from the engine.
pub struct Inlet {
    receiver: mpsc::Receiver<Bytes>,
    piece: Bytes,
    is_at_end: bool,
}

/// What feeds an inlet.
pub struct Feed {
    sender: mpsc::Sender<Bytes>,
    pulse: Pulse,
}

/// An inlet, and what feeds it.
pub fn inlet(pulse: &Pulse) -> (Feed, Inlet) {
    let (sender, receiver) = mpsc::channel(AHEAD);
    (Feed { sender, pulse: pulse.clone() }, Inlet { receiver, piece: Bytes::new(), is_at_end: false })
}

impl Feed {
    /// Passes a stream on until it ends, or nobody reads any more.
    ///
    /// # Errors
    /// The stream breaks.
    pub async fn pass_on(self, mut pieces: BoxStream<'static, Piece>) -> Result<()> {
        while let Some(piece) = pieces.next().await {
            self.pulse.beat();
            let piece = piece.map_err(broken)?;
            if self.sender.send(piece).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

impl Inlet {
    /// Whether the stream has ended; whether it was to end there, the feeder knows.
    pub fn is_at_end(&self) -> bool {
        self.is_at_end
    }

    /// Writes all of it; gives how much that was.
    ///
    /// # Errors
    /// It cannot be written.
    pub fn write_to(&mut self, output: &mut dyn Write) -> io::Result<u64> {
        let mut written = 0;
        loop {
            let piece = self.fill_buf()?;
            if piece.is_empty() {
                return Ok(written);
            }
            output.write_all(piece)?;
            let length = piece.len();
            written += length as u64;
            self.consume(length);
        }
    }
}

impl Read for Inlet {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let piece = self.fill_buf()?;
        let length = piece.len().min(buffer.len());
        buffer[..length].copy_from_slice(&piece[..length]);
        self.consume(length);
        Ok(length)
    }
}

impl BufRead for Inlet {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        while self.piece.is_empty() && !self.is_at_end {
            match self.receiver.blocking_recv() {
                Some(piece) => self.piece = piece,
                None => self.is_at_end = true,
            }
        }
        Ok(&self.piece)
    }

    fn consume(&mut self, length: usize) {
        self.piece.advance(length);
    }
}

/// Standard input, read by a thread of its own: a read of it cannot be cancelled, and must not hold up the end of the
/// program.
pub fn standard_input() -> BoxStream<'static, Piece> {
    let (sender, receiver) = mpsc::channel(AHEAD);
    std::thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        loop {
            let mut piece = vec![0; PIECE];
            let read = match stdin.read(&mut piece) {
                Ok(0) => break,
                Ok(length) => {
                    piece.truncate(length);
                    Ok(Bytes::from(piece))
                }
                Err(error) => Err(error),
            };
            let is_last = read.is_err();
            if sender.blocking_send(read).is_err() || is_last {
                break;
            }
        }
    });
    pieces(receiver).boxed()
}

fn pieces(mut receiver: mpsc::Receiver<Piece>) -> impl Stream<Item = Piece> + Send {
    futures_util::stream::poll_fn(move |context| receiver.poll_recv(context))
}

fn beating(receiver: mpsc::Receiver<Piece>, pulse: &Pulse) -> impl Stream<Item = Piece> + Send + use<> {
    let pulse = pulse.clone();
    pieces(receiver).inspect(move |_| pulse.beat())
}

/// A stream of the engine's that broke, with the engine's own words where it had any.
fn broken(error: io::Error) -> Error {
    match error.downcast::<EngineError>() {
        Ok(error) => error.into(),
        Err(error) => Error::new(Kind::Engine, "the connection to the engine broke").cause(error),
    }
}
