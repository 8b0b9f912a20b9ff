//! Archives (tar): how files and folders travel between this machine and nodes. [`pack`] makes one of what is here,
//! [`unpack`] makes what is here of one, [`relay`] passes one on under another name; all of them as the bytes come,
//! however many there are. Nothing in here knows of engines or nodes: bytes come from a reader and go to a writer.
//!
//! An archive that comes from a node is not trusted. [`read`] gives only entries that lie in a folder which the
//! archive itself has just entered, and [`unpack`] goes from folder to folder without following a link, so nothing
//! is written outside of the destination, whatever the archive says.

pub mod entry;
pub mod one;
pub mod pack;
pub mod read;
pub mod relay;
#[cfg(test)]
mod tests;
pub mod unpack;
pub mod write;

pub use entry::{Copied, Entry, Kind as EntryKind, Owners, Top};
pub use one::{OneFile, one_file, only_file};
