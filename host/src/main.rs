//! The program: everything it does is in the library, so that a test can do it too.

use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<OsString> = std::env::args_os().skip(1).collect();
    if let Some(code) = clusterdock::topology::serve::maybe_serve(&arguments) {
        return code;
    }
    ExitCode::SUCCESS
}
