//! The host: it reads a topology folder, loads its plugin, plans a cluster and carries the plan out on an engine.
//!
//! ```text
//! argv -> topology folder or .so -> inspect (no plugin code) -> load -> declaration -> clap command -> request
//!      -> plugin.nodes(request) -> spec -> engine.observe -> plan (pure, prints) -> execute -> readiness -> hooks
//! ```

// Floors, from the ground up. A module imports from lower floors only, and the tests keep the table.
pub mod cancellation;
pub mod did_you_mean;
mod elf;
pub mod error;
pub mod event;
mod lines;
pub mod printable;
pub mod process;
pub mod pulse;
pub mod shell;
pub mod sink;

pub mod archive;
pub mod files;
pub mod rootfs;

pub mod engine;
pub mod topology;

pub mod machine;

pub mod cluster;

pub mod plan;

pub mod execution;

pub mod image;
pub mod keys;
pub mod terminal;
pub mod transfer;

pub mod start;

pub mod report;

pub mod cli;
pub mod commands;

pub mod program;
