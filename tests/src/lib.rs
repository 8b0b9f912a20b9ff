//! Fixtures for tests that cross crates.
