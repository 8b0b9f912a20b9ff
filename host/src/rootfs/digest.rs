//! The digest of a root filesystem, and the note of it that saves the next start from reading the files.
//!
//! The digest depends on content alone. A note maps a state of the files (their sizes, times and inodes) to the digest:
//! if the state is the same, so is the content.

use std::fmt::Write as _;
use std::io::{self, Write};
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

use sha2::{Digest, Sha256};

use super::machine_root::Machine;
use super::tree::Rootfs;
use crate::error::Result;
use crate::files::own_folder;
use crate::files::regular_file;

/// Hex digits of a digest, enough for a tag.
const DIGITS: usize = 16;

/// File in the cache folder with one state and its digest per line, the latest first.
const NOTES: &str = "host-image-digests";

/// More than the topologies and upgrades of one user need.
const MOST_NOTES: usize = 64;

/// Seconds after which another change of a file is certain to show in its times.
const SETTLED_AFTER: i64 = 2;

/// The digest of the root filesystem and of `configuration`, taken from the notes in `cache` if possible. `now` decides
/// whether the files are old enough for a note.
pub(super) fn of(
    rootfs: &Rootfs,
    machine: &Machine,
    configuration: &[String],
    cache: &Path,
    now: SystemTime,
) -> Result<String> {
    let state = state(rootfs, configuration);
    // Without notes the digest is computed, so a file that cannot be read only costs time.
    let notes = regular_file::read_to_string(&cache.join(NOTES)).unwrap_or_default();
    if let Some(digest) = noted(&notes, &state) {
        return Ok(digest.to_owned());
    }
    let mut hash = Sha256::new();
    rootfs.write_tar(machine, &mut hash)?;
    hash.update(format!("{configuration:?}"));
    let digest = shortened(&hex(hash));
    let now = now
        .duration_since(UNIX_EPOCH)
        .map_or(0, |time| time.as_secs().cast_signed());
    if rootfs.newest() + SETTLED_AFTER < now
        && let Err(error) = note(cache, &notes, &state, &digest)
    {
        log::warn!(
            "cannot save the digest of the host image in `{}`, so it is computed each time: {error}",
            cache.display()
        );
    }
    Ok(digest)
}

/// Identifies the state of all files that go into the image.
fn state(rootfs: &Rootfs, configuration: &[String]) -> String {
    let mut hash = Sha256::new();
    // Writing to a hash cannot fail.
    let _ = write!(hash, "{rootfs:?} {configuration:?}");
    hex(hash)
}

fn noted<'n>(notes: &'n str, state: &str) -> Option<&'n str> {
    let mut lines = notes.lines().filter_map(|line| line.split_once(' '));
    lines
        .find(|(noted, digest)| *noted == state && digest.len() == DIGITS)
        .map(|(_, digest)| digest)
}

/// Replaces the notes atomically. If two processes do so at once, one note is lost and computed again later.
fn note(cache: &Path, notes: &str, state: &str, digest: &str) -> io::Result<()> {
    own_folder::create(cache)?;
    let mut file = tempfile::NamedTempFile::new_in(cache)?;
    writeln!(file, "{state} {digest}")?;
    for line in notes.lines().take(MOST_NOTES - 1) {
        writeln!(file, "{line}")?;
    }
    file.persist(cache.join(NOTES))?;
    Ok(())
}

fn hex(hash: Sha256) -> String {
    let mut hex = String::new();
    for byte in hash.finalize() {
        // Writing to a string cannot fail.
        let _ = write!(hex, "{byte:02x}");
    }
    hex
}

fn shortened(hex: &str) -> String {
    hex.chars().take(DIGITS).collect()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::time::Duration;

    use super::super::pretend::Pretend;
    use super::*;

    /// A root filesystem of the machine's file `/tool`.
    fn rootfs(machine: &Machine) -> Rootfs {
        let mut rootfs = Rootfs::default();
        rootfs.copy(&machine.follow(Path::new("/tool")).unwrap());
        rootfs
    }

    fn digest(pretend: &Pretend, cache: &Path, now: SystemTime) -> String {
        let machine = pretend.machine();
        of(&rootfs(&machine), &machine, &[], cache, now).unwrap()
    }

    fn later() -> SystemTime {
        SystemTime::now() + Duration::from_secs(60)
    }

    #[test]
    fn content_mode_and_configuration_count_and_times_do_not() {
        let pretend = Pretend::empty();
        let cache = tempfile::tempdir().unwrap();
        pretend.file("/tool", 0o755, "one");
        let first = digest(&pretend, cache.path(), later());
        assert_eq!(first.len(), DIGITS);

        std::fs::remove_file(pretend.on_disk("/tool")).unwrap();
        pretend.file("/tool", 0o755, "one");
        assert_eq!(digest(&pretend, cache.path(), later()), first);
        pretend.file("/tool", 0o755, "two");
        assert_ne!(digest(&pretend, cache.path(), later()), first);
        pretend.file("/tool", 0o700, "one");
        assert_ne!(digest(&pretend, cache.path(), later()), first);

        let machine = pretend.machine();
        let configured = of(
            &rootfs(&machine),
            &machine,
            &["ENV A=b".to_owned()],
            cache.path(),
            later(),
        )
        .unwrap();
        assert_ne!(configured, digest(&pretend, cache.path(), later()));
    }

    #[test]
    fn a_noted_digest_is_used_without_reading_files() {
        let pretend = Pretend::empty();
        let cache = tempfile::tempdir().unwrap();
        pretend.file("/tool", 0o755, "one");
        let first = digest(&pretend, cache.path(), later());
        let notes = cache.path().join(NOTES);
        let noted = fs::read_to_string(&notes)
            .unwrap()
            .replace(&first, "0123456789abcdef");
        fs::write(&notes, noted).unwrap();
        assert_eq!(digest(&pretend, cache.path(), later()), "0123456789abcdef");
    }

    #[test]
    fn files_changed_just_now_are_not_noted() {
        let pretend = Pretend::empty();
        let cache = tempfile::tempdir().unwrap();
        pretend.file("/tool", 0o755, "one");
        digest(&pretend, cache.path(), SystemTime::now());
        assert!(!cache.path().join(NOTES).exists());
    }

    #[test]
    fn notes_are_kept_for_a_limited_number_of_images() {
        let pretend = Pretend::empty();
        let cache = tempfile::tempdir().unwrap();
        for content in 0..MOST_NOTES + 5 {
            pretend.file("/tool", 0o755, content.to_string());
            digest(&pretend, cache.path(), later());
        }
        assert_eq!(
            fs::read_to_string(cache.path().join(NOTES))
                .unwrap()
                .lines()
                .count(),
            MOST_NOTES
        );
    }

    #[test]
    fn invalid_notes_and_an_unwritable_folder_only_cost_time() {
        let pretend = Pretend::empty();
        let cache = tempfile::tempdir().unwrap();
        pretend.file("/tool", 0o755, "one");
        let first = digest(&pretend, cache.path(), later());
        fs::write(cache.path().join(NOTES), "\0 no notes\n").unwrap();
        assert_eq!(digest(&pretend, cache.path(), later()), first);
        assert_eq!(
            digest(
                &pretend,
                &cache.path().join(NOTES).join("below-a-file"),
                later()
            ),
            first
        );
    }
}
