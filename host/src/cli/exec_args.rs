//! Arguments of `ssh` and `exec`, and where the command begins in them.
//!
//! Without `--`, the command of `exec` follows the first name, as in docker; if options select the nodes, no name is
//! expected, and the first word begins the command. With `--`, any number of names may precede it. Clap cannot express
//! that choice, so `exec` has three forms.

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{ArgAction, ArgMatches, Args};
use clusterdock_plugin_wire::value::duration;

use super::selection::SelectionArgs;

/// Arguments of `ssh`.
#[derive(Debug, Args)]
pub struct Ssh {
    /// Node: FQDN, CLUSTER/HOSTNAME, or a host name, if unique
    #[arg(value_name = "NODE")]
    pub node: String,
    /// User to run as: NAME|UID[:GROUP]
    #[arg(short, long, default_value = "0", hide_default_value = true)]
    pub user: String,
    /// Do not read standard input
    #[arg(short, long)]
    pub no_stdin: bool,
    /// Allocate a terminal, even if standard output is not one
    #[arg(short, long, conflicts_with = "no_stdin")]
    pub tty: bool,
    /// Command to run instead of a login shell
    #[arg(trailing_var_arg = true, value_name = "CMD")]
    pub command: Vec<String>,
}

/// Arguments of `exec`.
#[derive(Debug, Args)]
#[command(override_usage = "clusterdock exec [OPTIONS] NODE CMD...\n       \
    clusterdock exec [OPTIONS] -g GROUP|-c CLUSTER|--all CMD...\n       \
    clusterdock exec [OPTIONS] NAME... -- CMD...")]
pub struct Exec {
    /// Which nodes.
    #[command(flatten)]
    pub selection: SelectionArgs,
    /// Only nodes of this cluster
    #[arg(short, long, value_name = "CLUSTER", conflicts_with = "names")]
    pub cluster: Option<String>,
    /// User to run as: NAME|UID[:GROUP]
    #[arg(short, long, default_value = "0", hide_default_value = true)]
    pub user: String,
    /// Working directory
    #[arg(short, long, value_name = "PATH")]
    pub workdir: Option<String>,
    /// Set an environment variable
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// Pass standard input to the command
    #[arg(short, long, conflicts_with_all = ["groups", "all", "detach"])]
    pub interactive: bool,
    /// Allocate a terminal
    #[arg(short, long, conflicts_with_all = ["groups", "all", "detach"])]
    pub tty: bool,
    /// Run in the background
    #[arg(short, long)]
    pub detach: bool,
    /// Time limit, e.g. 90s or 5m
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub timeout: Option<std::time::Duration>,
    /// Command to run
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<String>,
    /// Whether the command was typed without `--`.
    #[arg(skip)]
    pub is_bare: bool,
}

/// Whether the arguments contain a `--`.
pub(super) fn has_dashes(argv: &[OsString]) -> bool {
    argv.iter().any(|word| word == "--")
}

/// The form of `exec` without `--` whose nodes are selected by options: a command of any words, options included.
pub(super) fn without_names(exec: clap::Command) -> clap::Command {
    // An option that nobody can type takes the place of the names, since every argument that is read must exist.
    exec.mut_arg("names", |names| names.long("no names").hide(true))
        .mut_arg("command", after_options)
}

/// Whether options select the nodes of this command.
pub(super) fn selects((name, args): (&str, &ArgMatches)) -> bool {
    name == "exec"
        && ["groups", "cluster", "nodes", "all"].iter().any(|option| {
            // The switch has a value in any case.
            args.value_source(option) == Some(ValueSource::CommandLine)
        })
}

/// The form of `exec` without `--` with one name, and a command of any words.
pub(super) fn with_one_name(exec: clap::Command) -> clap::Command {
    exec.mut_arg("names", |names| {
        names.num_args(1).action(ArgAction::Set).required(true)
    })
    .mut_arg("command", after_options)
}

fn after_options(command: clap::Arg) -> clap::Arg {
    command.last(false).trailing_var_arg(true)
}

#[cfg(test)]
mod tests {
    use super::super::{Command, command_for, read};
    use super::*;

    fn parsed(line: &str) -> Result<Command, String> {
        let argv: Vec<OsString> = line.split(' ').map(Into::into).collect();
        let matches = command_for(&argv)
            .try_get_matches_from(&argv)
            .map_err(|error| error.to_string())?;
        Ok(read(&matches, &argv).unwrap().command)
    }

    fn exec(line: &str) -> Exec {
        match parsed(&format!("clusterdock exec {line}")) {
            Ok(Command::Exec(exec)) => exec,
            other => panic!("{line}: {other:?}"),
        }
    }

    fn assert_splits(line: &str, names: &[&str], command: &[&str]) {
        let exec = exec(line);
        assert_eq!(exec.selection.names, names, "{line}");
        assert_eq!(exec.command, command, "{line}");
    }

    #[test]
    fn the_command_follows_the_first_name() {
        assert_splits("n hostname", &["n"], &["hostname"]);
        assert_splits("-it n bash -c x", &["n"], &["bash", "-c", "x"]);
        assert_splits("-ti n ls -a --all", &["n"], &["ls", "-a", "--all"]);
        assert_splits(
            "-u nobody -w /tmp -e A=1 n env -u A",
            &["n"],
            &["env", "-u", "A"],
        );
        assert_splits("n --timeout 1m sleep 9", &["n"], &["sleep", "9"]);
        assert_splits("ux -g web ls -l", &["ux"], &["ls", "-l"]);
        for wrong in ["n", "ux --all ls", "", "n -c ux ls", "-x n ls"] {
            let line = format!("clusterdock exec {wrong}");
            assert!(parsed(line.trim()).is_err(), "{line}");
        }
        assert!(exec("-it n bash").tty);
        assert!(exec("-d n sleep 9").detach);
        assert_eq!(exec("n ls -u me").user, "0");
    }

    #[test]
    fn if_options_select_nodes_the_first_word_begins_the_command() {
        for option in ["-g web", "--all", "-a", "-c ux", "--node n", "--all -c ux"] {
            assert_splits(&format!("{option} hostname"), &[], &["hostname"]);
            assert_splits(&format!("{option} ls -l a"), &[], &["ls", "-l", "a"]);
            assert_splits(&format!("{option} -- ls -l a"), &[], &["ls", "-l", "a"]);
        }
    }

    #[test]
    fn names_stand_before_the_first_dashes() {
        assert_splits("a b -- ls -l", &["a", "b"], &["ls", "-l"]);
        assert_splits("a --timeout 1m -- sh -c x", &["a"], &["sh", "-c", "x"]);
        assert_splits("ux -g web -- ls", &["ux"], &["ls"]);
        assert_splits(
            "a -- git checkout -- f",
            &["a"],
            &["git", "checkout", "--", "f"],
        );
        assert!(parsed("clusterdock exec -c ux a -- ls").is_err());
        assert!(parsed("clusterdock exec a --").is_err());
    }

    #[test]
    fn the_command_of_ssh_follows_the_node() {
        for (line, command) in [
            ("n hostname -f", &["hostname", "-f"][..]),
            ("n -- hostname -f", &["hostname", "-f"]),
            ("-t n top", &["top"]),
            ("n -u me ls -u x", &["ls", "-u", "x"]),
            ("n git checkout -- f", &["git", "checkout", "--", "f"]),
            ("n", &[]),
        ] {
            match parsed(&format!("clusterdock ssh {line}")) {
                Ok(Command::Ssh(ssh)) => {
                    assert_eq!(
                        (ssh.node.as_str(), &ssh.command[..]),
                        (
                            "n",
                            &command.iter().map(ToString::to_string).collect::<Vec<_>>()[..]
                        ),
                        "{line}"
                    );
                }
                other => panic!("{line}: {other:?}"),
            }
        }
    }
}
