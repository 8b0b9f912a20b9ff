//! Notices about an engine that have been shown and are not repeated, kept as files of the config folder.

use std::fs::{self, File};
use std::io::ErrorKind;
use std::path::Path;

use sha2::{Digest, Sha256};

/// How many bytes of a digest name a file.
const NAME_BYTES: usize = 8;

/// Whether a notice about an engine has been shown before.
pub fn was_shown(config: &Path, engine: &str, notice: &str) -> bool {
    file(config, engine, notice).exists()
}

/// Records that a notice about an engine is being shown. Returns whether it was shown before: of several processes at once,
/// only one gets false. If nothing can be recorded, the notice is shown each time.
pub fn mark_shown(config: &Path, engine: &str, notice: &str) -> bool {
    let file = file(config, engine, notice);
    fs::create_dir_all(file.parent().unwrap_or(config)).ok();
    matches!(File::create_new(file), Err(error) if error.kind() == ErrorKind::AlreadyExists)
}

fn file(config: &Path, engine: &str, notice: &str) -> std::path::PathBuf {
    let digest = Sha256::digest(format!("{engine}\0{notice}"));
    let name: String = digest
        .iter()
        .take(NAME_BYTES)
        .map(|byte| format!("{byte:02x}"))
        .collect();
    config.join("notices").join(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_notice_is_shown_once_per_engine() {
        let config = tempfile::tempdir().unwrap();
        let config = config.path();
        assert!(!was_shown(config, "unix:///a", "x") && !mark_shown(config, "unix:///a", "x"));
        assert!(was_shown(config, "unix:///a", "x") && mark_shown(config, "unix:///a", "x"));
        assert!(!mark_shown(config, "unix:///a", "y") && !mark_shown(config, "unix:///b", "x"));
        // Nothing can be recorded.
        assert!(
            !mark_shown(Path::new("/dev/null/a"), "a", "x")
                && !mark_shown(Path::new("/dev/null/a"), "a", "x")
        );
    }
}
