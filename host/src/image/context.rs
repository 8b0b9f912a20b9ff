//! The context of a Dockerfile as the engine gets it: a tar of a folder, without what `.dockerignore` leaves out.

use super::ignore::Ignore;
use crate::error::{Error, Kind, Result};
use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};

/// A folder with a Dockerfile.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Context {
    /// The folder.
    pub folder: PathBuf,
    /// The Dockerfile's path in it.
    pub dockerfile: String,
    /// Build arguments.
    pub arguments: BTreeMap<String, String>,
}

impl Context {
    /// The Dockerfile's text.
    ///
    /// # Errors
    /// [`Kind::Image`] naming what is not there.
    pub fn dockerfile(&self) -> Result<String> {
        let path = self.folder.join(&self.dockerfile);
        fs::read(&path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).map_err(|error| {
            Error::new(Kind::Image, format!("no Dockerfile at `{}`", path.display()))
                .cause(error)
                .hint("the manifest's `context` names the folder it is in")
        })
    }

    /// Writes the tar: entries by name, so that the same files give the same bytes.
    ///
    /// # Errors
    /// A file that cannot be read, or an end of what takes the bytes.
    pub fn write_tar(&self, out: impl Write) -> Result<()> {
        let ignore = fs::read_to_string(self.folder.join(".dockerignore")).unwrap_or_default();
        let mut tar = tar::Builder::new(out);
        tar.follow_symlinks(false);
        let ignore = Ignore::parse(&ignore);
        self.add(&mut tar, &ignore, "").and_then(|()| tar.finish()).map_err(|error| {
            Error::new(Kind::Image, format!("cannot send the build context `{}`", self.folder.display())).cause(error)
        })
    }

    fn add(&self, tar: &mut tar::Builder<impl Write>, ignore: &Ignore, below: &str) -> io::Result<()> {
        let named =
            |error: io::Error, path: &Path| io::Error::new(error.kind(), format!("{}: {error}", path.display()));
        let folder = self.folder.join(below);
        let mut names: Vec<String> = fs::read_dir(&folder)
            .and_then(|entries| entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect())
            .map_err(|error| named(error, &folder))?;
        names.sort();
        for name in names {
            let relative = if below.is_empty() { name } else { format!("{below}/{name}") };
            let path = self.folder.join(&relative);
            let is_folder = fs::symlink_metadata(&path).map_err(|error| named(error, &path))?.is_dir();
            // The engine needs these two whatever the patterns say.
            let needed = relative == self.dockerfile || relative == ".dockerignore";
            let out = !needed && ignore.leaves_out(&relative);
            if !out {
                tar.append_path_with_name(&path, &relative).map_err(|error| named(error, &path))?;
            }
            let holds_dockerfile = self.dockerfile.starts_with(&format!("{relative}/"));
            if is_folder && (!out || holds_dockerfile || !ignore.is_final()) {
                self.add(tar, ignore, &relative)?;
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_ignored_is_not_sent_but_the_dockerfile_is() {
        let folder = tempfile::tempdir().unwrap();
        for (path, text) in [(".dockerignore", "*\n!src\nsrc/*.tmp"), ("Dockerfile", "FROM x"), ("secret", "s")] {
            fs::write(folder.path().join(path), text).unwrap();
        }
        fs::create_dir(folder.path().join("src")).unwrap();
        fs::write(folder.path().join("src/a.rs"), "a").unwrap();
        fs::write(folder.path().join("src/b.tmp"), "b").unwrap();
        let context = Context { folder: folder.path().into(), dockerfile: "Dockerfile".into(), ..Context::default() };
        let mut bytes = Vec::new();
        context.write_tar(&mut bytes).unwrap();
        let mut archive = tar::Archive::new(&bytes[..]);
        let names: Vec<String> =
            archive.entries().unwrap().map(|entry| entry.unwrap().path().unwrap().display().to_string()).collect();
        assert_eq!(names, [".dockerignore", "Dockerfile", "src", "src/a.rs"]);
    }
}
