//! Checks of what is mounted into nodes: names of volumes, and paths on the engine's machine and in the node.

use std::collections::BTreeSet;
use std::path::{Component, Path, PathBuf};

use clusterdock_plugin_wire::{Settings, Volume, VolumeSource};

use super::{Problem, relative};
use crate::cluster::record;

/// The longest name of a file, and so of a volume, whose folder has its name.
const LONGEST_NAME: usize = 255;

/// The kernel's limit for a path, without the zero byte at its end.
const LONGEST_PATH: usize = 4095;

/// What is wrong with a node's volumes.
pub(super) fn fault(settings: &Settings) -> Option<Problem> {
    settings
        .volumes
        .iter()
        .find_map(volume)
        .or_else(|| mounted_twice(settings))
        .or_else(|| reserved(settings))
}

/// What is wrong with a mount path.
pub(super) fn target(target: &str) -> Option<Problem> {
    let is_root = || clean(target) == Path::new("/");
    path(target).or_else(|| is_root().then(|| format!("nothing can be mounted on `{target}`")))
}

fn volume(volume: &Volume) -> Option<Problem> {
    let place = &volume.target;
    match &volume.source {
        VolumeSource::Image(image) if image.is_empty() => Some("an image has no name".into()),
        VolumeSource::Image(_) => (!place.is_empty())
            .then(|| format!("the volumes of an image have paths of their own, not `{place}`")),
        VolumeSource::Bind(source) => path(source).or_else(|| target(place)),
        VolumeSource::Named(name) => volume_name(name).or_else(|| target(place)),
        VolumeSource::Anonymous if volume.read_only => Some(format!(
            "a fresh volume that may only be read is of no use, at `{place}`"
        )),
        // The engine takes what follows a colon for a mode.
        VolumeSource::Anonymous if place.contains(':') => Some(format!(
            "`{place}` has a colon, which a fresh volume cannot"
        )),
        _ => target(place),
    }
}

/// By Docker's rule for names of local volumes.
fn volume_name(name: &str) -> Option<Problem> {
    let is_allowed = |c: char| c.is_ascii_alphanumeric() || "_.-".contains(c);
    let begins_well = name.starts_with(|c: char| c.is_ascii_alphanumeric());
    let is_possible = begins_well && name.len() >= 2 && name.chars().all(is_allowed);
    match name.len() {
        _ if !is_possible => Some(format!(
            "`{}` is not a volume name: use two or more letters, digits, `_`, `.` and `-`, a letter or digit first",
            name.escape_debug()
        )),
        length if length > LONGEST_NAME => Some(format!(
            "volume name `{name}` has {length} characters; at most {LONGEST_NAME} are allowed"
        )),
        _ => None,
    }
}

/// What is wrong with a path, local or in the node.
fn path(path: &str) -> Option<Problem> {
    relative(path).or_else(|| {
        if path.contains('\0') {
            Some(format!("`{}` contains a zero byte", path.escape_debug()))
        } else if path.len() > LONGEST_PATH {
            Some(format!(
                "a path has {} bytes; at most {LONGEST_PATH} are allowed",
                path.len()
            ))
        } else {
            None
        }
    })
}

/// A mount that would lie on the cluster's record, or in it.
fn reserved(settings: &Settings) -> Option<Problem> {
    let taken = targets(settings).find(|target| clean(target).starts_with(record::FOLDER));
    taken.map(|path| format!("`{path}` is reserved for the cluster's record"))
}

fn mounted_twice(settings: &Settings) -> Option<Problem> {
    let mut seen = BTreeSet::new();
    let twice = targets(settings).find(|target| !seen.insert(clean(target)));
    twice.map(|path| format!("`{path}` is mounted twice"))
}

/// Where something is mounted, except for the volumes of images.
fn targets(settings: &Settings) -> impl Iterator<Item = &String> {
    let volumes = settings.volumes.iter().map(|volume| &volume.target);
    let volumes = volumes.filter(|target| !target.is_empty());
    volumes.chain(settings.tmpfs.keys())
}

/// An absolute path as the engine reads it: without `.`, `..` and repeated slashes.
pub(in crate::plan) fn clean(path: &str) -> PathBuf {
    let mut clean = PathBuf::new();
    for part in Path::new(path).components() {
        match part {
            // There is nothing above the root.
            Component::ParentDir => drop(clean.pop()),
            part => clean.push(part),
        }
    }
    clean
}

#[cfg(test)]
mod tests {
    use super::*;

    #[track_caller]
    fn says(change: impl FnOnce(&mut Settings), expected: &str) {
        let mut settings = Settings::default();
        change(&mut settings);
        assert_eq!(fault(&settings).unwrap_or("fine".into()), expected);
    }

    fn tmpfs(path: &str) -> impl FnOnce(&mut Settings) {
        let path = path.to_string();
        |all| drop(all.tmpfs.insert(path, String::new()))
    }

    #[test]
    fn impossible_volume_names_are_refused() {
        for name in [
            "", "/a", "a", "-ab", ".ab", "_ab", "a b", "a/b", "a:b", "ä1", "a\n", "ab\u{1b}",
        ] {
            let rule = "use two or more letters, digits, `_`, `.` and `-`, a letter or digit first";
            says(
                |all| all.volumes.push(Volume::named(name, "/a")),
                &format!("`{}` is not a volume name: {rule}", name.escape_debug()),
            );
        }
        for name in ["ab", "0.", "My_data-1.x", &"x".repeat(255)] {
            says(|all| all.volumes.push(Volume::named(name, "/a")), "fine");
        }
        let long = "x".repeat(256);
        says(
            |all| all.volumes.push(Volume::named(&long, "/a")),
            &format!("volume name `{long}` has 256 characters; at most 255 are allowed"),
        );
    }

    #[test]
    fn impossible_paths_are_refused() {
        for (source, target, expected) in [
            ("srv", "/srv", "`srv` is not an absolute path"),
            ("/srv", "srv", "`srv` is not an absolute path"),
            ("", "/srv", "`` is not an absolute path"),
            ("/a\0b", "/srv", "`/a\\0b` contains a zero byte"),
            ("/srv", "/", "nothing can be mounted on `/`"),
            ("/srv", "//./", "nothing can be mounted on `//./`"),
            ("/srv", "/a/..", "nothing can be mounted on `/a/..`"),
            ("/", "/srv", "fine"),
            ("/with space: ä", "/srv:x", "fine"),
        ] {
            says(
                |all| all.volumes.push(Volume::bind(source, target)),
                expected,
            );
        }
        let long = "/x".repeat(2048);
        says(
            |all| all.volumes.push(Volume::bind(&long, "/a")),
            "a path has 4096 bytes; at most 4095 are allowed",
        );
        says(
            |all| all.volumes.push(Volume::anonymous("/data:ro")),
            "`/data:ro` has a colon, which a fresh volume cannot",
        );
        assert_eq!(target("/run"), None);
        assert_eq!(
            target("/.").as_deref(),
            Some("nothing can be mounted on `/.`")
        );
    }

    #[test]
    fn a_place_has_one_mount() {
        let twice = |all: &mut Settings| {
            all.volumes.push(Volume::anonymous("/a/"));
            all.tmpfs.insert("/a".into(), String::new());
        };
        says(twice, "`/a` is mounted twice");
        let hidden = |all: &mut Settings| {
            all.volumes.push(Volume::anonymous("/a"));
            all.volumes.push(Volume::anonymous("/b/..//a"));
        };
        says(hidden, "`/b/..//a` is mounted twice");
    }

    #[test]
    fn the_place_of_the_record_is_reserved() {
        for path in ["/.clusterdock/x", "//.clusterdock/./", "/a/../.clusterdock"] {
            let reserved = format!("`{path}` is reserved for the cluster's record");
            says(|all| all.volumes.push(Volume::anonymous(path)), &reserved);
            says(tmpfs(path), &reserved);
        }
        says(tmpfs("/.clusterdocks"), "fine");
    }
}
