//! Finds the topology that the user typed: a folder with a manifest, by path or by name, or a library alone. Whether the
//! folder has a plugin is not checked here.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};

use super::manifest::{self, Manifest};
use crate::did_you_mean::nearest;
use crate::error::{Error, Kind, Result};
use crate::files::regular_file;

/// Where to search for topologies by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SearchPaths {
    /// The current folder, absolute. Relative paths start here.
    pub current: PathBuf,
    /// The config directory (`--clusterdock-config-directory`), with installed topologies in `topologies`.
    pub config: PathBuf,
}

/// The result of a search.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A folder whose manifest could be read.
    Folder(Box<Folder>),
    /// The absolute path of a lone library, which contains its manifest.
    Library(PathBuf),
}

/// The folder of a topology.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Folder {
    /// Absolute, without symbolic links. Relative paths in the manifest start here.
    pub path: PathBuf,
    /// Its topology.toml.
    pub manifest: Manifest,
    /// A topology of the same name below the current folder that this installed one hides.
    pub hidden: Option<PathBuf>,
}

/// Optional prefix of topology folders, as in the original clusterdock.
const PREFIX: &str = "topology_";

/// Finds the topology that `given` means.
///
/// `.`, `..`, `*.so` and everything with a `/` is a path. Anything else is a name, and means the first folder with a
/// topology.toml among `topologies/NAME` and `topologies/topology_NAME` in the config directory, then `NAME`,
/// `topologies/NAME`, `topologies/topology_NAME` and `topology_NAME` in the current folder. So the contents of the
/// current folder never replace an installed topology.
///
/// # Errors
/// [`Kind::NotFound`] with the searched paths and a suggestion; [`Kind::Usage`] for an invalid manifest.
pub fn find(given: &Path, paths: &SearchPaths) -> Result<Found> {
    let bytes = given.as_os_str().as_encoded_bytes();
    let is_path = bytes.contains(&b'/') || bytes == b"." || bytes == b".." || is_library(given);
    if is_path {
        at(given, paths)
    } else {
        Search::new(given, paths).run()
    }
}

/// The names that [`find`] knows, sorted.
pub fn names(paths: &SearchPaths) -> Vec<String> {
    let SearchPaths { current, config } = paths;
    let folders = [
        current.clone(),
        current.join("topologies"),
        config.join("topologies"),
    ];
    let names: BTreeSet<String> = folders
        .iter()
        .flat_map(|folder| folders_in(folder))
        .map(|name| name.strip_prefix(PREFIX).map(str::to_owned).unwrap_or(name))
        .collect();
    names.into_iter().collect()
}

impl Folder {
    /// Opens the topology in the folder `path`, called `shown` in errors.
    pub fn open(path: &Path, shown: &Path) -> Result<Folder> {
        let no_topology = || {
            Error::new(
                Kind::NotFound,
                format!("no topology at `{}`", shown.display()),
            )
        };
        let path = fs::canonicalize(path).map_err(|error| no_topology().cause(error))?;
        let text = regular_file::read(&path.join(manifest::FILE_NAME)).map_err(|error| {
            if error.kind() == std::io::ErrorKind::NotFound {
                without_manifest(&path, shown)
            } else {
                no_topology().cause(format!(
                    "its {} cannot be read: {error}",
                    manifest::FILE_NAME
                ))
            }
        })?;
        let shown = shown.join(manifest::FILE_NAME);
        let text = String::from_utf8(text).map_err(|error| {
            Error::new(
                Kind::Usage,
                format!("the manifest `{}` is not UTF-8", shown.display()),
            )
            .cause(error.utf8_error())
            .hint("save it as UTF-8")
        })?;
        let manifest = Manifest::parse(&text, &shown.display().to_string())?;
        Ok(Folder {
            path,
            manifest,
            hidden: None,
        })
    }

    /// The folder of the plugin's crate; `None` if the manifest names none or it has no Cargo.toml.
    pub fn source(&self) -> Option<PathBuf> {
        let source = fs::canonicalize(self.path.join(self.manifest.source.as_ref()?)).ok()?;
        source.join("Cargo.toml").is_file().then_some(source)
    }
}

fn at(given: &Path, paths: &SearchPaths) -> Result<Found> {
    let path = paths.current.join(given);
    let shown = given.display();
    let missing = |cause: String| {
        Error::new(Kind::NotFound, format!("no topology at `{shown}`")).cause(cause)
    };
    let about = fs::metadata(&path).map_err(|error| {
        let error = missing(error.to_string());
        match meant_beside(given, &path) {
            Some(meant) => error.hint(format!("did you mean `{}`?", meant.display())),
            None => error.hint("name a folder with a topology.toml, or a plugin's `.so`"),
        }
    })?;
    if about.is_dir() {
        return Ok(Found::Folder(Box::new(Folder::open(&path, given)?)));
    }
    if is_library(given) {
        let path = fs::canonicalize(&path).map_err(|error| missing(error.to_string()))?;
        return Ok(Found::Library(path));
    }
    let folder = given
        .parent()
        .filter(|folder| !folder.as_os_str().is_empty())
        .unwrap_or(Path::new("."));
    let error = missing("it is neither a folder nor a library (`.so`)".to_owned());
    Err(
        if given.file_name() == Some(OsStr::new(manifest::FILE_NAME)) {
            error.hint(format!("name its folder: `{}`", folder.display()))
        } else {
            error
        },
    )
}

/// A search for a topology by name.
struct Search<'a> {
    given: &'a Path,
    paths: &'a SearchPaths,
    name: String,
    /// The folder names that stand for the name.
    spellings: Vec<String>,
}

impl Search<'_> {
    fn new<'a>(given: &'a Path, paths: &'a SearchPaths) -> Search<'a> {
        let name = given.to_string_lossy().into_owned();
        let mut spellings = vec![name.clone()];
        if !name.starts_with(PREFIX) {
            spellings.push(format!("{PREFIX}{name}"));
        }
        Search {
            given,
            paths,
            name,
            spellings,
        }
    }

    fn run(&self) -> Result<Found> {
        let installed = self.spelled_in(&self.installed_folder());
        let local = self.local_candidates();
        let local_topology = local.iter().find(|path| self.has_manifest(path));
        if let Some(path) = installed.iter().find(|path| self.has_manifest(path)) {
            let folder = Folder {
                hidden: local_topology.cloned(),
                ..self.open(path)?
            };
            return Ok(Found::Folder(Box::new(folder)));
        }
        if let Some(path) = local_topology {
            return Ok(Found::Folder(Box::new(self.open(path)?)));
        }
        if self.paths.current.join(self.given).is_file() {
            return at(self.given, self.paths);
        }
        // A folder without a manifest hides no topology, but opening it gives the best error.
        let is_folder = |path: &&PathBuf| self.paths.current.join(path).is_dir();
        if let Some(path) = local.iter().chain(&installed).find(is_folder) {
            return Ok(Found::Folder(Box::new(self.open(path)?)));
        }
        Err(self.not_found(&local))
    }

    fn installed_folder(&self) -> PathBuf {
        self.paths.config.join("topologies")
    }

    /// Candidates below the current folder, relative to it, in the order of the search.
    fn local_candidates(&self) -> Vec<PathBuf> {
        let mut candidates = self.spelled_in(Path::new("topologies"));
        let mut direct = self.spellings.iter().map(PathBuf::from);
        candidates.splice(0..0, direct.next());
        candidates.extend(direct);
        candidates
    }

    fn spelled_in(&self, folder: &Path) -> Vec<PathBuf> {
        self.spellings
            .iter()
            .map(|name| folder.join(name))
            .collect()
    }

    fn has_manifest(&self, path: &Path) -> bool {
        let folder = self.paths.current.join(path);
        folder.join(manifest::FILE_NAME).is_file()
    }

    fn open(&self, path: &Path) -> Result<Folder> {
        Folder::open(&self.paths.current.join(path), path)
    }

    fn not_found(&self, local: &[PathBuf]) -> Error {
        let local: Vec<_> = local
            .iter()
            .map(|path| path.display().to_string())
            .collect();
        let installed = self.installed_folder();
        let error = Error::new(Kind::NotFound, format!("no topology `{}`", self.name))
            .cause(format!(
                "no folder {} in `{}`",
                any_of(&local),
                self.paths.current.display()
            ))
            .cause(format!(
                "no folder {} in `{}`",
                any_of(&self.spellings),
                installed.display()
            ));
        let known = names(self.paths);
        let bare = self.name.strip_prefix(PREFIX).unwrap_or(&self.name);
        match nearest(bare, known.iter().map(String::as_str)) {
            Some(meant) => error.hint(format!("did you mean `{meant}`?")),
            None if known.is_empty() => error.hint(format!(
                "give the path of a topology's folder, or put the folder into `{}`",
                installed.display()
            )),
            None => error.hint(format!(
                "known by name: `{}`; others are given by path",
                known.join("`, `")
            )),
        }
    }
}

/// Joins names as in "`a`, `b` or `c`".
fn any_of(names: &[String]) -> String {
    match names {
        [] => String::new(),
        [one] => format!("`{one}`"),
        [before @ .., last] => format!("`{}` or `{last}`", before.join("`, `")),
    }
}

/// The error for a folder that exists but has no manifest.
fn without_manifest(path: &Path, shown: &Path) -> Error {
    let error = Error::new(
        Kind::NotFound,
        format!("no topology at `{}`", shown.display()),
    )
    .cause(format!("the folder has no {}", manifest::FILE_NAME));
    let inner = folders_in(path);
    if path.join("topology.yaml").is_file() || path.join("topology.yml").is_file() {
        error
            .cause("its topology.yaml belongs to the Python clusterdock, whose topologies cannot be run")
            .hint("port it; see `Write a topology` in the README")
    } else if !inner.is_empty() {
        let inner: Vec<_> = inner
            .iter()
            .map(|name| format!("`{}`", shown.join(name).display()))
            .collect();
        error.hint(format!("it contains topologies: {}", inner.join(", ")))
    } else if path.join("Cargo.toml").is_file() {
        error
            .cause("it is a crate, perhaps that of a plugin")
            .hint("name the folder whose topology.toml has this crate as its `source`")
    } else {
        error.hint("see `Write a topology` in the README")
    }
}

/// The topology or library next to `path` that was probably meant, spelled like `given`.
fn meant_beside(given: &Path, path: &Path) -> Option<PathBuf> {
    let parent = path.parent()?;
    let mut names = folders_in(parent);
    let files = fs::read_dir(parent)
        .ok()?
        .flatten()
        .filter(|entry| is_library(Path::new(&entry.file_name())));
    names.extend(files.filter_map(|entry| entry.file_name().into_string().ok()));
    let typed = path.file_name()?.to_str()?;
    let bare = |name: &str| name.strip_prefix(PREFIX).unwrap_or(name).to_owned();
    let meant = nearest(typed, names.iter().map(String::as_str))
        .map(str::to_owned)
        .or_else(|| {
            names
                .iter()
                .find(|name| nearest(&bare(typed), [bare(name).as_str()]).is_some())
                .cloned()
        })?;
    Some(given.with_file_name(meant))
}

/// The names of the topologies directly in `folder`, sorted. They are for suggestions, so names that are not UTF-8 and
/// folders that cannot be read are skipped.
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
