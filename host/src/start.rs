//! A start as a use case, and what every command works with: it provides images, looks at the engine, plans, carries the
//! plan out, runs the topology's hook, and removes everything if any of that fails.
//!
//! The undo of a failed start is the plan of a removal too: of what carries the label of its run.

pub mod cargo_story;
pub mod carry_out;
mod facts;
mod hook;
pub mod hook_again;
pub mod hook_calls;
pub mod images;
mod local_names;
pub mod look;
pub mod open_topology;
pub mod order;
pub mod owner;
mod prepare;
pub mod provenance;
pub mod session;
pub mod sweep;
pub mod transaction;
pub mod undo;
