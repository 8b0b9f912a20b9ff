//! Plans: what will be done, and why. A plan is data that prints; making one is pure (no clock, no randomness, no
//! file, no process, no network), so the same inputs give the same plan, and `--dry-run` prints it and stops.
//!
//! Everything that has to be decided is decided here. Execution carries a plan out and decides nothing.

pub mod address;
pub mod again;
pub mod capability;
pub mod explain;
pub mod images;
pub mod keys;
pub mod left;
pub mod lifecycle;
pub mod logs;
pub mod lost;
mod node_files;
pub mod outcome;
pub mod port;
pub mod print;
mod reason;
pub mod removal;
pub mod secrets;
pub mod settings;
pub mod spec;
pub mod start;
pub mod step;
mod systemd;
#[cfg(test)]
mod tests;
pub mod volumes;

pub use lifecycle::LifecyclePlan;
pub use removal::RemovalPlan;
pub use start::{NetworkPlan, NodePlan, StartPlan};
