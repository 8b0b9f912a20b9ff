//! `build`: a topology's images, from their Dockerfiles and by its build hook.

use std::collections::BTreeMap;
use std::path::Path;

use super::Console;
use super::given::Given;
use super::rm;
use super::topology_command::{StartError, TopologyCommand};
use crate::cli::build_args::{PUSH, REPOSITORY};
use crate::cli::start_args::StartArgs;
use crate::cli::topology_args;
use crate::engine::reference::{DOCKER_HUB, is_registry};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::image::build_context::Context;
use crate::image::pull::Pull;
use crate::image::{Provider, Source, Wanted};
use crate::start::hook_calls::CreatedImage;
use crate::start::open_topology::Topology;
use crate::start::order::Order;
use crate::start::transaction::{self, StartResult};
use crate::topology::manifest::System;
use crate::topology::plugin::Hook;

/// Builds the images of the topology named on the command line.
pub async fn build(console: &Console<'_>, given: &Given<'_>) -> Result<(), StartError> {
    let topology = given.open(console).await?;
    let result = build_images(console, &topology, given).await;
    topology.close().await;
    result
}

async fn build_images(
    console: &Console<'_>,
    topology: &Topology,
    given: &Given<'_>,
) -> Result<(), StartError> {
    let mut command = TopologyCommand::read(console, topology, given).await?;
    check_supported(&command.args)?;
    set_repository(&mut command);
    let arguments = topology_args::build_arguments(&command.values()?);
    let images = images(topology, &command.args, &arguments)?;
    let has_hook = command.declaration.has(Hook::Build);
    if images.is_empty() && !has_hook {
        return Err(nothing_to_build(topology, command.args.operating_system.as_deref()).into());
    }
    // Before the images are built, so that a mistake on the command line costs no time.
    let order = if has_hook {
        Some(command.order(console).await?)
    } else {
        None
    };
    let events = |event| console.event(event);
    let provider = Provider {
        engine: console.engine,
        registries: &console.registries,
        pull: command.args.pull_policy(),
        cancellation: console.cancellation,
        events: &events,
    };
    let mut built = build_each(&provider, images).await?;
    if let Some(mut order) = order {
        if !built.is_empty() && order.pull == Pull::Always {
            // An image that has just been built must not be replaced by a pulled one.
            order.pull = Pull::Missing;
        }
        built.extend(run_hook(console, order, command.args.retain).await?);
    }
    if command.matches.get_flag(PUSH) {
        for image in built.iter().filter(|image| !image.pushed) {
            provider.push(&image.reference).await?;
        }
    }
    let references: String = built
        .iter()
        .map(|image| format!("{}\n", image.reference))
        .collect();
    console.report.answer(&references)?;
    Ok(())
}

/// Refuses options of `start` that would change what is built.
fn check_supported(args: &StartArgs) -> Result<()> {
    let unsupported = [
        (args.dry_run, "dry-run"),
        (args.reuse, "reuse"),
        (args.recreate, "recreate"),
    ];
    match unsupported.into_iter().find(|(is_given, _)| *is_given) {
        None => Ok(()),
        Some((_, flag)) => {
            let message = format!("`build` does not support --{flag}");
            Err(Error::new(Kind::Usage, message))
        }
    }
}

/// Takes registry and namespace of the images from `--repository`; the manifest's namespace if it is not given.
fn set_repository(command: &mut TopologyCommand<'_>) {
    let repository = command.matches.get_one::<String>(REPOSITORY);
    let parts = repository.map(|repository| registry_and_namespace(repository));
    let registry = parts.and_then(|(registry, _)| registry).map(String::from);
    let namespace = parts.map(|(_, namespace)| namespace.to_string());
    command.args.registry = registry;
    command.args.namespace = namespace;
}

/// Builds images from their contexts, one after the other.
async fn build_each(
    provider: &Provider<'_>,
    images: Vec<(String, Context)>,
) -> Result<Vec<CreatedImage>> {
    let mut built = Vec::new();
    for (reference, context) in images {
        provider.build_afresh(&reference, &context).await?;
        built.push(CreatedImage {
            reference,
            pushed: false,
        });
    }
    Ok(built)
}

fn nothing_to_build(topology: &Topology, system: Option<&str>) -> Error {
    let (name, systems) = (&topology.manifest.name, &topology.manifest.images.systems);
    let built: Vec<String> = systems
        .iter()
        .filter(|(_, system)| matches!(system, System::Built { .. }))
        .map(|(name, _)| format!("`{name}`"))
        .collect();
    match system {
        Some(system) if !built.is_empty() => {
            let why = match systems.get(system) {
                Some(_) => {
                    format!("the image of `{system}` is assembled by `start`, not built")
                }
                None => format!("its manifest declares no image `{system}`"),
            };
            let error = Error::new(
                Kind::Usage,
                format!("topology `{name}` has nothing to build for `{system}`"),
            );
            error.cause(why).hint(format!(
                "choose another --operating-system: {}",
                built.join(", ")
            ))
        }
        _ => Error::new(
            Kind::Usage,
            format!("topology `{name}` has nothing to build"),
        )
        .cause("none of the images in its manifest has a `context`, and it has no build hook"),
    }
}

/// Starts a cluster for the build hook and removes it afterwards. Returns the images that the hook committed.
async fn run_hook(
    console: &Console<'_>,
    order: Order<'_>,
    keep: bool,
) -> Result<Vec<CreatedImage>> {
    let StartResult::Started(started) = transaction::start(console, order).await? else {
        unreachable!("`build` has no dry run");
    };
    for message in started.closing {
        console.event(Event::Done { message });
    }
    if !keep {
        rm::remove_cluster(console, &started.cluster.name, None).await?;
    }
    Ok(started.created_images)
}

/// The images with a Dockerfile: the one for `--operating-system`, or all.
fn images(
    topology: &Topology,
    args: &StartArgs,
    arguments: &BTreeMap<String, String>,
) -> Result<Vec<(String, Context)>> {
    let manifest = &topology.manifest;
    let chosen = |system: &str| {
        args.operating_system
            .as_deref()
            .is_none_or(|wanted| wanted == system)
    };
    let built = manifest
        .images
        .systems
        .iter()
        .filter(|(_, system)| matches!(system, System::Built { .. }));
    let mut images = Vec::new();
    for (system, _) in built.filter(|(system, _)| chosen(system)) {
        let (registry, namespace) = (args.registry.as_deref(), args.namespace.as_deref());
        // Without a folder for locks: only assembled images need one.
        let wanted = Wanted::of_system(
            manifest,
            topology.folder.as_deref(),
            system,
            registry,
            namespace,
            Path::new(""),
        )?;
        let Wanted { reference, source } = wanted.with_arguments(arguments.clone());
        if let Source::Built(context) = source {
            images.push((reference, context));
        }
    }
    Ok(images)
}

/// `REGISTRY/NAMESPACE`, or a namespace of Docker's own registry.
fn registry_and_namespace(repository: &str) -> (Option<&str>, &str) {
    match repository.split_once('/') {
        Some((DOCKER_HUB, rest)) => (None, rest),
        Some((first, rest)) if is_registry(first) => (Some(first), rest),
        _ => (None, repository),
    }
}
