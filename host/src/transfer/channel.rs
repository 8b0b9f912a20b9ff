//! Bounded channels between the engine's streams and blocking work, so that neither side runs ahead.

use std::io::{self, BufRead, Read, Write};

use bytes::{Buf, Bytes, BytesMut};
use futures_util::stream::BoxStream;
use futures_util::{Stream, StreamExt};
use tokio::sync::mpsc;

use crate::engine::EngineResult;

/// How many pieces may wait for the slower side.
const AHEAD: usize = 8;
/// How long pieces are that we make.
const PIECE: usize = 128 * 1024;

type Piece = io::Result<Bytes>;

/// Where blocking work writes bytes for the engine.
pub struct Outlet {
    sender: mpsc::Sender<Piece>,
    piece: BytesMut,
}

/// An outlet and the stream of what is written to it.
pub fn outlet() -> (Outlet, BoxStream<'static, Piece>) {
    let (sender, receiver) = mpsc::channel(AHEAD);
    (
        Outlet {
            sender,
            piece: BytesMut::new(),
        },
        pieces(receiver).boxed(),
    )
}

impl Outlet {
    /// Whether the stream was dropped. Its owner knows the reason.
    pub fn is_closed(&self) -> bool {
        self.sender.is_closed()
    }

    /// Ends the stream with an error, so that it is not mistaken for complete.
    pub fn fail(self) {
        // If the stream was dropped, nobody needs the error.
        drop(
            self.sender
                .blocking_send(Err(io::Error::other("the copy failed"))),
        );
    }

    fn send(&mut self) -> io::Result<()> {
        let piece = self.piece.split().freeze();
        self.sender
            .blocking_send(Ok(piece))
            .map_err(|_| io::Error::other("the engine accepts no more"))
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
        if self.piece.is_empty() {
            Ok(())
        } else {
            self.send()
        }
    }
}

/// Where blocking work reads bytes of the engine.
pub struct Inlet {
    receiver: mpsc::Receiver<Bytes>,
    piece: Bytes,
    is_at_end: bool,
}

/// The async end of an inlet.
pub struct Feed {
    sender: mpsc::Sender<Bytes>,
}

/// An inlet and its async end.
pub fn inlet() -> (Feed, Inlet) {
    let (sender, receiver) = mpsc::channel(AHEAD);
    (
        Feed { sender },
        Inlet {
            receiver,
            piece: Bytes::new(),
            is_at_end: false,
        },
    )
}

impl Feed {
    /// Passes a stream on until it ends or the inlet is dropped.
    ///
    /// # Errors
    /// The stream fails.
    pub async fn pass_on(
        self,
        mut pieces: BoxStream<'static, EngineResult<Bytes>>,
    ) -> EngineResult<()> {
        while let Some(piece) = pieces.next().await {
            if self.sender.send(piece?).await.is_err() {
                break;
            }
        }
        Ok(())
    }
}

impl Inlet {
    /// Whether the stream has ended. Only the feeding side knows whether it was complete.
    pub fn is_at_end(&self) -> bool {
        self.is_at_end
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

/// Standard input, read on its own thread: a read cannot be cancelled and must not delay the exit of the program.
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
