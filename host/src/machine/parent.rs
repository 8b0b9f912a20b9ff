//! A process that does not outlive the one that started it.

use rustix::process::{Pid, Signal};
use std::ffi::OsStr;
use std::io;

/// Asks the kernel to send this process a signal when the thread that started it ends, which it does not do for one that
/// has ended already. `parent` is its process's number, in decimal.
///
/// # Errors
/// The parent is gone, or is none.
pub fn die_with(parent: &OsStr, signal: Signal) -> io::Result<()> {
    let number = parent.to_str().and_then(|text| text.parse().ok());
    let parent = number.and_then(Pid::from_raw).ok_or(io::ErrorKind::InvalidInput)?;
    rustix::process::set_parent_process_death_signal(Some(signal))?;
    match rustix::process::getppid() {
        Some(now) if now == parent => Ok(()),
        _ => Err(io::ErrorKind::BrokenPipe.into()),
    }
}
