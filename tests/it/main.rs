//! One binary of tests, so that they link once.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod command_line;
mod lifecycle;
mod plugin_boundary;
mod real;
mod tidy;
