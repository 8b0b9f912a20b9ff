//! The thread that turns the spinners while a task is active.

use std::sync::mpsc::{RecvTimeoutError, Sender, channel};

use super::frame::SPIN;

/// A running ticker. Its thread ends when it is dropped.
pub(super) struct Ticker {
    _stop: Sender<()>,
}

impl Ticker {
    /// Calls `turn` regularly, for as long as that returns true. Returns `None` if the system provides no thread: then
    /// nothing turns.
    pub(super) fn start(turn: impl Fn() -> bool + Send + 'static) -> Option<Ticker> {
        let (stop, stopped) = channel();
        let ticking =
            move || while stopped.recv_timeout(SPIN) == Err(RecvTimeoutError::Timeout) && turn() {};
        std::thread::Builder::new()
            .name("report".into())
            .spawn(ticking)
            .ok()?;
        Some(Ticker { _stop: stop })
    }
}
