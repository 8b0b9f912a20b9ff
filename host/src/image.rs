//! Images: what nodes are started from, and how each comes to be there before a cluster is planned.

pub mod assemble;
