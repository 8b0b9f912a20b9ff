//! Copies of libraries under their digests, from which they are loaded. Overwriting a library that is loaded kills
//! the process, and so would a compiler that runs while a cluster starts; nobody writes to a copy. Copies that were not
//! used for a month go when a new one comes.

use super::inspect::Inspected;
use crate::error::{Error, Kind, Result};
use std::fs::{self, File, Permissions};
use std::io::{Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// After so long without use a copy goes; the library that it was made of can give another.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);

/// The copy of a library, `plugins/DIGEST.so` in the config directory. It is made when it is not there, or not whole;
/// processes may do this at once.
///
/// # Errors
/// [`Kind::Plugin`] with what kept it from being written.
pub fn keep(config_directory: &Path, plugin: &Inspected) -> Result<PathBuf> {
    let folder = std::path::absolute(config_directory).unwrap_or_else(|_| config_directory.into()).join("plugins");
    let copy = folder.join(format!("{}.so", plugin.digest));
    // Comparing is as cheap as it gets: the bytes are at hand, and the copy is about to be read anyway.
    if is_whole(&copy, plugin.bytes()).unwrap_or(false) {
        return Ok(copy);
    }
    sweep(&folder, SystemTime::now());
    write(&folder, &copy, plugin.bytes()).map_err(|error| {
        let message = format!("failed to keep plugin `{}` in `{}`", plugin.path.display(), folder.display());
        Error::new(Kind::Plugin, message)
            .cause(error)
            .hint("name a folder that can be written with `--clusterdock-config-directory`")
    })?;
    Ok(copy)
}

/// Whether the copy has these bytes; if so, it counts as used now.
fn is_whole(copy: &Path, bytes: &[u8]) -> std::io::Result<bool> {
    let mut file = File::open(copy)?;
    let mut found = Vec::with_capacity(bytes.len());
    file.read_to_end(&mut found)?;
    let whole = found == bytes;
    if whole {
        // Somebody else's copy can be used, though not marked so.
        drop(file.set_modified(SystemTime::now()));
    }
    Ok(whole)
}

/// Removes what was not used for long. What cannot be removed is no harm.
fn sweep(folder: &Path, now: SystemTime) {
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let used = entry.metadata().and_then(|metadata| metadata.modified());
        if used.is_ok_and(|used| now.duration_since(used).is_ok_and(|unused| unused > UNUSED)) {
            drop(fs::remove_file(entry.path()));
        }
    }
}

/// All or nothing: a file of its own, then renamed over whatever has the name.
fn write(folder: &Path, copy: &Path, bytes: &[u8]) -> std::io::Result<()> {
    fs::create_dir_all(folder)?;
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(bytes)?;
    file.as_file().set_permissions(Permissions::from_mode(0o444))?;
    file.persist(copy)?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_not_used_for_a_month_goes_and_what_is_used_stays() {
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
