//! The whole program on a real engine. Each test inspects containers with Docker, not through clusterdock's output, and
//! has its own names and network.

mod authors;
mod calls;
mod conflicts;
mod contexts;
mod cp;
mod deaths;
mod domains;
mod endings;
mod hooks;
mod hosts_file;
mod later_hooks;
mod lifecycle;
mod logs;
mod names;
mod output;
mod ports;
mod races;
mod records;
mod registry;
pub(crate) mod remote;
mod renamed;
mod secrets;
mod settings;
mod stranger;
mod subnets;
mod surroundings;
mod systemd;
mod terminal;
mod trust;
mod unread;
mod up;
mod wishes;
