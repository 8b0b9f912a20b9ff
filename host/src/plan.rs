//! Plans: what will be done, and why. A plan is data that prints; making one is pure (no clock, no randomness, no
//! file, no process, no network), so the same inputs give the same plan, and `--dry-run` prints it and stops.
//!
//! Everything that has to be decided is decided here. Execution carries a plan out and decides nothing.

pub mod address;
pub mod capability;
pub mod keys;
pub mod lifecycle;
mod node;
pub mod port;
pub mod print;
pub mod removal;
mod settings;
pub mod spec;
pub mod start;
mod systemd;
#[cfg(test)]
mod tests;
pub mod volumes;

pub use lifecycle::LifecyclePlan;
pub use removal::RemovalPlan;
pub use start::{NetworkPlan, NodePlan, StartPlan};
