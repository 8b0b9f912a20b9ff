//! The whole program on a real engine. Each test looks at containers by Docker's own means, not at our own output, and
//! has names and a network of its own.

mod calls;
mod conflicts;
mod cp;
mod endings;
mod hooks;
mod hosts_file;
mod lifecycle;
mod names;
mod ports;
mod races;
mod registry;
pub(crate) mod remote;
mod settings;
mod stranger;
mod systemd;
mod terminal;
