//! The results of a compilation, as cargo reports them: its JSON messages, and the dependency file next to the library.

use std::collections::BTreeSet;
use std::ffi::OsStr;
use std::fs;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use tokio::io::{AsyncBufReadExt, BufReader};
use tokio::process::ChildStdout;

use crate::error::{Error, Kind, Result};
use crate::files::regular_file;

/// The result of a successful compilation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Built {
    /// The library in cargo's target folder; the next compilation replaces it.
    pub library: PathBuf,
    /// Absolute paths of the files that went into the library from the crate, its build script and its path
    /// dependencies, including files in `include_str!`, without generated files. A build script's `rerun-if-changed`
    /// may name folders and missing files.
    pub sources: Vec<PathBuf>,
}

/// The messages of cargo that matter here; cargo has more, and may add others.
#[derive(Deserialize)]
#[serde(tag = "reason", rename_all = "kebab-case")]
enum Message {
    CompilerArtifact(Artifact),
    BuildScriptExecuted {
        out_dir: PathBuf,
    },
    #[serde(other)]
    Other,
}

/// A compiled part of a package.
#[derive(Deserialize)]
struct Artifact {
    package_id: String,
    manifest_path: PathBuf,
    target: Target,
    filenames: Vec<PathBuf>,
    /// Whether cargo found it up to date.
    fresh: bool,
}

#[derive(Deserialize)]
struct Target {
    name: String,
    crate_types: Vec<String>,
}

/// What cargo reported as compiled.
#[derive(Default)]
pub(super) struct BuildOutput {
    artifacts: Vec<Artifact>,
    generated: Vec<PathBuf>,
}

/// Reads the messages of cargo until it closes its output.
pub(super) async fn read_messages(stdout: ChildStdout) -> io::Result<BuildOutput> {
    let mut output = BuildOutput::default();
    let mut lines = BufReader::new(stdout).split(b'\n');
    while let Some(line) = lines.next_segment().await? {
        // Build scripts may print other lines in between.
        match serde_json::from_slice(&line) {
            Ok(Message::CompilerArtifact(artifact)) => output.artifacts.push(artifact),
            Ok(Message::BuildScriptExecuted { out_dir }) => output.generated.push(out_dir),
            Ok(Message::Other) | Err(_) => {}
        }
    }
    Ok(output)
}

impl Artifact {
    /// Whether its sources are on this machine, not from a registry.
    fn is_local(&self) -> bool {
        self.package_id.contains("path+file:")
    }

    /// Whether another crate of the same name may have replaced it: cargo adds a hash to the names of other kinds only.
    fn is_replaceable(&self) -> bool {
        let unhashed = |kind: &String| kind == "cdylib" || kind == "dylib";
        self.target.crate_types.iter().any(unhashed)
    }

    /// Whether one of these sources changed after this was compiled. This compares the times of inode changes, which,
    /// unlike those of modification, cannot be set.
    fn is_older_than(&self, mut sources: impl Iterator<Item = PathBuf>) -> bool {
        let files = self
            .filenames
            .iter()
            .filter_map(|file| fs::metadata(file).ok());
        let Some(compiled) = files.map(|file| (file.mtime(), file.mtime_nsec())).min() else {
            return true;
        };
        sources.any(|source| {
            fs::metadata(source)
                .is_ok_and(|file| file.is_file() && (file.ctime(), file.ctime_nsec()) > compiled)
        })
    }
}

impl BuildOutput {
    /// The library of `plugin` and its sources.
    pub(super) fn built(&self, source: &Path, plugin: &str) -> Result<Built> {
        let library = self.library(source, plugin)?;
        let sources = self.sources(&library)?;
        Ok(Built { library, sources })
    }

    /// Packages with local sources, as arguments of `--package`.
    pub(super) fn packages(&self) -> BTreeSet<String> {
        // `name version (source)` before 1.77, a package specification since.
        let name = |artifact: &Artifact| artifact.package_id.split(' ').next().map(str::to_owned);
        self.local().filter_map(name).collect()
    }

    /// Whether cargo considered a local package up to date that is not. It compares times of modification, which a
    /// copied or extracted file keeps from elsewhere.
    pub(super) fn is_outdated(&self, sources: &[PathBuf]) -> bool {
        self.local()
            .filter(|artifact| artifact.fresh)
            .any(|artifact| {
                let own = sources
                    .iter()
                    .filter(|source| self.package_of(source) == artifact.manifest_path.parent());
                artifact.is_replaceable() || artifact.is_older_than(own.cloned())
            })
    }

    fn local(&self) -> impl Iterator<Item = &Artifact> {
        self.artifacts.iter().filter(|artifact| artifact.is_local())
    }

    /// The folder of the local package that a source belongs to: the innermost, since packages may be nested.
    fn package_of(&self, source: &Path) -> Option<&Path> {
        self.local()
            .filter_map(|artifact| artifact.manifest_path.parent())
            .filter(|folder| source.starts_with(folder))
            .max_by_key(|folder| folder.components().count())
    }

    fn library(&self, source: &Path, plugin: &str) -> Result<PathBuf> {
        let wanted = format!("lib{plugin}.so");
        let libraries: Vec<&PathBuf> = self
            .artifacts
            .iter()
            .filter(|artifact| {
                artifact
                    .target
                    .crate_types
                    .iter()
                    .any(|kind| kind == "cdylib")
            })
            .flat_map(|artifact| &artifact.filenames)
            .filter(|file| file.extension() == Some(OsStr::new("so")))
            .collect();
        let named = |file: &&&PathBuf| file.file_name() == Some(OsStr::new(&wanted));
        if let Some(library) = libraries.iter().find(named) {
            return Ok(library.to_path_buf());
        }
        let manifest = source.join("Cargo.toml");
        let error = Error::new(
            Kind::Plugin,
            format!("crate `{}` does not build `{wanted}`", manifest.display()),
        );
        // Before 1.80, cargo named libraries after the package, including hyphens.
        let other_kind = self
            .artifacts
            .iter()
            .map(|artifact| &artifact.target)
            .find(|target| target.name.replace('-', "_") == plugin);
        let other = libraries
            .iter()
            .filter_map(|file| file.file_stem()?.to_str()?.strip_prefix("lib"))
            .next();
        Err(match (other_kind, other) {
            (Some(target), _) => error
                .cause(format!("`{}` is compiled as {}", target.name, target.crate_types.join(", ")))
                .hint("set `crate-type = [\"cdylib\"]` under `[lib]` in its Cargo.toml"),
            (None, Some(other)) => error.cause(format!("it builds `lib{other}.so`")).hint(format!(
                "set `plugin = \"{other}\"` in topology.toml, or `name = \"{plugin}\"` under `[lib]` in Cargo.toml"
            )),
            (None, None) => error.cause("it builds no library that can be loaded").hint(format!(
                "set `name = \"{plugin}\"` and `crate-type = [\"cdylib\"]` under `[lib]` in Cargo.toml"
            )),
        })
    }

    /// The sources in the dependency file next to `library`.
    fn sources(&self, library: &Path) -> Result<Vec<PathBuf>> {
        let list = library.with_extension("d");
        let text = regular_file::read_to_string(&list).map_err(|error| {
            Error::new(
                Kind::Plugin,
                format!("cannot read cargo's list of sources `{}`", list.display()),
            )
            .cause(error)
        })?;
        let mut sources = prerequisites(&text);
        sources.retain(|file| !self.generated.iter().any(|folder| file.starts_with(folder)));
        Ok(sources)
    }
}

/// The files to the right of the colons in a dependency file, where spaces in names are written as `\ `.
fn prerequisites(text: &str) -> Vec<PathBuf> {
    let mut files: Vec<PathBuf> = text
        .lines()
        .filter_map(|line| line.split_once(": "))
        .flat_map(|(_, files)| {
            let files = files.replace("\\ ", "\0");
            files
                .split(' ')
                .map(|file| PathBuf::from(file.replace('\0', " ")))
                .collect::<Vec<_>>()
        })
        .collect();
    files.sort();
    files.dedup();
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dependency_file_may_have_spaces_in_names() {
        let text = "/t/libx.rlib: /a/other\\ file.txt /a/src/lib.rs\n\n/t/my\\ x.so: /a/src/lib.rs /b/c.rs\n/a/lib.rs:\n";
        let expected: Vec<PathBuf> = ["/a/other file.txt", "/a/src/lib.rs", "/b/c.rs"]
            .map(PathBuf::from)
            .into();
        assert_eq!(prerequisites(text), expected);
    }
}
