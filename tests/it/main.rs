//! One binary of tests, so that they link once.

#![expect(clippy::unwrap_used, reason = "a test that fails says where")]

mod blocked;
mod coming_back;
mod command_line;
mod compiling;
mod contributing;
mod derive;
mod editing;
mod environment;
mod fuzz;
mod habits;
mod hostile_engine;
mod images;
mod kerberos;
mod keys;
mod lab_file;
mod lifecycle;
mod oldest_compiler;
mod original;
mod own_engine;
mod plugin_boundary;
mod publication;
mod readme;
mod real;
mod reference;
mod sizes;
mod systems;
mod tidy;
mod topology;
mod trust;
mod whole;
mod wishes;
