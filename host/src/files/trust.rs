//! Checks which users can change a file or folder. Loaded code and keys are only as safe as the least protected folder above
//! them, so the real path is checked from the root down.
//!
//! Files of root, of the effective user and, under `sudo`, of the calling user are trusted. They must not be writable by
//! everyone, or by a group with other members; a group with only the owner is allowed, since `umask 002` relies on it.
//! Folders above may be writable by everyone if they have the sticky bit, as `/tmp` has: others cannot rename their entries.

use std::fs;
use std::path::{Path, PathBuf};

use rustix::fs::{Mode, StatFs, statfs};

use super::accounts::Accounts;
use super::entry::Entry;
use crate::error::{Error, Kind};
use crate::shell::quoted;

/// Decides which files and folders are safe from other users.
#[derive(Debug, Clone)]
pub struct Trust {
    /// `--trust`: the user vouches for everything.
    everything: bool,
    users: Vec<u32>,
    accounts: Accounts,
    /// In a container of which this process is root: the device of its own file system.
    container: Option<u64>,
    /// In a user namespace: the owner that stands for all users outside of it.
    unmapped: Option<u32>,
}

/// A file or folder that other users can change.
#[derive(Debug, PartialEq, Eq)]
pub struct Exposed {
    path: PathBuf,
    why: String,
    fix: String,
}

/// The position of a file or folder in a checked path.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    /// The checked path itself, or an entry below it.
    Own,
    /// A folder above: only renaming its entries matters.
    Above,
}

impl Trust {
    /// The trust of this process. With `everything`, nothing is checked. `variable` returns an environment variable.
    pub fn new(everything: bool, variable: impl Fn(&str) -> Option<String>) -> Trust {
        let user = rustix::process::geteuid();
        let mut users = vec![0, user.as_raw()];
        if user.is_root() {
            // Trusted only for root, since any user can set it.
            users.extend(variable("SUDO_UID").and_then(|uid| uid.parse::<u32>().ok()));
        }
        let container = (user.is_root() && is_container())
            .then(|| Entry::of(Path::new("/")).ok())
            .flatten();
        Trust {
            everything,
            users,
            accounts: Accounts::of_machine(),
            container: container.map(|root| root.device),
            unmapped: unmapped_owner(),
        }
    }

    /// Checks the real path of a file or folder, with every folder above. A path that does not exist yet is checked as far as
    /// it exists, and an inaccessible one is left to the code that opens it.
    ///
    /// # Errors
    /// The first one that other users can change, from the root down.
    pub fn check(&self, path: &Path) -> Result<(), Exposed> {
        if self.everything {
            return Ok(());
        }
        let existing = path
            .ancestors()
            .find_map(|part| Some((part, fs::canonicalize(part).ok()?)));
        let Some((part, real)) = existing else {
            return Ok(());
        };
        for above in real
            .ancestors()
            .skip(1)
            .collect::<Vec<_>>()
            .into_iter()
            .rev()
        {
            self.judge(above, Part::Above)?;
        }
        self.judge(&real, if part == path { Part::Own } else { Part::Above })
    }

    /// Checks one of the folders of clusterdock as [`check`](Trust::check) does, and the folders directly below it.
    ///
    /// # Errors
    /// The first one that other users can change.
    pub fn check_own(&self, folder: &Path) -> Result<(), Exposed> {
        self.check(folder)?;
        if self.everything {
            return Ok(());
        }
        let Ok(real) = fs::canonicalize(folder) else {
            return Ok(());
        };
        let is_folder =
            |path: &PathBuf| fs::symlink_metadata(path).is_ok_and(|about| about.is_dir());
        entries(&real)
            .into_iter()
            .filter(is_folder)
            .try_for_each(|path| self.judge(&path, Part::Own))
    }

    /// Checks a folder as [`check`](Trust::check) does, and everything below it. Links are followed once. `.git` and the
    /// output folders of build tools are skipped: files that are used from these are checked separately.
    ///
    /// # Errors
    /// The first one that other users can change.
    pub fn check_tree(&self, folder: &Path) -> Result<(), Exposed> {
        self.check(folder)?;
        if self.everything {
            return Ok(());
        }
        let Ok(root) = fs::canonicalize(folder) else {
            return Ok(());
        };
        let mut folders = vec![root.clone()];
        while let Some(folder) = folders.pop() {
            for path in entries(&folder) {
                let about = match fs::symlink_metadata(&path) {
                    Ok(about) => about,
                    Err(_) => continue,
                };
                if about.is_symlink() {
                    self.check(&path)?;
                    continue;
                }
                self.judge(&path, Part::Own)
                    .map_err(|exposed| exposed.in_tree(&root))?;
                if about.is_dir() && !is_left_out(&path) {
                    folders.push(path);
                }
            }
        }
        Ok(())
    }

    fn judge(&self, path: &Path, part: Part) -> Result<(), Exposed> {
        match Entry::of(path) {
            Ok(entry) => self.judge_entry(path, &entry, part),
            Err(_) => Ok(()),
        }
    }

    fn judge_entry(&self, path: &Path, entry: &Entry, part: Part) -> Result<(), Exposed> {
        if !entry.has_contents {
            return Ok(());
        }
        if !self.is_trusted(entry, part) {
            let why = format!("`{}` is owned by {}", path.display(), self.user(entry.uid));
            let fix = format!("chown {} {}", self.user_word(), word(path));
            return Err(Exposed {
                path: path.into(),
                why,
                fix,
            });
        }
        let sticky = entry.mode.contains(Mode::SVTX);
        if part == Part::Above && sticky {
            return Ok(());
        }
        let Some(writers) = self.writers(entry) else {
            return Ok(());
        };
        let why = format!(
            "`{}` is writable by {writers} (mode {:04o})",
            path.display(),
            entry.mode.bits() & 0o7777
        );
        Err(Exposed {
            path: path.into(),
            why,
            fix: format!("chmod go-w {}", word(path)),
        })
    }

    /// Who can write to an entry beside those who may, if anybody.
    fn writers(&self, entry: &Entry) -> Option<String> {
        if entry.mode.contains(Mode::WOTH) {
            Some("everyone".to_string())
        } else if entry.mode.contains(Mode::WGRP)
            && !self.accounts.is_own_group(entry.uid, entry.gid)
        {
            Some(self.group(entry.gid))
        } else {
            // With an access list, the bits of the group limit all its entries.
            let others = entry
                .writers
                .iter()
                .find(|uid| !self.users.contains(uid))
                .map(|uid| self.user(*uid));
            let own = |gid: &&u32| self.accounts.is_own_group(entry.uid, **gid);
            others.or_else(|| {
                entry
                    .writing_groups
                    .iter()
                    .find(|gid| !own(gid))
                    .map(|gid| self.group(*gid))
            })
        }
    }

    /// In a container, root may use mounted files of users who have no account in the container: they run the container.
    fn is_trusted(&self, entry: &Entry, part: Part) -> bool {
        let mounted = self.container.is_some_and(|device| device != entry.device);
        self.users.contains(&entry.uid)
            || mounted && self.accounts.user(entry.uid).is_none()
            || part == Part::Above && self.unmapped == Some(entry.uid)
    }

    fn user(&self, uid: u32) -> String {
        match self.accounts.user(uid) {
            Some(name) => format!("user `{name}`"),
            None => format!("user {uid}"),
        }
    }

    fn group(&self, gid: u32) -> String {
        match self.accounts.group(gid) {
            Some(name) => format!("group `{name}`"),
            None => format!("group {gid}"),
        }
    }

    /// The effective user, in the form that `chown` accepts.
    fn user_word(&self) -> String {
        let own = self.users[1];
        self.accounts
            .user(own)
            .map_or_else(|| own.to_string(), str::to_string)
    }
}

impl Exposed {
    /// The error of using `subject`, such as "topology folder `x`".
    pub fn error(self, kind: Kind, subject: &str) -> Error {
        Error::new(kind, format!("{subject} can be changed by other users"))
            .cause(self.why)
            .hint(format!(
                "run `{}`, or accept the risk with --trust",
                self.fix
            ))
    }

    /// The same with a hint that fixes the whole folder, since other files in it are usually exposed too.
    fn in_tree(self, root: &Path) -> Exposed {
        let fix = match self.fix.split_once(' ') {
            Some(("chmod", _)) => format!("chmod -R go-w {}", word(root)),
            _ => self.fix,
        };
        Exposed { fix, ..self }
    }
}

/// A path as a shell takes it.
fn word(path: &Path) -> String {
    quoted(&path.display().to_string())
}

fn entries(folder: &Path) -> Vec<PathBuf> {
    let mut paths: Vec<PathBuf> = fs::read_dir(folder)
        .into_iter()
        .flatten()
        .flatten()
        .map(|entry| entry.path())
        .collect();
    // The first to be found is the same every time.
    paths.sort();
    paths
}

fn is_left_out(folder: &Path) -> bool {
    folder.file_name().is_some_and(|name| name == ".git") || folder.join("CACHEDIR.TAG").is_file()
}

/// Whether this process is in a container: engines leave a marker file, or the root file system has layers.
fn is_container() -> bool {
    const OVERLAY: u32 = 0x794c_7630;
    let layered = || statfs("/").is_ok_and(|StatFs { f_type, .. }| f_type as u32 == OVERLAY);
    ["/.dockerenv", "/run/.containerenv"]
        .iter()
        .any(|path| Path::new(path).exists())
        || layered()
}

/// The owner id that stands for all users outside of this process's user namespace, if it is in one.
fn unmapped_owner() -> Option<u32> {
    let text = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let map = text("/proc/self/uid_map");
    let everybody = map.split_whitespace().eq(["0", "0", "4294967295"]);
    if everybody {
        None
    } else {
        text("/proc/sys/kernel/overflowuid").trim().parse().ok()
    }
}

#[cfg(test)]
mod tests;
