//! Topologies as the user has them: a folder with a manifest and a library, or a library alone.

pub mod compile;
pub mod fingerprint;
pub mod folder;
pub mod library;
pub mod manifest;
mod table;
