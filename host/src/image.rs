//! Images: what a node is started from, and how one comes to be when no registry has it.

pub mod assemble;
