//! The plugin's library of a topology's folder: found where it lies, or compiled where it is missing or older than its
//! sources. Whether what was found can be loaded is not asked here.

use std::fs::{self, File, Permissions, TryLockError};
use std::io::{self, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use tempfile::NamedTempFile;

use super::compile::{Built, Cargo, target};
use super::fingerprint::{self, Fingerprint};
use super::folder::Folder;
use crate::error::{Error, Kind, Result};

/// The library that a topology is to be loaded from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Library {
    /// Absolute.
    pub path: PathBuf,
    /// Why it is this one.
    pub origin: Origin,
}

/// How a library came to be where it was found.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Origin {
    /// Somebody put it there: it is used as it is, whatever the sources say.
    Given,
    /// Compiled at an earlier time from what the sources still are.
    Fresh,
    /// Compiled just now.
    Compiled,
}

/// What happens while a library is found, for those who wait for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Event<'a> {
    /// Another process is compiling the same plugin; its end is awaited.
    Waiting {
        /// The plugin's name.
        plugin: &'a str,
    },
    /// Cargo is about to be started, and from now until [`Event::Compiled`] or an error it writes to stderr.
    Compiling {
        /// The plugin's name.
        plugin: &'a str,
        /// The folder of its crate.
        source: &'a Path,
        /// A fragment for the user, like "`src/lib.rs` has changed".
        why: &'a str,
    },
    /// The library is in its place.
    Compiled {
        /// The plugin's name.
        plugin: &'a str,
        /// From the start of cargo.
        took: Duration,
    },
}

/// What the folder has before anything is compiled.
enum Standing {
    Usable(Library),
    /// There is something to compile from, and why that is to be done.
    Wanting {
        source: PathBuf,
        why: String,
    },
}

/// Where a library of `folder` may lie, in the order in which it is looked for; what is compiled goes to the first.
pub fn places(folder: &Folder) -> [PathBuf; 2] {
    let name = folder.manifest.library_name();
    [folder.path.join("lib").join(target()).join(&name), folder.path.join(name)]
}

/// Finds the library of `folder`, and compiles it where there is none, or where the one that is there was compiled
/// from other sources (by their contents). One without a fingerprint beside it, or overwritten since, is somebody's own
/// and used as it is; so is any where the crate is not at hand. Cargo is called only to compile.
///
/// Two processes never compile one plugin at once: the second waits as long as the first compiles, and takes the
/// result.
///
/// Errors are of [`Kind::Plugin`], and of [`Kind::Interrupted`] where SIGINT ended cargo. Who drops the future ends the
/// compilation.
pub async fn find(folder: &Folder, cargo: &Cargo, on: &mut dyn FnMut(Event<'_>)) -> Result<Library> {
    if let Standing::Usable(library) = standing(folder)? {
        return Ok(library);
    }
    let _lock = lock(folder, on).await?;
    match standing(folder)? {
        Standing::Usable(library) => Ok(library),
        Standing::Wanting { source, why } => build(folder, cargo, &source, &why, on).await,
    }
}

/// Compiles the library of `folder` whatever is there already (cargo itself may find that nothing is to be done).
/// Errors as those of [`find`].
pub async fn compile(folder: &Folder, cargo: &Cargo, on: &mut dyn FnMut(Event<'_>)) -> Result<Library> {
    let source = folder.source().ok_or_else(|| no_library(folder))?;
    let _lock = lock(folder, on).await?;
    build(folder, cargo, &source, "asked for", on).await
}

fn standing(folder: &Folder) -> Result<Standing> {
    let source = folder.source();
    let Some(path) = places(folder).into_iter().find(|path| path.is_file()) else {
        let why = "there is no library yet".to_owned();
        return source.map(|source| Standing::Wanting { source, why }).ok_or_else(|| no_library(folder));
    };
    let usable = |origin| Ok(Standing::Usable(Library { path: path.clone(), origin }));
    let recorded = fingerprint::path_of(&path);
    let text = match fs::read(&recorded) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return usable(Origin::Given),
        Err(error) => {
            return Err(Error::new(Kind::Plugin, format!("`{}` cannot be read", recorded.display())).cause(error));
        }
    };
    let Some(source) = source else { return usable(Origin::Given) };
    let Some(fingerprint) = Fingerprint::parse(&text) else {
        let why = "it is not known what the library was compiled from".to_owned();
        return Ok(Standing::Wanting { source, why });
    };
    let Some(changed) = fingerprint.changed(&source) else { return usable(Origin::Fresh) };
    let compiled_here = fingerprint.is_of(&path).map_err(|error| {
        Error::new(Kind::Plugin, format!("library `{}` cannot be read", path.display())).cause(error)
    })?;
    if !compiled_here {
        return usable(Origin::Given);
    }
    let why = format!("`{}` has changed", changed.display());
    Ok(Standing::Wanting { source, why })
}

/// Held until dropped, or until the process ends in whatever way. The wait needs no deadline of its own: who holds the
/// lock is a compilation, and the system takes the lock from the dead.
async fn lock(folder: &Folder, on: &mut dyn FnMut(Event<'_>)) -> Result<File> {
    let failed = |error| not_placed(folder, &error);
    let [library, _] = places(folder);
    fs::create_dir_all(library.parent().unwrap_or(&folder.path)).map_err(failed)?;
    let file = File::create(library.with_extension("so.lock")).map_err(failed)?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => on(Event::Waiting { plugin: &folder.manifest.plugin }),
        Err(TryLockError::Error(error)) => return Err(failed(error)),
    }
    let waiting = tokio::task::spawn_blocking(move || file.lock().map(|()| file));
    waiting.await.map_err(io::Error::from).flatten().map_err(failed)
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
    on(Event::Compiling { plugin, source, why });
    let (began, since) = (Instant::now(), SystemTime::now());
    let built = cargo.build(source, plugin).await?;
    place(&built, source, &path, since).map_err(|error| not_placed(folder, &error))?;
    on(Event::Compiled { plugin, took: began.elapsed() });
    Ok(Library { path, origin: Origin::Compiled })
}

/// Puts the library and its fingerprint at `path`, each by a rename, so that nobody ever sees half of one and a library
/// that is loaded somewhere is not written to.
fn place(built: &Built, source: &Path, path: &Path, since: SystemTime) -> io::Result<()> {
    let folder = path.parent().unwrap_or(source);
    let mut library = new_file(folder, 0o755)?;
    io::copy(&mut File::open(&built.library)?, &mut library)?;
    let fingerprint = Fingerprint::take(source, &built.sources, library.path(), since)?;
    let mut record = new_file(folder, 0o644)?;
    fingerprint.write(&mut record)?;
    record.flush()?;
    // Between the two renames the record must fit neither library: a process that dies here leaves one that is compiled
    // again, and not one that is taken for somebody's own.
    fs::write(fingerprint::path_of(path), "")?;
    library.persist(path)?;
    record.persist(fingerprint::path_of(path))?;
    Ok(())
}

fn new_file(folder: &Path, mode: u32) -> io::Result<NamedTempFile> {
    tempfile::Builder::new().permissions(Permissions::from_mode(mode)).tempfile_in(folder)
}

fn not_placed(folder: &Folder, error: &io::Error) -> Error {
    let Folder { path, manifest } = folder;
    let message = format!("plugin `{}` cannot be compiled into `{}`", manifest.plugin, path.display());
    let error_here = Error::new(Kind::Plugin, message).cause(error);
    match error.kind() {
        io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => error_here
            .hint("a compiled library is kept in the topology's folder: copy the folder to where you may write"),
        _ => error_here,
    }
}

fn no_library(folder: &Folder) -> Error {
    let Folder { path, manifest } = folder;
    let places = places(folder);
    let message = format!("no library of plugin `{}` for topology `{}`", manifest.plugin, manifest.name);
    let mut error = Error::new(Kind::Plugin, message);
    for place in &places {
        error = error.cause(format!("searched `{}`", place.display()));
    }
    let others = other_targets(folder);
    if !others.is_empty() {
        error = error.cause(format!("there is one for {}, but this machine is {}", others.join(", "), target()));
    }
    let put = format!("put a library built for {} at `{}`", target(), places[0].display());
    match &manifest.source {
        Some(source) => error
            .cause(format!("no Cargo.toml in `{}`, its `source`", path.join(source).display()))
            .hint(format!("{put}, or correct `source` in the topology.toml to compile it")),
        None => error
            .cause("its topology.toml names no `source` to compile it from")
            .hint(format!("{put}, or name the folder of its crate there, `source = \"...\"`")),
    }
}

/// The triples of other machines that the folder has a library for.
fn other_targets(folder: &Folder) -> Vec<String> {
    let entries = fs::read_dir(folder.path.join("lib")).into_iter().flatten().flatten();
    let mut targets: Vec<String> = entries
        .filter(|entry| entry.path().join(folder.manifest.library_name()).is_file())
        .map(|entry| entry.file_name().to_string_lossy().into_owned())
        .collect();
    targets.sort();
    targets
}

#[cfg(test)]
mod tests;
