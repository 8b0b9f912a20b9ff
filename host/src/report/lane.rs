//! The output queue of a stream, which a separate thread writes: a reader that stops reading (a stopped terminal,
//! `less`) blocks the writer, and must not block anything else.
//!
//! Data (answers, logs, the output of commands) is never lost: its writers wait for [`room`](Lane::room). The story must
//! not slow down the work that it reports, so [`is_behind`](Lane::is_behind) says when to drop events.

use std::collections::VecDeque;
use std::io::{self, Write};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::Notify;
use tokio::time::timeout;

use super::Stream;

/// How many bytes of data may wait. Two seconds after a command's end, Docker drops output that it could not deliver
/// (measured on 20.10 to 28.5), so a slow reader would miss the end of a long output if little were read ahead.
const DATA_AHEAD: usize = 4 << 20;
/// How many bytes of the story may wait.
const STORY_AHEAD: usize = 1 << 20;
/// Small pieces are joined up to this size, which bounds the overhead of the queue.
const PIECE: usize = 64 * 1024;
/// The memory of a piece beside its bytes.
const OVERHEAD: usize = 128;
/// How many bytes are written at once. A reader that accepts them is reading.
const AT_ONCE: usize = 4096;

/// A stream and its writer.
pub(super) type Out = (Stream, Box<dyn Write + Send>);

/// Why a stream cannot be written.
pub(super) type Failure = (io::ErrorKind, String);

/// Whether a piece may be dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Weight {
    /// The command's result: complete, or an error.
    Data,
    /// The story: dropped if the reader is too slow.
    Story,
}

/// The queue of one stream, or of both, if their order must be kept.
pub(super) struct Lane {
    shared: Arc<Shared>,
    /// The writers if no thread has them, as in tests.
    direct: Option<Mutex<Vec<Out>>>,
}

#[derive(Default)]
struct Shared {
    state: Mutex<State>,
    /// Wakes the thread.
    filled: Condvar,
    /// Wakes the tasks that wait for the thread.
    changed: Notify,
}

#[derive(Default)]
struct State {
    queue: VecDeque<Piece>,
    /// Bytes that wait or are being written.
    data: usize,
    story: usize,
    /// Grows while the stream is being read.
    progress: u64,
    failed: Vec<(Stream, Failure)>,
    is_closed: bool,
}

struct Piece {
    stream: Stream,
    weight: Weight,
    bytes: Vec<u8>,
}

impl Piece {
    fn cost(&self) -> usize {
        self.bytes.len() + OVERHEAD
    }
}

impl Lane {
    /// A lane that writes directly, and waits for the reader.
    pub(super) fn direct(outs: Vec<Out>) -> Lane {
        Lane {
            shared: Arc::default(),
            direct: Some(Mutex::new(outs)),
        }
    }

    /// A lane that writes from a thread, or directly if the system provides none.
    pub(super) fn in_background(outs: Vec<Out>) -> Lane {
        let shared = Arc::<Shared>::default();
        // Shared, so that the writers are not lost if the thread cannot be started.
        let outs = Arc::new(Mutex::new(outs));
        let (writing, theirs) = (shared.clone(), outs.clone());
        let started = std::thread::Builder::new()
            .name("write".into())
            .spawn(move || {
                let mut outs = std::mem::take(&mut *lock(&theirs));
                writing.write(&mut outs);
            });
        let direct = started
            .is_err()
            .then(|| Mutex::new(std::mem::take(&mut *lock(&outs))));
        Lane { shared, direct }
    }

    /// Queues bytes, whether or not there is room.
    pub(super) fn put(&self, stream: Stream, weight: Weight, bytes: &[u8]) {
        if let Some(outs) = &self.direct {
            let written = write(&mut lock(outs), stream, bytes, &mut || {});
            self.shared.state().record_failure(stream, written);
            return;
        }
        let mut state = self.shared.state();
        if state.failure(stream).is_none() {
            state.put(stream, weight, bytes);
        }
        drop(state);
        self.shared.filled.notify_one();
    }

    /// Waits until there is room for more data.
    pub(super) async fn room(&self) {
        self.until(|state| state.data < DATA_AHEAD).await;
    }

    /// Waits until there is room for more of the story.
    pub(super) async fn story_room(&self) {
        self.until(|state| state.story < STORY_AHEAD / 2).await;
    }

    /// Whether so much of the story waits that further events are dropped.
    pub(super) fn is_behind(&self) -> bool {
        self.shared.state().story >= STORY_AHEAD
    }

    /// Whether any of the story waits.
    pub(super) fn has_story(&self) -> bool {
        self.shared.state().story > 0
    }

    /// Waits until all data is written or has failed.
    pub(super) async fn delivered(&self) {
        self.until(|state| state.data == 0).await;
    }

    /// Waits until everything is written, and at most for `patience` while nothing is read.
    pub(super) async fn drained(&self, patience: Duration) {
        loop {
            let progress = self.shared.state().progress;
            let moved =
                self.until(|state| state.data + state.story == 0 || state.progress > progress);
            if timeout(patience, moved).await.is_err() || self.is_empty() {
                return;
            }
        }
    }

    /// Why a stream can no longer be written.
    pub(super) fn failure(&self, stream: Stream) -> Option<Failure> {
        self.shared.state().failure(stream).cloned()
    }

    fn is_empty(&self) -> bool {
        let state = self.shared.state();
        state.data + state.story == 0
    }

    async fn until(&self, holds: impl Fn(&State) -> bool) {
        loop {
            let mut changed = std::pin::pin!(self.shared.changed.notified());
            // Before the check, so that no change is missed in between.
            changed.as_mut().enable();
            if holds(&self.shared.state()) {
                return;
            }
            changed.await;
        }
    }
}

impl Drop for Lane {
    fn drop(&mut self) {
        self.shared.state().is_closed = true;
        self.shared.filled.notify_one();
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        lock(&self.state)
    }

    /// Writes the pieces until the lane is dropped and empty.
    fn write(&self, outs: &mut [Out]) {
        while let Some(piece) = self.next() {
            let mut moved = || {
                self.state().progress += 1;
                self.changed.notify_waiters();
            };
            let written = write(outs, piece.stream, &piece.bytes, &mut moved);
            let mut state = self.state();
            state.progress += 1;
            *state.waiting(piece.weight) -= piece.cost();
            state.record_failure(piece.stream, written);
            drop(state);
            self.changed.notify_waiters();
        }
    }

    fn next(&self) -> Option<Piece> {
        let mut state = self.state();
        loop {
            match state.queue.pop_front() {
                Some(piece) => return Some(piece),
                None if state.is_closed => return None,
                None => {
                    state = self
                        .filled
                        .wait(state)
                        .unwrap_or_else(PoisonError::into_inner)
                }
            }
        }
    }
}

impl State {
    fn put(&mut self, stream: Stream, weight: Weight, bytes: &[u8]) {
        let mut bytes = bytes;
        while !bytes.is_empty() {
            let last = self.queue.back_mut().filter(|last| {
                last.stream == stream && last.weight == weight && last.bytes.len() < PIECE
            });
            let last = match last {
                Some(last) => last,
                None => {
                    *self.waiting(weight) += OVERHEAD;
                    self.queue.push_back(Piece {
                        stream,
                        weight,
                        bytes: Vec::new(),
                    });
                    self.queue.back_mut().expect("a piece was just pushed")
                }
            };
            let length = bytes.len().min(PIECE - last.bytes.len());
            last.bytes.extend_from_slice(&bytes[..length]);
            *self.waiting(weight) += length;
            bytes = &bytes[length..];
        }
    }

    fn waiting(&mut self, weight: Weight) -> &mut usize {
        match weight {
            Weight::Data => &mut self.data,
            Weight::Story => &mut self.story,
        }
    }

    fn failure(&self, stream: Stream) -> Option<&Failure> {
        self.failed
            .iter()
            .find(|(failed, _)| *failed == stream)
            .map(|(_, failure)| failure)
    }

    /// Records that a stream failed, and drops the pieces that wait for it.
    fn record_failure(&mut self, stream: Stream, written: io::Result<()>) {
        let Err(error) = written else { return };
        if self.failure(stream).is_none() {
            self.failed
                .push((stream, (error.kind(), error.to_string())));
        }
        for piece in std::mem::take(&mut self.queue) {
            if piece.stream == stream {
                *self.waiting(piece.weight) -= piece.cost();
            } else {
                self.queue.push_back(piece);
            }
        }
    }
}

fn write(
    outs: &mut [Out],
    stream: Stream,
    bytes: &[u8],
    moved: &mut dyn FnMut(),
) -> io::Result<()> {
    let Some((_, out)) = outs.iter_mut().find(|(of, _)| *of == stream) else {
        return Ok(());
    };
    for part in bytes.chunks(AT_ONCE) {
        out.write_all(part)?;
        moved();
    }
    out.flush()
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    const BRIEFLY: Duration = Duration::from_millis(100);

    /// Accepts one write per permit.
    struct Reader {
        permits: mpsc::Receiver<()>,
        taken: Arc<Mutex<Vec<u8>>>,
        breaks: bool,
    }

    impl Write for Reader {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            // Without a sender of permits, everything is accepted.
            let _ = self.permits.recv();
            if self.breaks {
                return Err(io::ErrorKind::BrokenPipe.into());
            }
            lock(&self.taken).extend_from_slice(bytes);
            Ok(bytes.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    fn reader(breaks: bool) -> (Reader, mpsc::Sender<()>, Arc<Mutex<Vec<u8>>>) {
        let (permit, permits) = mpsc::channel();
        let taken = Arc::<Mutex<Vec<u8>>>::default();
        (
            Reader {
                permits,
                taken: taken.clone(),
                breaks,
            },
            permit,
            taken,
        )
    }

    #[tokio::test]
    async fn unread_output_is_bounded_and_arrives_completely() {
        let (reader, permit, taken) = reader(false);
        let lane = Lane::in_background(vec![(Stream::Stdout, Box::new(reader))]);
        let mut sent = 0;
        while timeout(BRIEFLY, lane.room()).await.is_ok() {
            lane.put(Stream::Stdout, Weight::Data, &[b'x'; 100_000]);
            sent += 100_000;
        }
        assert!(
            (DATA_AHEAD - 200_000..DATA_AHEAD + 200_000).contains(&sent),
            "{sent}"
        );
        assert!(timeout(BRIEFLY, lane.delivered()).await.is_err());
        lane.drained(BRIEFLY).await;
        drop(permit);
        lane.delivered().await;
        assert_eq!(lock(&taken).len(), sent);
    }

    #[tokio::test]
    async fn pieces_of_one_byte_take_no_more_memory_than_long_ones() {
        let (reader, _permit, _) = reader(false);
        let lane = Lane::in_background(vec![(Stream::Stdout, Box::new(reader))]);
        for _ in 0..1_000_000 {
            lane.put(Stream::Stdout, Weight::Data, b"y");
        }
        let state = lane.shared.state();
        assert!(
            state.queue.len() < 20 && state.data < 1_000_000 + 40 * OVERHEAD,
            "{}",
            state.data
        );
    }

    #[tokio::test]
    async fn a_reader_that_has_gone_is_reported_and_nothing_waits_for_it() {
        let (reader, permit, _) = reader(true);
        let lane = Lane::in_background(vec![(Stream::Stdout, Box::new(reader))]);
        lane.put(Stream::Stdout, Weight::Data, b"text");
        drop(permit);
        lane.delivered().await;
        assert_eq!(
            lane.failure(Stream::Stdout).unwrap().0,
            io::ErrorKind::BrokenPipe
        );
        lane.put(Stream::Stdout, Weight::Data, b"text");
        assert!(lane.is_empty());
    }

    #[tokio::test]
    async fn two_streams_of_one_lane_keep_their_order() {
        let taken = Arc::<Mutex<Vec<u8>>>::default();
        let out = || {
            let (permit, permits) = mpsc::channel();
            drop(permit);
            Box::new(Reader {
                permits,
                taken: taken.clone(),
                breaks: false,
            })
        };
        let lane = Lane::in_background(vec![(Stream::Stdout, out()), (Stream::Stderr, out())]);
        for number in 0..100 {
            lane.put(
                Stream::Stdout,
                Weight::Data,
                format!("{number} out\n").as_bytes(),
            );
            lane.put(
                Stream::Stderr,
                Weight::Story,
                format!("{number} err\n").as_bytes(),
            );
        }
        lane.drained(Duration::from_secs(10)).await;
        let expected: String = (0..100)
            .map(|number| format!("{number} out\n{number} err\n"))
            .collect();
        assert_eq!(String::from_utf8(lock(&taken).clone()).unwrap(), expected);
    }
}
