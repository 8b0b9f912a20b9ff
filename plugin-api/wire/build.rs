//! Tells the crate which compiler and target it is built with, for the note that a plugin carries.

use std::env;
use std::process::Command;

fn main() {
    let rustc = env::var("RUSTC").expect("cargo sets RUSTC");
    let output = Command::new(&rustc)
        .arg("--version")
        .output()
        .expect("the compiler tells its version");
    let version = String::from_utf8(output.stdout).expect("the compiler's version is text");
    println!("cargo:rustc-env=CLUSTERDOCK_RUSTC={}", version.trim());
    println!(
        "cargo:rustc-env=CLUSTERDOCK_TARGET={}",
        env::var("TARGET").expect("cargo sets TARGET")
    );
    println!("cargo:rerun-if-changed=build.rs");
}
