//! Copies of libraries under their digests, from which they are loaded. Overwriting a library that is loaded kills
//! the process, and so would a compiler that runs while a cluster starts; nobody writes to a copy.

use super::inspect::Inspected;
use crate::error::{Error, Kind, Result};
use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

/// The copy of a library, `plugins/DIGEST.so` in the config directory. It is made when it is not there, or not whole;
/// processes may do this at once.
///
/// # Errors
/// [`Kind::Plugin`] with what kept it from being written.
pub fn keep(config_directory: &Path, plugin: &Inspected) -> Result<PathBuf> {
    let folder = std::path::absolute(config_directory).unwrap_or_else(|_| config_directory.into()).join("plugins");
    let copy = folder.join(format!("{}.so", plugin.digest));
    // Comparing is as cheap as it gets: the bytes are at hand, and the copy is about to be read anyway.
    if fs::read(&copy).is_ok_and(|found| found == plugin.bytes()) {
        return Ok(copy);
    }
    write(&folder, &copy, plugin.bytes()).map_err(|error| {
        let message = format!("failed to keep plugin `{}` in `{}`", plugin.path.display(), folder.display());
        Error::new(Kind::Plugin, message)
            .cause(error)
            .hint("name a folder that can be written with `--clusterdock-config-directory`")
    })?;
    Ok(copy)
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
