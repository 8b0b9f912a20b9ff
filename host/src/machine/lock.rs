//! Locks between starts on one machine: advisory, on files of the config directory, gone with the process. Who lets go
//! of a lock removes its file, so that names of clusters do not pile up.

use crate::error::{Error, Kind, Result};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// How long a start waits for others that make their containers on the same network.
const DEADLINE: Duration = Duration::from_secs(300);

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Before it is let go: whoever waits for it finds that its file is no longer the one of that name. A file that
        // stays does no harm.
        fs::remove_file(&self.path).ok();
    }
}

/// Takes the lock of this name, waiting for who holds it.
///
/// # Errors
/// The file cannot be made, or nobody lets go within five minutes.
pub async fn take(config: &Path, name: &str) -> Result<Lock> {
    let folder = config.join("locks");
    let path = folder.join(name);
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(Kind::Other, format!("cannot lock `{}`", path.display()))
            .cause(error)
            .hint("choose a folder you may write to with --clusterdock-config-directory")
    };
    fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
    match tokio::time::timeout(DEADLINE, wait(path.clone())).await {
        Ok(locked) => locked.map_err(|error| failed(&error)),
        Err(_) => Err(Error::new(Kind::Timeout, format!("`{}` is locked", path.display()))
            .cause(format!("another clusterdock has held it for {}", humantime::format_duration(DEADLINE)))
            .hint("look for a clusterdock that hangs: ps -C clusterdock")),
    }
}

async fn wait(path: PathBuf) -> io::Result<Lock> {
    loop {
        let mut file = File::options().create(true).append(true).open(&path)?;
        // Mostly it is free; a thread of its own waits where it is not.
        if file.try_lock().is_err() {
            let waiting = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
            file = waiting.await.map_err(io::Error::from).flatten()?;
        }
        if is_at(&file, &path)? {
            return Ok(Lock { path, _file: file });
        }
    }
}

/// Whether a file is still the one of its name.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let file = file.metadata()?;
    match fs::metadata(path) {
        Ok(there) => Ok((there.dev(), there.ino()) == (file.dev(), file.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicBool, Ordering};

    #[test]
    fn of_many_at_once_one_holds_it_at_a_time_and_no_file_is_left() {
        let config = tempfile::tempdir().unwrap();
        let held = AtomicBool::new(false);
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
                    for _ in 0..200 {
                        let lock = runtime.block_on(take(config.path(), "cluster-x")).unwrap();
                        assert!(!held.swap(true, Ordering::SeqCst));
                        std::thread::yield_now();
                        held.store(false, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert_eq!(fs::read_dir(config.path().join("locks")).unwrap().count(), 0);
    }
}
