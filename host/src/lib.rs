//! The host: it looks at a topology folder, loads its plugin, plans a cluster and runs the plan against an engine.
//!
//! ```text
//! argv -> topology folder or .so -> inspect (no plugin code) -> load -> declaration -> clap command -> request
//!      -> plugin.nodes(request) -> spec -> engine.observe -> plan (pure, prints) -> execute -> readiness -> hooks
//! ```

pub mod archive;
pub mod cli;
pub mod cluster;
pub mod commands;
pub mod docker_config;
pub mod engine;
pub mod error;
pub mod event;
pub mod execution;
pub mod image;
pub mod keys;
pub mod labels;
pub mod machine;
pub mod names;
mod naming;
mod nearest;
pub mod plan;
pub mod ports;
pub mod program;
pub mod report;
pub mod select;
pub mod session;
pub mod terminal;
pub mod topology;
pub mod transfer;
