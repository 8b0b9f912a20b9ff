//! Topologies as the user has them: a folder with a manifest and a library, or a library alone.
//!
//! A [folder] has its [manifest]; its [library] is compiled where that is needed. A library is [inspected](inspect)
//! without running any of it, [kept](cache) under its digest, and run in a [process] of its own, which
//! [serves](serve) the host. [Opening](open) one is all of that; the rest of the host sees a [`plugin::Plugin`].

pub mod cache;
mod calls;
pub mod compile;
mod elf;
pub mod fingerprint;
pub mod folder;
mod frame;
pub mod in_process;
pub mod inspect;
pub mod library;
mod load;
pub mod manifest;
pub mod open;
pub mod plugin;
mod printed;
pub mod process;
pub mod serve;
mod table;
