//! The command line of `start` or `build`, read again with the topology's own arguments, and the order that it results
//! in.

use std::collections::{BTreeMap, BTreeSet};
use std::net::{IpAddr, Ipv4Addr};

use async_trait::async_trait;
use clap::{ArgMatches, FromArgMatches};
use clusterdock_plugin_wire::{Arg, Declaration, NodeSpec, Request, Value};

use super::Console;
use super::given::Given;
use crate::cli::build_args;
use crate::cli::environment::{self, Unread, Variables};
use crate::cli::environment::{BUILD_VARIABLES, START_VARIABLES};
use crate::cli::lab::Lab;
use crate::cli::start_args::{self, StartArgs, Verb};
use crate::cli::{command_with, name_args, topology_args};
use crate::cluster::generated_name;
use crate::cluster::port_mapping::PortMapping;
use crate::cluster::provenance::StartOptions;
use crate::engine::System;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::image::Wanted;
use crate::plan;
use crate::plan::start_plan::TopologyFacts;
use crate::plan::wishes::{Surroundings, Wishes};
use crate::start::open_topology::Topology;
use crate::start::order::{self, Asked, Asking, Order};
use crate::topology::manifest::{self, Manifest};
use crate::topology::plugin::Hook;

/// Why `start` or `build` did not succeed.
pub enum StartError {
    /// An argument is invalid, or help was requested: shown in clap's words.
    CommandLine(clap::Error),
    /// Anything else.
    Failed(Error),
}

impl From<Unread> for StartError {
    fn from(unread: Unread) -> StartError {
        match unread {
            Unread::Typed(error) => StartError::CommandLine(error),
            Unread::Variable(error) => StartError::Failed(error),
        }
    }
}

impl From<Error> for StartError {
    fn from(error: Error) -> StartError {
        StartError::Failed(error)
    }
}

/// A command line of `start` or `build`, read again with the topology's own arguments.
pub(super) struct TopologyCommand<'a> {
    topology: &'a Topology,
    /// What the topology declares.
    pub(super) declaration: Declaration,
    /// The host's options.
    pub(super) args: StartArgs,
    /// All values, including the topology's own.
    pub(super) matches: ArgMatches,
    /// The file that took part in it.
    lab: Option<&'a Lab>,
    variables: Variables,
    hook: Hook,
}

impl<'a> TopologyCommand<'a> {
    /// Reads a command line.
    pub(super) async fn read(
        console: &Console<'_>,
        topology: &'a Topology,
        given: &'a Given<'_>,
    ) -> Result<TopologyCommand<'a>, StartError> {
        let declaration = topology.plugin().declare().await?;
        let Given { verb, argv, .. } = given;
        let name = &topology.manifest.name;
        let (command, variables, hook) = match verb {
            Verb::Build => {
                let command = build_args::command_of(name, &declaration);
                (command, BUILD_VARIABLES, Hook::Build)
            }
            Verb::Start | Verb::Up => {
                let command = start_args::command_of(*verb, name, &declaration);
                (command, START_VARIABLES, Hook::Start)
            }
        };
        let lab = given.lab.as_ref();
        let command = match lab {
            Some(lab) => lab.fill(command, &declaration)?,
            None => command,
        };
        let of_command = Variables::of(&command);
        let command = command_with(command);
        let mut matches = environment::read(&command, argv)?;
        for message in environment::unknown(&command, Some(variables)) {
            console.event(Event::Warning { message });
        }
        let (_, matches) = matches
            .remove_subcommand()
            .expect("the first reading found the command");
        let mut args = StartArgs::from_arg_matches(&matches).map_err(StartError::CommandLine)?;
        args.reuse |= *verb == Verb::Up;
        if args.reuse || args.recreate {
            // Found again without a name on the command line.
            args.cluster_name.get_or_insert_with(|| name.clone());
        }
        Ok(TopologyCommand {
            topology,
            declaration,
            args,
            matches,
            lab,
            variables: of_command,
            hook,
        })
    }

    /// The file that took part in the command line, and what it contributes.
    pub(super) fn file(&self) -> Option<(&str, String)> {
        let lab = self.lab?;
        let contribution = lab.contribution(&self.matches, &self.declaration);
        Some((&lab.shown, contribution))
    }

    /// The topology's manifest.
    pub(super) fn manifest(&self) -> &'a Manifest {
        &self.topology.manifest
    }

    /// The values of the topology's own arguments.
    pub(super) fn values(&self) -> Result<BTreeMap<String, Value>> {
        topology_args::values(&self.matches, &self.declared(), &self.variables)
    }

    fn declared(&self) -> Vec<Arg> {
        match self.hook {
            Hook::Build => self.declaration.build_args(),
            _ => self.declaration.start_args(),
        }
    }

    /// The order that results from the command line.
    pub(super) async fn order<'c>(&self, console: &'c Console<'_>) -> Result<Order<'c>>
    where
        'a: 'c,
    {
        let args = &self.args;
        name_args::check(args, &self.matches, &self.variables)?;
        let mut request = self.request()?;
        for (_, secret) in request.secrets() {
            console.report.hide(secret.expose());
        }
        check_given_nodes(&request)?;
        let wishes = self.wishes(&request, console)?;
        let options = self.options(&wishes);
        let asking = self.asking(&mut request, wishes, console)?;
        let Asked {
            specs,
            images,
            ports,
            overrides,
        } = asking.ask(&request).await?;
        for message in overrides {
            console.event(Event::Notice { message });
        }
        let is_generated = args.cluster_name.is_none();
        Ok(Order {
            asked_again: is_generated.then(|| Box::new(asking) as Box<dyn Asking + 'c>),
            plugin: self.topology.plugin(),
            topology: self.facts(),
            images,
            bind: args.bind.unwrap_or_else(|| default_bind(console)),
            subnet: args.subnet,
            limits: args.limits(),
            options,
            timeout: args.timeout,
            workers: args.max_workers,
            update_hosts: args.update_etc_hosts,
            leave_out: Vec::new(),
            keep: args.keeps_failed(),
            dry_run: args.dry_run,
            pull: args.pull_policy(),
            hook: self.hook,
            request,
            specs,
            ports,
        })
    }

    /// Prepares the question for the nodes of a request, and completes the request with its image.
    fn asking<'c>(
        &self,
        request: &mut Request,
        wishes: Wishes,
        console: &'c Console<'_>,
    ) -> Result<PluginAsking<'c>>
    where
        'a: 'c,
    {
        let image = self.system_image(&request.operating_system, console)?;
        request.image = image.reference.clone();
        Ok(PluginAsking {
            topology: self.topology,
            image,
            built: self.built_images(console)?,
            ports: self.args.port.clone(),
            wishes,
            engine: &console.engine,
        })
    }

    /// What labels say of the topology.
    fn facts(&self) -> TopologyFacts {
        let manifest = &self.topology.manifest;
        TopologyFacts {
            name: manifest.name.clone(),
            version: manifest.version.clone(),
            plugin_digest: self.topology.digest.clone(),
            hooks: self.declaration.hooks.clone(),
            after: self.order_of_groups(),
            path: self.topology.path.clone(),
        }
    }

    /// What the user wants of the nodes of a request.
    fn wishes(&self, request: &Request, console: &Console<'_>) -> Result<Wishes> {
        let groups = self.declaration.groups.iter();
        let groups: Vec<&str> = groups.map(|group| &*group.name).collect();
        let lab = self.lab.filter(|lab| lab.has_volumes(&self.matches));
        let folder = lab.map_or(&*console.paths.current, |lab| &lab.folder);
        Wishes::read(
            &self.args.wishes(),
            &Surroundings {
                nodes: &request.nodes,
                groups: &groups,
                folder: console.engine.is_local().then_some(folder),
            },
        )
    }

    /// The options that are not part of the request, by flag.
    fn options(&self, wishes: &Wishes) -> StartOptions {
        let args = &self.args;
        let ports: Vec<String> = args.port.iter().map(ToString::to_string).collect();
        let limits = [
            ("bind", args.bind.map(|one| one.to_string())),
            ("subnet", args.subnet.map(|one| one.to_string())),
            ("cpus", args.cpus.map(|one| one.to_string())),
            ("memory", args.memory.map(|one| one.to_string())),
            ("log-max-size", args.log_max_size.map(|one| one.to_string())),
            (
                "log-max-files",
                args.log_max_files.map(|one| one.to_string()),
            ),
            ("port", (!ports.is_empty()).then(|| ports.join(" "))),
        ];
        let given = limits.into_iter();
        let mut options = wishes.options();
        options.extend(given.filter_map(|(flag, value)| Some((flag.into(), value?))));
        options
    }

    /// For each group, those whose nodes are ready before its nodes start.
    fn order_of_groups(&self) -> BTreeMap<String, Vec<String>> {
        let groups = self.declaration.groups.iter();
        groups
            .map(|group| (group.name.clone(), group.after.clone()))
            .collect()
    }

    /// The plugin's request, without the image.
    fn request(&self) -> Result<Request> {
        let args = &self.args;
        let images = &self.topology.manifest.images;
        let domain = args.domain.as_ref().unwrap_or(&args.network);
        Ok(Request {
            cluster: args
                .cluster_name
                .clone()
                .unwrap_or_else(|| generated_name::cluster_name(args.dry_run.then_some(0))),
            network: args.network.clone(),
            domain: domain.clone(),
            is_build: self.hook == Hook::Build,
            image: String::new(),
            operating_system: args
                .operating_system
                .clone()
                .unwrap_or_else(|| images.default.clone()),
            registry: args.registry.clone(),
            namespace: args
                .namespace
                .clone()
                .unwrap_or_else(|| images.namespace.clone()),
            predictable: args.predictable,
            nodes: topology_args::nodes(
                &self.matches,
                &self.declaration.groups,
                domain,
                &self.variables,
            )?,
            args: self.values()?,
        })
    }

    /// The images of the topology that have a Dockerfile: nodes may name any of them.
    fn built_images(&self, console: &Console<'_>) -> Result<Vec<Wanted>> {
        let systems = self.topology.manifest.images.systems.iter();
        let built = systems.filter(|(_, image)| matches!(image, manifest::System::Built { .. }));
        built
            .map(|(system, _)| self.system_image(system, console))
            .collect()
    }

    /// The image of an operating system. If it is built, the build arguments have their defaults.
    fn system_image(&self, system: &str, console: &Console<'_>) -> Result<Wanted> {
        let image = Wanted::of_system(
            &self.topology.manifest,
            self.topology.folder.as_deref(),
            system,
            self.args.registry.as_deref(),
            self.args.namespace.as_deref(),
            &console.paths.config,
        )?;
        let defaults = topology_args::defaults(&self.declaration.build_args());
        Ok(image.with_arguments(topology_args::build_arguments(&defaults)))
    }
}

/// Asks the plugin for the nodes of a start.
struct PluginAsking<'a> {
    topology: &'a Topology,
    /// The image of nodes that name none.
    image: Wanted,
    /// The topology's images that are built if need be.
    built: Vec<Wanted>,
    /// What the user publishes.
    ports: Vec<PortMapping>,
    /// What else the user wants of the nodes.
    wishes: Wishes,
    /// Checks which fields of its create call it accepts.
    engine: &'a dyn System,
}

#[async_trait]
impl Asking for PluginAsking<'_> {
    async fn ask(&self, request: &Request) -> Result<Asked> {
        let mut specs = self.topology.plugin().nodes(request).await?;
        check_answer(&self.topology.manifest.plugin, request, &specs)?;
        plan::secrets::check(request, &specs)?;
        plan::spec::check(&specs, &request.domain)?;
        // After the checks of what the topology returns, which is to blame for what they find.
        let overrides = self.wishes.apply(&mut specs);
        plan::spec::check(&specs, &request.domain)?;
        order::check_engine_fields(self.engine, &specs)?;
        let (domain, predictable) = (&request.domain, request.predictable);
        let ports = plan::wanted_ports::wanted(&specs, domain, &self.ports, predictable)?;
        let images = images(&self.image, &self.built, &specs)?;
        Ok(Asked {
            specs,
            images,
            ports,
            overrides,
        })
    }
}

/// Checks that the plugin returns exactly the nodes that were requested.
fn check_answer(plugin: &str, request: &Request, specs: &[NodeSpec]) -> Result<()> {
    let invalid = |cause: String| {
        let message = format!("plugin `{plugin}` returned an invalid answer from `nodes`");
        Err(Error::new(Kind::Plugin, message).cause(cause))
    };
    let mut returned = BTreeSet::new();
    for spec in specs {
        let (group, hostname) = (&spec.group, &spec.hostname);
        let mut requested = request.nodes.iter();
        if !requested.any(|node| node.hostname == *hostname && node.group == *group) {
            return invalid(format!(
                "node `{hostname}` of group `{group}` was not requested"
            ));
        }
        if !returned.insert(hostname) {
            return invalid(format!("node `{hostname}` is returned twice"));
        }
    }
    let mut requested = request.nodes.iter();
    match requested.find(|node| !returned.contains(&node.hostname)) {
        Some(node) => invalid(format!(
            "node `{}` of group `{}` is missing",
            node.hostname, node.group
        )),
        None => Ok(()),
    }
}

/// Checks the host names on the command line, so that one that is used twice is reported before the topology's code, which
/// may stumble over it, is called.
fn check_given_nodes(request: &Request) -> Result<()> {
    let nodes = request.nodes.iter();
    let nodes: Vec<NodeSpec> = nodes
        .map(|node| NodeSpec::new(node.hostname.clone(), node.group.clone()))
        .collect();
    if nodes.is_empty() {
        return Ok(());
    }
    plan::spec::check(&nodes, &request.domain)
}

/// The images of the nodes and of their volumes, each once. The system's own image is only included if a node uses it.
fn images(system: &Wanted, built: &[Wanted], specs: &[NodeSpec]) -> Result<Vec<Wanted>> {
    let mut wanted: Vec<Wanted> = Vec::new();
    let of_nodes = specs
        .iter()
        .map(|spec| spec.image.as_deref().unwrap_or(&system.reference));
    for reference in of_nodes.chain(plan::volumes::images(specs)) {
        let mut known = std::iter::once(system).chain(built);
        let image = match known.find(|one| one.reference == reference) {
            Some(known) => known.clone(),
            None => Wanted::named(reference)?,
        };
        if !wanted.iter().any(|one| one.reference == image.reference) {
            wanted.push(image);
        }
    }
    Ok(wanted)
}

/// Loopback, so that ports are not open to others by default; a remote engine can only be reached on its own addresses.
fn default_bind(console: &Console<'_>) -> IpAddr {
    if console.engine.is_local() {
        IpAddr::V4(Ipv4Addr::LOCALHOST)
    } else {
        IpAddr::V4(Ipv4Addr::UNSPECIFIED)
    }
}
