//! Copies of libraries under their digests. Libraries are loaded from these: overwriting a loaded library, as a
//! compiler does, kills the process, and copies are never written to. Adding a copy removes those not used for a month,
//! except those of clusters that need them later.

use std::collections::BTreeSet;
use std::fs::{self, File, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use super::inspection::{self, Inspected, LARGEST, digest_of};
use crate::error::{Error, Kind, Result};
use crate::files::own_folder;
use crate::files::regular_file;

/// A copy not used for this long is removed; it can be created again from its library.
const UNUSED: Duration = Duration::from_secs(30 * 24 * 3600);

/// The folder of copies.
fn folder(config_directory: &Path) -> PathBuf {
    // Without a current folder, only the relative path is known; writing to it then fails with an error.
    std::path::absolute(config_directory)
        .unwrap_or_else(|_| config_directory.into())
        .join("plugins")
}

/// The folder of the notes of clusters that need a copy later: files that begin with the digest of one.
pub fn notes(config_directory: &Path) -> PathBuf {
    folder(config_directory).join("used")
}

/// The copy of a library, `plugins/DIGEST.so` in the config directory, created if missing or damaged. Several processes
/// may do this at the same time.
///
/// # Errors
/// [`Kind::Plugin`] if it cannot be written.
pub fn keep(config_directory: &Path, plugin: &Inspected) -> Result<PathBuf> {
    let folder = folder(config_directory);
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

/// The library of which there is a copy with this digest. It is marked as used.
///
/// # Errors
/// [`Kind::Plugin`]: there is no copy, it was changed, or this host cannot load it.
pub fn kept(config_directory: &Path, digest: &str) -> Result<Inspected> {
    let is_digest = digest.len() == 64 && digest.bytes().all(|byte| byte.is_ascii_hexdigit());
    if !is_digest {
        let message = format!("`{digest}` is not the digest of a library");
        return Err(Error::new(Kind::Plugin, message));
    }
    let copy = folder(config_directory).join(format!("{digest}.so"));
    let shown = copy.display();
    let bytes = read(&copy).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => {
            Error::new(Kind::Plugin, format!("the library `{shown}` is gone"))
        }
        _ => Error::new(Kind::Plugin, format!("cannot read the library `{shown}`")).cause(error),
    })?;
    let found = digest_of(&bytes);
    if found != digest {
        let message = format!("the library `{shown}` was changed");
        return Err(Error::new(Kind::Plugin, message).cause(format!("it has sha256 {found}")));
    }
    inspection::inspect_bytes(&copy, bytes)
}

fn read(copy: &Path) -> io::Result<Vec<u8>> {
    let file = regular_file::open_own(copy, File::options().read(true))?;
    // Fails for a copy of another user, which can be used all the same.
    file.set_modified(SystemTime::now()).ok();
    let mut bytes = Vec::new();
    file.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
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

/// Removes copies that have not been used for long and that no cluster needs. Failures are harmless.
fn sweep(folder: &Path, now: SystemTime) {
    // If it is not known what clusters need, nothing is removed.
    let Ok(needed) = needed(folder) else { return };
    for entry in fs::read_dir(folder).into_iter().flatten().flatten() {
        let used = entry.metadata().and_then(|metadata| metadata.modified());
        let is_old = |used| now.duration_since(used).is_ok_and(|unused| unused > UNUSED);
        let path = entry.path();
        let digest = path.file_stem().and_then(|stem| stem.to_str());
        let is_needed = digest.is_some_and(|digest| needed.contains(digest));
        if used.is_ok_and(is_old) && !is_needed {
            fs::remove_file(path).ok();
        }
    }
}

/// The digests of the copies that clusters need, by their notes.
fn needed(folder: &Path) -> io::Result<BTreeSet<String>> {
    let notes = match fs::read_dir(folder.join("used")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(BTreeSet::new()),
        notes => notes?,
    };
    let mut needed = BTreeSet::new();
    for note in notes {
        match regular_file::read_to_string(&note?.path()) {
            Ok(text) => needed.extend(text.split_whitespace().next().map(String::from)),
            // Its cluster has just been removed.
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => return Err(error),
        }
    }
    Ok(needed)
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

    #[test]
    fn a_copy_that_a_cluster_needs_is_kept_however_old_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let notes = folder.path().join("used");
        let long_ago = SystemTime::now() - UNUSED * 2;
        let copy = |digest: &str| folder.path().join(format!("{digest}.so"));
        for digest in ["needed", "other"] {
            write(folder.path(), &copy(digest), b"library").unwrap();
            let file = File::open(copy(digest)).unwrap();
            file.set_modified(long_ago).unwrap();
        }
        fs::create_dir(&notes).unwrap();
        fs::write(notes.join("lab-1"), "needed ENGINE\n").unwrap();
        // Nobody knows what this note needs.
        fs::create_dir(notes.join("lab-2")).unwrap();
        sweep(folder.path(), SystemTime::now());
        assert!(copy("needed").exists() && copy("other").exists());
        fs::remove_dir(notes.join("lab-2")).unwrap();
        sweep(folder.path(), SystemTime::now());
        assert!(copy("needed").exists() && !copy("other").exists());
        fs::remove_file(notes.join("lab-1")).unwrap();
        sweep(folder.path(), SystemTime::now());
        assert!(!copy("needed").exists());
    }

    #[test]
    fn a_copy_is_not_taken_for_what_it_is_not() {
        let config = tempfile::tempdir().unwrap();
        let error = |digest: &str| kept(config.path(), digest).unwrap_err().to_string();
        for digest in ["", "d1", "../../etc/passwd", &"x".repeat(64)] {
            assert!(error(digest).ends_with("is not the digest of a library"));
        }
        let digest = digest_of(b"library");
        assert!(
            error(&digest).ends_with(".so` is gone"),
            "{}",
            error(&digest)
        );
        let folder = folder(config.path());
        let copy = folder.join(format!("{digest}.so"));
        write(&folder, &copy, b"another").unwrap();
        let changed = format!(".so` was changed: it has sha256 {}", digest_of(b"another"));
        assert!(error(&digest).ends_with(&changed), "{}", error(&digest));
        fs::remove_file(&copy).unwrap();
        let elsewhere = config.path().join("elsewhere");
        fs::write(&elsewhere, "library").unwrap();
        std::os::unix::fs::symlink(&elsewhere, &copy).unwrap();
        assert!(
            error(&digest).starts_with("cannot read the library"),
            "{}",
            error(&digest)
        );
    }
}
