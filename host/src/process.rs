//! This process and its parent: a child process does not outlive its parent, and signals stay ignored that the parent
//! ignored (as `nohup` does, and a shell for background jobs of a script).

use std::ffi::OsStr;
use std::io;

use rustix::process::{Pid, Signal};

/// Asks the kernel to send this process a signal when the thread that started it ends. `parent` is the expected parent's
/// process id in decimal, since the kernel sends nothing if that thread has already ended.
///
/// # Errors
/// The parent has ended, or `parent` is invalid.
pub fn die_with(parent: &OsStr, signal: Signal) -> io::Result<()> {
    let number = parent.to_str().and_then(|text| text.parse().ok());
    let parent = number
        .and_then(Pid::from_raw)
        .ok_or(io::ErrorKind::InvalidInput)?;
    rustix::process::set_parent_process_death_signal(Some(signal))?;
    match rustix::process::getppid() {
        Some(now) if now == parent => Ok(()),
        _ => Err(io::ErrorKind::BrokenPipe.into()),
    }
}

/// Whether a signal is ignored. To learn what was inherited, call this before handlers are installed.
pub fn is_ignored(signal: Signal) -> bool {
    // Without /proc, no signal counts as ignored.
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    mask(&status).is_some_and(|mask| mask >> (signal.as_raw() - 1) & 1 == 1)
}

fn mask(status: &str) -> Option<u64> {
    let mask = status
        .lines()
        .find_map(|line| line.strip_prefix("SigIgn:"))?;
    u64::from_str_radix(mask.trim(), 16).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_mask_of_ignored_signals_is_read() {
        let status = "Name:\tclusterdock\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001003\n";
        let ignored = |signal: Signal| mask(status).unwrap() >> (signal.as_raw() - 1) & 1 == 1;
        assert!(
            ignored(Signal::HUP)
                && ignored(Signal::INT)
                && ignored(Signal::PIPE)
                && !ignored(Signal::TERM)
        );
        assert_eq!(mask("Name:\tx\n"), None);
        assert!(!is_ignored(Signal::TERM));
    }
}
