//! `build`: a topology's images, from their Dockerfiles and by its build hook.

use super::rm;
use super::start::{StartError, order};
use crate::cli::start::{self as cli, REPOSITORY, StartArgs};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execution::transaction;
use crate::image::context::Context;
use crate::image::{Provider, Source, Wanted};
use crate::plan::removal as plan;
use crate::session::Session;
use crate::topology::manifest::System;
use crate::topology::open::Topology;
use crate::topology::plugin::Hook;
use clap::FromArgMatches;
use clusterdock_plugin_api::Value;
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
    let repository = matches.get_one::<String>(REPOSITORY).map(String::as_str).unwrap_or_default();
    let (registry, namespace) = registry_and_namespace(repository);
    (args.registry, args.namespace) = (registry.map(Into::into), Some(namespace.into()));
    let images = images(topology, &args)?;
    if images.is_empty() && !declaration.builds {
        return Err(Error::new(Kind::Usage, format!("topology `{name}` has nothing to build"))
            .cause("no image of its manifest has a `context`, and it has no build hook")
            .into());
    }
    let order = match declaration.builds {
        true => Some(order(session, topology, &declaration, &args, matches, Hook::Build).await?),
        false => None,
    };
    let arguments = order.as_ref().map(|order| texts(&order.request.args)).unwrap_or_default();
    let events = |event| session.event(event);
    let pull = args.pull_policy();
    let provider = Provider { engine: session.engine, pull, stop: session.stop, events: &events };
    for (reference, context) in &images {
        provider.build(reference, context, &arguments).await?;
    }
    if let Some(order) = order {
        let started = transaction::start(session, order).await?.expect("it was no dry run");
        started.closing.iter().for_each(|message| session.event(Event::Done { message: message.clone() }));
        if !args.retain {
            remove(session, &started.cluster.name).await?;
        }
    }
    let built: Vec<&str> = images.iter().map(|(reference, _)| reference.as_str()).collect();
    session.report.answer(&built.iter().map(|reference| format!("{reference}\n")).collect::<String>())?;
    Ok(())
}

/// The images with a Dockerfile: the one of `--operating-system`, else all.
fn images(topology: &Topology, args: &StartArgs) -> Result<Vec<(String, Context)>> {
    let manifest = &topology.manifest;
    let chosen = |system: &str| args.operating_system.as_deref().is_none_or(|wanted| wanted == system);
    let built = manifest.images.systems.iter().filter(|(_, system)| matches!(system, System::Built { .. }));
    let mut images = Vec::new();
    for (system, _) in built.filter(|(system, _)| chosen(system)) {
        let (registry, namespace) = (args.registry.as_deref(), args.namespace.as_deref());
        // The folder of locks is of no use here: only assembled images keep anything in it.
        let wanted =
            Wanted::of_system(manifest, topology.folder.as_deref(), system, registry, namespace, Path::new(""))?;
        if let Source::Built(context) = wanted.source {
            images.push((wanted.reference, context));
        }
    }
    Ok(images)
}

/// The topology's build arguments as those of its Dockerfiles: names as environment variables have them.
fn texts(args: &BTreeMap<String, Value>) -> BTreeMap<String, String> {
    let text = |value: &Value| match value {
        Value::Text(text) => Some(text.clone()),
        Value::Integer(number) => Some(number.to_string()),
        Value::Flag(flag) => Some(flag.to_string()),
        _ => None,
    };
    args.iter().filter_map(|(name, value)| Some((name.to_uppercase().replace('-', "_"), text(value)?))).collect()
}

async fn remove(session: &Session<'_>, cluster: &str) -> Result<()> {
    let observed = session.observe().await?;
    let plan = plan::clusters(&observed, &BTreeSet::from([cluster.to_string()]), true);
    rm::carry_out(session, &plan, false, &format!("cluster {cluster}")).await
}

/// `REGISTRY/NAMESPACE`; what has neither dot nor colon in front is a namespace of Docker's own registry.
fn registry_and_namespace(repository: &str) -> (Option<&str>, &str) {
    match repository.split_once('/') {
        Some(("docker.io", rest)) => (None, rest),
        Some((first, rest)) if first.contains(['.', ':']) || first == "localhost" => (Some(first), rest),
        _ => (None, repository),
    }
}
