//! What turns the spinners: one thread, while something is under way.

use super::frame::SPIN;
use super::stderr::Stderr;
use std::sync::mpsc::{RecvTimeoutError, Sender, channel};
use std::sync::{Mutex, PoisonError, Weak};

/// Ends its thread when it is dropped.
pub(super) struct Ticker {
    _stop: Sender<()>,
}

impl Ticker {
    /// Draws `stderr` anew at every turn. None where the system gives no thread: then nothing turns.
    pub(super) fn start(stderr: Weak<Mutex<Stderr>>) -> Option<Ticker> {
        let (stop, stopped) = channel();
        let turn = move || {
            while stopped.recv_timeout(SPIN) == Err(RecvTimeoutError::Timeout) {
                let Some(stderr) = stderr.upgrade() else { return };
                stderr.lock().unwrap_or_else(PoisonError::into_inner).turn();
            }
        };
        std::thread::Builder::new().name("report".into()).spawn(turn).ok()?;
        Some(Ticker { _stop: stop })
    }
}
