//! From what the user typed to a topology: a folder with a manifest, found by its path or by its name, or a library
//! alone. Whether there is a plugin in the folder is not asked here.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::manifest::{self, Manifest};
use crate::error::{Error, Kind, Result};
use crate::nearest::nearest;

/// Where topologies are looked for by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Places {
    /// The folder that relative paths start from, absolute.
    pub current: PathBuf,
    /// clusterdock's own folder (`--clusterdock-config-directory`); installed topologies are below its `topologies`.
    pub config: PathBuf,
}

/// What the user's word stands for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A folder whose manifest could be read.
    Folder(Box<Folder>),
    /// A lone library by its absolute path; it carries its manifest inside.
    Library(PathBuf),
}

/// The folder of a topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Absolute, without symbolic links: what the manifest names by relative paths is found from here.
    pub path: PathBuf,
    /// What its topology.toml says.
    pub manifest: Manifest,
}

/// Folders of topologies may carry this before the name, as those of the original do.
const PREFIX: &str = "topology_";

/// Finds the topology that `given` means.
///
/// With a `/` in it, or as `.`, `..` or `*.so`, it is a path. Any other is a name, and means the first folder with a
/// topology.toml among `NAME`, `topologies/NAME`, `topologies/topology_NAME` and `topology_NAME` below the current
/// folder, then `topologies/NAME` and `topologies/topology_NAME` below the configuration's.
///
/// Errors are of [`Kind::NotFound`] and say what was looked for and what was perhaps meant; of [`Kind::Usage`] where a
/// manifest is wrong.
pub fn find(given: &Path, places: &Places) -> Result<Found> {
    let bytes = given.as_os_str().as_encoded_bytes();
    let is_path = bytes.contains(&b'/') || bytes == b"." || bytes == b".." || is_library(given);
    if is_path || places.current.join(given).is_file() { at(given, places) } else { named(given, places) }
}

/// The names by which [`find`] finds folders at this moment, sorted.
pub fn names(places: &Places) -> Vec<String> {
    let Places { current, config } = places;
    let folders = [current.clone(), current.join("topologies"), config.join("topologies")];
    let names: BTreeSet<String> = folders
        .iter()
        .flat_map(|folder| folders_in(folder))
        .map(|name| name.strip_prefix(PREFIX).map(str::to_owned).unwrap_or(name))
        .collect();
    names.into_iter().collect()
}

impl Folder {
    /// The topology in the folder `path`; errors call it `shown`.
    pub fn open(path: &Path, shown: &Path) -> Result<Folder> {
        let no_topology = || Error::new(Kind::NotFound, format!("no topology at `{}`", shown.display()));
        let path = fs::canonicalize(path).map_err(|error| no_topology().cause(error))?;
        let text = fs::read(path.join(manifest::FILE_NAME)).map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                without_manifest(&path, shown)
            } else {
                no_topology().cause(format!("its {} cannot be read: {error}", manifest::FILE_NAME))
            }
        })?;
        let shown = shown.join(manifest::FILE_NAME);
        let text = String::from_utf8(text).map_err(|error| {
            Error::new(Kind::Usage, format!("the manifest `{}` is not UTF-8", shown.display()))
                .cause(error.utf8_error())
                .hint("save it as UTF-8")
        })?;
        let manifest = Manifest::parse(&text, &shown.display().to_string())?;
        Ok(Folder { path, manifest })
    }

    /// The folder of the plugin's crate; `None` where the manifest names none, or no Cargo.toml is there.
    pub fn source(&self) -> Option<PathBuf> {
        let source = fs::canonicalize(self.path.join(self.manifest.source.as_ref()?)).ok()?;
        source.join("Cargo.toml").is_file().then_some(source)
    }
}

fn at(given: &Path, places: &Places) -> Result<Found> {
    let path = places.current.join(given);
    let shown = given.display();
    let missing = |cause: String| Error::new(Kind::NotFound, format!("no topology at `{shown}`")).cause(cause);
    let about = fs::metadata(&path).map_err(|error| {
        let error = missing(error.to_string());
        match meant_beside(given, &path) {
            Some(meant) => error.hint(format!("did you mean `{}`?", meant.display())),
            None => error.hint("name the folder that holds a topology.toml, or a plugin's `.so`"),
        }
    })?;
    if about.is_dir() {
        return Ok(Found::Folder(Box::new(Folder::open(&path, given)?)));
    }
    if is_library(given) {
        let path = fs::canonicalize(&path).map_err(|error| missing(error.to_string()))?;
        return Ok(Found::Library(path));
    }
    let folder = given.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let error = missing("it is a file, neither a folder nor a library (`.so`)".to_owned());
    Err(if given.file_name() == Some(OsStr::new(manifest::FILE_NAME)) {
        error.hint(format!("name its folder, `{}`", folder.display()))
    } else {
        error
    })
}

fn named(given: &Path, places: &Places) -> Result<Found> {
    let name = given.to_string_lossy();
    let installed = places.config.join("topologies");
    let names_here = match name.starts_with(PREFIX) {
        true => vec![name.to_string()],
        false => vec![name.to_string(), format!("{PREFIX}{name}")],
    };
    let below = |folder: &Path| names_here.iter().map(|name| folder.join(name)).collect::<Vec<_>>();
    let (here, there) = (below(Path::new("")), below(Path::new("topologies")));
    let near = [&here[..1], &there[..], &here[1..]].concat();
    let candidates = [near.clone(), below(&installed)].concat();
    let has_manifest = |path: &&PathBuf| places.current.join(path).join(manifest::FILE_NAME).is_file();
    let is_folder = |path: &&PathBuf| places.current.join(path).is_dir();
    // A folder without a manifest hides no topology of its name, but is worth an answer when there is none.
    if let Some(path) = candidates.iter().find(has_manifest).or_else(|| candidates.iter().find(is_folder)) {
        return Ok(Found::Folder(Box::new(Folder::open(&places.current.join(path), path)?)));
    }
    let near: Vec<_> = near.iter().map(|path| path.display().to_string()).collect();
    let error = Error::new(Kind::NotFound, format!("no topology `{name}`"))
        .cause(format!("no folder {} in `{}`", any_of(&near), places.current.display()))
        .cause(format!("no folder {} in `{}`", any_of(&names_here), installed.display()));
    let known = names(places);
    let bare = name.strip_prefix(PREFIX).unwrap_or(&name);
    Err(match nearest(bare, known.iter().map(String::as_str)) {
        Some(meant) => error.hint(format!("did you mean `{meant}`?")),
        None if known.is_empty() => error
            .hint(format!("name a topology's folder by its path, or put the folder into `{}`", installed.display())),
        None => error.hint(format!("found by name are `{}`; any other by the path of its folder", known.join("`, `"))),
    })
}

/// "`a`, `b` or `c`".
fn any_of(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [before @ .., last] => format!("`{}` or `{last}`", before.join("`, `")),
    }
}

/// The error for a folder that is there, but is none of ours.
fn without_manifest(path: &Path, shown: &Path) -> Error {
    let error = Error::new(Kind::NotFound, format!("no topology at `{}`", shown.display()))
        .cause(format!("the folder has no {}", manifest::FILE_NAME));
    let inner = folders_in(path);
    if path.join("topology.yaml").is_file() || path.join("topology.yml").is_file() {
        error
            .cause("its topology.yaml makes it a topology of the Python project, which this program cannot run")
            .hint("port it: `Write a topology` in the README tells what a plugin needs")
    } else if !inner.is_empty() {
        let inner: Vec<_> = inner.iter().map(|name| format!("`{}`", shown.join(name).display())).collect();
        error.hint(format!("topologies below it: {}", inner.join(", ")))
    } else if path.join("Cargo.toml").is_file() {
        error
            .cause("it is a crate, perhaps of a plugin")
            .hint("name the folder whose topology.toml has this one as its `source`")
    } else {
        error.hint("`Write a topology` in the README tells what one needs")
    }
}

/// The topology or library beside `path` that was probably meant, named as `given` was.
fn meant_beside(given: &Path, path: &Path) -> Option<PathBuf> {
    let parent = path.parent()?;
    let mut names = folders_in(parent);
    let files = fs::read_dir(parent).ok()?.flatten().filter(|entry| is_library(Path::new(&entry.file_name())));
    names.extend(files.filter_map(|entry| entry.file_name().into_string().ok()));
    let typed = path.file_name()?.to_str()?;
    let bare = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
    let meant = nearest(typed, names.iter().map(String::as_str))
        .map(str::to_owned)
        .or_else(|| names.iter().find(|name| nearest(&bare(typed), [bare(name).as_str()]).is_some()).cloned())?;
    Some(given.with_file_name(meant))
}

/// The names of the topologies right below `folder`, sorted; those that are not UTF-8 cannot be proposed to anybody.
fn folders_in(folder: &Path) -> Vec<String> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let mut names: Vec<String> = entries
        .filter(|entry| entry.path().join(manifest::FILE_NAME).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok())
        .collect();
    names.sort();
    names
}

fn is_library(path: &Path) -> bool {
    path.extension() == Some(OsStr::new("so"))
}

#[cfg(test)]
mod tests;
