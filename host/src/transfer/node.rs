//! The side of a copy that is on a node. Its paths begin at the node's root, whether they say so or not.

use super::place::{Place, There, What, place};
use super::typed::Typed;
use crate::archive::Top;
use crate::archive::read::Root;
use crate::cluster::Node;
use crate::engine::{Engine, EngineResult, FileKind};
use crate::error::{Error, Kind, Result};
use std::ffi::{OsStr, OsString};
use std::path::Path;

/// What is to be copied.
#[derive(Debug)]
pub struct Source {
    /// Where it is: absolute, without a slash at its end.
    path: String,
    /// What the copy is called in a folder.
    pub name: OsString,
    /// What it is.
    pub what: What,
}

/// Where a copy is to go.
#[derive(Debug)]
pub struct Destination {
    /// The node's container.
    id: String,
    /// Where it is, a link followed; there may be nothing.
    path: String,
    there: There,
    wants_folder: bool,
}

impl Source {
    /// Looks at what was typed; a link is only followed with `follow`, or with a slash at its end.
    ///
    /// # Errors
    /// [`Kind::NotFound`]; [`Kind::Usage`] for a file with a slash at its end, or what cannot be copied.
    pub async fn find(engine: &dyn Engine, node: &Node, typed: &str, follow: bool) -> Result<Source> {
        let Typed { path, wants_folder, contents } = Typed::new(typed.as_bytes());
        let mut path = absolute(path);
        let name = Path::new(&path).file_name().unwrap_or_default().to_os_string();
        let mut found = engine.file(&node.container.id, &path).await?;
        if let Some(FileKind::Link(target)) = &found
            && (follow || wants_folder)
        {
            path = target.clone();
            found = engine.file(&node.container.id, &path).await?;
        }
        let what = match found {
            Some(FileKind::Folder) if contents => What::Contents,
            Some(FileKind::Folder) => What::Folder,
            Some(_) if wants_folder => {
                return Err(Error::new(Kind::Usage, format!("`{}:{typed}` is not a folder", node.fqdn))
                    .hint("leave out the slash at its end"));
            }
            Some(FileKind::File | FileKind::Link(_)) => What::File,
            Some(FileKind::Special) => return Err(not_copied(node, &path)),
            None => return Err(Error::new(Kind::NotFound, format!("no file or folder `{}:{path}`", node.fqdn))),
        };
        Ok(Source { path, name, what })
    }

    /// How its archive is asked for, and what the names in that begin with.
    pub fn archive(&self) -> (String, Root) {
        match self.what {
            What::Contents => (format!("{}/.", self.path.trim_end_matches('/')), Root::Dot),
            What::File | What::Folder => (self.path.clone(), Root::Named),
        }
    }

    /// Whether a copy that goes to `folder` under the name of `top` on the same node would end in itself.
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
    /// Looks at what was typed.
    ///
    /// # Errors
    /// [`Kind::NotFound`] when neither it nor its folder is there; [`Kind::Usage`] for a device, pipe or socket.
    pub async fn find(engine: &dyn Engine, node: &Node, typed: &str) -> Result<Destination> {
        let destination = Destination::look(engine, node, typed).await?;
        if destination.there == There::Nothing {
            let (folder, _) = split(&destination.path);
            if !is_folder(engine, &destination.id, folder).await? {
                return Err(Error::new(Kind::NotFound, format!("no folder `{}:{folder}`", node.fqdn)));
            }
        }
        Ok(destination)
    }

    /// The same, but its folder need not be there.
    ///
    /// # Errors
    /// [`Kind::Usage`] for a device, pipe or socket.
    pub async fn look(engine: &dyn Engine, node: &Node, typed: &str) -> Result<Destination> {
        let id = &node.container.id;
        let Typed { path, wants_folder, .. } = Typed::new(typed.as_bytes());
        let mut path = absolute(path);
        let mut found = engine.file(id, &path).await?;
        if let Some(FileKind::Link(target)) = found {
            path = target;
            found = engine.file(id, &path).await?;
        }
        let there = match found {
            Some(FileKind::Folder) => There::Folder,
            Some(FileKind::File) => There::File,
            Some(FileKind::Link(_) | FileKind::Special) => return Err(not_copied(node, &path)),
            None => There::Nothing,
        };
        Ok(Destination { id: id.clone(), path, there, wants_folder })
    }

    /// The node's container.
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The folder, for what can go nowhere else.
    ///
    /// # Errors
    /// It is none.
    pub fn folder(&self) -> Result<&str> {
        match self.there {
            There::Folder => Ok(&self.path),
            There::File => Err(Error::new(Kind::Usage, format!("`{}` is not a folder", self.path))),
            There::Nothing => Err(Error::new(Kind::NotFound, format!("no folder `{}`", self.path))),
        }
    }

    /// The folder that a copy goes to which is to be exactly here, and what it is called there. Folders above that are
    /// missing are in that name, so that the engine makes them.
    ///
    /// # Errors
    /// A file and a folder cannot take each other's place.
    pub fn exactly(&self, what: What) -> Result<(&str, Top)> {
        match (self.there, what) {
            (There::Folder, What::File) => {
                Err(Error::new(Kind::Usage, format!("cannot put a file at `{}`", self.path)).cause("it is a folder"))
            }
            (There::Folder, What::Folder | What::Contents) => Ok((&self.path, Top::Absent)),
            (There::File, What::Folder | What::Contents) => {
                Err(Error::new(Kind::Usage, format!("cannot put a folder at `{}`", self.path)).cause("it is a file"))
            }
            (There::File | There::Nothing, _) => Ok(("/", Top::Named(self.path.trim_start_matches('/').into()))),
        }
    }

    /// The folder that a copy goes to, and what it is called there.
    ///
    /// # Errors
    /// The rules have no place for it.
    pub fn place(&self, what: What, name: &OsStr) -> Result<(&str, Top)> {
        let (folder, own_name) = split(&self.path);
        Ok(match place(what, self.there, self.wants_folder, &self.path)? {
            Place::Inside => (&self.path, Top::Named(name.into())),
            Place::Spread => (&self.path, Top::Absent),
            Place::Here => (folder, Top::Named(own_name.into())),
        })
    }
}

/// A folder, or a link to one.
async fn is_folder(engine: &dyn Engine, id: &str, path: &str) -> EngineResult<bool> {
    let found = engine.file(id, &format!("{}/.", path.trim_end_matches('/'))).await?;
    Ok(found == Some(FileKind::Folder))
}

/// A path from the node's root, tidied up as the engine does: by its text, whatever links there are.
fn absolute(path: &[u8]) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in std::str::from_utf8(path).unwrap_or_default().split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("/{}", parts.join("/"))
}

/// The folder that a path is in, and its name there.
fn split(path: &str) -> (&str, &str) {
    match path.rsplit_once('/') {
        Some(("", name)) => ("/", name),
        Some((folder, name)) => (folder, name),
        None => ("/", path),
    }
}

fn not_copied(node: &Node, path: &str) -> Error {
    Error::new(Kind::Usage, format!("cannot copy from or to `{}:{path}`", node.fqdn))
        .cause("it is a device, a pipe or a socket")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_begin_at_the_root() {
        for (typed, path) in [("etc/hosts", "/etc/hosts"), ("/a/./b/../c", "/a/c"), ("../..", "/"), ("/", "/")] {
            assert_eq!(absolute(typed.as_bytes()), path);
        }
        assert_eq!(split("/a"), ("/", "a"));
        assert_eq!(split("/a/b/c"), ("/a/b", "c"));
    }

    #[test]
    fn a_copy_into_itself_is_seen() {
        let source = |path: &str, what| Source { path: path.into(), name: "b".into(), what };
        let named = |name: &str| Top::Named(name.into());
        assert!(source("/a/b", What::Folder).contains("/a", &named("b")));
        assert!(source("/a/b", What::Folder).contains("/a/b/c", &named("b")));
        assert!(source("/a/b", What::Contents).contains("/a/b", &Top::Absent));
        assert!(source("/", What::Contents).contains("/tmp", &Top::Absent));
        assert!(!source("/a/b", What::Folder).contains("/a", &named("bc")));
        assert!(!source("/a/b", What::Contents).contains("/a", &Top::Absent));
    }
}
