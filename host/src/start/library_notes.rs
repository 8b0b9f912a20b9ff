//! Notes of clusters that need the library of their topology later: without one, a kept copy that nobody has used for long
//! is removed.

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use crate::cluster::labels::{Run, RunId};
use crate::cluster::names;
use crate::error::{Error, Kind, Result};
use crate::files::own_folder;
use crate::files::regular_file;
use crate::topology::cache;
use crate::topology::plugin::Hook;

/// The hooks that commands run on a cluster that exists.
const LATER_HOOKS: [Hook; 3] = [Hook::Check, Hook::OnStop, Hook::OnResume];

/// Notes that a start needs its library later, if it does.
///
/// # Errors
/// The note cannot be written.
pub(super) fn note(
    config: &Path,
    engine: &str,
    run: &Run,
    digest: &str,
    hooks: &[Hook],
) -> Result<()> {
    if !hooks.iter().any(|hook| LATER_HOOKS.contains(hook)) {
        return Ok(());
    }
    let folder = cache::notes(config);
    let path = folder.join(format!("{}-{}", run.cluster, run.id));
    write(&folder, &path, &format!("{digest} {engine}\n")).map_err(|error| {
        let message = format!("cannot write `{}`", path.display());
        Error::new(Kind::Other, message)
            .cause(error)
            .hint("choose a writable folder with --clusterdock-config-directory")
    })
}

fn write(folder: &Path, path: &Path, text: &str) -> io::Result<()> {
    own_folder::create(folder)?;
    // Of a start that is killed here, there is no half a note.
    let mut file = tempfile::NamedTempFile::new_in(folder)?;
    file.write_all(text.as_bytes())?;
    file.persist(path)?;
    Ok(())
}

/// Removes the note of a start, if there is one.
///
/// # Errors
/// It cannot be removed.
pub(super) fn forget(config: &Path, cluster: &str, run: &RunId) -> io::Result<()> {
    let notes = list(config)?.into_iter();
    let mut notes = notes.filter(|note| note.cluster == cluster && note.run == *run);
    match notes.next().map(|note| fs::remove_file(note.path)) {
        Some(Err(error)) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

/// The starts on an engine that have left notes, as cluster and run.
///
/// # Errors
/// They cannot be listed.
pub(super) fn noted(config: &Path, engine: &str) -> io::Result<Vec<(String, RunId)>> {
    let is_on = |note: &Note| {
        let text = regular_file::read_to_string(&note.path).unwrap_or_default();
        text.split_whitespace().nth(1) == Some(engine)
    };
    let notes = list(config)?.into_iter().filter(is_on);
    Ok(notes.map(|note| (note.cluster, note.run)).collect())
}

/// Whether there are any notes.
pub(super) fn any(config: &Path) -> bool {
    list(config).is_ok_and(|notes| !notes.is_empty())
}

/// The note of a start.
struct Note {
    path: PathBuf,
    cluster: String,
    run: RunId,
}

/// The notes, without links and files with other names.
fn list(config: &Path) -> io::Result<Vec<Note>> {
    let entries = match fs::read_dir(cache::notes(config)) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let mut notes = Vec::new();
    for entry in entries {
        let entry = entry?;
        let name = entry.file_name();
        let parts = name.to_str().and_then(|name| name.rsplit_once('-'));
        if let Some((cluster, run)) = parts
            && let Some(run) = RunId::parse(run)
            && names::check_cluster(cluster).is_ok()
            && entry.file_type()?.is_file()
        {
            notes.push(Note {
                path: entry.path(),
                cluster: cluster.into(),
                run,
            });
        }
    }
    Ok(notes)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(cluster: &str) -> Run {
        Run {
            id: RunId::random(),
            cluster: cluster.into(),
            ..Run::default()
        }
    }

    #[test]
    fn a_start_with_later_hooks_leaves_a_note_until_its_cluster_is_gone() {
        let config = tempfile::tempdir().unwrap();
        let (config, lab) = (config.path(), run("lab-2"));
        for hooks in [&[][..], &[Hook::Start, Hook::Build, Hook::Scale]] {
            note(config, "HERE", &lab, "d1", hooks).unwrap();
        }
        assert!(!any(config));
        for hook in LATER_HOOKS {
            note(config, "HERE", &lab, "d1", &[Hook::Start, hook]).unwrap();
            assert!(any(config));
            let noted_on = |engine| noted(config, engine).unwrap();
            assert_eq!(noted_on("HERE"), [("lab-2".to_string(), lab.id.clone())]);
            assert_eq!(noted_on("THERE"), []);
            forget(config, "lab", &lab.id).unwrap();
            assert!(any(config), "it is another cluster's");
            forget(config, "lab-2", &lab.id).unwrap();
            forget(config, "lab-2", &lab.id).unwrap();
            assert!(!any(config));
        }
    }

    #[test]
    fn what_is_no_note_is_left_alone() {
        let config = tempfile::tempdir().unwrap();
        let (config, lab) = (config.path(), run("lab"));
        let folder = cache::notes(config);
        own_folder::create(&folder).unwrap();
        let elsewhere = config.join("mine");
        fs::write(&elsewhere, "d1 HERE").unwrap();
        let name = format!("lab-{}", lab.id);
        std::os::unix::fs::symlink(&elsewhere, folder.join(name)).unwrap();
        fs::write(folder.join("notes"), "").unwrap();
        forget(config, "lab", &lab.id).unwrap();
        assert_eq!(noted(config, "HERE").unwrap(), []);
        assert_eq!(fs::read_dir(&folder).unwrap().count(), 2);
    }
}
