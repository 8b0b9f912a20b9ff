//! Arguments of `rm` and `down`.

use std::path::PathBuf;

use clap::Args;

use super::output_args::DryRunArgs;

/// Arguments of `rm`.
#[derive(Debug, Args)]
#[command(mut_args(|arg| match arg.get_id().as_str() {
    "dry_run" => arg.help("Print what would be removed, and exit"),
    _ => arg,
}))]
pub struct Rm {
    /// Clusters by name, or nodes by FQDN, CLUSTER/HOSTNAME or host name
    #[arg(required = true, value_name = "NAME")]
    pub names: Vec<String>,
    /// Skip unknown names
    #[arg(short, long)]
    pub force: bool,
    /// Whether to only print the plan.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
}

/// Arguments of `down`.
#[derive(Debug, Args)]
#[command(mut_args(|arg| match arg.get_id().as_str() {
    "dry_run" => arg.help("Print what would be removed, and exit"),
    _ => arg,
}))]
pub struct Down {
    /// Cluster name [default: that of `up` with the same file]
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
    /// File that the cluster was started with [default: lab.toml]
    #[arg(short, long, value_name = "FILE", conflicts_with = "name")]
    pub file: Option<PathBuf>,
    /// Whether to only print the plan.
    #[command(flatten)]
    pub dry_run: DryRunArgs,
}
