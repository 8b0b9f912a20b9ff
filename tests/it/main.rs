//! One binary of tests, so that they link once.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod plugin_boundary;
