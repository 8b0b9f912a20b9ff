//! Where all that goes that a command yields for its user: events, and the bytes of nodes. The work knows no more of the
//! report than this.

use std::ops::ControlFlow;

use async_trait::async_trait;

use crate::error::Result;
use crate::event::Event;

/// One of the two streams of a program.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

/// A reader, which may be slower than the work.
#[async_trait]
pub trait Sink: Send + Sync {
    /// Takes an event. Never waits.
    fn event(&self, event: Event);

    /// Waits until there is room for events that must not be dropped, such as the output of a hook's commands.
    async fn story_room(&self);

    /// Passes on the bytes of a node, unchanged: logs and the output of commands. Waits while too many bytes wait for the
    /// reader, and breaks once the reader has gone.
    ///
    /// # Errors
    /// The stream cannot be written for another reason, such as a full disk.
    async fn stream(&self, stream: Stream, bytes: &[u8]) -> Result<ControlFlow<()>>;

    /// Waits until all bytes are written. Breaks if the reader of one of the streams has gone.
    ///
    /// # Errors
    /// As [`stream`](Sink::stream).
    async fn delivered(&self) -> Result<ControlFlow<()>>;

    /// Lends the terminal to another program until [`take_back`](Sink::take_back). See [`lend_terminal`].
    fn lend(&self);

    /// Takes back a terminal that was lent.
    fn take_back(&self);
}

/// The terminal, lent to another program. The sink takes it back when this is dropped.
#[must_use]
pub struct Lent<'a>(&'a dyn Sink);

/// Lends the terminal to another program. Until the result is dropped, a live display shows nothing but the line that
/// introduces that program ([`Event::Compiling`]).
pub fn lend_terminal(sink: &dyn Sink) -> Lent<'_> {
    sink.lend();
    Lent(sink)
}

impl Drop for Lent<'_> {
    fn drop(&mut self) {
        self.0.take_back();
    }
}
