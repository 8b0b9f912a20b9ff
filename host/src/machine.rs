//! The local machine: its routes, host ports and hosts file.

pub mod host_port;
pub mod hosts_file;
pub mod route;
pub mod shown_notices;
