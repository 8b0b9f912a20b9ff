//! Private folders below the config folder.

use std::fs::DirBuilder;
use std::io;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;

/// Creates a folder and its missing parents for this user alone: logs and keys are private, and other users must not be
/// able to replace locks and libraries.
///
/// # Errors
/// It cannot be created. An existing folder is not an error.
pub fn create(path: &Path) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(path)
}
