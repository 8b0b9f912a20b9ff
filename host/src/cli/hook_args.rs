//! The command line of `hook`.

use std::time::Duration;

use clap::{Args, ValueEnum};
use clusterdock_plugin_wire::value::duration;

/// Arguments of `hook`.
#[derive(Debug, Args)]
pub struct HookArgs {
    /// Cluster
    #[arg(value_name = "CLUSTER")]
    pub cluster: String,
    /// Hook: start, check, on_stop or on_resume
    #[arg(
        value_name = "HOOK",
        default_value = "start",
        hide_possible_values = true
    )]
    pub hook: HookName,
    /// Time limit, e.g. 90s or 5m
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = duration::parse)]
    pub timeout: Duration,
}

/// Hooks that can be run again.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HookName {
    /// The one of `clusterdock start`.
    Start,
    /// Whether the whole cluster is healthy.
    Check,
    /// The one of `clusterdock stop`.
    #[value(name = "on_stop")]
    OnStop,
    /// The one of `clusterdock resume`.
    #[value(name = "on_resume")]
    OnResume,
}
