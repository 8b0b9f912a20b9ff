//! The plugin boundary: what is refused before any of it runs, which generations work together, and
//! how the host survives a misbehaving plugin.

mod declarations;
mod generations;
mod inspection;
mod lifetime;
mod malformed;
mod misbehaviour;
mod process;
