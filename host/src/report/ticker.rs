//! What turns the spinners: one thread, while something is under way.

use super::frame::SPIN;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};

/// Ends its thread when it is dropped.
pub(super) struct Ticker {
    _stop: Sender<()>,
}

impl Ticker {
    /// Calls `turn` at every turn, for as long as it says so. None where the system gives no thread: then nothing
    /// turns.
    pub(super) fn start(turn: impl Fn() -> bool + Send + 'static) -> Option<Ticker> {
        let (stop, stopped) = channel();
        let ticking = move || while stopped.recv_timeout(SPIN) == Err(RecvTimeoutError::Timeout) && turn() {};
        std::thread::Builder::new().name("report".into()).spawn(ticking).ok()?;
        Some(Ticker { _stop: stop })
    }
}
