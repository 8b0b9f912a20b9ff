//! Looks at a plugin's library without running any of it. Opening a library runs code, a truncated one kills the
//! process that opens it, and one for another machine is reported as "no such file"; so what cannot be right is
//! found out here first, each with words of its own.

use super::elf::{Flaw, GlibcVersion, SharedObject};
use crate::error::{Error, Kind, Result};
use clusterdock_plugin_api::export::{ABI_STABLE_VERSION, API_VERSION, TARGET};
use clusterdock_plugin_api::note::{OWNER, SCHEMA, TYPE_IDENTITY, TYPE_MANIFEST};
use sha2::{Digest, Sha256};
use std::ffi::{CStr, c_char};
use std::fmt::Write;
use std::path::{Path, PathBuf};

pub use clusterdock_plugin_api::note::Identity;

/// A library that describes itself as a plugin for this host and this machine. Nothing of it has been run.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// Absolute.
    pub path: PathBuf,
    /// Who the plugin is and what it was built with.
    pub identity: Identity,
    /// Its `topology.toml`, word for word.
    pub manifest: String,
    /// SHA-256 of the file, in lowercase hexadecimal.
    pub digest: String,
    /// The highest version of glibc that it needs; none when it needs none.
    pub glibc: Option<GlibcVersion>,
    bytes: Vec<u8>,
}

impl Inspected {
    /// The file as it was read: what [`digest`](Inspected::digest) is the digest of, whatever became of the path.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Compares with a digest that was trusted before.
    ///
    /// # Errors
    /// [`Kind::Plugin`] with both digests when they differ.
    pub fn verify(&self, trusted: &str) -> Result<()> {
        if self.digest == trusted {
            return Ok(());
        }
        let error = refused(&self.path, "is not the one that was trusted");
        Err(error.cause(format!("trusted: sha256 {trusted}")).cause(format!("found: sha256 {}", self.digest)))
    }
}

/// Inspects the library at `path`.
///
/// # Errors
/// [`Kind::Plugin`], always: not there, not a shared library for this machine, truncated or damaged, not a plugin,
/// or a plugin for another host or a newer system.
pub fn inspect(path: &Path) -> Result<Inspected> {
    let path = std::path::absolute(path).map_err(|error| refused(path, "has no absolute path").cause(error))?;
    let bytes = read(&path)?;
    inspect_bytes(&path, bytes)
}

/// Inspects a library whose bytes are at hand; `path` is what errors call it.
///
/// # Errors
/// As [`inspect`].
pub fn inspect_bytes(path: &Path, bytes: Vec<u8>) -> Result<Inspected> {
    let object = SharedObject::parse(&bytes).map_err(|flaw| flawed(path, &flaw))?;
    let (identity, manifest) = read_notes(path, &object)?;
    suits_this_host(path, &identity)?;
    let glibc = object.glibc().map_err(|flaw| flawed(path, &flaw))?;
    suits_this_system(path, glibc)?;
    let digest = hex(&Sha256::digest(&bytes));
    Ok(Inspected { path: path.into(), identity, manifest, digest, glibc, bytes })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let not_there = |error: std::io::Error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::new(Kind::Plugin, format!("plugin `{}` not found", path.display())),
        _ => Error::new(Kind::Plugin, format!("failed to read plugin `{}`", path.display())).cause(error),
    };
    if !std::fs::metadata(path).map_err(not_there)?.is_file() {
        return Err(refused(path, "is not a file"));
    }
    std::fs::read(path).map_err(not_there)
}

fn read_notes(path: &Path, object: &SharedObject<'_>) -> Result<(Identity, String)> {
    let Some(identity) = object.note(OWNER, TYPE_IDENTITY) else {
        let error = Error::new(Kind::Plugin, format!("`{}` is not a clusterdock plugin", path.display()));
        return Err(error
            .cause("it has no note of the owner `clusterdock`")
            .hint("export a topology from the crate with `clusterdock_plugin_api::export_topology!`"));
    };
    let damaged = |cause: String| refused(path, "has a damaged note").cause(cause);
    // The form comes first: what follows it may be another in a later form.
    let form: serde_json::Value = serde_json::from_slice(identity).map_err(|error| damaged(error.to_string()))?;
    if form["schema"] != SCHEMA {
        let error =
            refused(path, format!("describes itself in form {}, this host knows form {SCHEMA}", form["schema"]));
        return Err(error.hint(REBUILD_OR_UPGRADE));
    }
    let identity = serde_json::from_value(form).map_err(|error| damaged(error.to_string()))?;
    let manifest = object.note(OWNER, TYPE_MANIFEST).ok_or_else(|| damaged("it has no manifest".into()))?;
    let manifest = std::str::from_utf8(manifest).map_err(|error| damaged(error.to_string()))?;
    Ok((identity, manifest.into()))
}

fn suits_this_host(path: &Path, identity: &Identity) -> Result<()> {
    let refuse = |what: String| Err(refused(path, what).hint(REBUILD_OR_UPGRADE));
    let (api, ours) = (&identity.api, API_VERSION);
    if major(api) != major(ours) {
        let first = format!("{}.0", major(ours));
        let supported = if minor(ours) == first { first } else { format!("{first} to {}", minor(ours)) };
        return refuse(format!("needs plugin-api {}, this host supports {supported}", minor(api)));
    }
    let (theirs, ours) = (minor(&identity.abi_stable), minor(ABI_STABLE_VERSION));
    if theirs != ours {
        return refuse(format!("needs abi_stable {theirs}, this host has {ours}"));
    }
    if identity.target != TARGET {
        let error = refused(path, format!("is built for {}, this host is {TARGET}", identity.target));
        return Err(error.hint(format!("build it with `--target {TARGET}`")));
    }
    if identity.panic != "unwind" {
        let error = refused(path, format!("is built with `panic = \"{}\"`", identity.panic));
        return Err(error.hint("build it with `panic = \"unwind\"`, so that a panic becomes an error"));
    }
    Ok(())
}

fn suits_this_system(path: &Path, needs: Option<GlibcVersion>) -> Result<()> {
    let has = system_glibc();
    match needs {
        Some(needs) if needs > has => {
            let error = refused(path, format!("needs glibc {needs}, this system has {has}"));
            Err(error.hint(format!("build it on this system, or with `cargo zigbuild --target {TARGET}.{has}`")))
        }
        _ => Ok(()),
    }
}

const REBUILD_OR_UPGRADE: &str = "rebuild the plugin with this host's plugin-api, or install a host that fits it";

fn flawed(path: &Path, flaw: &Flaw) -> Error {
    match flaw {
        Flaw::NotElf => Error::new(Kind::Plugin, format!("`{}` is not a shared library", path.display())),
        Flaw::Bits32 => refused(path, format!("is built for 32 bits, this host is {TARGET}")),
        Flaw::Machine(machine) => {
            refused(path, format!("is built for {machine}, this host is {}", std::env::consts::ARCH))
                .hint(format!("build it with `--target {TARGET}`"))
        }
        Flaw::NotShared(kind) => {
            Error::new(Kind::Plugin, format!("`{}` is {kind}, not a shared library", path.display()))
        }
        Flaw::Truncated { needs, has } => {
            refused(path, format!("is truncated: it needs {needs} bytes and has {has}")).hint("copy it again")
        }
        Flaw::Damaged(what) => refused(path, format!("is damaged in {what}")).hint("copy it again"),
    }
}

fn refused(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::new(Kind::Plugin, format!("plugin `{}` {why}", path.display()))
}

/// `1` of `1.2.3`.
fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

/// `1.2` of `1.2.3`.
fn minor(version: &str) -> &str {
    version.match_indices('.').nth(1).map_or(version, |(at, _)| &version[..at])
}

fn hex(digest: &[u8]) -> String {
    digest.iter().fold(String::with_capacity(64), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

fn system_glibc() -> GlibcVersion {
    unsafe extern "C" {
        /// The version of the glibc that this process runs with, as `2.36`.
        safe fn gnu_get_libc_version() -> *const c_char;
    }
    // SAFETY: glibc gives a string that is constant and ends with a zero.
    let version = unsafe { CStr::from_ptr(gnu_get_libc_version()) };
    version.to_str().ok().and_then(GlibcVersion::parse).expect("glibc tells its version as two numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_shortened_to_what_is_compared() {
        assert_eq!((major("1.2.3"), minor("1.2.3"), minor("1.2"), minor("1")), ("1", "1.2", "1.2", "1"));
    }

    #[test]
    fn the_systems_glibc_is_at_least_the_one_this_was_built_for() {
        assert!(system_glibc() >= GlibcVersion(2, 17));
    }
}
