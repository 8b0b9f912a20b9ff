//! Topologies on disk: a folder with a manifest and a library, or a library alone.
//!
//! A [folder] has a [manifest]; its [library](plugin_library) is compiled if necessary. A library is
//! [inspected](inspection) without running it, [copied](cache) under its digest, and loaded in a separate
//! [process](plugin_process), which [serves](serve) the host. The rest of the host sees a [`plugin::Plugin`].

pub mod build_folder;
pub mod cache;
mod calls;
pub mod cargo_config;
mod cargo_output;
mod cargo_test;
pub mod compile;
pub mod fingerprint;
pub mod folder;
pub mod held;
pub mod inspection;
mod link;
mod load;
pub mod manifest;
pub mod plugin;
pub mod plugin_api_sources;
pub mod plugin_frame;
pub mod plugin_library;
pub mod plugin_process;
mod printed;
pub mod serve;
pub mod target_triple;
