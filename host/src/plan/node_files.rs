//! The files that a topology puts into nodes before they start, checked before anything is created.

use std::collections::BTreeSet;
use std::path::{Component, Path};

use clusterdock_plugin_wire::{Contents, File, NodeSpec, VolumeSource};

use crate::error::{Error, Kind, Result};

/// The longest path in a node.
const LONGEST_PATH: usize = 4096;

/// How many bytes of contents a node can be given; larger data belongs in an image, or in a local file.
const MOST_BYTES: usize = 16 << 20;

/// Checks the files of a node.
///
/// # Errors
/// [`Kind::Usage`] for the first that cannot be put into it.
pub(super) fn check(spec: &NodeSpec) -> Result<()> {
    let mut paths = BTreeSet::new();
    let mut bytes = 0;
    for file in &spec.files {
        let checked = check_file(spec, file, &mut bytes).and_then(|()| {
            if paths.insert(file.path.trim_end_matches('/')) {
                Ok(())
            } else {
                Err("another file has the same path".into())
            }
        });
        checked.map_err(|why| {
            let path = file.path.escape_debug();
            let message = format!("invalid file `{path}` of node `{}`", spec.hostname);
            Error::new(Kind::Usage, message).cause(why)
        })?;
    }
    Ok(())
}

fn check_file(spec: &NodeSpec, file: &File, bytes: &mut usize) -> Result<(), String> {
    check_path(&file.path)?;
    if file.mode.is_some_and(|mode| mode > 0o7777) {
        return Err("its mode has more than permission bits".into());
    }
    let is_owner = |c: char| c.is_ascii_graphic() && c != '/';
    if file.owner.is_empty() || file.owner.len() > 256 || !file.owner.chars().all(is_owner) {
        return Err("its owner is not USER or USER:GROUP".into());
    }
    match &file.contents {
        Contents::Local(local) if !local.is_absolute() => {
            return Err(format!("`{}` is not an absolute path", local.display()));
        }
        Contents::Local(_) => {}
        contents => {
            if file.path.ends_with('/') {
                return Err("it is the path of a folder".into());
            }
            let found = contents.bytes().map_err(|error| error.to_string())?;
            *bytes += found.map_or(0, |found| found.len());
            if *bytes > MOST_BYTES {
                return Err("the node's files have more than 16 MiB together".into());
            }
        }
    }
    check_mounts(spec, Path::new(&file.path))
}

fn check_path(path: &str) -> Result<(), String> {
    let is_plain = |part: Component<'_>| matches!(part, Component::RootDir | Component::Normal(_));
    if !path.starts_with('/') || path.trim_end_matches('/').is_empty() {
        return Err("its path is not absolute".into());
    }
    if path.len() > LONGEST_PATH || path.chars().any(char::is_control) {
        return Err("its path is too long, or has control characters".into());
    }
    // Components leave out `.`, which is harmless.
    if !Path::new(path).components().all(is_plain) {
        return Err("its path has `..`".into());
    }
    Ok(())
}

/// A mount over a path hides it, or is a folder that belongs to something else.
fn check_mounts(spec: &NodeSpec, path: &Path) -> Result<(), String> {
    if let Some(mount) = spec.settings.tmpfs.keys().find(|at| path.starts_with(at)) {
        return Err(format!(
            "`{mount}` is in memory, and empty when the node starts"
        ));
    }
    let mut volumes = spec.settings.volumes.iter();
    let bind = volumes.find(|volume| {
        matches!(volume.source, VolumeSource::Bind(_)) && path.starts_with(&volume.target)
    });
    match bind {
        Some(volume) => Err(format!(
            "`{}` is a folder of the engine's machine, which would keep it",
            volume.target
        )),
        None => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use clusterdock_plugin_wire::Volume;

    use super::*;

    fn file(path: &str) -> File {
        File {
            path: path.into(),
            contents: Contents::Text("x".into()),
            mode: None,
            owner: "0".into(),
        }
    }

    #[track_caller]
    fn refused(file: File, expected: &str) {
        let spec = NodeSpec::new("a", "nodes")
            .volume(Volume::bind("/srv/data", "/data"))
            .volume(Volume::named("data", "/named"))
            .with(|all| drop(all.tmpfs.insert("/scratch".into(), String::new())))
            .file(file);
        let error = check(&spec).unwrap_err();
        assert_eq!(error.kind(), Kind::Usage);
        let shown = error.to_string();
        assert!(
            shown.contains(" of node `a`") && shown.contains(expected),
            "{shown}"
        );
    }

    #[test]
    fn a_file_has_a_path_mode_and_owner_of_its_node() {
        for path in ["", "etc/x", "/", "//"] {
            refused(file(path), "not absolute");
        }
        refused(file("/etc/../x"), "`..`");
        refused(file("/etc/a\nb"), "control characters");
        refused(file("/etc/"), "path of a folder");
        refused(file(&format!("/{}", "x".repeat(5000))), "too long");
        for owner in ["", "a b", "a/b", "\n"] {
            let owner = owner.into();
            refused(
                File {
                    owner,
                    ..file("/x")
                },
                "owner",
            );
        }
        let mode = Some(0o10_000);
        refused(File { mode, ..file("/x") }, "mode");
        let contents = Contents::Base64("?".into());
        refused(
            File {
                contents,
                ..file("/x")
            },
            "base64",
        );
        let contents = Contents::Local("conf".into());
        refused(
            File {
                contents,
                ..file("/x")
            },
            "not an absolute path",
        );
        let contents = Contents::Text("x".repeat(MOST_BYTES + 1));
        refused(
            File {
                contents,
                ..file("/x")
            },
            "more than 16 MiB",
        );
    }

    #[test]
    fn a_file_is_not_put_over_a_mount() {
        refused(file("/data/x"), "folder of the engine's machine");
        refused(file("/scratch/x"), "in memory");
        let named = NodeSpec::new("a", "nodes")
            .volume(Volume::named("data", "/named"))
            .file(file("/named/x"));
        check(&named).unwrap();
    }

    #[test]
    fn a_path_is_given_once() {
        let twice = NodeSpec::new("a", "nodes")
            .file(file("/x"))
            .file(file("/x"));
        let error = check(&twice).unwrap_err();
        assert!(error.to_string().contains("the same path"), "{error}");
    }
}
