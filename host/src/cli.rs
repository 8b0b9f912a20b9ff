//! The command line: commands, options and their help. Values are parsed here, so that no other module parses a string
//! that the user typed.

pub mod build;
pub mod cp;
pub mod environment;
pub mod first_reading;
pub mod hook;
mod image_name;
pub mod lifecycle;
pub mod selection;
pub mod start;
mod subnet;
pub mod topology;
pub mod topology_args;
pub mod usage;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::{Args, CommandFactory, Parser, Subcommand, ValueEnum};
use clusterdock_plugin_wire::value::duration;

use self::selection::SelectionArgs;
use crate::report::{Color, Format, Progress, Settings};

/// Start clusters of host-like Docker containers from pluggable topologies.
#[derive(Debug, Parser)]
#[command(
    name = "clusterdock",
    version,
    subcommand_required = true,
    arg_required_else_help = true
)]
pub struct Cli {
    /// Options of all commands.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Options of all commands.
#[derive(Debug, Clone, Default, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Show more detail
    #[arg(
        short,
        long,
        global = true,
        env = "CLUSTERDOCK_VERBOSE",
        hide_env = true
    )]
    pub verbose: bool,

    /// Folder for locks, logs, libraries and ssh keys [default: ~/.clusterdock]
    #[arg(
        long,
        value_name = "PATH",
        global = true,
        env = "CLUSTERDOCK_CONFIG_DIRECTORY",
        hide_env = true
    )]
    pub clusterdock_config_directory: Option<PathBuf>,

    /// Docker engine to use: unix:///PATH, tcp://HOST:PORT or ssh://USER@HOST [default: DOCKER_HOST, or the current Docker
    /// context]
    #[arg(
        short = 'H',
        long,
        value_name = "URL",
        global = true,
        env = "CLUSTERDOCK_HOST",
        hide_env = true
    )]
    pub host: Option<String>,

    /// Progress output
    #[arg(
        long,
        value_name = "HOW",
        global = true,
        default_value = "auto",
        hide_possible_values = true
    )]
    #[arg(help = "Progress output: auto, tty, plain, json or quiet")]
    #[arg(env = "CLUSTERDOCK_PROGRESS", hide_env = true)]
    pub progress: Progress,

    /// When to use color
    #[arg(
        long,
        value_name = "WHEN",
        global = true,
        default_value = "auto",
        hide_possible_values = true
    )]
    #[arg(help = "When to use color: auto, always or never")]
    #[arg(env = "CLUSTERDOCK_COLOR", hide_env = true)]
    pub color: Color,

    /// Accept topologies, libraries and a config folder that other users can change
    #[arg(long, global = true, env = "CLUSTERDOCK_TRUST", hide_env = true, value_parser = BoolishValueParser::new())]
    pub trust: bool,
}

impl Global {
    /// The options that shape the report, as far as they can be read from an invalid command line.
    pub fn guessed(argv: &[OsString]) -> Global {
        let words: Vec<_> = argv
            .iter()
            .map(|word| word.to_string_lossy())
            .take_while(|word| word != "--")
            .collect();
        let value = |long: &str, variable: &str| {
            let typed = words.iter().enumerate().rev().find_map(|(index, word)| {
                match word.strip_prefix(long)? {
                    "" => words.get(index + 1).map(ToString::to_string),
                    rest => rest.strip_prefix('=').map(ToString::to_string),
                }
            });
            typed
                .or_else(|| std::env::var(variable).ok())
                .unwrap_or_default()
        };
        Global {
            progress: Progress::from_str(&value("--progress", "CLUSTERDOCK_PROGRESS"), true)
                .unwrap_or_default(),
            color: Color::from_str(&value("--color", "CLUSTERDOCK_COLOR"), true)
                .unwrap_or_default(),
            ..Global::default()
        }
    }

    /// The settings of the report.
    pub fn report_settings(&self) -> Settings {
        Settings {
            progress: self.progress,
            color: self.color,
            verbose: self.verbose,
        }
    }
}

/// All commands but those with a topology's arguments, [`start`] and [`build`].
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List nodes, by cluster
    Ps(List),
    /// List clusters
    Ls(List),
    /// Open a shell on a node, or run a command there
    Ssh(Ssh),
    /// Run a command on nodes, in parallel
    Exec(Exec),
    /// Show the output of nodes
    Logs(lifecycle::Logs),
    /// Wait until nodes are running and ready
    Wait(lifecycle::Wait),
    /// Stop nodes; they keep their addresses, ports and files
    Stop(lifecycle::Stop),
    /// Start stopped nodes and wait until they are ready
    Resume(lifecycle::Resume),
    /// Stop nodes and start them again
    Restart(lifecycle::Restart),
    /// Pause nodes
    Pause(lifecycle::ChangeArgs),
    /// Unpause nodes
    Unpause(lifecycle::ChangeArgs),
    /// Kill nodes, or send them another signal
    Kill(lifecycle::Kill),
    /// Show everything about a cluster or a node as JSON
    Inspect(lifecycle::Inspect),
    /// Print a cluster's names, addresses and ports as shell variables
    Env(lifecycle::Env),
    /// Print ~/.ssh/config entries for a cluster's nodes
    SshConfig(lifecycle::SshConfig),
    /// Copy files and folders between the local machine and nodes, or between nodes
    Cp(cp::Cp),
    /// Remove clusters or nodes
    Rm(Rm),
    /// Remove all clusterdock resources, or named clusters
    Manage(Manage),
    /// Run a hook of a cluster's topology again, as it is now
    Hook(hook::HookArgs),
    /// Write, check and describe topologies
    Topology(topology::Topology),
}

/// Arguments of `ps` and `ls`.
#[derive(Debug, Args)]
pub struct List {
    /// Output format: table, json (one object) or jsonl (one object per line)
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "table",
        hide_possible_values = true
    )]
    pub format: Format,
    /// Print only names
    #[arg(short, long, conflicts_with = "format")]
    pub quiet: bool,
}

impl List {
    /// The output format, `-q` included.
    pub fn format(&self) -> Format {
        if self.quiet {
            Format::Quiet
        } else {
            self.format
        }
    }
}

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
    /// Command to run instead of a login shell
    #[arg(last = true, value_name = "CMD")]
    pub command: Vec<String>,
}

/// Arguments of `exec`.
#[derive(Debug, Args)]
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
}

/// Arguments of `rm`.
#[derive(Debug, Args)]
pub struct Rm {
    /// Clusters by name, or nodes by FQDN, CLUSTER/HOSTNAME or host name
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// Print what would be removed, and exit
    #[arg(long)]
    pub dry_run: bool,
    /// Format of the printed plan: table or json
    #[arg(
        long,
        value_name = "FORMAT",
        default_value = "table",
        requires = "dry_run",
        hide_possible_values = true
    )]
    pub format: Format,
}

impl Rm {
    /// How the plan is printed, if that is all that is to be done.
    pub fn dry_run(&self) -> Option<Format> {
        self.dry_run.then_some(self.format)
    }
}

/// Arguments of `manage`.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Manage {
    /// Print what would be removed, and exit
    #[arg(long, global = true)]
    pub dry_run: bool,
    /// Format of the printed plan: table or json
    #[arg(
        long,
        global = true,
        value_name = "FORMAT",
        default_value = "table",
        hide_possible_values = true
    )]
    pub format: Format,
    /// What to do.
    #[command(subcommand)]
    pub action: ManageAction,
}

impl Manage {
    /// How the plan is printed, if that is all that is to be done.
    pub fn dry_run(&self) -> Option<Format> {
        self.dry_run.then_some(self.format)
    }
}

/// What `manage` does.
#[derive(Debug, Subcommand)]
pub enum ManageAction {
    /// Remove all clusters and networks created by clusterdock
    Nuke {
        /// Also remove all other containers and unused networks of the engine
        #[arg(short, long)]
        all: bool,
        /// Do not ask for confirmation
        #[arg(short, long)]
        yes: bool,
    },
    /// Remove clusters by name
    Remove {
        /// Also remove their networks, unless something else uses them
        #[arg(short, long)]
        network: bool,
        /// Cluster names
        #[arg(required = true, value_name = "CLUSTER")]
        clusters: Vec<String>,
    },
}

/// The whole command line, with what is known of `start` and `build` without a topology.
pub fn command() -> clap::Command {
    Cli::command().subcommands([
        start::command().display_order(0),
        build::command().display_order(1),
    ])
}

/// The whole command line with a `start` or `build` that has a topology's arguments.
pub fn command_with(command: clap::Command) -> clap::Command {
    Cli::command().subcommand(command)
}

/// Adds a tip to clap's error if `--` is missing in `ssh NODE CMD` or `exec NAME CMD`.
pub fn with_tip(mut error: clap::Error, argv: &[OsString]) -> clap::Error {
    if let Some(tip) = tip(&error, argv) {
        error.insert(
            ContextKind::Suggested,
            ContextValue::StyledStrs(vec![tip.into()]),
        );
    }
    error
}

fn tip(error: &clap::Error, argv: &[OsString]) -> Option<String> {
    let has = |wanted: &str| argv.iter().any(|word| word == wanted);
    match (error.kind(), error.get(ContextKind::InvalidArg)) {
        (ErrorKind::UnknownArgument, Some(ContextValue::String(word)))
            if (has("ssh") || has("exec")) && !word.starts_with('-') =>
        {
            Some(format!("put the command after `--`: -- {word} ..."))
        }
        // `exec` takes several names, so that the words of a command count as names.
        (ErrorKind::UnknownArgument | ErrorKind::MissingRequiredArgument, _)
            if has("exec") && !has("--") =>
        {
            Some("put the command after `--`: -- CMD".into())
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error_of(words: &str) -> String {
        let argv: Vec<OsString> = words.split(' ').map(Into::into).collect();
        with_tip(command().try_get_matches_from(&argv).unwrap_err(), &argv).to_string()
    }

    #[test]
    fn report_options_are_read_from_an_invalid_command_line() {
        let guessed = |words: &str| {
            let argv: Vec<OsString> = words.split(' ').map(Into::into).collect();
            let Global {
                progress, color, ..
            } = Global::guessed(&argv);
            (progress, color)
        };
        assert_eq!(
            guessed("clusterdock --bogus ls --progress json"),
            (Progress::Json, Color::Auto)
        );
        assert_eq!(
            guessed("clusterdock --progress=quiet --color never x"),
            (Progress::Quiet, Color::Never)
        );
        assert_eq!(
            guessed("clusterdock exec n -- x --progress json"),
            (Progress::Auto, Color::Auto)
        );
        assert_eq!(
            guessed("clusterdock --progress"),
            (Progress::Auto, Color::Auto)
        );
    }

    #[test]
    fn a_command_without_dashes_gets_a_tip() {
        for (line, tip) in [
            ("ssh node-1 hostname -f", "-- hostname ..."),
            ("exec node-1 hostname -f", "-- CMD"),
            ("exec node-1 hostname", "-- CMD"),
        ] {
            let error = error_of(&format!("clusterdock {line}"));
            let tip = format!("tip: put the command after `--`: {tip}");
            assert!(error.contains(&tip), "{error}");
        }
        let error = error_of("clusterdock ls hostname");
        assert!(!error.contains("tip"), "{error}");
    }
}
