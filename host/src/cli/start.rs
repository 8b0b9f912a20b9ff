//! The command line of `start`: the host's options, and, once the topology is known, the topology's own.
//!
//! It is read twice. The first reading knows the host's options only; whatever follows TOPOLOGY and is not one of
//! them is set aside. The second knows the topology's arguments too and takes nothing for granted. Where a topology
//! declares a flag that the host has, the topology's wins, and the host's answers to `--clusterdock-FLAG`: so a new
//! flag of the host never breaks a shipped plugin.

use super::{duration, size, topology_args};
use crate::ports::PortMapping;
use crate::report::Format;
use clap::{Arg, ArgAction, Args, Command, ValueEnum};
use clusterdock_plugin_api as api;
use std::ffi::OsString;
use std::net::IpAddr;
use std::time::Duration;

/// The host's options of `start`. Each can be given in the environment too, as `CLUSTERDOCK_START_FLAG`.
#[derive(Debug, Clone, Args)]
pub struct StartArgs {
    /// A topology: its folder or the folder's name, a library, or an installed topology's name
    #[arg(value_name = "TOPOLOGY", required_unless_present = "help")]
    pub topology: Option<OsString>,

    /// The cluster's name [default: made up]
    #[arg(short, long, value_name = "NAME")]
    pub cluster_name: Option<String>,

    /// The network's name, which is also the nodes' domain; made when it is not there
    #[arg(short, long, value_name = "NW", default_value = "cluster")]
    pub network: String,

    /// Publish a port: NODE:80, or "NODE:8080->80" for a host port of your choice; /udp for UDP
    #[arg(short, long, value_name = "PORT", value_delimiter = ',', value_parser = parse_port)]
    pub port: Vec<PortMapping>,

    /// The machine's address to publish ports on [default: 127.0.0.1; 0.0.0.0 on an engine elsewhere]
    #[arg(long, value_name = "ADDR")]
    pub bind: Option<IpAddr>,

    /// Publish each port as the same port of the machine
    #[arg(long)]
    pub predictable: bool,

    /// The operating system of the nodes, which chooses their image [default: the topology's]
    #[arg(short, long, value_name = "SYS")]
    pub operating_system: Option<String>,

    /// The registry of images [default: docker.io]
    #[arg(short, long, value_name = "URL", value_parser = parse_registry)]
    pub registry: Option<String>,

    /// The namespace of images [default: the topology's]
    #[arg(long, value_name = "NS")]
    pub namespace: Option<String>,

    /// When to pull images: always, missing or never
    #[arg(long, value_name = "WHEN", default_value = "missing", hide_possible_values = true)]
    pub pull: Pull,

    /// Pull images even where they are there (--pull always)
    #[arg(long, conflicts_with = "pull")]
    pub always_pull: bool,

    /// Processors for each node, as 1.5
    #[arg(long, value_name = "N", value_parser = parse_cpus)]
    pub cpus: Option<f64>,

    /// Memory for each node, as 512m or 2g
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub memory: Option<u64>,

    /// How long the nodes may take to become ready, and then the topology's hook, as 90s or 5m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration::parse)]
    pub timeout: Duration,

    /// Calls to the engine at once
    #[arg(long, value_name = "N", default_value_t = 6, value_parser = parse_workers)]
    pub max_workers: usize,

    /// Whether to write nodes into this machine's /etc/hosts: auto (where that is permitted), always or never
    #[arg(long, value_name = "WHEN", default_value = "auto", hide_possible_values = true)]
    pub update_etc_hosts: UpdateHosts,

    /// What becomes of a start that fails: rollback or keep
    #[arg(long, value_name = "WHAT", default_value = "rollback", hide_possible_values = true)]
    pub on_failure: OnFailure,

    /// Keep what a failed start has made (--on-failure keep)
    #[arg(long, conflicts_with = "on_failure")]
    pub retain: bool,

    /// Print what would be done, and stop
    #[arg(long)]
    pub dry_run: bool,

    /// How to write the answer: table or json
    #[arg(long, value_name = "FORMAT", default_value = "table", hide_possible_values = true)]
    pub format: Format,
}

/// When to pull an image.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum Pull {
    /// Also where it is there.
    Always,
    /// Where it is not there.
    #[default]
    Missing,
    /// Never: what is not there is an error.
    Never,
}

/// Whether to write nodes into the machine's hosts file.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum UpdateHosts {
    /// Where that is permitted, and the engine is on this machine.
    #[default]
    Auto,
    /// Always: where it cannot be, the start fails.
    Always,
    /// Never.
    Never,
}

/// What becomes of a start that fails.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
pub enum OnFailure {
    /// What it made is removed.
    #[default]
    Rollback,
    /// What it made stays, to be looked at.
    Keep,
}

impl StartArgs {
    /// When to pull.
    pub fn pull_policy(&self) -> Pull {
        if self.always_pull { Pull::Always } else { self.pull }
    }

    /// Whether what a failed start made stays.
    pub fn keeps_failed(&self) -> bool {
        self.retain || self.on_failure == OnFailure::Keep
    }
}

/// Where `build` puts images.
pub const REPOSITORY: &str = "repository";

/// Whether `build` also takes them there.
pub const PUSH: &str = "push";

/// What the first reading sets aside for the second.
const REST: &str = "rest";

/// `start` before its topology is known.
pub fn command() -> Command {
    let usage = "clusterdock start [OPTIONS] TOPOLOGY [TOPOLOGY'S ARGUMENTS] [--GROUP node [node ...]]";
    aside(own_options("Start a cluster", usage))
        .after_help("`clusterdock start TOPOLOGY -h` tells a topology's own arguments and node groups.")
}

/// Sets aside what only the topology can know, help included.
fn aside(command: Command) -> Command {
    let rest = Arg::new(REST).hide(true).num_args(0..).trailing_var_arg(true).allow_hyphen_values(true);
    let help = Arg::new("help").short('h').long("help").action(ArgAction::SetTrue).help("Print help");
    command.disable_help_flag(true).arg(help).arg(rest.value_parser(clap::value_parser!(OsString)))
}

/// `build` before its topology is known.
pub fn build_command() -> Command {
    aside(build_options("Build a topology's images", "clusterdock build [OPTIONS] TOPOLOGY [TOPOLOGY'S ARGUMENTS]"))
        .after_help("`clusterdock build TOPOLOGY -h` tells a topology's own arguments and node groups.")
}

/// `build` of a topology that has declared itself.
pub fn build_command_of(topology: &str, declaration: &api::Declaration) -> Command {
    let own = topology_args::args(topology, "CLUSTERDOCK_BUILD_", &declaration.build_args);
    let groups = topology_args::groups("CLUSTERDOCK_BUILD_", &declaration.groups);
    let usage = format!("clusterdock build [OPTIONS] TOPOLOGY{}", group_usage(&declaration.groups));
    let host = build_options(&format!("Build the images of {topology}"), &usage);
    own.into_iter().chain(groups).fold(host, topology_args::add)
}

/// What `build` has of `start`'s options, and where its images go.
fn build_options(about: &str, usage: &str) -> Command {
    const UNUSED: [&str; 7] =
        ["registry", "namespace", "dry_run", "format", "update_etc_hosts", "predictable", "always_pull"];
    let repository = Arg::new(REPOSITORY)
        .short('r')
        .long("repository")
        .value_name("URL")
        .default_value("docker.io/clusterdock")
        .value_parser(parse_repository)
        .help("Where the images belong: REGISTRY/NAMESPACE");
    let push = Arg::new(PUSH)
        .long("push")
        .action(ArgAction::SetTrue)
        .env("CLUSTERDOCK_BUILD_PUSH")
        .hide_env(true)
        .help("Push the images there, once all are built");
    let command = options("build", "CLUSTERDOCK_BUILD_", about, usage).args([repository, push]);
    command.mut_args(|arg| match UNUSED.contains(&arg.get_id().as_str()) {
        true => arg.short(None::<char>).hide(true),
        false if arg.get_id() == "retain" => {
            arg.help("Keep the cluster that images are made of, also when all went well")
        }
        false => arg,
    })
}

/// `start` of a topology that has declared itself.
pub fn command_of(topology: &str, declaration: &api::Declaration) -> Command {
    let own = topology_args::args(topology, "CLUSTERDOCK_START_", &declaration.start_args);
    let groups = topology_args::groups("CLUSTERDOCK_START_", &declaration.groups);
    let usage = match own.is_empty() {
        true => format!("clusterdock start [OPTIONS] TOPOLOGY{}", group_usage(&declaration.groups)),
        false => {
            format!("clusterdock start [OPTIONS] TOPOLOGY [{topology} arguments]{}", group_usage(&declaration.groups))
        }
    };
    let host = own_options(&format!("Start a {topology} cluster"), &usage);
    own.into_iter().chain(groups).fold(host, topology_args::add)
}

fn own_options(about: &str, usage: &str) -> Command {
    options("start", "CLUSTERDOCK_START_", about, usage)
}

fn options(name: &'static str, environment: &str, about: &str, usage: &str) -> Command {
    let command = StartArgs::augment_args(Command::new(name));
    let command = command.about(about.to_string()).override_usage(usage.to_string());
    command.mut_args(|arg| match arg.get_long().map(str::to_string) {
        // The environment stands in for flags of start; those of every command have names of their own.
        Some(long) if arg.get_id() != "topology" => {
            let name = format!("{environment}{}", long.to_uppercase().replace('-', "_"));
            arg.env(name).hide_env(true)
        }
        _ => arg,
    })
}

fn group_usage(groups: &[api::Group]) -> String {
    groups.iter().map(|group| format!(" [--{} node [node ...]]", group.name)).collect()
}

fn parse_port(text: &str) -> Result<PortMapping, String> {
    text.parse().map_err(|error: crate::error::Error| {
        let hint = error.next_step().map(|hint| format!(": {hint}")).unwrap_or_default();
        let cause = error.causes().first().cloned();
        format!("{}{hint}", cause.unwrap_or_default()).trim_start_matches(": ").to_string()
    })
}

/// A registry as references name it; what only a URL has is left out.
fn parse_registry(text: &str) -> Result<String, String> {
    let host = without_scheme(text);
    match host.is_empty() || host.contains('/') {
        true => Err("write HOST or HOST:PORT".into()),
        false => Ok(host.into()),
    }
}

fn parse_repository(text: &str) -> Result<String, String> {
    let path = without_scheme(text);
    match path.split('/').any(str::is_empty) {
        true => Err("write REGISTRY/NAMESPACE".into()),
        false => Ok(path.into()),
    }
}

fn without_scheme(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    rest.strip_suffix('/').unwrap_or(rest)
}

fn parse_cpus(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(cpus) if cpus.is_finite() && cpus > 0.0 => Ok(cpus),
        _ => Err("write a number above 0, as 1.5".into()),
    }
}

fn parse_workers(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(workers @ 1..=256) => Ok(workers),
        _ => Err("write a number from 1 to 256".into()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_registry_is_named_as_in_references_whatever_is_written_around_it() {
        for text in ["r.example:5000", "https://r.example:5000", "http://r.example:5000/"] {
            assert_eq!(parse_registry(text).as_deref(), Ok("r.example:5000"));
            assert_eq!(
                parse_repository(&format!("{text}/a/b").replace("//a", "/a")).as_deref(),
                Ok("r.example:5000/a/b")
            );
        }
        for text in ["", "https://", "r.example/namespace"] {
            assert!(parse_registry(text).is_err(), "{text}");
        }
        assert!(parse_repository("r.example//a").is_err());
    }
}
