//! The commands, one file each. A command turns its arguments into one call of the module that does the work, and the
//! result into an answer.

mod attached;
pub mod build;
pub mod console;
pub mod cp;
pub mod down;
pub mod dry_run;
pub mod env;
pub mod events;
pub mod exec;
mod follow;
pub mod given;
pub mod hook;
pub mod images;
pub mod inspect;
pub mod lifecycle;
pub mod list;
mod log_piece;
pub mod logs;
pub mod manage;
pub mod port;
pub mod reuse;
pub mod rm;
mod running;
mod several;
pub mod ssh;
pub mod ssh_config;
pub mod start;
mod start_hints;
pub mod top;
pub mod topology;
mod topology_command;
pub mod version;

pub use console::Console;
pub use topology_command::StartError;
