//! Detects stalled transfers: a call that moves much data may take hours, but an engine that neither accepts nor sends
//! anything for a long time is lost.

use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_util::stream::{Stream, StreamExt};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

use super::{Archive, ImageProgress, Progress};

/// When the engine last showed a sign of life; `None` while it waits for us.
#[derive(Clone)]
pub(super) struct Liveness(Arc<watch::Sender<Option<Instant>>>);

impl Liveness {
    /// Starts the engine's time.
    pub(super) fn new() -> Liveness {
        Liveness(Arc::new(watch::Sender::new(Some(Instant::now()))))
    }

    /// Notes a sign of life.
    pub(super) fn beat(&self) {
        self.0.send_replace(Some(Instant::now()));
    }

    /// Completes when the engine has been silent for this long.
    pub(super) async fn silence(&self, limit: Duration) {
        let mut beats = self.0.subscribe();
        loop {
            let last = *beats.borrow_and_update();
            let silent = async {
                match last {
                    Some(last) => sleep_until(last + limit).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                // The sender is `self`, so this only completes after a sign of life.
                _ = beats.changed() => {}
                () = silent => return,
            }
        }
    }

    /// Passes pieces on; each is a sign of life when the engine accepts it. The time does not run while the engine
    /// waits for the next piece: a pipe that somebody types into may take all day.
    pub(super) fn track(&self, pieces: Archive) -> Archive {
        TrackedPieces {
            pieces,
            liveness: self.clone(),
        }
        .boxed()
    }

    /// Passes steps on; each is a sign of life. Steps without anything to show are not passed on.
    pub(super) fn listen_to<'p>(
        &self,
        progress: Progress<'p>,
    ) -> impl FnMut(ImageProgress) + Send + use<'p> {
        let liveness = self.clone();
        move |step| {
            liveness.beat();
            if !step.status.is_empty() {
                progress(step);
            }
        }
    }
}

struct TrackedPieces {
    pieces: Archive,
    liveness: Liveness,
}

impl Stream for TrackedPieces {
    type Item = std::io::Result<bytes::Bytes>;

    fn poll_next(mut self: Pin<&mut Self>, context: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let piece = self.pieces.poll_next_unpin(context);
        if piece.is_pending() {
            // A task that waits for silence only wakes up on a change, since that polls this again.
            self.liveness
                .0
                .send_if_modified(|last| last.take().is_some());
        } else {
            self.liveness.beat();
        }
        piece
    }
}
