//! The kinds of files in a container.

/// A file, folder or link in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link, with the absolute path that it finally leads to, whether or not that exists.
    Link(String),
    /// A device, socket or pipe.
    Special,
}
