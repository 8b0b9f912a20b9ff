//! Archives with a single file, as used by the hook operations `put_file` and `get_file`.

use std::io::Read;
use std::path::Path;

use super::archive_entry::{Entry, Kind as EntryKind};
use super::writer::Writer;
use crate::error::{Error, Kind, Result};

/// A tar with one file at an absolute path. Extracting it at `/` also creates the folders above.
///
/// # Errors
/// The path is not absolute, or is that of a folder.
pub fn one_file(
    path: &str,
    contents: &[u8],
    mode: u32,
    owner: (u32, u32),
) -> Result<Vec<u8>, std::io::Error> {
    files([(path, contents, mode, owner)])
}

/// The same with several files: path, contents, mode and owner of each.
///
/// # Errors
/// Those of [`one_file`].
pub fn files<'a>(
    files: impl IntoIterator<Item = (&'a str, &'a [u8], u32, (u32, u32))>,
) -> Result<Vec<u8>, std::io::Error> {
    let mut tar = Vec::new();
    let mut writer = Writer::new(&mut tar);
    for (path, contents, mode, owner) in files {
        let relative = path
            .strip_prefix('/')
            .filter(|rest| !rest.is_empty() && !rest.ends_with('/'));
        let Some(relative) = relative else {
            return Err(std::io::Error::other(format!(
                "`{path}` is not an absolute file path"
            )));
        };
        let entry = Entry {
            path: relative.into(),
            kind: EntryKind::File(contents.len() as u64),
            mode,
            owner: (owner.0.into(), owner.1.into()),
            modified: jiff::Timestamp::now().as_second(),
            attributes: Vec::new(),
        };
        writer.entry(Path::new(relative), &entry)?;
        writer.contents(contents)?;
    }
    writer.finish()?;
    drop(writer);
    Ok(tar)
}

/// A file from a tar.
#[derive(Debug, PartialEq, Eq)]
pub struct OneFile {
    /// Permission bits.
    pub mode: u32,
    /// User and group.
    pub owner: (u64, u64),
    /// File contents.
    pub contents: Vec<u8>,
}

/// The only file in a tar; `None` if it is a link.
///
/// # Errors
/// The entry is not a regular file, or the bytes are not a tar.
pub fn only_file(archive: &[u8]) -> Result<Option<OneFile>> {
    let broken = |error: std::io::Error| {
        Error::new(Kind::Other, "invalid archive from the engine").cause(error)
    };
    let mut archive = tar::Archive::new(archive);
    let mut entries = archive.entries().map_err(broken)?;
    let mut entry = match entries.next() {
        Some(entry) => entry.map_err(broken)?,
        None => return Err(Error::new(Kind::NotFound, "the archive is empty")),
    };
    let header = entry.header();
    if header.entry_type().is_symlink() {
        return Ok(None);
    }
    if !header.entry_type().is_file() {
        return Err(Error::new(Kind::Other, "not a regular file"));
    }
    let mode = header.mode().map_err(broken)? & 0o7777;
    let owner = (header.uid().map_err(broken)?, header.gid().map_err(broken)?);
    let mut contents = Vec::new();
    entry.read_to_end(&mut contents).map_err(broken)?;
    Ok(Some(OneFile {
        mode,
        owner,
        contents,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_survives_the_round_trip() {
        let tar = one_file("/etc/app/app.conf", b"a = 1\n", 0o640, (7, 8)).unwrap();
        let file = OneFile {
            mode: 0o640,
            owner: (7, 8),
            contents: b"a = 1\n".to_vec(),
        };
        assert_eq!(only_file(&tar).unwrap(), Some(file));
    }

    #[test]
    fn only_absolute_file_paths_are_accepted() {
        for bad in ["etc/app.conf", "/", "/etc/"] {
            one_file(bad, b"", 0o644, (0, 0)).unwrap_err();
        }
    }
}
