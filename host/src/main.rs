//! The program: everything it does is in the library, so that a test can do it too.

use clusterdock::engine::docker::ssh;
use clusterdock::program::{self, Surroundings};
use clusterdock::report::{Clock, Report, Streams};
use clusterdock::topology::serve;
use std::ffi::OsString;
use std::process::ExitCode;

fn main() -> ExitCode {
    let argv: Vec<OsString> = std::env::args_os().collect();
    // Processes of our own, before anything else, since they must not outlive their parent: a plugin's, and ssh.
    if let Some(code) = serve::maybe_serve(&argv[1..]) {
        return code;
    }
    if let Some(code) = ssh::maybe_become(&argv[1..]) {
        return code;
    }
    // All on this one thread: processes that must not outlive us die with the thread that started them.
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(_) => return ExitCode::FAILURE,
    };
    let surroundings = Surroundings {
        report: Box::new(|global| Report::new(global.report_settings(), Streams::of_process(), Clock::system())),
        engine: None,
        home: std::env::home_dir(),
        current: std::env::current_dir().unwrap_or_default(),
        executable: std::env::current_exe().unwrap_or_default(),
        variable: |name| std::env::var(name).ok(),
    };
    let code = runtime.block_on(program::run(argv, surroundings));
    // A thread may still wait for a lock or for standard input.
    runtime.shutdown_background();
    code
}
