//! Keys as this machine keeps them: a folder of its own for each start, which goes with the last node of it.

use super::pair::Pair;
use std::fs::{self, DirBuilder, File};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

/// The key that opens the nodes.
pub const PRIVATE_KEY: &str = "id_ed25519";
/// What ssh knows the nodes by.
pub const KNOWN_HOSTS: &str = "known_hosts";
/// Its public half, for whoever wants to put it somewhere else.
const PUBLIC_KEY: &str = "id_ed25519.pub";
/// Where the engine is that the cluster runs on: another one may have a cluster of the same name.
const ENGINE: &str = "engine";

/// Where the keys of a start are kept.
pub fn folder(config: &Path, cluster: &str, run: &str) -> PathBuf {
    config.join("keys").join(format!("{cluster}-{run}"))
}

/// Removes the keys of a start; it may have none.
///
/// # Errors
/// They are there and cannot be removed.
pub fn remove(folder: &Path) -> io::Result<()> {
    match fs::remove_dir_all(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        done => done,
    }
}

pub(super) fn keep(folder: &Path, engine: &str, pair: &Pair, known_hosts: &str) -> io::Result<()> {
    DirBuilder::new().recursive(true).mode(0o700).create(folder)?;
    let write = |name: &str, contents: &str| {
        let file = File::options().write(true).create_new(true).mode(0o600).open(folder.join(name));
        file?.write_all(contents.as_bytes())
    };
    // First, so that what is left of a start that was killed here is found.
    write(ENGINE, engine)?;
    write(PRIVATE_KEY, &pair.private)?;
    write(PUBLIC_KEY, &format!("{}\n", pair.public))?;
    write(KNOWN_HOSTS, known_hosts)
}

/// Removes the keys of clusters of this name on this engine. A start that may have the name knows that there is none any
/// more, whoever removed it.
pub(super) fn sweep(config: &Path, cluster: &str, engine: &str) -> io::Result<()> {
    let Ok(kept) = fs::read_dir(config.join("keys")) else { return Ok(()) };
    for entry in kept {
        let entry = entry?;
        let name = entry.file_name();
        let of = name.to_str().and_then(|name| name.rsplit_once('-')).map(|(cluster, _)| cluster);
        let here = || fs::read_to_string(entry.path().join(ENGINE)).is_ok_and(|address| address == engine);
        if of == Some(cluster) && here() {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::os::unix::fs::PermissionsExt;

    const HERE: &str = "unix:///run/here.sock";

    fn kept(config: &Path, cluster: &str, run: &str, engine: &str) -> PathBuf {
        let folder = folder(config, cluster, run);
        keep(&folder, engine, &Pair::make(cluster).unwrap(), "a.net ssh-ed25519 AAAA\n").unwrap();
        folder
    }

    #[test]
    fn nobody_else_can_read_them_and_they_go_whole() {
        let config = tempfile::tempdir().unwrap();
        let folder = kept(config.path(), "lab", "0123", HERE);
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!((mode(&folder), mode(&folder.join(PRIVATE_KEY))), (0o700, 0o600));
        remove(&folder).unwrap();
        assert!(!folder.exists());
        remove(&folder).unwrap();
    }

    #[test]
    fn a_sweep_takes_those_of_the_same_name_on_the_same_engine() {
        let config = tempfile::tempdir().unwrap();
        sweep(config.path(), "lab", HERE).unwrap();
        let gone = [kept(config.path(), "lab", "01", HERE), kept(config.path(), "lab", "02", HERE)];
        let stay = [
            kept(config.path(), "lab-02", "03", HERE),
            kept(config.path(), "la", "04", HERE),
            kept(config.path(), "lab", "05", "tcp://there:2375"),
        ];
        sweep(config.path(), "lab", HERE).unwrap();
        assert!(gone.iter().all(|folder| !folder.exists()) && stay.iter().all(|folder| folder.exists()));
    }
}
