//! The command line of `start`: the host's options and, once the topology is known, the topology's own.
//!
//! It is read twice. The first reading knows only the host's options, and sets aside whatever follows TOPOLOGY and is not
//! one of them. The second reading also knows the topology's arguments and checks everything again. If a topology
//! declares a flag that the host has too, the topology's wins, and the host's becomes `--clusterdock-FLAG`: so a new host
//! flag never breaks a shipped plugin.

use std::ffi::{OsStr, OsString};
use std::net::IpAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Arg, ArgAction, ArgMatches, Args, Command, ValueEnum};
use clusterdock_plugin_wire as api;
use clusterdock_plugin_wire::value::{duration, size};
use ipnet::Ipv4Net;

use super::environment::START_VARIABLES;
use super::output_args::FormatArgs;
use super::{image_name, subnet, topology_args};
use crate::cluster::port_mapping::PortMapping;
use crate::image::pull::Pull;
use crate::machine::hosts_file::UpdateHosts;
use crate::plan::log_limits::{LogLimits, LogSize};
use crate::plan::start_plan::Limits;
use crate::plan::wishes::WishTexts;
use crate::report::Format;

/// The host's options of `start`. Each has an environment variable, `CLUSTERDOCK_START_<FLAG>`.
#[derive(Debug, Clone, Args)]
pub struct StartArgs {
    /// Topology: its folder or the folder's name, a library, or the name of an installed topology
    #[arg(value_name = "TOPOLOGY")]
    pub topology: Option<OsString>,

    /// File with topology, arguments and options, in place of TOPOLOGY; the command line and the environment take
    /// precedence over it
    #[arg(short, long, value_name = "FILE", conflicts_with = "topology")]
    pub file: Option<PathBuf>,

    /// If the cluster exists, resume it instead, like `up`
    #[arg(long)]
    pub reuse: bool,

    /// If the cluster exists, remove it and start it anew
    #[arg(long)]
    pub recreate: bool,

    /// Cluster name [default: generated]
    #[arg(short, long, value_name = "NAME")]
    pub cluster_name: Option<String>,

    /// Network name; created if missing
    #[arg(short, long, value_name = "NW", default_value = "cluster")]
    pub network: String,

    /// Domain of the nodes' host names [default: the network's name]
    #[arg(long, value_name = "DOMAIN")]
    pub domain: Option<String>,

    /// Subnet for the network if it is created, e.g. 172.30.5.0/24 [default: a free private one]
    #[arg(long, value_name = "CIDR", value_parser = subnet::parse)]
    pub subnet: Option<Ipv4Net>,

    /// Publish a port: NODE:80, or NODE:8080:80 for a specific host port; /udp for UDP
    #[arg(short, long, value_name = "PORT", value_delimiter = ',', value_parser = parse_port)]
    pub port: Vec<PortMapping>,

    /// Host address to publish ports on [default: 127.0.0.1; 0.0.0.0 for a remote engine]
    #[arg(long, value_name = "ADDR")]
    pub bind: Option<IpAddr>,

    /// Publish each port on the same host port
    #[arg(long)]
    pub predictable: bool,

    /// Image variant of the nodes: one of the images that the topology names [default: the topology's]
    #[arg(short, long, value_name = "SYS", value_parser = image_name::system)]
    pub operating_system: Option<String>,

    /// Registry of the images [default: docker.io]
    #[arg(short, long, value_name = "URL", value_parser = image_name::registry)]
    pub registry: Option<String>,

    /// Namespace of the images [default: the topology's]
    #[arg(long, value_name = "NS", value_parser = image_name::namespace)]
    pub namespace: Option<String>,

    /// When to pull images: always, missing or never
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "missing",
        hide_possible_values = true
    )]
    pub pull: Pull,

    /// Pull images even if present (same as --pull always)
    #[arg(long, conflicts_with = "pull")]
    pub always_pull: bool,

    /// CPUs per node, e.g. 1.5
    #[arg(long, value_name = "N", value_parser = parse_cpus)]
    pub cpus: Option<f64>,

    /// Memory per node, e.g. 512m or 2g
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub memory: Option<u64>,

    /// Mount a volume: SOURCE:TARGET[:ro], with a path or a volume's name as SOURCE, or TARGET for a fresh one;
    /// [NODE|GROUP=] before it limits it to these nodes; may be repeated
    #[arg(long, value_name = "VOLUME")]
    pub volume: Vec<String>,

    /// Set an environment variable: NAME=VALUE, NODE=NAME=VALUE or GROUP=NAME=VALUE; may be repeated
    #[arg(short, long, value_name = "VARIABLE")]
    pub env: Vec<String>,

    /// Use another image: IMAGE, NODE=IMAGE or GROUP=IMAGE; may be repeated
    #[arg(long, value_name = "IMAGE")]
    pub image: Vec<String>,

    /// Set a label of the containers: NAME=VALUE, NODE=NAME=VALUE or GROUP=NAME=VALUE; may be repeated
    #[arg(long, value_name = "LABEL")]
    pub label: Vec<String>,

    /// Rotate a node's log file at this size, e.g. 50m, or `engine` for the engine's setting [default: 10m]
    #[arg(long, value_name = "SIZE", value_parser = parse_log_size)]
    pub log_max_size: Option<LogSize>,

    /// Number of log files to keep per node [default: 5]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub log_max_files: Option<u32>,

    /// Time limit for the nodes to become ready, and again for the topology's hook, e.g. 90s or 5m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration::parse)]
    pub timeout: Duration,

    /// Maximum parallel calls to the engine
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = parse_workers)]
    pub max_workers: usize,

    /// Add nodes to this machine's /etc/hosts: auto (if permitted), always or never
    #[arg(
        long,
        value_name = "WHEN",
        default_value = "auto",
        hide_possible_values = true
    )]
    pub update_etc_hosts: UpdateHosts,

    /// What to do when a start fails: rollback or keep
    #[arg(
        long,
        value_name = "WHAT",
        default_value = "rollback",
        hide_possible_values = true
    )]
    pub on_failure: OnFailure,

    /// Keep what a failed start created (same as --on-failure keep)
    #[arg(long, conflicts_with = "on_failure")]
    pub retain: bool,

    /// Print what would be done, and exit
    #[arg(long)]
    pub dry_run: bool,

    /// How to print the answer.
    #[command(flatten)]
    pub output: FormatArgs,
}

impl StartArgs {
    /// How the plan is printed, if that is all that is to be done.
    pub fn dry_run(&self) -> Option<Format> {
        self.dry_run.then_some(self.output.format)
    }
}

/// What to do when a start fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OnFailure {
    /// Remove what it created.
    #[default]
    Rollback,
    /// Keep what it created, for inspection.
    Keep,
}

impl StartArgs {
    /// When to pull images, `--always-pull` included.
    pub fn pull_policy(&self) -> Pull {
        if self.always_pull {
            Pull::Always
        } else {
            self.pull
        }
    }

    /// What the user wants of nodes beside what the topology asks for.
    pub fn wishes(&self) -> WishTexts {
        WishTexts {
            volumes: self.volume.clone(),
            variables: self.env.clone(),
            images: self.image.clone(),
            labels: self.label.clone(),
        }
    }

    /// The limits of every node.
    pub fn limits(&self) -> Limits {
        Limits {
            cpus: self.cpus,
            memory: self.memory,
            log: LogLimits {
                max_size: self.log_max_size,
                max_files: self.log_max_files,
            },
        }
    }

    /// Whether to keep what a failed start created.
    pub fn keeps_failed(&self) -> bool {
        self.retain || self.on_failure == OnFailure::Keep
    }
}

/// A command that has a topology's own arguments.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    /// Starts a cluster.
    Start,
    /// Starts a cluster, or resumes it if it exists.
    Up,
    /// Builds images.
    Build,
}

impl Verb {
    /// All of them.
    pub const ALL: [Verb; 3] = [Verb::Start, Verb::Up, Verb::Build];

    /// The verb with this name.
    pub fn from_name(name: &str) -> Option<Verb> {
        Verb::ALL.into_iter().find(|verb| verb.name() == name)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Verb::Start => "start",
            Verb::Up => "up",
            Verb::Build => "build",
        }
    }
}

/// The id of the arguments that the first reading sets aside for the second.
const REST: &str = "rest";

/// Whether `--trust` is among the arguments that the first reading sets aside: the library is loaded before they are read.
pub fn trusts(matches: &ArgMatches) -> bool {
    let rest = match matches.subcommand() {
        Some((name, args)) if Verb::from_name(name).is_some() => args.get_many::<OsString>(REST),
        _ => None,
    };
    rest.into_iter()
        .flatten()
        .take_while(|word| *word != "--")
        .any(|word| word == "--trust")
}

/// The file that `--file` names, also if it is among the arguments that the first reading sets aside.
pub fn file(args: &ArgMatches) -> Option<PathBuf> {
    // Raw, since the first reading may have accepted it as it is.
    if let Some(file) = args.get_raw("file").and_then(|mut values| values.next()) {
        return Some(file.into());
    }
    let rest = args.get_many::<OsString>(REST).into_iter().flatten();
    let rest: Vec<&OsString> = rest.take_while(|word| *word != "--").collect();
    let mut words = rest.iter().enumerate();
    words.find_map(|(index, word)| match word.to_str()? {
        "-f" | "--file" => rest.get(index + 1).map(PathBuf::from),
        word => word.strip_prefix("--file=").map(PathBuf::from),
    })
}

/// The tip for `-v VOLUME`, where Docker's users expect a volume: `word` is what an error is about.
pub fn volume_tip(argv: &[OsString], word: &OsStr) -> Option<String> {
    let typed = argv.iter().take_while(|word| *word != "--");
    let typed: Vec<&OsString> = typed.collect();
    let follows = typed
        .windows(2)
        .any(|pair| pair[0] == "-v" && pair[1] == word);
    let volume = word.to_str()?;
    let is_volume =
        volume.contains(":/") || (volume.contains(':') && volume.starts_with(['/', '.', '~']));
    (follows && is_volume)
        .then(|| format!("to mount a volume, use --volume {volume}; -v is --verbose"))
}

/// `start` before its topology is known.
pub fn command() -> Command {
    let usage =
        "clusterdock start [OPTIONS] TOPOLOGY [TOPOLOGY'S ARGUMENTS] [--GROUP node [node ...]]";
    set_aside(own_options(Verb::Start, "Start a cluster", usage)).after_help(
        "`clusterdock start TOPOLOGY -h` shows a topology's own arguments and node groups.",
    )
}

/// `up` before its topology is known.
pub fn up() -> Command {
    let usage =
        "clusterdock up [OPTIONS] [TOPOLOGY] [TOPOLOGY'S ARGUMENTS] [--GROUP node [node ...]]";
    let about = "Start a cluster, or resume it if it exists";
    set_aside(own_options(Verb::Up, about, usage)).after_help(
        "Without TOPOLOGY, `up` reads `lab.toml` in the current folder. \
         `clusterdock up TOPOLOGY -h` shows a topology's own arguments and node groups.",
    )
}

/// Sets aside the arguments that only the topology knows, help included.
pub(super) fn set_aside(command: Command) -> Command {
    let rest = Arg::new(REST)
        .hide(true)
        .num_args(0..)
        .trailing_var_arg(true)
        .allow_hyphen_values(true);
    let help = Arg::new("help")
        .short('h')
        .long("help")
        .action(ArgAction::SetTrue)
        .help("Print help");
    command
        .disable_help_flag(true)
        .arg(help)
        .arg(rest.value_parser(clap::value_parser!(OsString)))
}

/// `start` or `up` of a topology that has declared itself.
pub fn command_of(verb: Verb, topology: &str, declaration: &api::Declaration) -> Command {
    let own = topology_args::args(topology, START_VARIABLES, &declaration.start_args());
    let groups = topology_args::groups(START_VARIABLES, &declaration.groups);
    let usage = if own.is_empty() {
        format!(
            "clusterdock {} [OPTIONS] TOPOLOGY{}",
            verb.name(),
            group_usage(&declaration.groups)
        )
    } else {
        format!(
            "clusterdock {} [OPTIONS] TOPOLOGY [{topology} arguments]{}",
            verb.name(),
            group_usage(&declaration.groups)
        )
    };
    let host = own_options(verb, &format!("Start a {topology} cluster"), &usage);
    topology_args::add(
        host,
        own.into_iter().chain(groups).collect(),
        START_VARIABLES,
    )
}

fn own_options(verb: Verb, about: &str, usage: &str) -> Command {
    let command = options(verb.name(), START_VARIABLES, about, usage);
    if verb == Verb::Start {
        return requires_topology(command);
    }
    // Users of compose type `-d`; `up` returns once the cluster runs anyway.
    let detach = Arg::new("detach").short('d').long("detach");
    let detach = detach.action(ArgAction::SetTrue).hide(true);
    command.mut_arg("reuse", |arg| arg.hide(true)).arg(detach)
}

/// The command, which requires TOPOLOGY or a file that names it.
pub(super) fn requires_topology(command: Command) -> Command {
    command.mut_arg("topology", |arg| {
        arg.required_unless_present_any(["help", "file"])
    })
}

pub(super) fn options(name: &'static str, environment: &str, about: &str, usage: &str) -> Command {
    let command = StartArgs::augment_args(Command::new(name));
    let command = command
        .about(about.to_string())
        .override_usage(usage.to_string());
    command.mut_args(|arg| match arg.get_long().map(str::to_string) {
        // Options of all commands have variables of their own names.
        Some(long) if arg.get_id() != "topology" => {
            let name = format!("{environment}{}", long.to_uppercase().replace('-', "_"));
            arg.env(name).hide_env(true)
        }
        _ => arg,
    })
}

pub(super) fn group_usage(groups: &[api::Group]) -> String {
    groups
        .iter()
        .map(|group| format!(" [--{} node [node ...]]", group.name))
        .collect()
}

fn parse_port(text: &str) -> Result<PortMapping, String> {
    text.parse().map_err(|error: crate::error::Error| {
        let hint = error
            .next_step()
            .map(|hint| format!(": {hint}"))
            .unwrap_or_default();
        let cause = error.causes().first().cloned();
        format!("{}{hint}", cause.unwrap_or_default())
            .trim_start_matches(": ")
            .to_string()
    })
}

fn parse_log_size(text: &str) -> Result<LogSize, String> {
    if text.eq_ignore_ascii_case("engine") {
        return Ok(LogSize::OfEngine);
    }
    match size::parse(text)? {
        0 => Err("must be greater than 0".into()),
        bytes if i64::try_from(bytes).is_err() => Err("too large".into()),
        bytes => Ok(LogSize::Bytes(bytes)),
    }
}

fn parse_cpus(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(cpus) if cpus.is_finite() && cpus > 0.0 => Ok(cpus),
        _ => Err("expected a number above 0, such as 1.5".into()),
    }
}

fn parse_workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(workers @ 1..=256) => Ok(workers),
        _ => Err("expected a number from 1 to 256".into()),
    }
}
