//! Plans: what will be done, and why. A plan is data that prints; making one is pure (no clock, no randomness, no file,
//! no process, no network), so the same inputs give the same plan, and `--dry-run` prints it and exits.
//!
//! All decisions are made here. Execution executes a plan and decides nothing.

pub mod addresses;
pub mod capability_guesses;
pub mod differences;
pub mod explain;
pub mod image_plan;
pub mod leftovers;
pub mod lifecycle_plan;
pub mod log_limits;
pub mod lost;
mod node_files;
pub mod node_keys;
pub mod outcome;
pub mod print;
mod reason;
pub mod removal_plan;
pub mod retry;
pub mod secrets;
pub mod settings;
pub mod spec;
pub mod start_plan;
pub mod step;
mod systemd;
#[cfg(test)]
mod tests;
pub mod volumes;
pub mod wanted_ports;
pub mod wishes;

pub use lifecycle_plan::LifecyclePlan;
pub use removal_plan::RemovalPlan;
pub use start_plan::{NetworkPlan, NodePlan, StartPlan};
