//! Keys on the local machine: a folder for each start, removed with its last node.

use std::fs::{self, File};
use std::io::{self, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use super::key_pair::Pair;
use crate::cluster::labels::RunId;
use crate::cluster::names;
use crate::files::own_folder;
use crate::files::regular_file;

/// The private key for logging in to the nodes.
pub const PRIVATE_KEY: &str = "id_ed25519";

/// The host keys of the nodes.
pub const KNOWN_HOSTS: &str = "known_hosts";

/// The public key, to be copied elsewhere by the user.
const PUBLIC_KEY: &str = "id_ed25519.pub";

/// The id of the cluster's engine, since another engine may have a cluster of the same name.
const ENGINE: &str = "engine";

/// The files in a folder. The one that identifies it is created first and removed last.
const FILES: [&str; 4] = [ENGINE, PRIVATE_KEY, PUBLIC_KEY, KNOWN_HOSTS];

/// The folder with the keys of a start.
pub fn folder(config: &Path, cluster: &str, run: &RunId) -> PathBuf {
    config.join("keys").join(format!("{cluster}-{run}"))
}

/// Removes the keys of a start, if it has any. Only a listed folder is touched, and only the files that
/// [`make`](super::make) creates in it.
///
/// # Errors
/// They cannot be removed, or the folder contains other files.
pub fn remove(config: &Path, cluster: &str, run: &RunId) -> io::Result<()> {
    let listed = list(config)?
        .into_iter()
        .find(|entry| entry.cluster == cluster && entry.run == *run);
    let Some(Listed { path, .. }) = listed else {
        return Ok(());
    };
    for file in FILES.iter().rev() {
        ignore_missing(fs::remove_file(path.join(file)))?;
    }
    ignore_missing(fs::remove_dir(&path))
}

/// The starts on an engine whose keys are stored here, as cluster and run.
///
/// # Errors
/// They cannot be listed.
pub fn kept(config: &Path, engine: &str) -> io::Result<Vec<(String, RunId)>> {
    Ok(list(config)?
        .into_iter()
        .filter(|entry| {
            regular_file::read_to_string(&entry.path.join(ENGINE)).is_ok_and(|id| id == engine)
        })
        .map(|entry| (entry.cluster, entry.run))
        .collect())
}

/// Whether there are any keys.
pub fn any(config: &Path) -> bool {
    list(config).is_ok_and(|listed| !listed.is_empty())
}

/// A folder with the keys of a start.
struct Listed {
    path: PathBuf,
    cluster: String,
    run: RunId,
}

/// The folders with keys, without links and folders with other names.
fn list(config: &Path) -> io::Result<Vec<Listed>> {
    let entries = match fs::read_dir(config.join("keys")) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut listed = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let parts = name.to_str().and_then(|name| name.rsplit_once('-'));
        if let Some((cluster, run)) = parts
            && let Some(run) = RunId::parse(run)
            && names::check_cluster(cluster).is_ok()
            && entry.file_type()?.is_dir()
        {
            listed.push(Listed {
                path: entry.path(),
                cluster: cluster.into(),
                run,
            });
        }
    }
    Ok(listed)
}

fn ignore_missing(removed: io::Result<()>) -> io::Result<()> {
    match removed {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        removed => removed,
    }
}

/// Stores the keys of a start.
pub(super) fn keep(folder: &Path, engine: &str, pair: &Pair, known_hosts: &str) -> io::Result<()> {
    own_folder::create(folder)?;
    let write = |name: &str, contents: &str| {
        let file = File::options()
            .write(true)
            .create_new(true)
            .mode(0o600)
            .open(folder.join(name));
        file?.write_all(contents.as_bytes())
    };
    // First, so that the keys of a start that is killed here can be found.
    write(ENGINE, engine)?;
    write(PRIVATE_KEY, &pair.private)?;
    write(PUBLIC_KEY, &format!("{}\n", pair.public))?;
    write(KNOWN_HOSTS, known_hosts)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const HERE: &str = "ABCD:EFGH";

    fn run(number: u32) -> RunId {
        RunId::parse(&format!("{number:016}")).unwrap()
    }

    fn keep_for(config: &Path, cluster: &str, number: u32, engine: &str) -> PathBuf {
        let folder = folder(config, cluster, &run(number));
        keep(
            &folder,
            engine,
            &Pair::generate(cluster).unwrap(),
            "a.net ssh-ed25519 AAAA\n",
        )
        .unwrap();
        folder
    }

    #[test]
    fn keys_are_private_and_removed_completely() {
        let config = tempfile::tempdir().unwrap();
        let folder = keep_for(config.path(), "lab", 123, HERE);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(
            (mode(&folder), mode(&folder.join(PRIVATE_KEY))),
            (0o700, 0o600)
        );
        remove(config.path(), "lab", &run(123)).unwrap();
        assert!(!folder.exists());
        remove(config.path(), "lab", &run(123)).unwrap();
    }

    #[test]
    fn only_keys_in_listed_folders_are_removed() {
        let config = tempfile::tempdir().unwrap();
        let folder = keep_for(config.path(), "lab", 1, HERE);
        fs::write(folder.join("mine"), "").unwrap();
        assert_eq!(
            remove(config.path(), "lab", &run(1)).unwrap_err().kind(),
            io::ErrorKind::DirectoryNotEmpty
        );
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 1);
        // A link instead of a folder leads elsewhere.
        let elsewhere = tempfile::tempdir().unwrap();
        fs::write(elsewhere.path().join(PRIVATE_KEY), "mine").unwrap();
        std::os::unix::fs::symlink(
            elsewhere.path(),
            super::folder(config.path(), "lab", &run(2)),
        )
        .unwrap();
        remove(config.path(), "lab", &run(2)).unwrap();
        remove(
            config.path(),
            &elsewhere.path().display().to_string(),
            &run(2),
        )
        .unwrap();
        assert!(elsewhere.path().join(PRIVATE_KEY).exists());
    }

    #[test]
    fn keys_are_listed_by_engine() {
        let config = tempfile::tempdir().unwrap();
        assert_eq!(kept(config.path(), HERE).unwrap(), []);
        keep_for(config.path(), "lab-02", 3, HERE);
        keep_for(config.path(), "lab", 5, "other");
        fs::create_dir(config.path().join("keys/lab-files")).unwrap();
        fs::create_dir(config.path().join("keys/notes")).unwrap();
        assert_eq!(
            kept(config.path(), HERE).unwrap(),
            [("lab-02".to_string(), run(3))]
        );
    }
}
