//! Fixtures for tests that cross crates.

pub mod cargo;
pub mod certificates;
pub mod dockerd;
pub mod elf;
pub mod elsewhere;
pub mod fake;
pub mod fuzz;
pub mod generations;
pub mod plugins;
pub mod program;
pub mod registry;
pub mod run;
pub mod scene;
pub mod sshd;
pub mod suite;
pub mod terminal;
