//! Commands on nodes: how they are run, and what they gave.

use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// A command and how it is run.
///
/// ```
/// use clusterdock_plugin_api::Exec;
/// use std::time::Duration;
///
/// Exec::new("hdfs namenode -format").user("hdfs").timeout(Duration::from_secs(60)).quiet();
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Exec {
    /// Run by the shell, unless there is none.
    pub command: String,
    /// What runs the command, with `-c`. Default: `/bin/sh`.
    pub shell: String,
    /// `USER[:GROUP]`. Default: root.
    pub user: String,
    /// Environment variables beside the container's.
    pub environment: BTreeMap<String, String>,
    /// The folder it starts in. Default: the container's.
    pub working_directory: Option<String>,
    /// Whether its output is left out of the user's report. Default: no.
    pub quiet: bool,
    /// Whether to return at once and leave it running. Default: no.
    pub detached: bool,
    /// Whether an exit code other than 0 is the caller's business. Default: it is an error.
    pub may_fail: bool,
    /// Milliseconds after which it is ended and an error. Default: none; the start's own deadline holds.
    pub timeout_ms: Option<u64>,
    /// Bytes given to its standard input. Default: none.
    pub stdin: Option<String>,
}

impl Default for Exec {
    fn default() -> Exec {
        Exec {
            command: String::new(),
            shell: "/bin/sh".into(),
            user: "0".into(),
            environment: BTreeMap::new(),
            working_directory: None,
            quiet: false,
            detached: false,
            may_fail: false,
            timeout_ms: None,
            stdin: None,
        }
    }
}

impl Exec {
    /// A command for `/bin/sh -c`, as root.
    pub fn new(command: impl Into<String>) -> Exec {
        Exec { command: command.into(), ..Exec::default() }
    }

    /// Another shell than `/bin/sh`.
    #[must_use]
    pub fn shell(mut self, shell: impl Into<String>) -> Exec {
        self.shell = shell.into();
        self
    }

    /// Another user than root, `USER[:GROUP]`.
    #[must_use]
    pub fn user(mut self, user: impl Into<String>) -> Exec {
        self.user = user.into();
        self
    }

    /// Sets an environment variable.
    #[must_use]
    pub fn environment(mut self, name: impl Into<String>, value: impl Into<String>) -> Exec {
        self.environment.insert(name.into(), value.into());
        self
    }

    /// The folder it starts in.
    #[must_use]
    pub fn working_directory(mut self, path: impl Into<String>) -> Exec {
        self.working_directory = Some(path.into());
        self
    }

    /// Leaves its output out of the user's report.
    #[must_use]
    pub fn quiet(mut self) -> Exec {
        self.quiet = true;
        self
    }

    /// Returns at once and leaves it running. Its output and its failure are never told, unless it writes into the
    /// node's log, which `clusterdock logs` and [`Probe::log`](crate::Probe::log) read. It ends with the node and
    /// does not come back with it: what has to is the node's own [command](crate::NodeSpec::command).
    ///
    /// ```
    /// # use clusterdock_plugin_api::Exec;
    /// Exec::new("exec start-server > /proc/1/fd/1 2>&1").detached();
    /// ```
    #[must_use]
    pub fn detached(mut self) -> Exec {
        self.detached = true;
        self
    }

    /// Makes an exit code other than 0 the caller's business.
    #[must_use]
    pub fn may_fail(mut self) -> Exec {
        self.may_fail = true;
        self
    }

    /// Ends it after so long, which is then an error.
    #[must_use]
    pub fn timeout(mut self, timeout: Duration) -> Exec {
        self.timeout_ms = Some(u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX));
        self
    }

    /// Text for its standard input.
    #[must_use]
    pub fn stdin(mut self, text: impl Into<String>) -> Exec {
        self.stdin = Some(text.into());
        self
    }
}

impl<S: Into<String>> From<S> for Exec {
    fn from(command: S) -> Exec {
        Exec::new(command)
    }
}

/// What a command gave.
///
/// ```
/// use clusterdock_plugin_api::{testing::FakeHost, Exec};
///
/// # fn main() -> clusterdock_plugin_api::Result<()> {
/// let cluster = FakeHost::new().node("nodes", "node-1").answer_with("systemctl is-active app", 3, "inactive\n").cluster();
/// let output = cluster.node("node-1")?.execute(Exec::new("systemctl is-active app").may_fail())?;
/// assert_eq!((output.success(), output.exit_code, output.text()), (false, 3, "inactive"));
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Output {
    /// The node's FQDN.
    pub node: String,
    /// 0 when all went well.
    pub exit_code: i64,
    /// Standard output; bytes that are not UTF-8 are replaced.
    pub stdout: String,
    /// Standard error.
    pub stderr: String,
    /// Both, in the order in which they came, as far as two streams have one.
    pub output: String,
}

impl Output {
    /// Standard output without white space at its ends, for `let version = node.execute("java -version")?.text()`.
    pub fn text(&self) -> &str {
        self.stdout.trim()
    }

    /// Whether the exit code is 0.
    pub fn success(&self) -> bool {
        self.exit_code == 0
    }
}
