//! A topology as a plugin: what [`topology`](macro@crate::topology) puts into a library. It turns the calls of the host
//! into those of a [`Topology`], and hands the plugin's `log` records to the host.

use std::sync::Arc;

use crate::wire::{self, Declaration, Hook, HookCall, Host, Options, Plugin, Request};
use crate::{logger, Arguments, Change, Cluster, Code, Context, Error, Plan, Result, Topology};

pub use clusterdock_plugin_wire::export_plugin;

/// The plugin of a topology.
pub fn new<T: Topology>(options: Options, topology: fn() -> T) -> Box<dyn Plugin> {
    logger::install(&options.log_level);
    Box::new(Exported {
        topology: topology(),
        options,
    })
}

struct Exported<T> {
    topology: T,
    options: Options,
}

impl<T: Topology> Plugin for Exported<T> {
    fn declare(&self) -> Result<String> {
        wire::json::encode(&declaration(&self.topology))
    }

    fn nodes(&self, request: &str) -> Result<String> {
        let request = self.options.decode(request, "the request")?;
        wire::json::encode(&specs(&self.topology, request)?)
    }

    fn hook(&self, call: &str, host: Arc<dyn Host>) -> Result<String> {
        let call = self.options.decode(call, "the call of a hook")?;
        let _logging = logger::to_host(host.clone());
        run(&self.topology, &call, host)?;
        wire::json::encode(&())
    }
}

/// What a topology declares.
pub(crate) fn declaration<T: Topology>(topology: &T) -> Declaration {
    let hook = |name: &&str| match *name {
        "start" => Hook::Start,
        "build" => Hook::Build,
        "check" => Hook::Check,
        "on_stop" => Hook::OnStop,
        "on_resume" => Hook::OnResume,
        "scale" => Hook::Scale,
        other => panic!("no hook is called `{other}`"),
    };
    Declaration {
        groups: T::GROUPS.iter().map(|group| group.to_wire()).collect(),
        args: T::Args::declare().into_iter().map(|arg| arg.0).collect(),
        hooks: T::HOOKS.iter().map(hook).collect(),
        verbs: topology
            .verbs()
            .into_iter()
            .map(|verb| verb.declared)
            .collect(),
    }
}

/// The nodes of a topology for a request.
pub(crate) fn specs<T: Topology>(topology: &T, request: Request) -> Result<Vec<wire::NodeSpec>> {
    let plan = Plan::new(request, T::GROUPS)?;
    topology.nodes(&plan)?;
    Ok(plan.into_specs())
}

/// Runs a hook or a verb.
pub(crate) fn run<T: Topology>(topology: &T, call: &HookCall, host: Arc<dyn Host>) -> Result<()> {
    let cluster = Cluster::new(call, T::GROUPS, host)?;
    match call.hook {
        Hook::Start => topology.start(&cluster),
        Hook::Build => topology.build(&cluster),
        Hook::Check => topology.check(&cluster),
        Hook::OnStop => topology.on_stop(&cluster),
        Hook::OnResume => topology.on_resume(&cluster),
        Hook::Scale => topology.scale(&cluster, &change(call, &cluster)?),
        Hook::Verb => verb(topology, call, &cluster),
    }
}

fn change<A>(call: &HookCall, cluster: &Cluster<A>) -> Result<Change> {
    let change = call
        .change
        .as_ref()
        .ok_or_else(|| Error::with_code(Code::Host, "the host does not say what it scales"))?;
    let nodes = |names: &[String]| {
        let nodes = names.iter().map(|name| cluster.node(name).cloned());
        nodes.collect::<Result<Vec<_>>>()
    };
    Ok(Change {
        added: nodes(&change.added)?,
        removed: nodes(&change.removing)?,
    })
}

fn verb<T: Topology>(topology: &T, call: &HookCall, cluster: &Cluster<T::Args>) -> Result<()> {
    let given = call
        .verb
        .as_ref()
        .ok_or_else(|| Error::with_code(Code::Host, "the host does not name the verb"))?;
    let verbs = topology.verbs();
    let verb = verbs.iter().find(|verb| verb.declared.name == given.name);
    let verb = verb.ok_or_else(|| {
        let unknown = format!("no verb is called `{}`", given.name);
        Error::with_code(Code::Unsupported, unknown)
    })?;
    verb.run(topology, cluster, given)
        .context(format!("verb `{}`", given.name))
}
