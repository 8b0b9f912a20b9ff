//! The commands: one file each. A command turns its arguments into one call of what does the work, and the result
//! into an answer.

mod attached;
pub mod build;
pub mod cp;
pub mod env;
pub mod exec;
pub mod inspect;
pub mod lifecycle;
pub mod list;
pub mod logs;
pub mod manage;
pub mod rm;
pub mod ssh;
pub mod ssh_config;
pub mod start;
