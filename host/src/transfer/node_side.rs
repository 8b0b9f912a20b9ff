//! The side of a copy that is on a node. Its paths start at the node's root, with or without a leading slash.

use std::ffi::{OsStr, OsString};
use std::path::Path;

use super::placement::{Existing, Placement, What, placement};
use super::typed_path::TypedPath;
use crate::archive::Top;
use crate::archive::reader::Root;
use crate::cluster::Node;
use crate::engine::{EngineResult, FileKind, Files};
use crate::error::{Error, Kind, Result};

/// A file or folder to copy.
#[derive(Debug)]
pub struct Source {
    /// Absolute path without a trailing slash.
    path: String,
    /// Name of the copy inside a folder.
    pub name: OsString,
    /// Type of the source.
    pub what: What,
}

/// A path to copy to.
#[derive(Debug)]
pub struct Destination {
    /// The node's container.
    id: String,
    /// Its path, a link followed; nothing may exist there.
    path: String,
    existing: Existing,
    wants_folder: bool,
}

/// Folders that are visible only inside a node, since the engine copies from its disk.
const KERNEL_FOLDERS: [&str; 2] = ["/proc", "/sys"];

impl Source {
    /// Looks up a path as typed. A link is only followed with `follow` or a trailing slash.
    ///
    /// # Errors
    /// [`Kind::NotFound`]; [`Kind::Usage`] for a file with a trailing slash, or for a device, pipe or socket.
    pub async fn find(
        engine: &dyn Files,
        node: &Node,
        typed: &str,
        follow: bool,
    ) -> Result<Source> {
        let TypedPath {
            path,
            wants_folder,
            contents,
        } = TypedPath::new(typed.as_bytes());
        let mut path = absolute(path);
        let name = Path::new(&path)
            .file_name()
            .unwrap_or_default()
            .to_os_string();
        let mut found = engine.file(&node.container.id, &path).await?;
        if let Some(FileKind::Link(target)) = &found
            && (follow || wants_folder)
        {
            path = target.clone();
            found = engine.file(&node.container.id, &path).await?;
        }
        let what = match found {
            Some(FileKind::Folder) if KERNEL_FOLDERS.contains(&path.as_str()) => {
                return Err(is_empty(node, &path));
            }
            Some(FileKind::Folder) if contents => What::Contents,
            Some(FileKind::Folder) => What::Folder,
            Some(_) if wants_folder => {
                return Err(Error::new(
                    Kind::Usage,
                    format!("`{}:{typed}` is not a folder", node.name),
                )
                .hint("remove the trailing slash"));
            }
            Some(FileKind::File | FileKind::Link(_)) => What::File,
            Some(FileKind::Special) => return Err(not_copied(node, &path)),
            None => return Err(not_found(node, &path)),
        };
        Ok(Source { path, name, what })
    }

    /// The path to request the archive with, and how the names in it begin.
    pub fn archive(&self) -> (String, Root) {
        match self.what {
            What::Contents => (format!("{}/.", self.path.trim_end_matches('/')), Root::Dot),
            What::File | What::Folder => (self.path.clone(), Root::Named),
        }
    }

    /// Whether a copy to `folder` on the same node, named by `top`, would be inside of its own source.
    pub fn contains(&self, folder: &str, top: &Top) -> bool {
        let folder = Path::new(folder);
        let copy = match top {
            Top::Named(name) => folder.join(name),
            Top::Absent => folder.to_path_buf(),
        };
        copy.starts_with(&self.path)
    }
}

impl Destination {
    /// Looks up a path as typed.
    ///
    /// # Errors
    /// [`Kind::NotFound`] if neither it nor its folder exists; [`Kind::Usage`] for a device, pipe or socket.
    pub async fn find(engine: &dyn Files, node: &Node, typed: &str) -> Result<Destination> {
        let destination = Destination::look(engine, node, typed).await?;
        if destination.existing == Existing::Nothing {
            let (folder, _) = split(&destination.path);
            if !is_folder(engine, &destination.id, folder).await? {
                return Err(Error::new(
                    Kind::NotFound,
                    format!("no folder `{}:{folder}`", node.name),
                ));
            }
        }
        Ok(destination)
    }

    /// Looks up a path as typed, whose folder may be missing.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a device, pipe or socket.
    pub async fn look(engine: &dyn Files, node: &Node, typed: &str) -> Result<Destination> {
        let id = &node.container.id;
        let TypedPath {
            path, wants_folder, ..
        } = TypedPath::new(typed.as_bytes());
        let mut path = absolute(path);
        let mut found = engine.file(id, &path).await?;
        if let Some(FileKind::Link(target)) = found {
            path = target;
            found = engine.file(id, &path).await?;
        }
        let existing = match found {
            Some(FileKind::Folder) => Existing::Folder,
            Some(FileKind::File) => Existing::File,
            Some(FileKind::Link(_) | FileKind::Special) => return Err(not_copied(node, &path)),
            None => Existing::Nothing,
        };
        Ok(Destination {
            id: id.clone(),
            path,
            existing,
            wants_folder,
        })
    }

    /// The node's container.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The destination as a folder, for a copy that requires one.
    ///
    /// # Errors
    /// It is not a folder.
    pub fn folder(&self) -> Result<&str> {
        match self.existing {
            Existing::Folder => Ok(&self.path),
            Existing::File => Err(Error::new(
                Kind::Usage,
                format!("`{}` is not a folder", self.path),
            )),
            Existing::Nothing => Err(Error::new(
                Kind::NotFound,
                format!("no folder `{}`", self.path),
            )),
        }
    }

    /// The folder and name of a copy to exactly this path. The name includes missing folders, so that the engine
    /// creates them.
    ///
    /// # Errors
    /// A file cannot replace a folder, nor a folder a file.
    pub fn exactly(&self, what: What) -> Result<(&str, Top)> {
        match (self.existing, what) {
            (Existing::Folder, What::File) => Err(Error::new(
                Kind::Usage,
                format!("cannot copy a file to `{}`", self.path),
            )
            .cause("it is a folder")),
            (Existing::Folder, What::Folder | What::Contents) => Ok((&self.path, Top::Absent)),
            (Existing::File, What::Folder | What::Contents) => Err(Error::new(
                Kind::Usage,
                format!("cannot copy a folder to `{}`", self.path),
            )
            .cause("it is a file")),
            (Existing::File | Existing::Nothing, _) => {
                Ok(("/", Top::Named(self.path.trim_start_matches('/').into())))
            }
        }
    }

    /// The folder that a copy goes to, and its name there.
    ///
    /// # Errors
    /// See [`placement`](super::placement::placement).
    pub fn place(&self, what: What, name: &OsStr) -> Result<(&str, Top)> {
        let (folder, own_name) = split(&self.path);
        Ok(
            match placement(what, self.existing, self.wants_folder, &self.path)? {
                Placement::Inside => (&self.path, Top::Named(name.into())),
                Placement::Spread => (&self.path, Top::Absent),
                Placement::Exact => (folder, Top::Named(own_name.into())),
            },
        )
    }
}

/// Whether the path is a folder or a link to one.
async fn is_folder(engine: &dyn Files, id: &str, path: &str) -> EngineResult<bool> {
    let found = engine
        .file(id, &format!("{}/.", path.trim_end_matches('/')))
        .await?;
    Ok(found == Some(FileKind::Folder))
}

/// Makes a path absolute and normalizes it as the engine does: textually, ignoring links.
fn absolute(path: &[u8]) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in std::str::from_utf8(path)
        .expect("paths of nodes are cut from UTF-8")
        .split('/')
    {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// Splits a path into its folder and its name.
fn split(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((folder, name)) => (folder, name),
        None => ("/", path),
    }
}

fn not_found(node: &Node, path: &str) -> Error {
    let error = Error::new(
        Kind::NotFound,
        format!("no file or folder `{}:{path}`", node.name),
    );
    let is_in_kernel_folder = KERNEL_FOLDERS
        .iter()
        .any(|folder| Path::new(path).starts_with(folder));
    if is_in_kernel_folder {
        error.hint(format!(
            "the kernel's files exist only inside the node: clusterdock exec {} -- cat {path}",
            node.name
        ))
    } else {
        error
    }
}

/// The error for a folder that has files inside the node, but none on its disk.
fn is_empty(node: &Node, path: &str) -> Error {
    Error::new(
        Kind::NotFound,
        format!("no files to copy in `{}:{path}`", node.name),
    )
    .cause("the kernel's files exist only inside the node")
    .hint(format!(
        "read those that you need: clusterdock exec {} -- cat {path}/FILE",
        node.name
    ))
}

fn not_copied(node: &Node, path: &str) -> Error {
    Error::new(
        Kind::Usage,
        format!("cannot copy from or to `{}:{path}`", node.name),
    )
    .cause("it is a device, a pipe or a socket")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_start_at_the_root() {
        for (typed, path) in [
            ("etc/hosts", "/etc/hosts"),
            ("/a/./b/../c", "/a/c"),
            ("../..", "/"),
            ("/", "/"),
        ] {
            assert_eq!(absolute(typed.as_bytes()), path);
        }
        assert_eq!(split("/a"), ("/", "a"));
        assert_eq!(split("/a/b/c"), ("/a/b", "c"));
    }

    #[test]
    fn a_copy_into_itself_is_detected() {
        let source = |path: &str, what| Source {
            path: path.into(),
            name: "b".into(),
            what,
        };
        let named = |name: &str| Top::Named(name.into());
        assert!(source("/a/b", What::Folder).contains("/a", &named("b")));
        assert!(source("/a/b", What::Folder).contains("/a/b/c", &named("b")));
        assert!(source("/a/b", What::Contents).contains("/a/b", &Top::Absent));
        assert!(source("/", What::Contents).contains("/tmp", &Top::Absent));
        assert!(!source("/a/b", What::Folder).contains("/a", &named("bc")));
        assert!(!source("/a/b", What::Contents).contains("/a", &Top::Absent));
    }
}
