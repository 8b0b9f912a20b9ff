//! What a command writes, on its way to our own outputs: written by a thread of its own, since a pipe that nobody
//! reads would hold up everything else, and read ahead of it. Docker throws away what it could not pass on two seconds
//! after a command's end (measured on 20.10 to 28.5), so that a slow reader would miss the end of a long output.

use crate::engine::Chunk;
use crate::error::{Error, Kind, Result};
use crate::report::{Report, Stream};
use std::ops::ControlFlow;
use std::sync::Arc;
use std::thread;
use tokio::sync::mpsc::{self, UnboundedReceiver, UnboundedSender};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, oneshot};

/// Bytes that may wait for a slow reader.
const READ_AHEAD: usize = 16 << 20;

/// A thread that writes what a command wrote.
pub(super) struct Outlet {
    chunks: UnboundedSender<(Chunk, OwnedSemaphorePermit)>,
    room: Arc<Semaphore>,
    end: oneshot::Receiver<Result<ControlFlow<()>>>,
}

impl Outlet {
    pub(super) fn new(report: Arc<Report>) -> Outlet {
        let (chunks, waiting) = mpsc::unbounded_channel();
        let (ended, end) = oneshot::channel();
        // Nobody waits for the result where the command was given up.
        thread::spawn(move || drop(ended.send(write(&report, waiting))));
        Outlet { chunks, room: Arc::new(Semaphore::new(READ_AHEAD)), end }
    }

    /// Takes a piece, once there is room for it; whether anybody still wants it.
    pub(super) async fn put(&self, chunk: Chunk) -> bool {
        let (Chunk::Stdout(bytes) | Chunk::Stderr(bytes)) = &chunk;
        let size = u32::try_from(bytes.len().min(READ_AHEAD)).expect("the limit is far below");
        let room = self.room.clone().acquire_many_owned(size).await.expect("nobody closes it");
        self.chunks.send((chunk, room)).is_ok()
    }

    /// Waits until everything is written; breaks when our readers have gone.
    ///
    /// # Errors
    /// It could not be written.
    pub(super) async fn finish(self) -> Result<ControlFlow<()>> {
        drop(self.chunks);
        self.end.await.unwrap_or_else(|_| Err(Error::new(Kind::Other, "the thread that writes output panicked")))
    }
}

fn write(report: &Report, mut waiting: UnboundedReceiver<(Chunk, OwnedSemaphorePermit)>) -> Result<ControlFlow<()>> {
    while let Some((chunk, _room)) = waiting.blocking_recv() {
        let written = match &chunk {
            Chunk::Stdout(bytes) => report.stream(Stream::Stdout, bytes)?,
            Chunk::Stderr(bytes) => report.stream(Stream::Stderr, bytes)?,
        };
        if written.is_break() {
            return Ok(written);
        }
    }
    Ok(ControlFlow::Continue(()))
}
