//! What is at a path of a container.

/// A file, folder or link in a container.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum FileKind {
    /// A file.
    File,
    /// A folder.
    Folder,
    /// A symbolic link: where it leads in the end, absolute, whether or not there is anything.
    Link(String),
    /// A device, socket or pipe.
    Special,
}
