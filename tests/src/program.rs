//! The program under test.

use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use crate::cargo;

/// The `clusterdock` executable, built once for all tests of a process.
pub fn clusterdock() -> &'static Path {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let files = cargo::build(cargo::workspace(), &["-p", "clusterdock", "--bins"]);
        files
            .into_iter()
            .find(|file| file.ends_with("clusterdock"))
            .expect("the package has a program")
    });
    &PROGRAM
}
