//! The host: it looks at a topology folder, loads its plugin, plans a cluster and runs the plan against an engine.

pub mod cluster;
pub mod engine;
pub mod error;
pub mod event;
pub mod image;
pub mod labels;
pub mod names;
pub mod ports;
pub mod report;
pub mod topology;
