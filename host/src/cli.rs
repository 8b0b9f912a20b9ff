//! The command line: commands, options and their help. Values are parsed here, so that no other module parses a string
//! that the user typed.

pub mod build_args;
pub mod cp_args;
pub mod environment;
pub mod exec_args;
pub mod first_reading;
pub mod hook_args;
mod image_name;
pub mod lab;
pub mod lifecycle_args;
pub mod list_args;
pub mod name_args;
mod other_words;
pub mod output_args;
pub mod port_args;
pub mod removal_args;
pub mod selection;
pub mod start_args;
mod subnet;
mod templates;
mod tips;
pub mod topology_actions;
pub mod topology_args;
pub mod usage;
pub mod version_args;
pub mod watch_args;

use std::ffi::OsString;
use std::path::PathBuf;

use clap::builder::BoolishValueParser;
use clap::{ArgMatches, Args, CommandFactory, FromArgMatches, Parser, Subcommand, ValueEnum};

pub use self::tips::with_tip;
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

    /// Same as --verbose
    #[arg(short = 'D', long, global = true, hide = true)]
    pub debug: bool,

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

    /// Same as --color never
    #[arg(long, global = true, hide = true, conflicts_with = "color")]
    pub no_color: bool,

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
            no_color: words.iter().any(|word| word == "--no-color"),
            ..Global::default()
        }
    }

    /// Whether to show more detail.
    pub fn is_verbose(&self) -> bool {
        self.verbose || self.debug
    }

    /// The settings of the report.
    pub fn report_settings(&self) -> Settings {
        Settings {
            progress: self.progress,
            color: if self.no_color {
                Color::Never
            } else {
                self.color
            },
            verbose: self.is_verbose(),
        }
    }
}

/// All commands but those with a topology's arguments: [`start_args`], `up` and [`build_args`].
#[derive(Debug, Subcommand)]
pub enum Command {
    /// List nodes, by cluster
    Ps(list_args::Ps),
    /// List clusters
    #[command(alias = "list")]
    Ls(list_args::Ls),
    /// Open a shell on a node, or run a command there
    Ssh(exec_args::Ssh),
    /// Run a command on nodes, in parallel
    Exec(exec_args::Exec),
    /// Show the output of nodes
    Logs(lifecycle_args::Logs),
    /// Wait until nodes are running and ready, and clusters pass their topology's check
    Wait(lifecycle_args::Wait),
    /// Stop nodes; they keep their addresses, ports and files
    Stop(lifecycle_args::Stop),
    /// Start stopped nodes and wait until they are ready
    Resume(lifecycle_args::Resume),
    /// Stop nodes and start them again
    Restart(lifecycle_args::Restart),
    /// Pause nodes
    Pause(lifecycle_args::ChangeArgs),
    /// Unpause nodes
    Unpause(lifecycle_args::ChangeArgs),
    /// Kill nodes, or send them another signal
    Kill(lifecycle_args::Kill),
    /// Show everything about a cluster or a node as JSON
    Inspect(lifecycle_args::Inspect),
    /// Show the processes of nodes
    Top(watch_args::Top),
    /// Show what nodes use: processors, memory, network
    Stats(watch_args::Stats),
    /// Follow what happens to nodes
    Events(watch_args::Events),
    /// List images that clusterdock has made or uses
    Images(watch_args::Images),
    /// Print where published ports of a node are reached
    Port(port_args::PortArgs),
    /// Print a cluster's names, addresses and ports as shell variables
    Env(lifecycle_args::Env),
    /// Print ~/.ssh/config entries for a cluster's nodes
    SshConfig(lifecycle_args::SshConfig),
    /// Copy files and folders between the local machine and nodes, or between nodes
    Cp(cp_args::Cp),
    /// Remove clusters or nodes
    Rm(removal_args::Rm),
    /// Remove a cluster, if it exists
    Down(removal_args::Down),
    /// Remove all clusterdock resources, or named clusters
    Manage(Manage),
    /// Run a hook of a cluster's topology again, as it is now
    Hook(hook_args::HookArgs),
    /// Write, check and describe topologies
    Topology(topology_actions::Topology),
    /// Print versions of clusterdock, of its plugin-api, and of the engine
    Version(version_args::Version),
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

/// The whole command line as these arguments use it.
pub fn command_for(argv: &[OsString]) -> clap::Command {
    if exec_args::has_dashes(argv) || !argv.iter().any(|word| word == "exec") {
        return command();
    }
    let by_options = command().mut_subcommand("exec", exec_args::without_names);
    let selects = |matches: ArgMatches| matches.subcommand().is_some_and(exec_args::selects);
    if environment::read(&by_options, argv).is_ok_and(selects) {
        by_options
    } else {
        command().mut_subcommand("exec", exec_args::with_one_name)
    }
}

/// The whole command line, with what is known of `start`, `up` and `build` without a topology.
pub fn command() -> clap::Command {
    Cli::command().subcommands([
        start_args::command().display_order(0),
        start_args::up().display_order(1),
        build_args::command().display_order(2),
    ])
}

/// The whole command line with a `start`, `up` or `build` that has a topology's arguments.
pub fn command_with(command: clap::Command) -> clap::Command {
    Cli::command().subcommand(command)
}

/// Reads all commands but `start`, `up` and `build` from what clap matched in `argv`.
///
/// # Errors
/// Clap's.
pub fn read(matches: &ArgMatches, argv: &[OsString]) -> Result<Cli, clap::Error> {
    let mut cli = Cli::from_arg_matches(matches)?;
    if let Command::Exec(exec) = &mut cli.command
        && !exec_args::has_dashes(argv)
    {
        exec.is_bare = true;
    }
    Ok(cli)
}

#[cfg(test)]
mod tests {
    use super::*;

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
}
