//! A file or folder on its way to nodes: what it consists of, where it goes, and whose it is there.

use std::path::{Path, PathBuf};

/// A file for a node: its path there, its contents, its mode and its owner.
///
/// ```
/// use clusterdock_plugin_api::File;
///
/// // Text or bytes, owned by root, mode 644:
/// File::new("/etc/motd", "hello\n");
/// // A key that one user of the node may read:
/// File::new("/etc/app/secret", b"...").owner("app").mode(0o600);
/// // A file of this machine, however large, as executable as it is here:
/// File::local("build/agent", "/usr/local/bin/agent");
/// // A folder of this machine and all in it:
/// File::local("conf", "/etc/app").owner("app:hadoop");
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct File {
    pub(crate) path: String,
    pub(crate) contents: Contents,
    pub(crate) mode: Option<u32>,
    pub(crate) owner: String,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Contents {
    Bytes(Vec<u8>),
    Local(PathBuf),
}

impl File {
    /// A file of this text or these bytes at an absolute path; the folders above are made. Default: mode 644, owned by
    /// root.
    pub fn new(path: impl Into<String>, contents: impl AsRef<[u8]>) -> File {
        File::of(path.into(), Contents::Bytes(contents.as_ref().to_vec()))
    }

    /// What is at a path of this machine, a file or a folder with all in it; it is read as it is sent. A folder that is
    /// on the node already stays as it is and keeps what else is in it. Default: modes as they are here, without setuid and setgid, owned by
    /// root.
    pub fn local(local: impl AsRef<Path>, path: impl Into<String>) -> File {
        File::of(path.into(), Contents::Local(local.as_ref().into()))
    }

    fn of(path: String, contents: Contents) -> File {
        File { path, contents, mode: None, owner: "0:0".into() }
    }

    /// Permission bits of the file, or of every file in the folder: `0o600`.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> File {
        self.mode = Some(mode);
        self
    }

    /// `USER[:GROUP]`, names as the node's `/etc/passwd` and `/etc/group` have them, or numbers. Without a group it is
    /// the user's own; for a number that the node does not know, the group of the same number. Default: root.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> File {
        self.owner = owner.into();
        self
    }
}
