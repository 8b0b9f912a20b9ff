//! The host: it looks at a topology folder, loads its plugin, plans a cluster and runs the plan against an engine.

pub mod archive;
pub mod cli;
pub mod cluster;
pub mod engine;
pub mod error;
pub mod event;
pub mod execution;
pub mod image;
pub mod labels;
pub mod machine;
pub mod names;
mod nearest;
pub mod plan;
pub mod ports;
pub mod select;
pub mod terminal;
pub mod topology;
