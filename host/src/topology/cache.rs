//! Copies of libraries under their digests. Libraries are loaded from these: overwriting a loaded library, as a
//! compiler does, kills the process, and copies are never written to. Adding a copy removes those not used for a month.

use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::inspection::Inspected;
use crate::error::{Error, Kind, Result};
use crate::files::own_folder;
use crate::files::regular_file;

/// A copy not used for this long is removed; it can be created again from its library.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);

/// The copy of a library, `plugins/DIGEST.so` in the config directory, created if missing or damaged. Several processes
/// may do this at the same time.
///
/// # Errors
/// [`Kind::Plugin`] if it cannot be written.
pub fn keep(config_directory: &Path, plugin: &Inspected) -> Result<PathBuf> {
    // Without a current folder, only the relative path is known; writing to it then fails with an error.
    let folder = std::path::absolute(config_directory)
        .unwrap_or_else(|_| config_directory.into())
        .join("plugins");
    let copy = folder.join(format!("{}.so", plugin.digest));
    // Comparing is cheap: the bytes are in memory, and the copy is about to be read anyway. A copy that cannot be read
    // is written again.
    if is_whole(&copy, plugin.bytes()).unwrap_or(false) {
        return Ok(copy);
    }
    sweep(&folder, SystemTime::now());
    write(&folder, &copy, plugin.bytes()).map_err(|error| {
        let message = format!(
            "cannot copy plugin `{}` to `{}`",
            plugin.path.display(),
            folder.display()
        );
        Error::new(Kind::Plugin, message)
            .cause(error)
            .hint("choose a writable folder with `--clusterdock-config-directory`")
    })?;
    Ok(copy)
}

/// Whether the copy has these bytes; if so, it is marked as used.
fn is_whole(copy: &Path, bytes: &[u8]) -> std::io::Result<bool> {
    let mut file = regular_file::open_own(copy, File::options().read(true))?;
    let mut found = Vec::with_capacity(bytes.len());
    file.read_to_end(&mut found)?;
    let is_whole = found == bytes;
    if is_whole {
        // Fails for another user's copy, which can be used nevertheless.
        file.set_modified(SystemTime::now()).ok();
    }
    Ok(is_whole)
}

/// Removes copies that have not been used for long. Failures are harmless.
fn sweep(folder: &Path, now: SystemTime) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let used = entry.metadata().and_then(|metadata| metadata.modified());
        if used.is_ok_and(|used| now.duration_since(used).is_ok_and(|unused| unused > UNUSED)) {
            fs::remove_file(entry.path()).ok();
        }
    }
}

/// Writes a temporary file and renames it, so that half a copy is never visible.
fn write(folder: &Path, copy: &Path, bytes: &[u8]) -> std::io::Result<()> {
    own_folder::create(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file()
        .set_permissions(Permissions::from_mode(0o444))?;
    file.persist(copy)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn copies_not_used_for_a_month_are_removed() {
        let folder = tempfile::tempdir().unwrap();
        let (old, new) = (folder.path().join("old.so"), folder.path().join("new.so"));
        let long_ago = SystemTime::now() - UNUSED - Duration::from_secs(1);
        for path in [&old, &new] {
            write(folder.path(), path, b"library").unwrap();
            File::open(path).unwrap().set_modified(long_ago).unwrap();
        }
        assert!(is_whole(&new, b"library").unwrap());
        assert!(!is_whole(&old, b"another").unwrap());
        sweep(folder.path(), SystemTime::now());
        assert!(new.exists() && !old.exists());
    }
}
