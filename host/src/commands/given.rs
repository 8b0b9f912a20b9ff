//! What a command line says of a topology: which one, and in which file.

use std::ffi::OsString;
use std::path::{Path, PathBuf};

use clap::ArgMatches;

use super::Console;
use crate::cli::lab::{FILE_NAME, Lab};
use crate::cli::start_args::{self, Verb};
use crate::error::{Error, Kind, Result};
use crate::files::regular_file;
use crate::start::open_topology::{Topology, find_in};
use crate::topology::folder::Found;

/// The largest file that is read.
const LARGEST: u64 = 1 << 20;

/// A command line with a topology.
pub struct Given<'a> {
    /// The command.
    pub verb: Verb,
    /// The topology as it was named on the command line.
    pub topology: PathBuf,
    /// The file that names it in place of the command line.
    pub lab: Option<Lab>,
    /// The whole command line.
    pub argv: &'a [OsString],
}

impl<'a> Given<'a> {
    /// What the first reading of a command line shows; `None` if there is only help to give.
    ///
    /// # Errors
    /// There is neither a topology nor a file, or the file cannot be used.
    pub fn new(
        console: &Console<'_>,
        verb: Verb,
        args: &ArgMatches,
        argv: &'a [OsString],
    ) -> Result<Option<Given<'a>>> {
        let topology = args.get_one::<OsString>("topology");
        let given = |topology: PathBuf, lab| Given {
            verb,
            topology,
            lab,
            argv,
        };
        if let Some(topology) = topology.filter(|given| !given.is_empty()) {
            return Ok(Some(given(topology.into(), None)));
        }
        let file = start_args::file(args);
        if args.get_flag("help") || (file.is_none() && verb != Verb::Up) {
            return Ok(None);
        }
        if verb == Verb::Build {
            return Err(Error::new(Kind::Usage, "`build` does not support --file"));
        }
        let lab = match file {
            Some(file) => open(console, &file)?,
            None => default(console)?.ok_or_else(|| {
                without(
                    console,
                    "clusterdock up TOPOLOGY, or clusterdock up -f FILE",
                )
            })?,
        };
        Ok(Some(given(PathBuf::new(), Some(lab))))
    }

    /// Opens the topology.
    ///
    /// # Errors
    /// Those of [`Topology::open`].
    pub async fn open(&self, console: &Console<'_>) -> Result<Topology> {
        if let Some(lab) = &self.lab {
            let path = path(console, lab)?;
            return Topology::open(console, &path).await;
        }
        let opened = Topology::open(console, &self.topology).await;
        opened.map_err(
            |error| match start_args::volume_tip(self.argv, self.topology.as_ref()) {
                Some(tip) if error.kind() == Kind::NotFound => {
                    Error::new(Kind::Usage, error.message()).hint(tip)
                }
                _ => error,
            },
        )
    }
}

/// The file of the current folder, if it has one.
///
/// # Errors
/// It cannot be used.
pub(super) fn default(console: &Console<'_>) -> Result<Option<Lab>> {
    match open(console, Path::new(FILE_NAME)) {
        Ok(lab) => Ok(Some(lab)),
        Err(error) if error.kind() == Kind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

/// The error for a command line without a topology, a name or a file.
pub(super) fn without(console: &Console<'_>, usage: &str) -> Error {
    let current = console.paths.current.display();
    Error::new(Kind::Usage, "no topology given")
        .cause(format!("there is no `{FILE_NAME}` in {current}"))
        .hint(usage)
}

/// Reads a file, which nobody else may be able to change.
///
/// # Errors
/// It cannot be read, others can change it, or it is invalid.
pub(super) fn open(console: &Console<'_>, given: &Path) -> Result<Lab> {
    let path = console.paths.current.join(given);
    let shown = given.display().to_string();
    let unreadable = |error: std::io::Error| {
        let kind = if error.kind() == std::io::ErrorKind::NotFound {
            Kind::NotFound
        } else {
            Kind::Other
        };
        Error::new(kind, format!("cannot read file `{shown}`")).cause(error)
    };
    let bytes = regular_file::read_at_most(&path, LARGEST).map_err(unreadable)?;
    console
        .trust
        .check(&path)
        .map_err(|exposed| exposed.error(Kind::Other, &format!("file `{shown}`")))?;
    let text = String::from_utf8(bytes).map_err(|error| {
        let error = error.utf8_error();
        Error::new(Kind::Usage, format!("file `{shown}` is not UTF-8")).cause(error)
    })?;
    let folder = path.parent().unwrap_or(Path::new("/"));
    Lab::parse(&text, folder, &shown)
}

/// The path of a file's topology.
///
/// # Errors
/// There is none.
fn path(console: &Console<'_>, lab: &Lab) -> Result<PathBuf> {
    Ok(
        match find_in(console, Path::new(&lab.topology), &lab.folder)? {
            Found::Folder(folder) => folder.path,
            Found::Library(path) => path,
        },
    )
}

/// The name of the cluster that `up` starts with a file: the file's, or its topology's.
///
/// # Errors
/// The file has none, and its topology cannot be found.
pub(super) fn cluster_of(console: &Console<'_>, lab: &Lab) -> Result<String> {
    if let Some(name) = lab.cluster_name() {
        return Ok(name.into());
    }
    let found = find_in(console, Path::new(&lab.topology), &lab.folder)?;
    Ok(crate::start::open_topology::manifest(&found)?.name)
}
