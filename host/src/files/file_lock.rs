//! Locks on open files. Any user who may read a file can lock it for any time, so waiting for a lock is limited and does
//! not block the thread that handles signals.

use std::fs::{File, TryLockError};
use std::io;
use std::time::Duration;

use tokio::time::timeout;

/// How long to wait for a lock that any program may hold.
pub const PATIENCE: Duration = Duration::from_secs(2);

/// Locks a file for writing, once all other locks are released.
///
/// # Errors
/// The file cannot be locked.
pub async fn exclusive(file: File) -> io::Result<File> {
    lock(file, File::try_lock, File::lock).await
}

/// Locks a file for reading, once no writer has it locked.
///
/// # Errors
/// The file cannot be locked.
pub async fn shared(file: File) -> io::Result<File> {
    lock(file, File::try_lock_shared, File::lock_shared).await
}

/// Runs work that waits for locks, for at most [`PATIENCE`].
///
/// # Errors
/// Those of the work, or [`io::ErrorKind::TimedOut`] if another program holds a lock.
pub async fn in_time<T>(work: impl Future<Output = io::Result<T>>) -> io::Result<T> {
    timeout(PATIENCE, work).await.unwrap_or_else(|_| {
        let why = format!(
            "locked by another program for {}",
            humantime::format_duration(PATIENCE)
        );
        Err(io::Error::new(io::ErrorKind::TimedOut, why))
    })
}

async fn lock(
    file: File,
    attempt: fn(&File) -> Result<(), TryLockError>,
    wait: fn(&File) -> io::Result<()>,
) -> io::Result<File> {
    match attempt(&file) {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {}
        Err(TryLockError::Error(error)) => return Err(error),
    }
    // If this future is dropped, the thread releases the lock as soon as it has it.
    tokio::task::spawn_blocking(move || wait(&file).map(|()| file))
        .await
        .map_err(io::Error::from)
        .flatten()
}

#[cfg(test)]
mod tests {
    use std::time::Instant;

    use super::*;

    #[tokio::test]
    async fn a_lock_is_taken_once_it_is_free_or_times_out() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("file");
        let open = || {
            File::options()
                .append(true)
                .create(true)
                .open(&path)
                .unwrap()
        };
        let held = exclusive(open()).await.unwrap();
        let began = Instant::now();
        assert_eq!(
            in_time(exclusive(open())).await.unwrap_err().kind(),
            io::ErrorKind::TimedOut
        );
        assert_eq!(
            in_time(shared(open())).await.unwrap_err().to_string(),
            "locked by another program for 2s"
        );
        assert!(began.elapsed() >= PATIENCE);
        let waiting = tokio::spawn(exclusive(open()));
        tokio::task::yield_now().await;
        drop(held);
        waiting.await.unwrap().unwrap();
    }
}
