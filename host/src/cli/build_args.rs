//! The command line of `build`: most of `start`'s options, and where the images go.

use clap::{Arg, ArgAction, Command};
use clusterdock_plugin_wire as api;

use super::environment::BUILD_VARIABLES;
use super::start_args::{group_usage, options, requires_topology, set_aside};
use super::{image_name, topology_args};

/// The id of the option that says where images go.
pub const REPOSITORY: &str = "repository";

/// The id of the option that pushes images.
pub const PUSH: &str = "push";

/// Options of `start` that do not apply to `build`.
const UNUSED: [&str; 10] = [
    "file",
    "reuse",
    "recreate",
    "registry",
    "namespace",
    "dry_run",
    "format",
    "update_etc_hosts",
    "predictable",
    "always_pull",
];

/// `build` before its topology is known.
pub fn command() -> Command {
    set_aside(build_options(
        "Build a topology's images",
        "clusterdock build [OPTIONS] TOPOLOGY [TOPOLOGY'S ARGUMENTS]",
    ))
    .after_help("`clusterdock build TOPOLOGY -h` shows a topology's own arguments and node groups.")
}

/// `build` of a topology that has declared itself.
pub fn command_of(topology: &str, declaration: &api::Declaration) -> Command {
    let own = topology_args::args(topology, BUILD_VARIABLES, &declaration.build_args());
    let groups = topology_args::groups(BUILD_VARIABLES, &declaration.groups);
    let usage = format!(
        "clusterdock build [OPTIONS] TOPOLOGY{}",
        group_usage(&declaration.groups)
    );
    let host = build_options(&format!("Build the images of {topology}"), &usage);
    topology_args::add(
        host,
        own.into_iter().chain(groups).collect(),
        BUILD_VARIABLES,
    )
}

/// The options of `start` that `build` has too, and its own.
fn build_options(about: &str, usage: &str) -> Command {
    let repository = Arg::new(REPOSITORY)
        .short('r')
        .long("repository")
        .value_name("URL")
        .value_parser(image_name::repository)
        .help("Prefix of the image names: REGISTRY/NAMESPACE [default: docker.io and the topology's namespace]");
    let push = Arg::new(PUSH)
        .long("push")
        .action(ArgAction::SetTrue)
        .env("CLUSTERDOCK_BUILD_PUSH")
        .hide_env(true)
        .help("Push the images once all are built");
    let command = options("build", BUILD_VARIABLES, about, usage).args([repository, push]);
    requires_topology(command).mut_args(|arg| {
        if UNUSED.contains(&arg.get_id().as_str()) {
            arg.short(None::<char>).hide(true)
        } else if arg.get_id() == "retain" {
            arg.help("Keep the cluster used to build the images, even on success")
        } else {
            arg
        }
    })
}
