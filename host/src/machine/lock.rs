//! Locks between starts on one machine: advisory, on files of the config directory, gone with the process.

use crate::error::{Error, Kind, Result};
use std::fs::File;
use std::path::Path;
use std::time::Duration;

/// How long a start waits for others that make their containers on the same network.
const DEADLINE: Duration = Duration::from_secs(300);

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    _file: File,
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
    std::fs::create_dir_all(&folder).map_err(|error| failed(&error))?;
    let file = File::options().create(true).append(true).open(&path).map_err(|error| failed(&error))?;
    // Mostly it is free; a thread of its own waits where it is not.
    if file.try_lock().is_ok() {
        return Ok(Lock { _file: file });
    }
    let wait = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
    match tokio::time::timeout(DEADLINE, wait).await {
        Ok(Ok(locked)) => locked.map(|file| Lock { _file: file }).map_err(|error| failed(&error)),
        Ok(Err(panicked)) => Err(failed(&panicked)),
        Err(_) => Err(Error::new(Kind::Timeout, format!("`{}` is locked", path.display()))
            .cause(format!("another clusterdock has held it for {}", humantime::format_duration(DEADLINE)))
            .hint("look for a clusterdock that hangs: ps -C clusterdock")),
    }
}
