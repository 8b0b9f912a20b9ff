//! The folder below the config directory that all plugins are compiled in, so that shared dependencies are compiled
//! once.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};

use futures_util::FutureExt;

use super::target_triple::target;
use crate::files::{lock, own_folder};

/// The folder that plugins are compiled in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BuildFolder {
    path: PathBuf,
}

impl BuildFolder {
    /// The folder `target` in the config directory. It may be a link to another disk.
    pub fn below(config: &Path) -> BuildFolder {
        BuildFolder {
            path: config.join("target"),
        }
    }

    /// Cargo's target folder.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Creates the folder and locks it against other clusterdock processes; the lock is held until dropped. If it is
    /// taken, `on_wait` is called first. `None` if another program holds the lock.
    pub(super) async fn lock(&self, on_wait: impl FnOnce()) -> io::Result<Option<File>> {
        // A link to a folder exists, but not for `mkdir`.
        if !self.path.is_dir() {
            own_folder::create(&self.path)?;
        }
        let file = self.path.join("clusterdock.lock");
        let mut taking = std::pin::pin!(lock::take_file(&file));
        match taking.as_mut().now_or_never() {
            Some(taken) => taken,
            None => {
                on_wait();
                taking.await
            }
        }
    }

    /// Removes the library `plugin`: cargo only names it after its crate, and would take the library of another crate
    /// with this name for up to date.
    pub(super) fn remove_library(&self, plugin: &str) -> io::Result<()> {
        // Cargo compiles into the second if a target is set.
        for folder in [self.path.clone(), self.path.join(target())] {
            let library = folder.join(format!("release/deps/lib{plugin}.so"));
            match fs::remove_file(library) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
                _ => {}
            }
        }
        Ok(())
    }
}
