//! The sources of plugin-api, which are part of this program, since they are not published. They are unpacked below the
//! config directory, in a folder for each version, and topologies depend on that folder.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use clusterdock_plugin_wire::export::API_VERSION;
use sha2::{Digest, Sha256};

use crate::error::{Error, Kind, Result};
use crate::files::own_folder;

/// Paths and texts, see `build.rs`.
const FILES: &[(&str, &str)] = &include!(concat!(env!("OUT_DIR"), "/plugin_api_sources.rs"));

/// Digits of the sources' digest in the name of their folder, which distinguishes development versions.
const DIGITS: usize = 12;

/// The folder `plugin-api/VERSION-DIGEST` in the config directory, unpacked if missing. Several processes may do this
/// at the same time.
///
/// # Errors
/// [`Kind::Other`] if it cannot be written.
pub fn unpack(config: &Path) -> Result<PathBuf> {
    let folder = folder(config);
    if folder.is_dir() {
        return Ok(folder);
    }
    unpack_into(&folder).map_err(|error| {
        Error::new(
            Kind::Other,
            format!("cannot write plugin-api to `{}`", folder.display()),
        )
        .cause(error)
        .hint("choose a writable folder with `--clusterdock-config-directory`")
    })?;
    Ok(folder)
}

fn folder(config: &Path) -> PathBuf {
    let mut digest = Sha256::new();
    for (path, text) in FILES {
        digest.update(format!("{path}\0{}\0{text}", text.len()));
    }
    let digest = format!("{:x}", digest.finalize());
    config
        .join("plugin-api")
        .join(format!("{API_VERSION}-{}", &digest[..DIGITS]))
}

/// Writes a temporary folder and renames it, so that half of the sources are never visible.
fn unpack_into(folder: &Path) -> io::Result<()> {
    let parent = folder.parent().unwrap_or(folder);
    own_folder::create(parent)?;
    let work = tempfile::tempdir_in(parent)?;
    for (path, text) in FILES {
        let file = work.path().join(path);
        fs::create_dir_all(file.parent().unwrap_or(work.path()))?;
        fs::write(file, text)?;
    }
    match fs::rename(work.path(), folder) {
        // Another process was faster.
        Err(_) if folder.is_dir() => Ok(()),
        renamed => renamed,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_sources_are_unpacked_once_and_whole() {
        let config = tempfile::tempdir().unwrap();
        let folder = unpack(config.path()).unwrap();
        let manifest = fs::read_to_string(folder.join("Cargo.toml")).unwrap();
        assert!(
            manifest.contains("name = \"clusterdock-plugin-api\""),
            "{manifest}"
        );
        let original = Path::new(env!("CARGO_MANIFEST_DIR")).join("../plugin-api");
        let text = |folder: &Path| fs::read_to_string(folder.join("src/lib.rs")).unwrap();
        assert_eq!(text(&folder), text(&original));
        assert!(folder.join("wire/src/lib.rs").is_file());

        fs::write(folder.join("src/lib.rs"), "edited").unwrap();
        assert_eq!(unpack(config.path()).unwrap(), folder);
        assert_eq!(text(&folder), "edited");
        let kept = fs::read_dir(folder.parent().unwrap()).unwrap();
        assert_eq!(kept.count(), 1);
    }

    #[test]
    fn a_folder_that_cannot_be_written_is_an_error() {
        let config = tempfile::tempdir().unwrap();
        fs::write(config.path().join("plugin-api"), "in the way").unwrap();
        let error = unpack(config.path()).unwrap_err();
        assert!(
            error.message().starts_with("cannot write plugin-api to"),
            "{error}"
        );
    }
}
