//! The folders that `/etc/ld.so.conf` adds to the loader's search.

use std::collections::HashSet;
use std::ffi::OsString;
use std::path::{Path, PathBuf};

use super::machine_root::Machine;

const CONFIGURATION: &str = "/etc/ld.so.conf";

/// The configured folders of a machine.
pub(super) fn folders(machine: &Machine) -> Vec<PathBuf> {
    let mut folders = Vec::new();
    read(machine, Path::new(CONFIGURATION), &mut folders);
    real_folders(machine, folders)
}

/// The real paths of the folders that exist, without duplicates.
pub(super) fn real_folders(machine: &Machine, folders: Vec<PathBuf>) -> Vec<PathBuf> {
    let mut seen = HashSet::new();
    folders
        .into_iter()
        .filter_map(|folder| machine.follow(&folder).ok())
        .filter(|found| found.stat.is_dir())
        .map(|found| found.real)
        .filter(|real| seen.insert(real.clone()))
        .collect()
}

/// Files that cannot be read are skipped, as `ldconfig` does.
fn read(machine: &Machine, file: &Path, folders: &mut Vec<PathBuf>) {
    for line in machine.text(file).unwrap_or_default().lines() {
        let line = line.split('#').next().unwrap_or_default().trim();
        if let Some(pattern) = line
            .strip_prefix("include")
            .filter(|rest| rest.starts_with(char::is_whitespace))
        {
            let pattern = file.parent().unwrap_or(Path::new("/")).join(pattern.trim());
            for included in matching(machine, &pattern) {
                read(machine, &included, folders);
            }
        } else if line.starts_with('/') {
            folders.push(PathBuf::from(line));
        }
    }
}

/// The files of a pattern with at most one `*`, in its last part, which is how `include` is used.
fn matching(machine: &Machine, pattern: &Path) -> Vec<PathBuf> {
    let folder = pattern.parent().unwrap_or(Path::new("/"));
    let name = pattern.file_name().unwrap_or_default().to_string_lossy();
    let Some((start, end)) = name.split_once('*') else {
        return vec![pattern.to_owned()];
    };
    let matches = |name: &&OsString| {
        let name = name.to_string_lossy();
        name.len() >= start.len() + end.len() && name.starts_with(start) && name.ends_with(end)
    };
    // A folder that cannot be listed has no files to include.
    let names = machine.names(folder).unwrap_or_default();
    names
        .iter()
        .filter(matches)
        .map(|name| folder.join(name))
        .collect()
}
