//! `start`: the command line, read again with the topology's own arguments, becomes an order; the order becomes a
//! cluster.

use crate::cli::start::{self as cli, StartArgs};
use crate::cli::topology_args;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execution::order::Order;
use crate::execution::transaction;
use crate::image::Wanted;
use crate::names;
use crate::plan;
use crate::plan::start::{Limits, TopologyFacts};
use crate::report::Format;
use crate::session::Session;
use crate::topology::manifest::Manifest;
use crate::topology::open::Topology;
use crate::topology::plugin::Hook;
use clap::{ArgMatches, FromArgMatches};
use clusterdock_plugin_api::{Declaration, NodeSpec, Request};
use std::ffi::OsString;
use std::net::{IpAddr, Ipv4Addr};
use std::path::Path;

/// What the second reading of the command line may end with beside a cluster.
pub enum StartError {
    /// Help was asked for, or the command line is wrong: clap says it best.
    CommandLine(clap::Error),
    /// Anything else.
    Failed(Error),
}

impl From<Error> for StartError {
    fn from(error: Error) -> StartError {
        StartError::Failed(error)
    }
}

/// Starts a cluster of the topology named on the command line.
pub async fn start(session: &Session<'_>, given: &OsString, argv: &[OsString]) -> Result<(), StartError> {
    let topology = Topology::open(session, Path::new(given)).await?;
    let result = of_topology(session, &topology, argv).await;
    topology.close().await;
    result
}

async fn of_topology(session: &Session<'_>, topology: &Topology, argv: &[OsString]) -> Result<(), StartError> {
    let declaration = topology.plugin().declare().await?;
    let command = crate::cli::command_with(cli::command_of(&topology.manifest.name, &declaration));
    let matches = command.try_get_matches_from(argv).map_err(StartError::CommandLine)?;
    let (_, matches) = matches.subcommand().expect("the first reading found `start`");
    let args = StartArgs::from_arg_matches(matches).map_err(StartError::CommandLine)?;
    check_format(&args)?;
    let order = order(session, topology, &declaration, &args, matches, Hook::Start).await?;
    let started = transaction::start(session, order).await;
    let Some(started) = started.map_err(|error| with_systems(error, &topology.manifest, &args))? else { return Ok(()) };
    let total_ms = started.total.as_millis() as u64;
    if args.format != Format::Table {
        session.report.started(&started.cluster, total_ms, &started.closing, args.format)?;
    }
    let cluster = started.cluster.name.clone();
    session.event(Event::Started { cluster, total_ms, closing: started.closing });
    Ok(())
}

/// A plan is written for people alone: a program that asked for JSON is not to be given something else.
fn check_format(args: &StartArgs) -> Result<()> {
    match args.dry_run && args.format != Format::Table {
        true => Err(Error::new(Kind::Usage, "a plan cannot be written as JSON")
            .hint("leave out --format, or start the cluster: leave out --dry-run")),
        false => Ok(()),
    }
}

/// The error for an image of an operating system that the topology does not make, with those that it does.
fn with_systems(error: Error, manifest: &Manifest, args: &StartArgs) -> Error {
    let systems = &manifest.images.systems;
    match &args.operating_system {
        Some(system) if error.kind() == Kind::Image && !systems.is_empty() && !systems.contains_key(system) => {
            let names: Vec<_> = systems.keys().map(|name| format!("`{name}`")).collect();
            error.cause(format!("topology `{}` itself has images for {}", manifest.name, names.join(", ")))
        }
        _ => error,
    }
}

/// The order that a command line amounts to.
pub(super) async fn order<'a>(
    session: &Session<'_>,
    topology: &'a Topology,
    declaration: &Declaration,
    args: &StartArgs,
    matches: &ArgMatches,
    hook: Hook,
) -> Result<Order<'a>> {
    let manifest = &topology.manifest;
    names::check_network(&args.network)?;
    if let Some(name) = &args.cluster_name {
        names::check_cluster(name)?;
    }
    let system = args.operating_system.clone().unwrap_or_else(|| manifest.images.default.clone());
    let (registry, namespace) = (args.registry.as_deref(), args.namespace.as_deref());
    let own = match hook {
        Hook::Start => &declaration.start_args,
        Hook::Build => &declaration.build_args,
    };
    let mut request = Request {
        cluster: args.cluster_name.clone().unwrap_or_default(),
        network: args.network.clone(),
        image: String::new(),
        operating_system: system.clone(),
        registry: args.registry.clone(),
        namespace: namespace.unwrap_or(&manifest.images.namespace).to_string(),
        predictable: args.predictable,
        groups: topology_args::nodes(matches, &declaration.groups)?,
        args: topology_args::values(matches, own)?,
    };
    let hosts: Vec<NodeSpec> = request
        .groups
        .iter()
        .flat_map(|(group, nodes)| nodes.iter().map(|n| NodeSpec::new(n.clone(), group.clone())))
        .collect();
    // A name the user mistyped is told before the topology's code, which may stumble over it, is asked.
    plan::spec::check(&hosts, &args.network).or_else(|error| if hosts.is_empty() { Ok(()) } else { Err(error) })?;
    let image =
        Wanted::of_system(manifest, topology.folder.as_deref(), &system, registry, namespace, &session.places.config)?;
    let image =
        image.with_arguments(topology_args::build_arguments(&topology_args::defaults(&declaration.build_args)?));
    request.image = image.reference.clone();
    let specs = topology.plugin().nodes(&request).await?;
    plan::spec::check(&specs, &args.network)?;
    let ports = plan::port::wanted(&specs, &args.network, &args.port, args.predictable)?;
    Ok(Order {
        plugin: topology.plugin(),
        topology: TopologyFacts {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            plugin_digest: topology.digest.clone(),
        },
        images: images(image, &specs),
        bind: args.bind.unwrap_or_else(|| default_bind(session)),
        limits: Limits { cpus: args.cpus, memory: args.memory },
        timeout: args.timeout,
        workers: args.max_workers,
        update_hosts: args.update_etc_hosts,
        leave_out: Vec::new(),
        keep: args.keeps_failed(),
        dry_run: args.dry_run,
        pull: args.pull_policy(),
        hook,
        request,
        specs,
        ports,
    })
}

/// The images of the nodes and of their volumes, each once; the system's own only if a node uses it.
fn images(system: Wanted, specs: &[NodeSpec]) -> Vec<Wanted> {
    let mut wanted: Vec<Wanted> = Vec::new();
    let of_nodes = specs.iter().map(|spec| spec.image.as_deref().unwrap_or(&system.reference));
    for reference in of_nodes.chain(plan::volumes::images(specs)) {
        let image = if reference == system.reference { system.clone() } else { Wanted::named(reference) };
        if !wanted.iter().any(|one| one.reference == image.reference) {
            wanted.push(image);
        }
    }
    wanted
}

/// Loopback, so that nothing is open to others unasked; an engine elsewhere can only be reached on its own addresses.
fn default_bind(session: &Session<'_>) -> IpAddr {
    match session.engine.is_local() {
        true => IpAddr::V4(Ipv4Addr::LOCALHOST),
        false => IpAddr::V4(Ipv4Addr::UNSPECIFIED),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(words: &[&str]) -> StartArgs {
        let matches = cli::command().try_get_matches_from([&["start"], words, &["t"]].concat()).unwrap();
        StartArgs::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn a_program_that_wants_json_gets_no_plan_for_people() {
        let error = check_format(&args(&["--dry-run", "--format", "json"])).unwrap_err();
        assert_eq!((error.kind(), error.message()), (Kind::Usage, "a plan cannot be written as JSON"));
        check_format(&args(&["--dry-run"])).unwrap();
        check_format(&args(&["--format", "json"])).unwrap();
    }

    #[test]
    fn an_operating_system_that_the_topology_does_not_make_is_told_with_those_it_does() {
        let text = include_str!("../../../topologies/topology_nodebase/topology.toml");
        let manifest = Manifest::parse(text, "topology.toml").unwrap();
        let told = |system: &str| {
            let error = Error::new(Kind::Image, "no image");
            with_systems(error, &manifest, &args(&["-o", system])).to_string()
        };
        assert_eq!(told("debian21"), "no image: topology `nodebase` itself has images for `debian12`, `host`");
        assert_eq!(told("host"), "no image");
    }
}
