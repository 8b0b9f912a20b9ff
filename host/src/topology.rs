//! Topologies as the user has them: a folder with a manifest and a library, or a library alone.
//!
//! A library is [inspected](inspect) without running any of it, [kept](cache) under its digest, and run in a
//! [process] of its own, which [serves](serve) the host. The rest of the host sees a [`plugin::Plugin`].

pub mod cache;
mod calls;
mod elf;
mod frame;
pub mod in_process;
pub mod inspect;
mod load;
pub mod plugin;
mod printed;
pub mod process;
pub mod serve;
