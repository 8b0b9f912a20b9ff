//! Fixtures for tests that cross crates.

pub mod fake;
