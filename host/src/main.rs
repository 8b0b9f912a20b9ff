//! The program: everything it does is in the library, so that a test can do it too.

fn main() {}
