//! Commands: a program with its arguments, or a line for a shell.

use std::fmt;

use crate::wire;

/// A command: a program with its arguments, which need no quoting, or text for `/bin/sh -c`.
///
/// ```
/// use clusterdock_plugin_api::{Exec, Node, PlannedNode, Result};
///
/// fn serve(node: &PlannedNode) {
///     node.command(["etcd", "--name", node.hostname()]);
///     node.command(format!("umask 077; exec etcd --name {}", node.hostname()));
/// }
///
/// fn store(node: &Node, key: &str, value: &str) -> Result<()> {
///     node.execute(["etcdctl", "put", key, value])?; // whatever they contain
///     node.execute("etcdctl get --prefix '' | wc -l")?;
///     node.execute(Exec::new(["id", "-u"]).user("postgres"))?;
///     Ok(())
/// }
/// ```
///
/// Arrays, `Vec` and slices of texts convert into the former, a text into the latter. Since 1.0.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Command(Words);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Words {
    Argv(Vec<String>),
    Shell(String),
}

impl Command {
    /// The command as arguments; those of a shell for a text.
    pub(crate) fn into_argv(self) -> Vec<String> {
        match self.0 {
            Words::Argv(argv) => argv,
            Words::Shell(text) => vec!["/bin/sh".into(), "-c".into(), text],
        }
    }

    pub(crate) fn to_wire(&self, shell: &str) -> wire::Command {
        match &self.0 {
            Words::Argv(argv) => wire::Command::Argv(argv.clone()),
            Words::Shell(text) => wire::Command::Shell {
                text: text.clone(),
                shell: shell.into(),
            },
        }
    }

    /// With the shell, if it is for one.
    pub(crate) fn from_wire(command: &wire::Command) -> (Command, Option<String>) {
        match command {
            wire::Command::Argv(argv) => (Command(Words::Argv(argv.clone())), None),
            wire::Command::Shell { text, shell } => {
                (Command(Words::Shell(text.clone())), Some(shell.clone()))
            }
        }
    }

    /// The command as text for a shell.
    pub(crate) fn into_shell(self) -> String {
        match self.0 {
            Words::Argv(argv) => shell_words(&argv),
            Words::Shell(text) => text,
        }
    }
}

/// As a shell would read it.
impl fmt::Display for Command {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.clone().into_shell())
    }
}

fn shell_words(argv: &[String]) -> String {
    let words: Vec<String> = argv.iter().map(|word| quoted(word)).collect();
    words.join(" ")
}

fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=@%+,".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

impl From<&str> for Command {
    fn from(text: &str) -> Command {
        Command(Words::Shell(text.into()))
    }
}

impl From<String> for Command {
    fn from(text: String) -> Command {
        Command(Words::Shell(text))
    }
}

impl From<&String> for Command {
    fn from(text: &String) -> Command {
        Command(Words::Shell(text.clone()))
    }
}

impl<S: Into<String>, const N: usize> From<[S; N]> for Command {
    fn from(argv: [S; N]) -> Command {
        Command(Words::Argv(argv.into_iter().map(Into::into).collect()))
    }
}

impl<S: Into<String>> From<Vec<S>> for Command {
    fn from(argv: Vec<S>) -> Command {
        Command(Words::Argv(argv.into_iter().map(Into::into).collect()))
    }
}

impl<S: Into<String> + Clone> From<&[S]> for Command {
    fn from(argv: &[S]) -> Command {
        Command(Words::Argv(argv.iter().cloned().map(Into::into).collect()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_shown_as_a_shell_would_read_it() {
        let command = Command::from(["put", "it's", "", "a=b/c"]);
        assert_eq!(command.to_string(), r"put 'it'\''s' '' a=b/c");
        assert_eq!(Command::from("a | b").to_string(), "a | b");
    }

    #[test]
    fn text_is_run_by_a_shell() {
        assert_eq!(
            Command::from("a | b").into_argv(),
            ["/bin/sh", "-c", "a | b"]
        );
        assert_eq!(Command::from(["a", "|"]).into_argv(), ["a", "|"]);
    }
}
