//! One binary of tests, so that they link once.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod coming_back;
mod command_line;
mod compiling;
mod editing;
mod images;
mod kerberos;
mod keys;
mod lifecycle;
mod original;
mod own_engine;
mod plugin_boundary;
mod readme;
mod real;
mod reference;
mod tidy;
mod whole;
