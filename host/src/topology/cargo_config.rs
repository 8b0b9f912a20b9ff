//! The parts of cargo's configuration that affect where a plugin is compiled and for which target.

use std::fs;
use std::path::{Path, PathBuf};

use toml::de::DeTable;

use crate::files::regular_file;

/// The files that cargo reads in a crate and in the folders above it.
const READ: [&str; 5] = [
    ".cargo/config.toml",
    ".cargo/config",
    "Cargo.toml",
    "rust-toolchain.toml",
    "rust-toolchain",
];

/// The configuration files among them.
const CONFIGURATION: [&str; 2] = [READ[0], READ[1]];

/// The existing files above the crate in `source` that cargo reads.
pub fn read_above(source: &Path) -> impl Iterator<Item = PathBuf> {
    let folders = source.ancestors().skip(1);
    folders
        .flat_map(|folder| READ.map(|name| folder.join(name)))
        .filter(|path| path.exists())
}

/// Whether cargo's configuration sets a target for the crate in `source`; `home` is cargo's home folder. Files that
/// cannot be read are left to cargo to report.
pub(super) fn has_target(source: &Path, home: Option<&Path>) -> bool {
    let nearby = source
        .ancestors()
        .flat_map(|folder| CONFIGURATION.map(|name| folder.join(name)));
    let own = home
        .into_iter()
        .flat_map(|home| ["config.toml", "config"].map(|name| home.join(name)));
    nearby
        .chain(own)
        .any(|path| regular_file::read_to_string(&path).is_ok_and(|text| text_has_target(&text)))
}

fn text_has_target(text: &str) -> bool {
    let Ok(document) = DeTable::parse(text) else {
        return false;
    };
    let document = document.into_inner();
    // An included file may set one; naming the local target explicitly does no harm.
    document.get("include").is_some()
        || document
            .get("build")
            .is_some_and(|build| build.get_ref().get("target").is_some())
}

/// Whether a folder, or the nearest existing one above it, is on a file system mounted noexec.
pub(super) fn is_noexec(folder: &Path) -> bool {
    use rustix::fs::{StatVfsMountFlags, statvfs};
    let existing = folder
        .ancestors()
        .find(|folder| fs::metadata(folder).is_ok());
    existing.is_some_and(|path| {
        statvfs(path).is_ok_and(|about| about.f_flag.contains(StatVfsMountFlags::NOEXEC))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_target_is_found_in_any_spelling() {
        let named = [
            "[build]\ntarget = \"aarch64-unknown-linux-gnu\"\n",
            "build.target = [\"aarch64-unknown-linux-gnu\", \"x86_64-unknown-linux-musl\"]",
            "build = { jobs = 2, target = \"thumbv7em-none-eabi\" }",
            "include = [\"shared.toml\"]",
        ];
        for text in named {
            assert!(text_has_target(text), "{text}");
        }
        let unnamed = [
            "",
            "[build]\njobs = 2\ntarget-dir = \"/tmp/t\"\n",
            "[target.aarch64-unknown-linux-gnu]\nlinker = \"x\"\n",
            "target = \"x\"",
            "not TOML [",
        ];
        for text in unnamed {
            assert!(!text_has_target(text), "{text}");
        }
    }

    #[test]
    fn configuration_is_read_in_crate_ancestors_and_home() {
        let disk = tempfile::tempdir().unwrap();
        let source = disk.path().join("above/crate");
        let home = disk.path().join("home");
        for folder in [
            source.join(".cargo"),
            disk.path().join("above/.cargo"),
            home.clone(),
        ] {
            fs::create_dir_all(folder).unwrap();
        }
        assert!(!has_target(&source, Some(&home)));
        let text = "[build]\ntarget = \"aarch64-unknown-linux-gnu\"\n";
        for file in [
            source.join(".cargo/config.toml"),
            disk.path().join("above/.cargo/config"),
            home.join("config.toml"),
        ] {
            fs::write(&file, text).unwrap();
            assert!(has_target(&source, Some(&home)), "{}", file.display());
            fs::remove_file(&file).unwrap();
        }
        assert!(!has_target(&source, None));
    }

    #[test]
    fn files_above_a_crate_are_listed() {
        let disk = tempfile::tempdir().unwrap();
        fs::write(disk.path().join("Cargo.toml"), "").unwrap();
        let source = disk.path().join("crate");
        assert!(read_above(&source).any(|path| path == disk.path().join("Cargo.toml")));
    }
}
