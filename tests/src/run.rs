//! Runs of the program: a process with arguments, an environment and a folder, checked by its exit code and its output.

use std::ffi::OsString;
use std::io::{BufRead, BufReader};
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStderr, Command, Output, Stdio};

use crate::program::clusterdock;

/// A run in preparation. It has its own config directory, and inherits no `CLUSTERDOCK_` variable.
pub struct Run {
    arguments: Vec<OsString>,
    environment: Vec<(OsString, OsString)>,
    folder: PathBuf,
    config: Config,
}

/// The config directory: the run's own, or a shared one.
enum Config {
    Own(tempfile::TempDir),
    Shared(PathBuf),
}

/// Asserts that a process succeeded; shows its standard error if not.
#[track_caller]
pub fn assert_success(output: &Output) {
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{stderr}");
}

/// A completed run.
pub struct Ran {
    /// The exit code; -1 after a signal.
    pub code: i32,
    /// Its standard output.
    pub stdout: String,
    /// Its standard error.
    pub stderr: String,
}

impl Run {
    /// `clusterdock ARGUMENTS`.
    pub fn new<S: Into<OsString>>(arguments: impl IntoIterator<Item = S>) -> Run {
        Run {
            arguments: arguments.into_iter().map(Into::into).collect(),
            environment: Vec::new(),
            folder: crate::cargo::workspace().into(),
            config: Config::Own(config_directory()),
        }
    }

    /// `clusterdock ARGUMENTS`, split at spaces.
    pub fn line(arguments: &str) -> Run {
        Run::new(arguments.split_whitespace())
    }

    /// Adds arguments.
    #[must_use]
    pub fn args<S: Into<OsString>>(mut self, arguments: impl IntoIterator<Item = S>) -> Run {
        self.arguments.extend(arguments.into_iter().map(Into::into));
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn env(mut self, name: &str, value: impl Into<OsString>) -> Run {
        self.environment.push((name.into(), value.into()));
        self
    }

    /// Sets the working directory. Default: the workspace's folder.
    #[must_use]
    pub fn folder(mut self, folder: &Path) -> Run {
        self.folder = folder.into();
        self
    }

    /// Uses a config directory that other runs use too.
    #[must_use]
    pub fn config(mut self, folder: &Path) -> Run {
        self.config = Config::Shared(folder.into());
        self
    }

    /// The process, not started: its standard input is empty, its outputs are captured.
    pub fn command(&self) -> Command {
        let mut command = Command::new(clusterdock());
        for (name, _) in std::env::vars_os() {
            if name.to_string_lossy().starts_with("CLUSTERDOCK_") {
                command.env_remove(name);
            }
        }
        let config = match &self.config {
            Config::Own(folder) => folder.path(),
            Config::Shared(folder) => folder,
        };
        command
            .env("CLUSTERDOCK_CONFIG_DIRECTORY", config)
            .envs(self.environment.iter().cloned());
        command.current_dir(&self.folder).args(&self.arguments);
        command
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        command
    }

    /// Runs it to completion.
    pub fn run(&self) -> Ran {
        Ran::from(self.command().output().expect("the program starts"))
    }

    /// Starts it. Returns the process, and the rest of its standard error, as soon as that contains `text`.
    ///
    /// # Panics
    /// It ends before.
    #[track_caller]
    pub fn until(&self, text: &str) -> (Child, BufReader<ChildStderr>) {
        let mut child = self.command().spawn().expect("the program starts");
        let mut story = BufReader::new(child.stderr.take().expect("it is captured"));
        let mut line = String::new();
        while story.read_line(&mut line).expect("it writes text") > 0 {
            if line.contains(text) {
                return (child, story);
            }
            line.clear();
        }
        panic!(
            "{:?} ended without `{text}`: {:?}",
            self.arguments,
            child.wait()
        );
    }

    /// Runs it, and expects success.
    #[track_caller]
    pub fn succeeds(&self) -> Ran {
        let ran = self.run();
        assert_eq!(
            ran.code, 0,
            "{:?} failed:\n{}{}",
            self.arguments, ran.stdout, ran.stderr
        );
        ran
    }

    /// Runs it, and expects this exit code and all these texts on standard error.
    #[track_caller]
    pub fn fails(&self, code: i32, texts: &[&str]) -> Ran {
        let ran = self.run();
        assert_eq!(
            ran.code, code,
            "{:?} wrote:\n{}{}",
            self.arguments, ran.stdout, ran.stderr
        );
        for text in texts {
            assert!(
                ran.stderr.contains(text),
                "{:?} does not say `{text}`:\n{}",
                self.arguments,
                ran.stderr
            );
        }
        ran
    }
}

/// An empty config directory with a link to the workspace's target folder, so that not every test compiles the
/// dependencies of plugins again.
///
/// # Panics
/// No temporary folder can be created.
pub fn config_directory() -> tempfile::TempDir {
    let config = tempfile::tempdir().expect("there is room for temporary files");
    std::os::unix::fs::symlink(crate::cargo::target(), config.path().join("target"))
        .expect("the folder is empty");
    config
}

impl From<Output> for Ran {
    fn from(output: Output) -> Ran {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        Ran {
            code: output.status.code().unwrap_or(-1),
            stdout: text(&output.stdout),
            stderr: text(&output.stderr),
        }
    }
}
