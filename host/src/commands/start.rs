//! `start`: turns the command line into an order, and executes it.

use std::ffi::OsString;
use std::path::PathBuf;

use clap::parser::ValueSource;

use super::given::Given;
use super::reuse::{Reuse, reuse};
use super::topology_command::{StartError, TopologyCommand};
use super::{Console, dry_run, start_hints};
use crate::cli::start_args::{StartArgs, Verb};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::report::Format;
use crate::start::open_topology::Topology;
use crate::start::order::Order;
use crate::start::start_execution::Started;
use crate::start::transaction::{self, StartResult};
use crate::topology::manifest::Manifest;

/// Starts a cluster of the topology named on the command line, or resumes it.
pub async fn start(console: &Console<'_>, given: &Given<'_>) -> Result<(), StartError> {
    let topology = match given.open(console).await {
        Ok(topology) => topology,
        Err(error) => {
            let name = given.topology.as_os_str();
            return Err(start_hints::of_topology(console, name, error).await.into());
        }
    };
    let result = start_cluster(console, &topology, given).await;
    topology.close().await;
    result
}

/// Executes a command line of `start`, without printing an answer.
pub(super) async fn execute(
    console: &Console<'_>,
    topology: &Topology,
    argv: &[OsString],
) -> Result<StartResult, StartError> {
    let given = Given {
        verb: Verb::Start,
        topology: PathBuf::new(),
        lab: None,
        argv,
    };
    let command = TopologyCommand::read(console, topology, &given).await?;
    let order = command.order(console).await?;
    Ok(start_ordered(console, &command, argv, order).await?)
}

async fn start_ordered(
    console: &Console<'_>,
    command: &TopologyCommand<'_>,
    argv: &[OsString],
    order: Order<'_>,
) -> Result<StartResult> {
    let args = &command.args;
    let error = match transaction::start(console, order).await {
        Ok(done) => return Ok(done),
        Err(error) => with_systems(error, command.manifest(), args),
    };
    if command.matches.value_source("network") != Some(ValueSource::DefaultValue) {
        return Err(error);
    }
    let cluster = args.cluster_name.as_deref();
    Err(start_hints::of_host_name(console, argv, cluster, error).await)
}

async fn start_cluster(
    console: &Console<'_>,
    topology: &Topology,
    given: &Given<'_>,
) -> Result<(), StartError> {
    let command = TopologyCommand::read(console, topology, given).await?;
    let args = &command.args;
    let file = command.file();
    if let Some((file, contribution)) = &file {
        let message = format!("Using {file}: {contribution}");
        console.event(Event::Notice { message });
    }
    let order = command.order(console).await?;
    if args.reuse || args.recreate {
        match reuse(console, &order, args).await? {
            Reuse::Start => {}
            Reuse::Planned => return Ok(()),
            Reuse::Runs(cluster) => {
                let total_ms = console.report.elapsed().as_millis() as u64;
                console
                    .report
                    .started(&cluster, total_ms, &[], args.output.format)?;
                return Ok(());
            }
        }
    }
    match start_ordered(console, &command, given.argv, order).await? {
        StartResult::Started(started) => Ok(answer(console, *started, args.output.format)?),
        StartResult::Planned(mut plan) => {
            if let Some((file, contribution)) = file {
                plan.note("read", file, contribution);
            }
            Ok(dry_run::print(console.report, &plan, args.output.format)?)
        }
    }
}

fn answer(console: &Console<'_>, started: Started, format: Format) -> Result<()> {
    let total_ms = console.report.elapsed().as_millis() as u64;
    let Started {
        cluster, closing, ..
    } = started;
    console.event(Event::Started {
        cluster: cluster.name.clone(),
        total_ms,
        closing: closing.clone(),
    });
    console
        .report
        .started(&cluster, total_ms, &closing, format)
        .map_err(|error| {
            error.hint(format!(
                "cluster `{0}` is running; remove it with: clusterdock rm {0}",
                cluster.name
            ))
        })
}

/// Adds the operating systems that the topology has images for, if the requested one is not among them.
fn with_systems(error: Error, manifest: &Manifest, args: &StartArgs) -> Error {
    let systems = &manifest.images.systems;
    match &args.operating_system {
        Some(system)
            if error.kind() == Kind::Image
                && !systems.is_empty()
                && !systems.contains_key(system) =>
        {
            let names: Vec<_> = systems.keys().map(|name| format!("`{name}`")).collect();
            error.cause(format!(
                "topology `{}` has images for {}",
                manifest.name,
                names.join(", ")
            ))
        }
        _ => error,
    }
}

#[cfg(test)]
mod tests {
    use clap::FromArgMatches;

    use super::*;
    use crate::cli::start_args as cli;

    fn args(words: &[&str]) -> StartArgs {
        let matches = cli::command()
            .try_get_matches_from([&["start"], words, &["t"]].concat())
            .unwrap();
        StartArgs::from_arg_matches(&matches).unwrap()
    }

    #[test]
    fn an_unknown_operating_system_is_reported_with_the_known_ones() {
        let text = include_str!("../../../topologies/topology_nodebase/topology.toml");
        let manifest = Manifest::parse(text, "topology.toml").unwrap();
        let error_for = |system: &str| {
            let error = Error::new(Kind::Image, "no image");
            with_systems(error, &manifest, &args(&["-o", system])).to_string()
        };
        assert_eq!(
            error_for("debian21"),
            "no image: topology `nodebase` has images for `debian12`, `host`"
        );
        assert_eq!(error_for("host"), "no image");
    }
}
