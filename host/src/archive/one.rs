//! Archives with one file, as a hook's `put_file` and `get_file` send them.

use crate::error::{Error, Kind, Result};
use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// A tar with one file at an absolute path; unpacked at `/` it also makes the folders above.
///
/// # Errors
/// The path is not absolute, or no file can have it.
pub fn one_file(path: &str, contents: &[u8], mode: u32, owner: (u32, u32)) -> Result<Vec<u8>, std::io::Error> {
    let Some(relative) = path.strip_prefix('/').filter(|rest| !rest.is_empty() && !rest.ends_with('/')) else {
        return Err(std::io::Error::other(format!("`{path}` is not the absolute path of a file")));
    };
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    let mut tar = tar::Builder::new(Vec::new());
    let mut header = tar::Header::new_gnu();
    header.set_size(contents.len() as u64);
    header.set_mode(mode);
    header.set_mtime(now);
    header.set_uid(owner.0.into());
    header.set_gid(owner.1.into());
    tar.append_data(&mut header, Path::new(relative), contents)?;
    tar.into_inner()
}

/// A file as a tar has it.
#[derive(Debug, PartialEq, Eq)]
pub struct OneFile {
    /// Permission bits.
    pub mode: u32,
    /// User and group.
    pub owner: (u64, u64),
    /// What is in it.
    pub contents: Vec<u8>,
}

/// The one file in a tar; none when it is a link.
///
/// # Errors
/// It is a folder, something else that is no file, or no tar.
pub fn only_file(archive: &[u8]) -> Result<Option<OneFile>> {
    let broken = |error: std::io::Error| Error::new(Kind::Other, "the engine sent no archive").cause(error);
    let mut archive = tar::Archive::new(archive);
    let mut entries = archive.entries().map_err(broken)?;
    let mut entry = match entries.next() {
        Some(entry) => entry.map_err(broken)?,
        None => return Err(Error::new(Kind::NotFound, "nothing is there")),
    };
    let header = entry.header();
    if header.entry_type().is_symlink() {
        return Ok(None);
    }
    if !header.entry_type().is_file() {
        return Err(Error::new(Kind::Other, "it is not a file"));
    }
    let mode = header.mode().map_err(broken)? & 0o7777;
    let owner = (header.uid().map_err(broken)?, header.gid().map_err(broken)?);
    let mut contents = Vec::new();
    entry.read_to_end(&mut contents).map_err(broken)?;
    Ok(Some(OneFile { mode, owner, contents }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_comes_back_as_it_went() {
        let tar = one_file("/etc/app/app.conf", b"a = 1\n", 0o640, (7, 8)).unwrap();
        let file = OneFile { mode: 0o640, owner: (7, 8), contents: b"a = 1\n".to_vec() };
        assert_eq!(only_file(&tar).unwrap(), Some(file));
    }

    #[test]
    fn only_absolute_paths_of_files_are_taken() {
        for bad in ["etc/app.conf", "/", "/etc/"] {
            one_file(bad, b"", 0o644, (0, 0)).unwrap_err();
        }
    }
}
