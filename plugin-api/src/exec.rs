//! Commands that hooks run on nodes, with their settings and results.

use std::collections::BTreeMap;
use std::time::Duration;

use crate::Command;

/// A command with its settings. Everything that converts into a [`Command`] converts into an `Exec`, too.
///
/// ```
/// use clusterdock_plugin_api::Exec;
/// use std::time::Duration;
///
/// Exec::new(["hdfs", "namenode", "-format"]).user("hdfs").timeout(Duration::from_secs(60)).shown();
/// ```
///
/// Its output is kept from the user, unless it is [`shown`](Exec::shown) or the command fails. Since 1.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Exec {
    pub(crate) command: Command,
    pub(crate) shell: String,
    pub(crate) user: String,
    pub(crate) environment: BTreeMap<String, String>,
    pub(crate) working_directory: Option<String>,
    pub(crate) stdin: Vec<u8>,
    pub(crate) shown: bool,
    pub(crate) detached: bool,
    pub(crate) may_fail: bool,
    pub(crate) timeout: Option<Duration>,
}

impl Exec {
    /// A command, run as root.
    pub fn new(command: impl Into<Command>) -> Exec {
        Exec {
            command: command.into(),
            shell: "/bin/sh".into(),
            user: "0".into(),
            environment: BTreeMap::new(),
            working_directory: None,
            stdin: Vec::new(),
            shown: false,
            detached: false,
            may_fail: false,
            timeout: None,
        }
    }

    /// Uses another shell than `/bin/sh` for a command that is text.
    #[must_use]
    pub fn shell(mut self, shell: impl Into<String>) -> Exec {
        self.shell = shell.into();
        self
    }

    /// Runs it as another user than root: `USER[:GROUP]`.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Exec {
        self.user = user.into();
        self
    }

    /// Adds an environment variable to those of the node.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>, value: impl ToString) -> Exec {
        self.environment.insert(name.into(), value.to_string());
        self
    }

    /// Sets the working directory. Default: that of the node's command.
    #[must_use]
    pub fn working_directory(mut self, path: impl Into<String>) -> Exec {
        self.working_directory = Some(path.into());
        self
    }

    /// Sets its standard input, text or bytes. Default: none.
    #[must_use]
    pub fn stdin(mut self, input: impl AsRef<[u8]>) -> Exec {
        self.stdin = input.as_ref().to_vec();
        self
    }

    /// Shows its output to the user while it runs.
    #[must_use]
    pub fn shown(mut self) -> Exec {
        self.shown = true;
        self
    }

    /// Runs it in the background. Its output and failure are not reported unless it writes to the node's log, which
    /// `clusterdock logs` and [`Probe::log`](crate::Probe::log) read. It ends with the node and does not restart with it; a
    /// service is the node's [command](crate::PlannedNode::command).
    ///
    /// ```
    /// # use clusterdock_plugin_api::Exec;
    /// Exec::new("exec import-data > /proc/1/fd/1 2>&1").detached();
    /// ```
    #[must_use]
    pub fn detached(mut self) -> Exec {
        self.detached = true;
        self
    }

    /// Leaves exit codes other than 0 to the caller.
    #[must_use]
    pub fn may_fail(mut self) -> Exec {
        self.may_fail = true;
        self
    }

    /// Kills it after this time, which is an error. Default: none but the deadline of the hook.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Exec {
        self.timeout = Some(timeout);
        self
    }
}

impl<C: Into<Command>> From<C> for Exec {
    fn from(command: C) -> Exec {
        Exec::new(command)
    }
}

/// The result of a command.
///
/// ```
/// use clusterdock_plugin_api::{serde_json, Exec, Node, Result};
///
/// fn leader(node: &Node) -> Result<String> {
///     let status: serde_json::Value = serde_json::from_str(node.execute(["app", "status", "--json"])?.text())?;
///     Ok(status["leader"].to_string())
/// }
///
/// fn is_active(node: &Node) -> Result<bool> {
///     Ok(node.execute(Exec::new(["systemctl", "is-active", "app"]).may_fail())?.success())
/// }
/// ```
///
/// Since 1.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Output {
    pub(crate) node: String,
    pub(crate) exit_code: i64,
    pub(crate) stdout: Vec<u8>,
    pub(crate) stderr: Vec<u8>,
    pub(crate) text: String,
}

impl Output {
    pub(crate) fn new(node: &str, exit_code: i64, stdout: Vec<u8>, stderr: Vec<u8>) -> Output {
        Output {
            node: node.into(),
            exit_code,
            text: String::from_utf8_lossy(&stdout).trim().into(),
            stdout,
            stderr,
        }
    }

    /// The FQDN of the node.
    pub fn node(&self) -> &str {
        &self.node
    }

    /// The exit code. It is 0 unless the command [`may_fail`](Exec::may_fail).
    pub fn exit_code(&self) -> i64 {
        self.exit_code
    }

    /// Whether the exit code is 0.
    pub fn success(&self) -> bool {
        self.exit_code == 0
    }

    /// Standard output as text, trimmed; bytes that are not UTF-8 are replaced.
    pub fn text(&self) -> &str {
        &self.text
    }

    /// The lines of [`text`](Output::text).
    pub fn lines(&self) -> impl Iterator<Item = &str> {
        self.text.lines()
    }

    /// Standard output.
    pub fn stdout(&self) -> &[u8] {
        &self.stdout
    }

    /// Standard error.
    pub fn stderr(&self) -> &[u8] {
        &self.stderr
    }
}
