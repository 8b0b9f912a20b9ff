//! Runs the unit tests of a plugin's crate with cargo.

use std::io;
use std::os::fd::AsFd;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};

use futures_util::future::join;
use rustix::process::Signal;

use super::compile::{Cargo, failed};
use super::printed::lines;
use crate::error::{Error, Kind, Result};

impl Cargo {
    /// Runs the tests of the crate in the folder `source`, with the release profile, so that dependencies are not compiled
    /// twice. Output goes where that of [`build`](Cargo::build) goes. Dropping the future ends cargo and the tests.
    /// `on_wait` is called if another process is compiling.
    ///
    /// # Errors
    /// [`Kind::Plugin`] if they do not compile, [`Kind::Other`] if one fails; [`Kind::Interrupted`] if SIGINT ended cargo.
    pub async fn test(&self, source: &Path, plugin: &str, on_wait: impl FnOnce()) -> Result<()> {
        let lock = self.folder().lock(on_wait).await;
        let lock = lock.map_err(|error| self.unusable_folder(plugin, &error))?;
        let compiled = self.run_tests(source, plugin, &["--no-run"]).await?;
        drop(lock);
        if !compiled.success() {
            return Err(self.with_noexec(failed(source, plugin, compiled)));
        }
        let passed = self.run_tests(source, plugin, &[]).await?;
        if passed.success() {
            return Ok(());
        }
        if passed.signal() == Some(Signal::INT.as_raw()) {
            return Err(failed(source, plugin, passed));
        }
        let manifest = source.join("Cargo.toml");
        let failed = Error::new(Kind::Other, format!("tests of plugin `{plugin}` failed"));
        Err(failed
            .cause(format!(
                "cargo failed with {passed}; see its messages above"
            ))
            .hint(format!(
                "to run them alone, run `cargo test --manifest-path {}`",
                manifest.display()
            )))
    }

    async fn run_tests(
        &self,
        source: &Path,
        plugin: &str,
        arguments: &[&str],
    ) -> Result<ExitStatus> {
        let mut command = self.command("test", source);
        command.args(arguments).stdout(if self.on_line().is_some() {
            Stdio::piped()
        } else {
            // Standard output is for the answer.
            let stderr = io::stderr().as_fd().try_clone_to_owned();
            stderr.map_or_else(|_| Stdio::null(), Stdio::from)
        });
        let mut running = self
            .spawn(command)
            .map_err(|error| self.not_run(plugin, &error))?;
        let stdout = running.child.stdout.take().zip(self.on_line());
        let passed_on = async {
            if let Some((stdout, on_line)) = stdout {
                lines(stdout, move |line| on_line(line)).await;
            }
        };
        let ((), status) = join(passed_on, running.end()).await;
        status.map_err(|error| {
            Error::new(Kind::Plugin, "lost cargo while it was testing").cause(error)
        })
    }
}
