//! A start as a use case, and what every command works with: it provides images, looks at the engine, plans, executes
//! the plan, runs the topology's hook, and removes everything if any of that fails.
//!
//! The rollback of a failed start is a removal plan too: of everything with the label of its run.

pub mod cargo_story;
mod cluster_facts;
pub mod cluster_hooks;
pub mod file_owner;
pub mod found_cluster;
pub mod hook_again;
pub mod hook_calls;
mod kept_library;
mod library_notes;
mod local_names;
pub mod look;
pub mod open_topology;
pub mod order;
mod preparation;
pub mod rollback;
pub mod session;
pub mod signing;
pub mod start_execution;
pub mod start_images;
pub mod sweep;
mod topology_work;
pub mod transaction;
