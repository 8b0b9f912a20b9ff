//! Inspects a plugin's library without running it. Loading a library runs code, a truncated one kills the process, and
//! one for another machine is reported as "no such file"; so unusable libraries are detected here first, each with its
//! own error.

use std::ffi::{CStr, c_char};
use std::fmt::Write;
use std::path::{Path, PathBuf};

use clusterdock_plugin_wire::export::{ABI_STABLE_VERSION, API_VERSION, TARGET};
use clusterdock_plugin_wire::note::{OWNER, SCHEMA, TYPE_IDENTITY, TYPE_MANIFEST};
use serde::Deserialize;
use sha2::{Digest, Sha256};

use crate::elf::{Flaw, GlibcVersion, SharedObject};
use crate::error::{Error, Kind, Result};
use crate::files::regular_file;

pub use clusterdock_plugin_wire::note::Identity;

/// A library that describes itself as a plugin. None of its code has run.
#[derive(Debug, Clone)]
pub struct Inspected {
    /// Absolute.
    pub path: PathBuf,
    /// The plugin's name and how it was built.
    pub identity: Identity,
    /// The text of its `topology.toml`.
    pub manifest: String,
    /// SHA-256 of the file, in lowercase hexadecimal.
    pub digest: String,
    /// The highest glibc version that it needs, if any.
    pub glibc: Option<GlibcVersion>,
    bytes: Vec<u8>,
}

impl Inspected {
    /// The bytes of the file, to which [`digest`](Inspected::digest) belongs even if the file has changed since.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Compares the digest with the trusted one.
    ///
    /// # Errors
    /// [`Kind::Plugin`] with both digests if they differ.
    pub fn verify(&self, trusted: &str) -> Result<()> {
        if self.digest == trusted {
            return Ok(());
        }
        let error = refused(&self.path, "is not the one that was trusted");
        Err(error
            .cause(format!("trusted: sha256 {trusted}"))
            .cause(format!("found: sha256 {}", self.digest)))
    }
}

/// A plugin for this or another host.
#[derive(Debug, Clone)]
pub struct Described {
    /// What it states about itself.
    pub library: Inspected,
    /// The identity as it is written, with fields that only a newer host knows.
    pub note: serde_json::Value,
    /// Why this host cannot load it, if it cannot.
    pub refusal: Option<Error>,
}

/// Inspects the library at `path`, which this host can load.
///
/// # Errors
/// Always [`Kind::Plugin`]: missing, not a shared library for this machine, truncated or damaged, not a plugin, or a
/// plugin for another host or a newer system.
pub fn inspect(path: &Path) -> Result<Inspected> {
    let (path, bytes) = read(path)?;
    inspect_bytes(&path, bytes)
}

/// Inspects the bytes of a library, called `path` in errors.
///
/// # Errors
/// See [`inspect`].
pub fn inspect_bytes(path: &Path, bytes: Vec<u8>) -> Result<Inspected> {
    SharedObject::parse(&bytes).map_err(|flaw| flawed(path, &flaw))?;
    let described = describe_bytes(path, bytes)?;
    described.refusal.map_or(Ok(described.library), Err)
}

/// Inspects the library at `path`, even if it is for another host or machine.
///
/// # Errors
/// [`Kind::Plugin`] if it does not describe itself: missing, not a shared library, truncated or damaged, not a plugin, or
/// one with a note of another version.
pub fn describe(path: &Path) -> Result<Described> {
    let (path, bytes) = read(path)?;
    describe_bytes(&path, bytes)
}

fn describe_bytes(path: &Path, bytes: Vec<u8>) -> Result<Described> {
    let flaw_of = |flaw| flawed(path, &flaw);
    let object = SharedObject::parse_foreign(&bytes).map_err(flaw_of)?;
    let (note, identity, manifest) = read_notes(path, &object)?;
    let glibc = object.glibc().map_err(flaw_of)?;
    let check = || {
        SharedObject::parse(&bytes).map_err(flaw_of)?;
        check_host(path, &identity)?;
        check_system(path, glibc)
    };
    let refusal = check().err();
    let digest = digest_of(&bytes);
    let library = Inspected {
        path: path.into(),
        identity,
        manifest,
        digest,
        glibc,
        bytes,
    };
    Ok(Described {
        library,
        note,
        refusal,
    })
}

/// The absolute path of a file, and its bytes.
fn read(path: &Path) -> Result<(PathBuf, Vec<u8>)> {
    use std::io::ErrorKind::{InvalidInput, IsADirectory, NotFound};
    let path = std::path::absolute(path)
        .map_err(|error| refused(path, "has no absolute path").cause(error))?;
    match regular_file::read_at_most(&path, LARGEST) {
        Ok(bytes) => Ok((path, bytes)),
        Err(error) => Err(match error.kind() {
            IsADirectory | InvalidInput => refused(&path, "is not a file"),
            NotFound => refused(&path, "not found"),
            _ => Error::new(
                Kind::Plugin,
                format!("failed to read plugin `{}`", path.display()),
            )
            .cause(error),
        }),
    }
}

/// Size limit of a library: debug builds of large topologies take a tenth of it.
pub(super) const LARGEST: u64 = 1 << 30;

/// The identity as it is written, the identity, and the manifest.
fn read_notes(
    path: &Path,
    object: &SharedObject<'_>,
) -> Result<(serde_json::Value, Identity, String)> {
    let Some(identity) = object.note(OWNER, TYPE_IDENTITY) else {
        let error = Error::new(
            Kind::Plugin,
            format!("`{}` is not a clusterdock plugin", path.display()),
        );
        return Err(error.cause("it has no ELF note named `clusterdock`").hint(
            "export a topology with `#[clusterdock_plugin_api::topology(manifest = \"..\")]`",
        ));
    };
    let damaged = |cause: String| refused(path, "has a damaged note").cause(cause);
    // The schema version comes first, since the rest may differ in a later one.
    let json: serde_json::Value =
        serde_json::from_slice(identity).map_err(|error| damaged(error.to_string()))?;
    if json["schema"] != SCHEMA {
        let error = refused(
            path,
            format!(
                "has a note of version {}, this host supports version {SCHEMA}",
                json["schema"]
            ),
        );
        return Err(error.hint(REBUILD_OR_UPGRADE));
    }
    let identity = Identity::deserialize(&json).map_err(|error| damaged(error.to_string()))?;
    let manifest = object
        .note(OWNER, TYPE_MANIFEST)
        .ok_or_else(|| damaged("it has no manifest".into()))?;
    let manifest = std::str::from_utf8(manifest).map_err(|error| damaged(error.to_string()))?;
    Ok((json, identity, manifest.into()))
}

fn check_host(path: &Path, identity: &Identity) -> Result<()> {
    let refuse = |what: String| Err(refused(path, what).hint(REBUILD_OR_UPGRADE));
    let api = &identity.api;
    let ours = API_VERSION;
    if major(api) != major(ours) {
        let first = format!("{}.0", major(ours));
        let supported = if minor(ours) == first {
            first
        } else {
            format!("{first} to {}", minor(ours))
        };
        return refuse(format!(
            "needs plugin-api {}, this host supports {supported}",
            minor(api)
        ));
    }
    let theirs = minor(&identity.abi_stable);
    let ours = minor(ABI_STABLE_VERSION);
    if theirs != ours {
        return refuse(format!("needs abi_stable {theirs}, this host has {ours}"));
    }
    if identity.target != TARGET {
        let error = refused(
            path,
            format!("is built for {}, this host is {TARGET}", identity.target),
        );
        return Err(error.hint(format!("build it with `--target {TARGET}`")));
    }
    if identity.panic != "unwind" {
        let error = refused(
            path,
            format!("is built with `panic = \"{}\"`", identity.panic),
        );
        return Err(
            error.hint("build it with `panic = \"unwind\"`, so that a panic becomes an error")
        );
    }
    Ok(())
}

fn check_system(path: &Path, needs: Option<GlibcVersion>) -> Result<()> {
    let has = system_glibc();
    match needs {
        Some(needs) if needs > has => {
            let error = refused(path, format!("needs glibc {needs}, this system has {has}"));
            Err(error.hint(format!(
                "build it on this system, or with `cargo zigbuild --target {TARGET}.{has}`"
            )))
        }
        _ => Ok(()),
    }
}

pub(super) const REBUILD_OR_UPGRADE: &str =
    "rebuild the plugin with the plugin-api of this host, or install a matching clusterdock";

fn flawed(path: &Path, flaw: &Flaw) -> Error {
    match flaw {
        Flaw::NotElf => Error::new(
            Kind::Plugin,
            format!("`{}` is not a shared library", path.display()),
        ),
        Flaw::Bits32 => refused(path, format!("is built for 32 bits, this host is {TARGET}")),
        Flaw::Machine(machine) => refused(
            path,
            format!(
                "is built for {machine}, this host is {}",
                std::env::consts::ARCH
            ),
        )
        .hint(format!("build it with `--target {TARGET}`")),
        Flaw::NotShared(kind) => Error::new(
            Kind::Plugin,
            format!("`{}` is {kind}, not a shared library", path.display()),
        ),
        Flaw::Truncated { needs, has } => {
            refused(path, format!("is truncated: it has {has} of {needs} bytes"))
                .hint("copy it again")
        }
        Flaw::Damaged(part) => {
            refused(path, format!("is damaged: invalid {part}")).hint("copy it again")
        }
    }
}

fn refused(path: &Path, why: impl std::fmt::Display) -> Error {
    Error::new(Kind::Plugin, format!("plugin `{}` {why}", path.display()))
}

/// The `1` of `1.2.3`.
fn major(version: &str) -> &str {
    version.split('.').next().unwrap_or(version)
}

/// The `1.2` of `1.2.3`.
fn minor(version: &str) -> &str {
    version
        .match_indices('.')
        .nth(1)
        .map_or(version, |(at, _)| &version[..at])
}

/// SHA-256 in lowercase hexadecimal.
pub(super) fn digest_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes)
        .iter()
        .fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string cannot fail.
            let _ = write!(text, "{byte:02x}");
            text
        })
}

fn system_glibc() -> GlibcVersion {
    unsafe extern "C" {
        /// The version of glibc in this process, e.g. `2.36`.
        safe fn gnu_get_libc_version() -> *const c_char;
    }
    // SAFETY: glibc returns a constant NUL-terminated string.
    let version = unsafe { CStr::from_ptr(gnu_get_libc_version()) };
    version
        .to_str()
        .ok()
        .and_then(GlibcVersion::parse)
        .expect("the version of glibc is two numbers")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn versions_are_compared_by_major_and_minor() {
        assert_eq!(
            (major("1.2.3"), minor("1.2.3"), minor("1.2"), minor("1")),
            ("1", "1.2", "1.2", "1")
        );
    }

    #[test]
    fn the_glibc_of_the_system_has_a_version() {
        assert!(system_glibc() >= GlibcVersion(2, 17));
    }
}
