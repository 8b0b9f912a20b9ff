//! The target that plugins are compiled for.

/// The target triple of the local machine, for which plugins are compiled, e.g. `x86_64-unknown-linux-gnu`.
pub fn target() -> String {
    let arch = match std::env::consts::ARCH {
        "riscv64" => "riscv64gc",
        "powerpc64" if cfg!(target_endian = "little") => "powerpc64le",
        arch => arch,
    };
    format!("{arch}-unknown-linux-gnu")
}
