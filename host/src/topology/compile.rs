//! Calls cargo to compile a plugin's library. Whether that is necessary, and where the library goes, is decided in
//! [`plugin_library`](super::plugin_library).

use std::collections::BTreeSet;
use std::ffi::{OsStr, OsString};
use std::io;
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{ExitStatus, Stdio};
use std::sync::Arc;

use futures_util::future::BoxFuture;
use rustix::process::{Pid, Signal, kill_process_group};
use tokio::process::{Child, Command};
use tokio::task::JoinHandle;

use super::build_folder::BuildFolder;
use super::cargo_config;
use super::cargo_output::{BuildOutput, Built, read_messages};
use super::printed::lines;
use super::target_triple::target;
use crate::error::{Error, Kind, Result};

/// Receives a line of cargo's or the compiler's output, without its end. The future resolves when it is ready for more.
pub type OnLine = Arc<dyn Fn(&str) -> BoxFuture<'static, ()> + Send + Sync>;

/// The cargo that compiles plugins, with its environment.
#[derive(Clone)]
pub struct Cargo {
    program: OsString,
    environment: Vec<(OsString, OsString)>,
    folder: BuildFolder,
    on_line: Option<OnLine>,
}

impl Cargo {
    /// The `cargo` on PATH with the environment of this process, without the variables of an outer cargo: under
    /// `cargo run` and `cargo test` they describe another crate and select a toolchain.
    ///
    /// Variables of the user are kept (CARGO_HOME, CARGO_NET_*, RUSTFLAGS, RUSTC_WRAPPER, ...) except CARGO_BUILD_TARGET,
    /// since the local machine loads the plugin; CARGO_TARGET_DIR has no effect. LD_LIBRARY_PATH keeps the additions of
    /// an outer cargo, whose libraries have names that no other toolchain looks for.
    pub fn from_environment(folder: BuildFolder) -> Cargo {
        Cargo::new("cargo", std::env::vars_os(), folder)
    }

    /// The cargo `program` (a name is looked up in the PATH of `environment`) with `environment`, without the variables
    /// of an outer cargo. It compiles in `folder`.
    pub fn new(
        program: impl Into<OsString>,
        environment: impl IntoIterator<Item = (OsString, OsString)>,
        folder: BuildFolder,
    ) -> Cargo {
        let mut environment: Vec<_> = environment.into_iter().collect();
        let is_nested = environment.iter().any(|(name, _)| name == "CARGO");
        environment.retain(|(name, _)| !is_from_outer_cargo(name, is_nested));
        Cargo {
            program: program.into(),
            environment,
            folder,
            on_line: None,
        }
    }

    /// Passes its output line by line to `on_line` instead of the stderr of this process.
    #[must_use]
    pub fn with_lines(self, on_line: OnLine) -> Cargo {
        Cargo {
            on_line: Some(on_line),
            ..self
        }
    }

    /// What gets its output, if not the stderr of this process.
    pub(super) fn on_line(&self) -> Option<OnLine> {
        self.on_line.clone()
    }

    /// The folder that it compiles in.
    pub(super) fn folder(&self) -> &BuildFolder {
        &self.folder
    }

    /// Compiles the crate in the folder `source` with its release profile and returns `lib<plugin>.so`, which exists
    /// until another crate is compiled: the caller holds the lock of the [folder](Cargo::folder). The output of cargo
    /// and the compiler goes to the stderr of this process, or line by line to the receiver set with
    /// [`with_lines`](Cargo::with_lines). There is no deadline. Dropping the future ends cargo and its compilers.
    ///
    /// # Errors
    /// [`Kind::Plugin`]; [`Kind::Interrupted`] if SIGINT ended cargo.
    pub async fn build(&self, source: &Path, plugin: &str) -> Result<Built> {
        self.folder
            .remove_library(plugin)
            .map_err(|error| self.unusable_folder(plugin, &error))?;
        let output = self.cargo_build(source, plugin).await?;
        let built = output.built(source, plugin)?;
        if !output.is_outdated(&built.sources) {
            return Ok(built);
        }
        self.cargo_clean(source, plugin, &output.packages()).await?;
        self.cargo_build(source, plugin)
            .await?
            .built(source, plugin)
    }

    async fn cargo_build(&self, source: &Path, plugin: &str) -> Result<BuildOutput> {
        let mut command = self.command("build", source);
        command
            .arg("--message-format=json-render-diagnostics")
            // The user's configuration may shorten paths in dependency files; no path is below this one.
            .env("CARGO_BUILD_DEP_INFO_BASEDIR", "/dev/null")
            .stdout(Stdio::piped());
        let mut running = self
            .spawn(command)
            .map_err(|error| self.not_run(plugin, &error))?;
        let output = match running.child.stdout.take() {
            Some(stdout) => read_messages(stdout).await,
            None => Ok(BuildOutput::default()),
        };
        let status = running.end().await;
        match output.and_then(|output| Ok((output, status?))) {
            Ok((output, status)) if status.success() => Ok(output),
            Ok((_, status)) => Err(self.with_noexec(failed(source, plugin, status))),
            Err(error) => {
                Err(Error::new(Kind::Plugin, "lost cargo while it was compiling").cause(error))
            }
        }
    }

    /// Discards what cargo compiled of `packages`.
    async fn cargo_clean(
        &self,
        source: &Path,
        plugin: &str,
        packages: &BTreeSet<String>,
    ) -> Result<()> {
        let mut command = self.command("clean", source);
        command
            .arg("--quiet")
            .args(packages.iter().flat_map(|package| ["--package", package]))
            .stdout(Stdio::null());
        let status = match self.spawn(command) {
            Ok(running) => running.end().await,
            Err(error) => Err(error),
        };
        match status {
            Ok(status) if status.success() => Ok(()),
            Ok(status) => Err(Error::new(
                Kind::Plugin,
                format!("failed to compile plugin `{plugin}` again"),
            )
            .cause(format!(
                "cargo clean failed with {status}; see its messages above"
            ))),
            Err(error) => Err(self.not_run(plugin, &error)),
        }
    }

    pub(super) fn command(&self, verb: &str, source: &Path) -> Command {
        let mut command = Command::new(&self.program);
        command
            .args([verb, "--release", "--manifest-path"])
            .arg(source.join("Cargo.toml"))
            .arg("--target-dir")
            .arg(self.folder.path())
            // Rustup looks for `rust-toolchain.toml` here, and cargo for `.cargo/config.toml`.
            .current_dir(source)
            .env_clear()
            .envs(self.environment.iter().map(|(name, value)| (name, value)))
            // Compiling an edit then takes a tenth of the time; libraries to be shipped are built in other ways.
            .envs(
                self.variable("CARGO_INCREMENTAL")
                    .is_none()
                    .then_some(("CARGO_INCREMENTAL", "1")),
            )
            // The user's configuration may put intermediate files, which are to be shared, elsewhere.
            .env("CARGO_BUILD_BUILD_DIR", self.folder.path())
            .stdin(Stdio::null())
            .stderr(if self.on_line.is_some() {
                Stdio::piped()
            } else {
                Stdio::inherit()
            })
            .process_group(0);
        // Only if necessary: with a target, cargo compiles into another folder and reuses nothing that is already
        // compiled.
        if cargo_config::has_target(source, self.home().as_deref()) {
            command.args(["--target", &target()]);
        }
        command
    }

    fn variable(&self, name: &str) -> Option<&Path> {
        self.environment
            .iter()
            .find(|(found, _)| found == name)
            .map(|(_, value)| Path::new(value))
    }

    /// Cargo's home folder.
    fn home(&self) -> Option<PathBuf> {
        self.variable("CARGO_HOME")
            .map(Path::to_path_buf)
            .or_else(|| Some(self.variable("HOME")?.join(".cargo")))
    }

    /// Adds a cause to the error if build scripts cannot run where cargo compiles.
    pub(super) fn with_noexec(&self, error: Error) -> Error {
        let folder = self.folder.path();
        if error.kind() != Kind::Plugin || !cargo_config::is_noexec(folder) {
            return error;
        }
        error.cause(format!(
            "`{}` is mounted noexec, so no build script can run there",
            folder.display()
        ))
    }

    /// The error for a build folder that cannot be written to.
    pub(super) fn unusable_folder(&self, plugin: &str, error: &io::Error) -> Error {
        let message = format!(
            "cannot compile plugin `{plugin}` in `{}`",
            self.folder.path().display()
        );
        Error::new(Kind::Plugin, message)
            .cause(error)
            .hint("choose a writable folder with `--clusterdock-config-directory`")
    }

    pub(super) fn spawn(&self, mut command: Command) -> io::Result<Running> {
        let mut child = command.spawn()?;
        let stderr = child.stderr.take().zip(self.on_line.clone());
        let output =
            stderr.map(|(stderr, on_line)| tokio::spawn(lines(stderr, move |line| on_line(line))));
        Ok(Running { child, output })
    }

    pub(super) fn not_run(&self, plugin: &str, error: &io::Error) -> Error {
        let program = self.program.display();
        if error.kind() != io::ErrorKind::NotFound {
            return Error::new(Kind::Plugin, format!("cannot run `{program}`")).cause(error);
        }
        let missing = Error::new(
            Kind::Plugin,
            format!("cannot compile plugin `{plugin}`: cargo not found"),
        )
        .cause(format!("`{program}` is not on PATH"));
        let bin = self
            .variable("HOME")
            .map(|home| home.join(".cargo/bin"))
            .filter(|bin| bin.join("cargo").is_file());
        match bin {
            Some(bin) => missing.hint(format!(
                "it is installed in `{0}`: run `export PATH={0}:$PATH`",
                bin.display()
            )),
            None => missing.hint(format!(
                "install Rust (https://rustup.rs), or put a prebuilt library into the topology folder as \
                 `lib/{}/lib{plugin}.so`",
                target()
            )),
        }
    }
}

/// Whether cargo or rustup sets the variable for the programs they run. RUSTUP_TOOLCHAIN may come from the user instead,
/// unless there is an outer cargo.
fn is_from_outer_cargo(name: &OsStr, is_nested: bool) -> bool {
    const NAMES: &[&str] = &[
        "CARGO",
        "CARGO_BIN_NAME",
        "CARGO_BUILD_TARGET",
        "CARGO_CRATE_NAME",
        "CARGO_MAKEFLAGS",
        "CARGO_MANIFEST_DIR",
        "CARGO_MANIFEST_LINKS",
        "CARGO_MANIFEST_PATH",
        "CARGO_PRIMARY_PACKAGE",
        "CARGO_TARGET_TMPDIR",
        "OUT_DIR",
        "RUST_RECURSION_COUNT",
        "RUSTUP_TOOLCHAIN_SOURCE",
    ];
    const PREFIXES: &[&str] = &[
        "CARGO_BIN_EXE_",
        "CARGO_CFG_",
        "CARGO_FEATURE_",
        "CARGO_PKG_",
    ];
    let name = name.to_string_lossy();
    NAMES.contains(&&*name)
        || PREFIXES.iter().any(|prefix| name.starts_with(prefix))
        || (is_nested && name == "RUSTUP_TOOLCHAIN")
}

/// A running cargo, in its own process group together with its compilers. Dropping it ends them all.
pub(super) struct Running {
    pub(super) child: Child,
    /// Passes its output on, if lines are wanted.
    output: Option<JoinHandle<()>>,
}

impl Running {
    pub(super) async fn end(mut self) -> io::Result<ExitStatus> {
        let status = self.child.wait().await;
        if let Some(output) = self.output.take() {
            output.await?;
        }
        status
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // Without an id, it has already ended.
        if let Some(group) = self
            .child
            .id()
            .and_then(|id| Pid::from_raw(id.cast_signed()))
        {
            // It may have ended in the meantime.
            kill_process_group(group, Signal::TERM).ok();
        }
    }
}

/// The error for a cargo that has failed: it was interrupted, or the crate does not compile.
pub(super) fn failed(source: &Path, plugin: &str, status: ExitStatus) -> Error {
    if status.signal() == Some(rustix::process::Signal::INT.as_raw()) {
        return Error::new(
            Kind::Interrupted,
            format!("interrupted while compiling plugin `{plugin}`"),
        );
    }
    let again = format!(
        "cargo build --release --manifest-path {}",
        source.join("Cargo.toml").display()
    );
    Error::new(Kind::Plugin, format!("failed to compile plugin `{plugin}`"))
        .cause(format!(
            "cargo failed with {status}; see its messages above"
        ))
        .hint(format!(
            "fix the errors and try again; to compile it alone, run `{again}`"
        ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kept(environment: &[&str]) -> Vec<String> {
        let environment = environment
            .iter()
            .map(|name| (OsString::from(name), OsString::from("x")));
        Cargo::new(
            "cargo",
            environment,
            BuildFolder::below(Path::new("/config")),
        )
        .environment
        .into_iter()
        .map(|(name, _)| name.into_string().unwrap())
        .collect()
    }

    #[test]
    fn variables_of_an_outer_cargo_are_dropped() {
        let left = [
            "CARGO",
            "CARGO_MANIFEST_DIR",
            "CARGO_PKG_NAME",
            "CARGO_BIN_EXE_clusterdock",
            "OUT_DIR",
        ];
        let users = [
            "PATH",
            "CARGO_HOME",
            "CARGO_TARGET_DIR",
            "CARGO_NET_OFFLINE",
            "CARGO_BUILD_JOBS",
            "RUSTFLAGS",
        ];
        assert_eq!(kept(&[&left[..], &users[..]].concat()), users);
    }

    #[test]
    fn the_toolchain_of_an_outer_cargo_is_dropped() {
        assert_eq!(kept(&["RUSTUP_TOOLCHAIN"]), ["RUSTUP_TOOLCHAIN"]);
        assert!(kept(&["RUSTUP_TOOLCHAIN", "CARGO"]).is_empty());
    }

    #[test]
    fn a_plugin_is_compiled_for_the_local_machine() {
        assert!(kept(&["CARGO_BUILD_TARGET"]).is_empty());
    }

    #[test]
    fn an_interrupted_compilation_is_not_a_failed_one() {
        let ended = |raw| failed(Path::new("/crate"), "tiny", ExitStatus::from_raw(raw)).kind();
        assert_eq!(
            ended(rustix::process::Signal::INT.as_raw()),
            Kind::Interrupted
        );
        assert_eq!(ended(101 << 8), Kind::Plugin);
    }
}
