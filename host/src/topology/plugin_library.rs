//! Finds the plugin's library of a topology folder, and compiles it if it is missing or outdated. Whether it can be
//! loaded is not checked here.

use std::fs::{self, DirBuilder, File, Permissions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, PermissionsExt};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use futures_util::FutureExt;
use tempfile::NamedTempFile;

use super::cargo_output::Built;
use super::compile::Cargo;
use super::fingerprint::{self, Fingerprint};
use super::folder::Folder;
use super::target_triple::target;
use crate::error::{Error, Kind, Result};
use crate::files::lock;
use crate::files::regular_file;

/// The library to load a topology from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// Absolute.
    pub path: PathBuf,
    /// Where it came from.
    pub origin: Origin,
}

/// Where a library came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Put there by the user, so it is used as it is, whatever the sources.
    Given,
    /// Compiled earlier from the current sources.
    Fresh,
    /// Compiled just now.
    Compiled,
}

/// Progress while a library is found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// Another process is compiling and is waited for.
    Waiting {
        /// The plugin that it compiles, if known: the same one.
        plugin: Option<&'a str>,
    },
    /// Cargo is about to start. Until [`Event::Compiled`] or an error it writes to stderr.
    Compiling {
        /// The plugin's name.
        plugin: &'a str,
        /// The folder of its crate.
        source: &'a Path,
        /// The reason as a fragment for the user, e.g. "`src/lib.rs` has changed".
        why: &'a str,
    },
    /// The library is available.
    Compiled {
        /// The plugin's name.
        plugin: &'a str,
        /// Time since cargo was started.
        took: Duration,
    },
}

/// The state of a folder before anything is compiled.
enum State {
    Usable(Library),
    /// The library has to be compiled, for the reason `why`.
    Outdated {
        source: PathBuf,
        why: String,
    },
}

/// The library of a folder as it is now.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Present {
    /// Where it is, if there is one.
    pub path: Option<PathBuf>,
    /// Why the next start would compile it, as a fragment for the user; `None` if it would be used as it is.
    pub outdated: Option<String>,
    /// Whether it was compiled by clusterdock, rather than put there.
    pub is_compiled: bool,
}

/// Looks for the library of `folder`, and compiles nothing.
///
/// # Errors
/// [`Kind::Plugin`] if there is none and no crate to compile it from, or if it cannot be read.
pub fn look(folder: &Folder) -> Result<Present> {
    let path = places(folder).into_iter().find(|path| path.is_file());
    Ok(match state_of(folder)? {
        State::Usable(library) => Present {
            path,
            outdated: None,
            is_compiled: library.origin != Origin::Given,
        },
        State::Outdated { why, .. } => Present {
            path,
            outdated: Some(why),
            is_compiled: true,
        },
    })
}

/// The paths to search for the library of `folder`, in order. A compiled library goes to the first.
pub fn places(folder: &Folder) -> [PathBuf; 2] {
    let name = folder.manifest.library_name();
    [
        folder.path.join("lib").join(target()).join(&name),
        folder.path.join(name),
    ]
}

/// Finds the library of `folder`, and compiles it if it is missing or if the contents of its sources have changed. A
/// library without a fingerprint, or one replaced since, belongs to the user and is used as it is; so is any library
/// whose crate is missing. Cargo is only called to compile.
///
/// Two processes never compile at the same time: the second waits for the first, and uses its result if the plugin is
/// the same.
/// Dropping the future ends the compilation.
///
/// # Errors
/// [`Kind::Plugin`], or [`Kind::Interrupted`] if SIGINT ended cargo.
pub async fn find(
    folder: &Folder,
    cargo: &Cargo,
    on: &mut dyn FnMut(Event<'_>),
) -> Result<Library> {
    if let State::Usable(library) = state_of(folder)? {
        return Ok(library);
    }
    let _lock = lock(folder, on).await?;
    match state_of(folder)? {
        State::Usable(library) => Ok(library),
        State::Outdated { source, why } => build(folder, cargo, &source, &why, on).await,
    }
}

/// Compiles the library of `folder` even if it exists (cargo may still find that nothing has changed).
///
/// # Errors
/// See [`find`].
pub async fn compile(
    folder: &Folder,
    cargo: &Cargo,
    on: &mut dyn FnMut(Event<'_>),
) -> Result<Library> {
    let source = folder.source().ok_or_else(|| no_library(folder))?;
    let _lock = lock(folder, on).await?;
    build(folder, cargo, &source, "requested", on).await
}

fn state_of(folder: &Folder) -> Result<State> {
    let source = folder.source();
    let Some(path) = places(folder).into_iter().find(|path| path.is_file()) else {
        let why = "no library yet".to_owned();
        return source
            .map(|source| State::Outdated { source, why })
            .ok_or_else(|| no_library(folder));
    };
    let usable = |origin| {
        Ok(State::Usable(Library {
            path: path.clone(),
            origin,
        }))
    };
    let recorded = fingerprint::path_of(&path);
    let text = match regular_file::read(&recorded) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return usable(Origin::Given),
        Err(error) => {
            return Err(Error::new(
                Kind::Plugin,
                format!("cannot read `{}`", recorded.display()),
            )
            .cause(error));
        }
    };
    let Some(source) = source else {
        return usable(Origin::Given);
    };
    let Some(fingerprint) = Fingerprint::parse(&text) else {
        let why = "the sources of the library are unknown".to_owned();
        return Ok(State::Outdated { source, why });
    };
    let Some(changed) = fingerprint.changed(&source) else {
        return usable(Origin::Fresh);
    };
    let is_compiled = fingerprint.is_of(&path).map_err(|error| {
        Error::new(
            Kind::Plugin,
            format!("cannot read library `{}`", path.display()),
        )
        .cause(error)
    })?;
    if !is_compiled {
        return usable(Origin::Given);
    }
    let why = format!("`{}` has changed", changed.display());
    Ok(State::Outdated { source, why })
}

/// Takes the lock, which is held until dropped or until the process ends. `None` if another program than clusterdock
/// holds it: cargo has its own lock as well. There is no deadline, since the kernel releases the lock of a process that
/// dies.
async fn lock(folder: &Folder, on: &mut dyn FnMut(Event<'_>)) -> Result<Option<File>> {
    let failed = |error| not_placed(folder, &error);
    let [library, _] = places(folder);
    // An explicit mode: with `umask 0`, the next start would find a world-writable folder.
    let parent = library.parent().unwrap_or(&folder.path);
    DirBuilder::new()
        .recursive(true)
        .mode(0o755)
        .create(parent)
        .and_then(|()| ignore_in_git(parent))
        .map_err(failed)?;
    let file = library.with_extension("so.lock");
    let mut taking = std::pin::pin!(lock::take_file(&file));
    if let Some(taken) = taking.as_mut().now_or_never() {
        return taken.map_err(failed);
    }
    on(Event::Waiting {
        plugin: Some(&folder.manifest.plugin),
    });
    taking.await.map_err(failed)
}

/// Hides compiled files from git, unless the folder already has a rule.
fn ignore_in_git(libraries: &Path) -> io::Result<()> {
    match File::create_new(libraries.join(".gitignore")) {
        Ok(mut file) => file.write_all(b"*\n"),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        Err(error) => Err(error),
    }
}

async fn build(
    folder: &Folder,
    cargo: &Cargo,
    source: &Path,
    why: &str,
    on: &mut dyn FnMut(Event<'_>),
) -> Result<Library> {
    let plugin = &folder.manifest.plugin;
    let [path, _] = places(folder);
    let _lock = cargo
        .folder()
        .lock(|| on(Event::Waiting { plugin: None }))
        .await
        .map_err(|error| cargo.unusable_folder(plugin, &error))?;
    on(Event::Compiling {
        plugin,
        source,
        why,
    });
    let began = Instant::now();
    let since = SystemTime::now();
    let built = cargo.build(source, plugin).await?;
    place(&built, source, &path, since).map_err(|error| not_placed(folder, &error))?;
    on(Event::Compiled {
        plugin,
        took: began.elapsed(),
    });
    Ok(Library {
        path,
        origin: Origin::Compiled,
    })
}

/// Puts the library and its fingerprint at `path`, each by a rename, so that half a file is never visible and no loaded
/// library is written to.
fn place(built: &Built, source: &Path, path: &Path, since: SystemTime) -> io::Result<()> {
    let folder = path.parent().unwrap_or(source);
    let mut library = new_file(folder, 0o755)?;
    io::copy(&mut regular_file::open(&built.library)?, &mut library)?;
    let fingerprint = Fingerprint::take(source, &built.sources, library.path(), since)?;
    let mut record = new_file(folder, 0o644)?;
    fingerprint.write(&mut record)?;
    record.flush()?;
    // Between the renames the fingerprint must match neither library: if the process dies here, the library is compiled
    // again instead of being mistaken for the user's.
    new_file(folder, 0o644)?.persist(fingerprint::path_of(path))?;
    library.persist(path)?;
    record.persist(fingerprint::path_of(path))?;
    Ok(())
}

fn new_file(folder: &Path, mode: u32) -> io::Result<NamedTempFile> {
    tempfile::Builder::new()
        .permissions(Permissions::from_mode(mode))
        .tempfile_in(folder)
}

fn not_placed(folder: &Folder, error: &io::Error) -> Error {
    let Folder { path, manifest, .. } = folder;
    let message = format!(
        "cannot compile plugin `{}` into `{}`",
        manifest.plugin,
        path.display()
    );
    let not_placed = Error::new(Kind::Plugin, message).cause(error);
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => not_placed.hint(
            "the compiled library goes into the topology folder: copy the folder to a writable place",
        ),
        _ => not_placed,
    }
}

fn no_library(folder: &Folder) -> Error {
    let Folder { path, manifest, .. } = folder;
    let places = places(folder);
    let message = format!(
        "no library of plugin `{}` for topology `{}`",
        manifest.plugin, manifest.name
    );
    let mut error = Error::new(Kind::Plugin, message);
    for place in &places {
        error = error.cause(format!("searched `{}`", place.display()));
    }
    let others = other_targets(folder);
    if !others.is_empty() {
        error = error.cause(format!(
            "there is one for {}, but the local machine is {}",
            others.join(", "),
            target()
        ));
    }
    let put = format!(
        "put a library built for {} at `{}`",
        target(),
        places[0].display()
    );
    match &manifest.source {
        Some(source) => error
            .cause(format!(
                "no Cargo.toml in `{}`, its `source`",
                path.join(source).display()
            ))
            .hint(format!(
                "{put}, or fix `source` in topology.toml to compile it"
            )),
        None => error
            .cause("its topology.toml names no `source` to compile it from")
            .hint(format!(
                "{put}, or set the folder of its crate in topology.toml: `source = \"...\"`"
            )),
    }
}

/// The target triples of other machines for which the folder has a library. They only complete an error, so a folder
/// that cannot be read has none.
fn other_targets(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path.join("lib"))
        .into_iter()
        .flatten()
        .flatten();
    let mut targets: Vec<String> = entries
        .filter(|entry| entry.path().join(folder.manifest.library_name()).is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    targets.sort();
    targets
}

#[cfg(test)]
mod tests;
