//! Tar archives, in which files and folders travel between the local machine and nodes. [`pack`] creates one from local
//! files, [`unpack`] extracts one, and [`relay`] passes one on under another name. All of them stream, whatever the
//! size. Nothing here knows of engines or nodes: bytes come from a reader and go to a writer.
//!
//! An archive from a node is not trusted. [`reader`] only yields entries in a folder that the archive itself has just
//! entered, and [`unpack`] walks from folder to folder without following links, so nothing is written outside of the
//! destination, whatever the archive contains.

pub mod archive_entry;
pub mod pack;
pub mod reader;
pub mod relay;
pub mod single_file;
#[cfg(test)]
mod tests;
pub mod unpack;
pub mod writer;

pub use archive_entry::{Copied, Entry, Kind as EntryKind, Owners, Special, Top};
pub use single_file::{OneFile, files, one_file, only_file};
