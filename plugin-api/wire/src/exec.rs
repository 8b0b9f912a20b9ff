//! Commands on nodes, and their output.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// A command with its settings.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Exec {
    /// What is run.
    pub command: Command,
    /// `USER[:GROUP]`. Default: root.
    #[serde(default = "root")]
    pub user: String,
    /// Additional environment variables.
    #[serde(default)]
    pub environment: BTreeMap<String, String>,
    /// Working directory. Default: that of the container.
    #[serde(default)]
    pub working_directory: Option<String>,
    /// Whether to show its output to the user while it runs. Default: no, only the last lines if it fails.
    #[serde(default)]
    pub show: bool,
    /// Whether to run it in the background. Default: no.
    #[serde(default)]
    pub detached: bool,
    /// Milliseconds after which it is killed, which is an error. Default: none, only the deadline of the start.
    #[serde(default)]
    pub timeout_ms: Option<u64>,
}

/// What a command is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// A program and its arguments.
    Argv(Vec<String>),
    /// A text for a shell's `-c`.
    Shell {
        /// The text.
        text: String,
        /// The shell, such as `/bin/sh`.
        shell: String,
    },
}

fn root() -> String {
    "0".into()
}

impl Exec {
    /// This command as root, quietly.
    pub fn new(command: Command) -> Exec {
        Exec {
            command,
            user: root(),
            environment: BTreeMap::new(),
            working_directory: None,
            show: false,
            detached: false,
            timeout_ms: None,
        }
    }
}

impl Command {
    /// A text for `/bin/sh -c`.
    pub fn shell(text: impl Into<String>) -> Command {
        Command::Shell {
            text: text.into(),
            shell: "/bin/sh".into(),
        }
    }

    /// The argument vector that is run.
    pub fn argv(&self) -> Vec<String> {
        match self {
            Command::Argv(argv) => argv.clone(),
            Command::Shell { text, shell } => vec![shell.clone(), "-c".into(), text.clone()],
        }
    }
}

/// As a user would type it: a shell's text, or words with quotes where they need some.
impl std::fmt::Display for Command {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let argv = match self {
            Command::Shell { text, .. } => return f.write_str(text),
            Command::Argv(argv) => argv,
        };
        for (at, word) in argv.iter().enumerate() {
            if at > 0 {
                f.write_str(" ")?;
            }
            let is_plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
            if !word.is_empty() && word.chars().all(is_plain) {
                f.write_str(word)?;
            } else {
                write!(f, "'{}'", word.replace('\'', r"'\''"))?;
            }
        }
        Ok(())
    }
}

/// The result of a command on a node. What it wrote is in the payload of the answer, node after node.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Output {
    /// The node's FQDN.
    pub node: String,
    /// 0 on success; also for a command in the background.
    pub exit_code: i64,
    /// The pieces of the payload, in the order of arrival, as far as that is defined.
    pub chunks: Vec<Chunk>,
}

/// A piece of a command's output.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Chunk {
    /// Where it was written to.
    pub stream: Stream,
    /// Its bytes in the payload.
    pub length: u64,
}

/// A stream of a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stream {
    /// Standard output.
    Stdout,
    /// Standard error.
    Stderr,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_it_would_be_typed() {
        let argv = ["etcdctl", "put", "a b", "", "it's", "--x=1"];
        let command = Command::Argv(argv.map(String::from).to_vec());
        assert_eq!(command.to_string(), r"etcdctl put 'a b' '' 'it'\''s' --x=1");
        assert_eq!(Command::shell("a | b").to_string(), "a | b");
    }
}
