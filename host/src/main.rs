//! The program. Everything it does is in the library, so that a test can do it too.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::process::ExitCode;

use clusterdock::engine::docker::ssh_tunnel;
use clusterdock::error::{Error, Kind};
use clusterdock::program::{self, Surroundings};
use clusterdock::report::{Clock, Report, Streams};
use clusterdock::topology::serve;

/// Checks that the files that the runtime needs can be opened: it panics if it cannot open those that carry signals.
fn check_open_files() -> io::Result<()> {
    (0..8)
        .map(|_| File::open("/dev/null"))
        .collect::<io::Result<Vec<_>>>()
        .map(drop)
}

fn main() -> ExitCode {
    let argv: Vec<OsString> = std::env::args_os().collect();
    // First the roles of child processes, a plugin's and ssh's, since these must not outlive their parent.
    if let Some(code) = serve::maybe_serve(&argv[1..]) {
        return code;
    }
    if let Some(code) = ssh_tunnel::maybe_become(&argv[1..]) {
        return code;
    }
    // A single thread: child processes that must not outlive this one die with the thread that started them.
    let build = |()| {
        tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
    };
    let runtime = match check_open_files().and_then(build) {
        Ok(runtime) => runtime,
        Err(error) => {
            let report = Report::new(Default::default(), Streams::of_process(), Clock::system());
            report.error(&Error::new(Kind::Other, "failed to start").cause(error));
            return ExitCode::FAILURE;
        }
    };
    let surroundings = Surroundings {
        report: Box::new(|global| {
            Report::in_background(
                global.report_settings(),
                Streams::of_process(),
                Clock::system(),
            )
        }),
        engine: None,
        home: std::env::home_dir().filter(|home| !home.as_os_str().is_empty()),
        current: std::env::current_dir().unwrap_or_default(),
        executable: std::env::current_exe().unwrap_or_default(),
        variable: |name| match name {
            // If it is empty or unset, the user's home folder from the system's accounts.
            "HOME" => std::env::home_dir().map(Into::into),
            _ => std::env::var_os(name),
        },
    };
    let code = runtime.block_on(program::run(argv, surroundings));
    // A thread may still be waiting for a lock or for standard input.
    runtime.shutdown_background();
    code
}
