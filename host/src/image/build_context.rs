//! The build context sent to the engine: a tar of a folder without the files that `.dockerignore` excludes, like the one
//! that the docker CLI sends.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

use super::ignore::{self, Ignore, Verdict};
use crate::archive::pack::{Choice, Options, pack_into};
use crate::archive::writer::Writer;
use crate::archive::{Entry, EntryKind, Owners, Top};
use crate::error::{Error, Kind, Result};
use crate::files::regular_file;

/// Default name of a Dockerfile, and the other name that Docker accepts.
const DOCKERFILE: &str = "Dockerfile";
const LOWERCASE_DOCKERFILE: &str = "dockerfile";

/// Hex digits in the name of a Dockerfile that is added to the context.
const DIGITS: usize = 20;

/// The version of digests: others say nothing.
const FINGERPRINTS: &str = "1";

/// A folder with a Dockerfile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The folder.
    pub folder: PathBuf,
    /// Path of the Dockerfile, relative to the folder; it may lead out of it.
    pub dockerfile: PathBuf,
    /// Build arguments.
    pub arguments: BTreeMap<String, String>,
}

/// A context whose links are resolved, ready to be sent.
#[derive(Debug)]
pub struct Resolved {
    folder: PathBuf,
    /// Path of the Dockerfile in the context.
    pub dockerfile: String,
    /// Contents of the Dockerfile.
    pub text: Vec<u8>,
    /// Whether the Dockerfile is added to the files of the folder.
    is_added: bool,
    ignore: Ignore,
}

impl Context {
    /// Finds and reads the Dockerfile and `.dockerignore`.
    ///
    /// # Errors
    /// [`Kind::Image`] for a missing file; [`Kind::Usage`] for an invalid pattern.
    pub fn resolve(&self) -> Result<Resolved> {
        let folder = fs::canonicalize(&self.folder).map_err(|error| {
            Error::new(
                Kind::Image,
                format!("cannot read the build context `{}`", self.folder.display()),
            )
            .cause(error)
        })?;
        let path = folder.join(self.dockerfile_in(&folder));
        let path = fs::canonicalize(&path).map_err(|error| no_dockerfile(&path, error))?;
        let text = regular_file::read(&path).map_err(|error| no_dockerfile(&path, error))?;
        let mut ignore = Ignore::read(&folder)?;
        // The engine needs these two; it drops them itself if the patterns exclude them.
        ignore.include(Path::new(ignore::NAME));
        // The engine only accepts UTF-8 paths.
        let inside = path.strip_prefix(&folder).ok().and_then(Path::to_str);
        let is_added = inside.is_none();
        let dockerfile = match inside {
            Some(inside) => {
                ignore.include(Path::new(inside));
                inside.to_string()
            }
            None => added_name(&text),
        };
        Ok(Resolved {
            folder,
            dockerfile,
            text,
            is_added,
            ignore,
        })
    }

    fn dockerfile_in(&self, folder: &Path) -> &Path {
        let lowercase = Path::new(LOWERCASE_DOCKERFILE);
        let is_missing = |name: &Path| fs::symlink_metadata(folder.join(name)).is_err();
        let is_default = self.dockerfile == Path::new(DOCKERFILE);
        if is_default && is_missing(&self.dockerfile) && !is_missing(lowercase) {
            lowercase
        } else {
            &self.dockerfile
        }
    }
}

impl Resolved {
    /// Writes the tar, with entries sorted by name, so that the same files give the same bytes. `on_skip` receives a
    /// message for every file that cannot be sent.
    ///
    /// # Errors
    /// A file cannot be read, or `out` fails.
    pub fn write_tar(&self, out: impl Write, on_skip: &mut dyn FnMut(String)) -> Result<()> {
        self.write(out, true, on_skip)
    }

    /// SHA-256 of what is sent, in hexadecimal, without the times of changes: those of a checkout say nothing.
    ///
    /// # Errors
    /// A file cannot be read.
    pub fn digest(&self) -> Result<String> {
        let mut digest = Sha256::new();
        digest.update(format!("{FINGERPRINTS}\n{}\n", self.dockerfile));
        self.write(&mut digest, false, &mut |_| ())?;
        Ok(hexadecimal(&digest.finalize()))
    }

    fn write(
        &self,
        out: impl Write,
        with_times: bool,
        on_skip: &mut dyn FnMut(String),
    ) -> Result<()> {
        let failed = |error: Error| {
            error.kind_of(Kind::Image).context(format!(
                "cannot send the build context `{}`",
                self.folder.display()
            ))
        };
        let not_written = |error: io::Error| {
            failed(Error::new(Kind::Image, "cannot write the archive").cause(error))
        };
        let mut writer = Writer::new(out);
        let mut above: Vec<(PathBuf, Verdict)> = Vec::new();
        let mut choose = |path: &Path, is_folder: bool| self.choose(&mut above, path, is_folder);
        let options = Options {
            top: &Top::Absent,
            owners: Owners::Roots,
            with_times,
            with_specials: true,
            choose: &mut choose,
            on_skip,
        };
        pack_into(&mut writer, &self.folder, options).map_err(failed)?;
        if self.is_added {
            self.add_dockerfile(&mut writer).map_err(not_written)?;
        }
        writer.finish().map_err(not_written)
    }

    /// Decides about a path; `above` holds the folders that lead to it and their verdicts.
    fn choose(&self, above: &mut Vec<(PathBuf, Verdict)>, path: &Path, is_folder: bool) -> Choice {
        above.truncate(
            above
                .iter()
                .take_while(|(folder, _)| path.starts_with(folder))
                .count(),
        );
        let none = Verdict::default();
        let verdict = self
            .ignore
            .judge(path, above.last().map_or(&none, |(_, verdict)| verdict));
        let is_replaced = self.is_added && path == Path::new(ignore::NAME);
        let choice = if is_replaced {
            Choice::Skip
        } else if !verdict.excludes {
            Choice::Take
        } else if is_folder && self.ignore.includes_within(path) {
            Choice::Enter
        } else {
            Choice::Skip
        };
        if is_folder {
            above.push((path.into(), verdict));
        }
        choice
    }

    /// Adds a Dockerfile from outside of the folder, and a line in `.dockerignore` that hides it from the build.
    fn add_dockerfile(&self, writer: &mut Writer<impl Write>) -> io::Result<()> {
        let ignored = match regular_file::read(&self.folder.join(ignore::NAME)) {
            Ok(bytes) => bytes,
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                ignore::NAME.as_bytes().to_vec()
            }
            Err(error) => return Err(error),
        };
        let ignored = [
            &ignored,
            b"\n".as_slice(),
            self.dockerfile.as_bytes(),
            b"\n",
        ]
        .concat();
        for (name, contents) in [(ignore::NAME, &ignored), (&self.dockerfile, &self.text)] {
            let entry = Entry {
                path: name.into(),
                kind: EntryKind::File(contents.len() as u64),
                mode: 0o600,
                owner: (0, 0),
                modified: 0,
                attributes: Vec::new(),
            };
            writer.entry(Path::new(name), &entry)?;
            writer.contents(contents)?;
        }
        Ok(())
    }
}

/// A name that no file in the folder is likely to have, and that depends on the text alone.
fn added_name(text: &[u8]) -> String {
    let digest = hexadecimal(&Sha256::digest(text));
    format!(".dockerfile.{}", &digest[..DIGITS])
}

fn hexadecimal(digest: &[u8]) -> String {
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn no_dockerfile(path: &Path, error: io::Error) -> Error {
    Error::new(
        Kind::Image,
        format!("no Dockerfile at `{}`", path.display()),
    )
    .cause(error)
    .hint("`context` in topology.toml must name the folder that contains it")
}

#[cfg(test)]
mod tests;
