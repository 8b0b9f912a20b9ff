//! The command line of `topology`: what its authors, and those who receive a prebuilt one, do with a topology.

use std::ffi::OsString;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, Subcommand};
use clusterdock_plugin_wire::value::duration;

use super::output_args::FormatArgs;

/// Arguments of `topology`.
#[derive(Debug, Args)]
#[command(subcommand_required = true, arg_required_else_help = true)]
pub struct Topology {
    /// What to do.
    #[command(subcommand)]
    pub action: TopologyAction,
}

/// What `topology` does.
#[derive(Debug, Subcommand)]
pub enum TopologyAction {
    /// Create the folder of a new topology, with a crate that compiles and starts
    New(New),
    /// Check whether a topology's folder is complete and its plugin valid
    Check(Check),
    /// Run a topology's unit tests, and start, check, restart and remove a throwaway cluster
    Test(Test),
    /// Describe a topology and its library, without running its code
    Inspect(Inspect),
}

/// Arguments of `topology new`.
#[derive(Debug, Args)]
pub struct New {
    /// Folder to create, called like the topology
    #[arg(value_name = "NAME")]
    pub path: PathBuf,
}

/// Arguments of `topology check`.
#[derive(Debug, Args)]
pub struct Check {
    /// Folder or name
    #[arg(value_name = "TOPOLOGY")]
    pub topology: OsString,
    /// How to print the answer.
    #[command(flatten)]
    pub output: FormatArgs,
}

/// Arguments of `topology test`.
#[derive(Debug, Args)]
pub struct Test {
    /// Folder, name or library (`.so`)
    #[arg(value_name = "TOPOLOGY")]
    pub topology: OsString,
    /// Write a JUnit report
    #[arg(long, value_name = "FILE")]
    pub junit: Option<PathBuf>,
    /// Time limit for each check, and for nodes to become ready again
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration::parse)]
    pub timeout: Duration,
    /// How to print the answer.
    #[command(flatten)]
    pub output: FormatArgs,
    /// Options of `start` and arguments of the topology
    #[arg(last = true, value_name = "ARGUMENTS")]
    pub arguments: Vec<OsString>,
}

/// Arguments of `topology inspect`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// Folder, name or library (`.so`)
    #[arg(value_name = "TOPOLOGY")]
    pub topology: OsString,
    /// How to print the answer.
    #[command(flatten)]
    pub output: FormatArgs,
}
