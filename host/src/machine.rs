//! This machine: what a start has to know of it, or to keep others of it from.

pub mod hosts_file;
pub mod lock;
pub mod parent;
pub mod port;
pub mod route;
