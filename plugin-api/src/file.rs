//! Files and folders for nodes: contents, destination, mode and owner.

use std::fmt::{self, Display};
use std::path::{Path, PathBuf};

use crate::{render, Context, Result};

/// A file for a node: its path there, contents, mode and owner.
///
/// ```
/// use clusterdock_plugin_api::{File, Result};
///
/// # fn main() -> Result<()> {
/// // Text or bytes, owned by root, mode 644:
/// File::new("/etc/motd", "hello\n");
/// // A key that one user of the node may read:
/// File::new("/etc/app/secret", b"...").owner("app").mode(0o600);
/// // A template with its values, usually include_str!("../files/app.conf"):
/// File::template("/etc/app.conf", "id = {{ id }}\n", &[("id", &7)])?;
/// // A local file of any size, with its mode:
/// File::local("build/agent", "/usr/local/bin/agent");
/// // A local folder with its contents:
/// File::local("conf", "/etc/app").owner("app:hadoop");
/// # Ok(())
/// # }
/// ```
///
/// Since 1.0.
#[derive(Clone, PartialEq, Eq)]
pub struct File {
    pub(crate) path: String,
    pub(crate) contents: Contents,
    pub(crate) mode: Option<u32>,
    pub(crate) owner: String,
}

#[derive(Clone, PartialEq, Eq)]
pub(crate) enum Contents {
    Bytes(Vec<u8>),
    Local(PathBuf),
}

impl File {
    /// The mode of a file that says nothing else.
    pub(crate) const MODE: u32 = 0o644;

    /// A file with this text or these bytes at an absolute path; missing folders are created. Default: mode 644, owned by
    /// root.
    pub fn new(path: impl Into<String>, contents: impl AsRef<[u8]>) -> File {
        File::of(path.into(), Contents::Bytes(contents.as_ref().to_vec()))
    }

    /// A file with the text of a template, see [`render`].
    ///
    /// # Errors
    /// Those of [`render`], with the path.
    pub fn template(
        path: impl Into<String>,
        template: &str,
        values: &[(&str, &dyn Display)],
    ) -> Result<File> {
        let path = path.into();
        let text = render(template, values).context(format!("file `{path}`"))?;
        Ok(File::new(path, text))
    }

    /// A local file, or a local folder with its contents, read while it is sent. An existing folder on the node keeps its
    /// mode and its other files. Default: the local modes without setuid and setgid, owned by root.
    pub fn local(local: impl AsRef<Path>, path: impl Into<String>) -> File {
        File::of(path.into(), Contents::Local(local.as_ref().into()))
    }

    fn of(path: String, contents: Contents) -> File {
        File {
            path,
            contents,
            mode: None,
            owner: "0:0".into(),
        }
    }

    /// Sets the permission bits of the file, or of every file in the folder: `0o600`.
    #[must_use]
    pub fn mode(mut self, mode: u32) -> File {
        self.mode = Some(mode);
        self
    }

    /// Sets the owner, `USER[:GROUP]`, as names in the node's `/etc/passwd` and `/etc/group`, or as numbers. The default
    /// group is that of the user, or the same number for a number unknown to the node. Default: root.
    #[must_use]
    pub fn owner(mut self, owner: impl Into<String>) -> File {
        self.owner = owner.into();
        self
    }
}

/// Without the contents, which may be secret.
impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut file = f.debug_struct("File");
        file.field("path", &self.path);
        match &self.contents {
            Contents::Bytes(bytes) => file.field("bytes", &bytes.len()),
            Contents::Local(local) => file.field("local", local),
        };
        file.field("mode", &self.mode)
            .field("owner", &self.owner)
            .finish()
    }
}
