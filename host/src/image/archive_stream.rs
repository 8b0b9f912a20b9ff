//! Streams archives to the engine.

use std::io::{BufWriter, Write};

use bytes::Bytes;
use futures_util::StreamExt;
use futures_util::stream::BoxStream;
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::error::{Error, Kind, Result};

/// How many pieces of [`PIECE`] bytes may wait for the engine.
const PIECES_AHEAD: usize = 8;
const PIECE: usize = 256 * 1024;

/// Streams what `write` writes, on a thread that may block and no faster than the engine reads. If it fails, the stream
/// ends with an error, so that the engine does not mistake it for complete.
pub(super) fn streamed(
    write: impl FnOnce(&mut dyn Write) -> Result<()> + Send + 'static,
) -> (
    BoxStream<'static, std::io::Result<Bytes>>,
    JoinHandle<Result<()>>,
) {
    let (sender, mut receiver) = mpsc::channel(PIECES_AHEAD);
    let written = tokio::task::spawn_blocking(move || {
        let mut out = BufWriter::with_capacity(PIECE, Pieces(sender.clone()));
        let flush = |mut out: BufWriter<Pieces>| {
            out.flush()
                .map_err(|error| Error::new(Kind::Image, "cannot send an archive").cause(error))
        };
        match write(&mut out).and_then(|()| flush(out)) {
            Ok(()) => Ok(()),
            // If the engine accepts no more, its own error has the reason.
            Err(_) if sender.is_closed() => Ok(()),
            Err(error) => {
                // The engine may have closed the stream in the meantime.
                drop(sender.blocking_send(Err(std::io::Error::other(error.to_string()))));
                Err(error)
            }
        }
    });
    (
        futures_util::stream::poll_fn(move |context| receiver.poll_recv(context)).boxed(),
        written,
    )
}

/// A writer whose pieces go to the engine. It blocks while the engine is slower.
struct Pieces(mpsc::Sender<std::io::Result<Bytes>>);

impl Write for Pieces {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        let sent = self.0.blocking_send(Ok(Bytes::copy_from_slice(bytes)));
        sent.map_err(|_| std::io::Error::other("the engine accepts no more"))?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn broken() -> Error {
        Error::new(Kind::Image, "a file vanished")
    }

    #[tokio::test]
    async fn an_incomplete_archive_ends_with_an_error() {
        let (tar, written) = streamed(|out| {
            out.write_all(b"half of it").unwrap();
            Err(broken())
        });
        let pieces: Vec<_> = tar.collect().await;
        assert!(
            pieces.last().unwrap().is_err(),
            "the engine would accept an incomplete archive: {pieces:?}"
        );
        assert_eq!(
            written.await.unwrap().unwrap_err().message(),
            broken().message()
        );
    }

    #[tokio::test]
    async fn a_closed_stream_is_left_to_the_engine_to_explain() {
        let (tar, written) = streamed(|out| {
            let sent = out.write_all(&vec![0; 100 * PIECE]);
            sent.map_err(|error| Error::new(Kind::Image, "cannot write").cause(error))
        });
        drop(tar);
        written.await.unwrap().unwrap();
    }
}
