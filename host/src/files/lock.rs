//! Advisory locks between clusterdock processes of one machine, on separate files. They end with the process, and
//! dropping one removes its file, so that files do not pile up.
//!
//! A lock's file names its holder. A lock held by any other program is ignored: the locks only save work, and the engine
//! decides races that they do not cover.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::time::timeout;

use super::file_lock::{PATIENCE, exclusive};
use super::{own_folder, regular_file};
use crate::error::{Error, Kind, Result};

/// How long a start waits for other starts that are creating containers on the same network.
const DEADLINE: Duration = Duration::from_secs(300);

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub struct Lock {
    path: PathBuf,
    _file: File,
}

impl Drop for Lock {
    fn drop(&mut self) {
        // Removed while the lock is held: a process that waits for it notices that its file no longer has that name. A file
        // that remains does no harm.
        fs::remove_file(&self.path).ok();
    }
}

/// Takes the lock with this name below the config folder, waiting for a clusterdock process that holds it. Returns `None`
/// if another program does.
///
/// # Errors
/// The file cannot be created, or a clusterdock process holds the lock for more than five minutes.
pub async fn take(config: &Path, name: &str) -> Result<Option<Lock>> {
    let folder = config.join("locks");
    let path = folder.join(name);
    let failed = |error: &dyn std::fmt::Display| {
        Error::new(Kind::Other, format!("cannot lock `{}`", path.display()))
            .cause(error)
            .hint("choose a writable folder with --clusterdock-config-directory")
    };
    own_folder::create(&folder).map_err(|error| failed(&error))?;
    match timeout(DEADLINE, take_file(&path)).await {
        Ok(Ok(taken)) => Ok(taken.map(|file| Lock { path, _file: file })),
        Ok(Err(error)) => Err(failed(&error)),
        Err(_) => Err(
            Error::new(Kind::Timeout, format!("`{}` is locked", path.display()))
                .cause(format!(
                    "another clusterdock process has held it for {}",
                    humantime::format_duration(DEADLINE)
                ))
                .hint("look for a hung clusterdock process: ps -C clusterdock"),
        ),
    }
}

/// Takes the lock with this name, if it is free and its file can be created.
pub fn try_take(config: &Path, name: &str) -> Option<Lock> {
    let path = config.join("locks").join(name);
    fs::create_dir_all(path.parent()?).ok()?;
    let mut file =
        regular_file::open_own(&path, File::options().read(true).append(true).create(true)).ok()?;
    file.try_lock().ok()?;
    let is_ours = is_at(&file, &path).is_ok_and(|is_at| is_at) && sign(&mut file).is_ok();
    is_ours.then_some(Lock { path, _file: file })
}

/// Locks a file until it is dropped, waiting for a clusterdock process that holds it. Returns `None` if another program
/// does.
///
/// # Errors
/// The file cannot be created.
pub async fn take_file(path: &Path) -> io::Result<Option<File>> {
    let mut taking = std::pin::pin!(wait(path));
    loop {
        match timeout(PATIENCE, &mut taking).await {
            Ok(taken) => return taken.map(Some),
            Err(_) if is_held_by_clusterdock(path) => {}
            Err(_) => return Ok(None),
        }
    }
}

/// Writes this process's id to a lock's file.
fn sign(file: &mut File) -> io::Result<()> {
    file.set_len(0)?;
    write!(file, "{}", std::process::id())
}

async fn wait(path: &Path) -> io::Result<File> {
    loop {
        let file = regular_file::open_own(
            path,
            File::options()
                .read(true)
                .append(true)
                .create(true)
                .mode(0o644),
        )?;
        let mut file = exclusive(file).await?;
        if is_at(&file, path)? {
            sign(&mut file)?;
            return Ok(file);
        }
    }
}

/// Whether the process that the file names is alive. A file that is gone was released a moment ago.
fn is_held_by_clusterdock(path: &Path) -> bool {
    match regular_file::read_to_string(path) {
        Ok(text) => text
            .parse::<u32>()
            .is_ok_and(|process| Path::new(&format!("/proc/{process}")).exists()),
        Err(error) => error.kind() == io::ErrorKind::NotFound,
    }
}

/// Whether an open file is still the one with this path.
fn is_at(file: &File, path: &Path) -> io::Result<bool> {
    let file = file.metadata()?;
    match fs::metadata(path) {
        Ok(current) => Ok((current.dev(), current.ino()) == (file.dev(), file.ino())),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(false),
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;

    #[test]
    fn one_process_at_a_time_holds_a_lock_and_no_file_is_left() {
        let config = tempfile::tempdir().unwrap();
        let held = AtomicBool::new(false);
        std::thread::scope(|threads| {
            for _ in 0..8 {
                threads.spawn(|| {
                    let runtime = tokio::runtime::Builder::new_current_thread()
                        .enable_all()
                        .build()
                        .unwrap();
                    for _ in 0..200 {
                        let lock = runtime
                            .block_on(take(config.path(), "cluster-x"))
                            .unwrap()
                            .unwrap();
                        assert!(!held.swap(true, Ordering::SeqCst));
                        std::thread::yield_now();
                        held.store(false, Ordering::SeqCst);
                        drop(lock);
                    }
                });
            }
        });
        assert_eq!(
            fs::read_dir(config.path().join("locks")).unwrap().count(),
            0
        );
    }

    #[tokio::test]
    async fn only_clusterdock_processes_are_waited_for() {
        let config = tempfile::tempdir().unwrap();
        let held = take(config.path(), "network-x").await.unwrap();
        let path = config.path().join("locks/network-x");
        assert!(
            timeout(2 * PATIENCE, take_file(&path)).await.is_err(),
            "its holder is alive"
        );
        fs::write(&path, "").unwrap();
        assert!(
            take(config.path(), "network-x").await.unwrap().is_none(),
            "its holder is unknown"
        );
        drop(held);
        assert!(take(config.path(), "network-x").await.unwrap().is_some());
    }

    #[tokio::test]
    async fn an_invalid_lock_file_is_an_error() {
        let config = tempfile::tempdir().unwrap();
        fs::create_dir_all(config.path().join("locks/cluster-x")).unwrap();
        let error = take(config.path(), "cluster-x").await.unwrap_err();
        assert_eq!(
            error.message(),
            format!(
                "cannot lock `{}`",
                config.path().join("locks/cluster-x").display()
            )
        );
    }
}
