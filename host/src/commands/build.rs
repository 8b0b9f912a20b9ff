//! `build`: a topology's images, from their Dockerfiles and by its build hook.

use super::rm;
use super::start::{StartError, order};
use crate::cli::start::{self as cli, PUSH, Pull, REPOSITORY, StartArgs};
use crate::cli::topology_args;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execution::hook::Made;
use crate::execution::order::Order;
use crate::execution::transaction;
use crate::image::context::Context;
use crate::image::{Provider, Source, Wanted, registry};
use crate::plan::removal as plan;
use crate::session::Session;
use crate::topology::manifest::System;
use crate::topology::open::Topology;
use crate::topology::plugin::Hook;
use clap::FromArgMatches;
use std::collections::{BTreeMap, BTreeSet};
use std::ffi::OsString;
use std::path::Path;

/// Builds the images of the topology named on the command line.
pub async fn build(session: &Session<'_>, given: &OsString, argv: &[OsString]) -> Result<(), StartError> {
    let topology = Topology::open(session, Path::new(given)).await?;
    let result = of_topology(session, &topology, argv).await;
    topology.close().await;
    result
}

async fn of_topology(session: &Session<'_>, topology: &Topology, argv: &[OsString]) -> Result<(), StartError> {
    let name = &topology.manifest.name;
    let declaration = topology.plugin().declare().await?;
    let command = crate::cli::command_with(cli::build_command_of(name, &declaration));
    let matches = command.try_get_matches_from(argv).map_err(StartError::CommandLine)?;
    let (_, matches) = matches.subcommand().expect("the first reading found `build`");
    let mut args = StartArgs::from_arg_matches(matches).map_err(StartError::CommandLine)?;
    if args.dry_run {
        return Err(Error::new(Kind::Usage, "`build` has no --dry-run").into());
    }
    let repository = matches.get_one::<String>(REPOSITORY).map(String::as_str).unwrap_or_default();
    let (registry, namespace) = registry_and_namespace(repository);
    (args.registry, args.namespace) = (registry.map(Into::into), Some(namespace.into()));
    let own = topology_args::values(matches, &declaration.build_args)?;
    let images = images(topology, &args, &topology_args::build_arguments(&own))?;
    if images.is_empty() && !declaration.builds {
        return Err(Error::new(Kind::Usage, format!("topology `{name}` has nothing to build"))
            .cause("no image of its manifest has a `context`, and it has no build hook")
            .into());
    }
    let order = match declaration.builds {
        true => Some(order(session, topology, &declaration, &args, matches, Hook::Build).await?),
        false => None,
    };
    let events = |event| session.event(event);
    let (engine, pull, stop) = (session.engine, args.pull_policy(), session.stop);
    let provider = Provider { engine, registries: &session.registries, pull, stop, events: &events };
    let mut made = Vec::new();
    for (reference, context) in images {
        provider.build_afresh(&reference, &context).await?;
        made.push(Made { reference, pushed: false });
    }
    if let Some(mut order) = order {
        if !made.is_empty() && order.pull == Pull::Always {
            // What has just been built is not pulled over.
            order.pull = Pull::Missing;
        }
        made.extend(run_hook(session, order, args.retain).await?);
    }
    if matches.get_flag(PUSH) {
        for image in made.iter().filter(|image| !image.pushed) {
            provider.push(&image.reference).await?;
        }
    }
    session.report.answer(&made.iter().map(|image| format!("{}\n", image.reference)).collect::<String>())?;
    Ok(())
}

/// Starts a cluster for the build hook, and removes it afterwards; gives the images that the hook made.
async fn run_hook(session: &Session<'_>, order: Order<'_>, keep: bool) -> Result<Vec<Made>> {
    let started = transaction::start(session, order).await?.expect("it was no dry run");
    started.closing.iter().for_each(|message| session.event(Event::Done { message: message.clone() }));
    if !keep {
        remove(session, &started.cluster.name).await?;
    }
    Ok(started.made)
}

/// The images with a Dockerfile: the one of `--operating-system`, else all.
fn images(
    topology: &Topology,
    args: &StartArgs,
    arguments: &BTreeMap<String, String>,
) -> Result<Vec<(String, Context)>> {
    let manifest = &topology.manifest;
    let chosen = |system: &str| args.operating_system.as_deref().is_none_or(|wanted| wanted == system);
    let built = manifest.images.systems.iter().filter(|(_, system)| matches!(system, System::Built { .. }));
    let mut images = Vec::new();
    for (system, _) in built.filter(|(system, _)| chosen(system)) {
        let (registry, namespace) = (args.registry.as_deref(), args.namespace.as_deref());
        // The folder of locks is of no use here: only assembled images keep anything in it.
        let wanted =
            Wanted::of_system(manifest, topology.folder.as_deref(), system, registry, namespace, Path::new(""))?;
        let Wanted { reference, source } = wanted.with_arguments(arguments.clone());
        if let Source::Built(context) = source {
            images.push((reference, context));
        }
    }
    Ok(images)
}

async fn remove(session: &Session<'_>, cluster: &str) -> Result<()> {
    let observed = session.observe().await?;
    let plan = plan::clusters(&observed, &BTreeSet::from([cluster.to_string()]), true);
    rm::carry_out(session, &plan, false, &format!("cluster {cluster}")).await
}

/// `REGISTRY/NAMESPACE`, or a namespace of Docker's own registry.
fn registry_and_namespace(repository: &str) -> (Option<&str>, &str) {
    match repository.split_once('/') {
        Some((registry::DOCKER_HUB, rest)) => (None, rest),
        Some((first, rest)) if registry::is_host(first) => (Some(first), rest),
        _ => (None, repository),
    }
}
