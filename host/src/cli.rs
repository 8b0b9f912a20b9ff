//! The command line: what can be typed, and how help tells it. Values are checked here; the inside never looks at a
//! string again.

pub mod cp;
pub mod duration;
pub mod lifecycle;
pub mod map;
pub mod size;
pub mod start;
pub mod topology_args;

use crate::report::{Color, Format, Progress, Settings};
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand};
use std::ffi::OsString;
use std::path::PathBuf;

/// Start clusters of host-like Docker containers from pluggable topologies.
#[derive(Debug, Parser)]
#[command(name = "clusterdock", version, subcommand_required = true, arg_required_else_help = true)]
pub struct Cli {
    /// Options of every command.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of every command.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Tell more
    #[arg(short, long, global = true)]
    pub verbose: bool,

    /// Where clusterdock keeps locks, logs, libraries and ssh keys
    #[arg(long, value_name = "PATH", global = true, env = "CLUSTERDOCK_CONFIG_DIRECTORY", hide_env = true)]
    pub clusterdock_config_directory: Option<PathBuf>,

    /// The engine: unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST [default: DOCKER_HOST, else Docker's current context]
    #[arg(short = 'H', long, value_name = "URL", global = true)]
    pub host: Option<String>,

    /// How to tell what happens
    #[arg(long, value_name = "HOW", global = true, default_value = "auto", hide_possible_values = true)]
    #[arg(help = "How to tell what happens: auto, tty, plain, json or quiet")]
    pub progress: Progress,

    /// When to use colour
    #[arg(long, value_name = "WHEN", global = true, default_value = "auto", hide_possible_values = true)]
    #[arg(help = "When to use colour: auto, always or never")]
    pub color: Color,
}

impl Global {
    /// What they say of the report.
    pub fn report_settings(&self) -> Settings {
        Settings { progress: self.progress, color: self.color, verbose: self.verbose }
    }
}

/// Every command but those that a topology's arguments belong to (see [`start`]).
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List nodes, by cluster
    Ps(List),
    /// List clusters
    Ls(List),
    /// Open a terminal on a node, or run one command there
    Ssh(Ssh),
    /// Run a command on nodes, in parallel
    Exec(Exec),
    /// Show what nodes wrote on their standard outputs
    Logs(lifecycle::Logs),
    /// Wait until nodes run and are ready
    Wait(lifecycle::Wait),
    /// Stop nodes; they keep addresses, ports and files
    Stop(lifecycle::Stop),
    /// Start nodes that have stopped, and wait until they are ready
    Resume(lifecycle::Resume),
    /// Stop nodes and start them again
    Restart(lifecycle::Restart),
    /// Freeze nodes
    Pause(lifecycle::Plain),
    /// Let frozen nodes go on
    Unpause(lifecycle::Plain),
    /// Kill nodes, or send them another signal
    Kill(lifecycle::Kill),
    /// Show everything about a cluster or a node, as JSON
    Inspect(lifecycle::Inspect),
    /// Print a cluster's names, addresses and ports as shell variables
    Env(lifecycle::Env),
    /// Print a cluster's nodes for ~/.ssh/config
    SshConfig(lifecycle::SshConfig),
    /// Copy files and folders between this machine and nodes, or from node to node
    Cp(cp::Cp),
    /// Remove clusters or nodes
    Rm(Rm),
    /// Remove everything of clusterdock's, or clusters by name
    Manage(Manage),
}

/// Arguments of `ps` and `ls`.
#[derive(Debug, Args)]
pub struct List {
    /// How to write it: table, json (one object) or jsonl (an object a line)
    #[arg(long, value_name = "FORMAT", default_value = "table", hide_possible_values = true)]
    pub format: Format,
    /// Names only
    #[arg(short, long, conflicts_with = "format")]
    pub quiet: bool,
}

impl List {
    /// How it is written, `-q` included.
    pub fn format(&self) -> Format {
        if self.quiet { Format::Quiet } else { self.format }
    }
}

/// Arguments of `ssh`.
#[derive(Debug, Args)]
pub struct Ssh {
    /// The node: FQDN, CLUSTER/HOSTNAME, or a host name that is there once
    #[arg(value_name = "NODE")]
    pub node: String,
    /// The user, as NAME or UID, with :GROUP if wanted
    #[arg(short, long, default_value = "0", hide_default_value = true)]
    pub user: String,
    /// A command in place of the login shell
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<String>,
}

/// Arguments of `exec`.
#[derive(Debug, Args)]
pub struct Exec {
    /// The node: FQDN, CLUSTER/HOSTNAME, or a host name that is there once
    #[arg(value_name = "NODE", required_unless_present_any = ["group", "all"], conflicts_with_all = ["group", "all"])]
    pub node: Option<String>,
    /// On the nodes of this group, as GROUP or CLUSTER/GROUP
    #[arg(short, long, value_name = "GROUP", conflicts_with = "all")]
    pub group: Option<String>,
    /// On every running node
    #[arg(short, long)]
    pub all: bool,
    /// Only nodes of this cluster
    #[arg(short, long, value_name = "CLUSTER", conflicts_with = "node")]
    pub cluster: Option<String>,
    /// The user, as NAME or UID, with :GROUP if wanted
    #[arg(short, long, default_value = "0", hide_default_value = true)]
    pub user: String,
    /// The folder it starts in
    #[arg(short, long, value_name = "PATH")]
    pub workdir: Option<String>,
    /// Set an environment variable
    #[arg(short, long, value_name = "NAME=VALUE")]
    pub env: Vec<String>,
    /// Leave it running and return at once
    #[arg(short, long)]
    pub detach: bool,
    /// No terminal, also where there is one
    #[arg(short = 'T', long)]
    pub no_tty: bool,
    /// End it after so long, as 90s or 5m
    #[arg(long, value_name = "TIME", value_parser = duration::parse)]
    pub timeout: Option<std::time::Duration>,
    /// The command
    #[arg(last = true, required = true, value_name = "CMD")]
    pub command: Vec<String>,
}

/// Arguments of `rm`.
#[derive(Debug, Args)]
pub struct Rm {
    /// Clusters by name, or nodes by FQDN, CLUSTER/HOSTNAME or host name
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// Print what would be removed, and stop
    #[arg(long)]
    pub dry_run: bool,
}

/// Arguments of `manage`.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Manage {
    /// Print what would be removed, and stop
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// What to do.
    #[command(subcommand)]
    pub action: ManageAction,
}

/// What `manage` does.
#[derive(Debug, Subcommand)]
pub enum ManageAction {
    /// Remove every cluster and network of clusterdock's
    Nuke {
        /// Also every other container and unused network of the engine
        #[arg(short, long)]
        all: bool,
        /// Do not ask
        #[arg(short, long)]
        yes: bool,
    },
    /// Remove clusters by name
    Remove {
        /// Also their networks, where nothing else is on them
        #[arg(short, long)]
        network: bool,
        /// Clusters by name
        #[arg(required = true, value_name = "CLUSTER")]
        clusters: Vec<String>,
    },
}

/// The whole command line, with `start` as far as it is known without a topology.
pub fn command() -> clap::Command {
    Cli::command().subcommands([start::command().display_order(0), start::build_command().display_order(1)])
}

/// The whole command line with this `start` or `build`, read with a topology's arguments.
pub fn command_with(command: clap::Command) -> clap::Command {
    Cli::command().subcommand(command)
}

/// What clap has against the command line, for `ssh NODE CMD` and `exec NODE CMD` with what is missing there.
pub fn with_tip(mut error: clap::Error, argv: &[OsString]) -> clap::Error {
    let Some(ContextValue::String(word)) = error.get(ContextKind::InvalidArg) else { return error };
    let runs_commands = argv.iter().any(|word| word == "ssh" || word == "exec");
    if error.kind() == ErrorKind::UnknownArgument && runs_commands && !word.starts_with('-') {
        let tip = format!("a command follows `--`: -- {word} ...");
        error.insert(ContextKind::Suggested, ContextValue::StyledStrs(vec![tip.into()]));
    }
    error
}

#[cfg(test)]
mod tests {
    use super::*;

    fn told(words: &str) -> String {
        let argv: Vec<OsString> = words.split(' ').map(Into::into).collect();
        with_tip(command().try_get_matches_from(&argv).unwrap_err(), &argv).to_string()
    }

    #[test]
    fn a_command_without_its_dashes_is_told_of_them() {
        for name in ["ssh", "exec"] {
            let told = told(&format!("clusterdock {name} node-1 hostname -f"));
            assert!(told.contains("tip: a command follows `--`: -- hostname ..."), "{told}");
        }
        let told = told("clusterdock ls hostname");
        assert!(!told.contains("tip"), "{told}");
    }
}
