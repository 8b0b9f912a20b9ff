//! The host: it looks at a topology folder, loads its plugin, plans a cluster and runs the plan against an engine.

pub mod engine;
pub mod error;
pub mod image;
pub mod topology;
