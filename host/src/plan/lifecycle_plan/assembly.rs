//! How the steps of a change follow each other: networks, the hook before a stop, the nodes, the hook after a resume, the
//! probes that hold once nodes serve, and a last look.

use std::collections::{BTreeMap, BTreeSet};

use super::hooks::{self, Due, Whole};
use super::{LifecycleInputs, LifecyclePlan, Networks, NodeSteps, group_order, node_target};
use crate::cluster::Node;
use crate::plan::step::{Action, NodeTarget, Nodes, Plan, Step, StepId, Stream, Target};
use crate::topology::plugin::Hook;

/// A plan that is being put together.
struct Assembly<'a, 'p> {
    inputs: &'p LifecycleInputs<'a>,
    plan: &'p mut Plan,
    /// The steps that create networks, by name.
    networks: BTreeMap<String, StepId>,
    /// The nodes whose steps have been added, with the places of these.
    placed: Vec<(&'a Node, Vec<StepId>)>,
}

/// Adds the steps of nodes, and those that belong to no node.
pub(super) fn assemble<'a>(
    inputs: &LifecycleInputs<'a>,
    lifecycle: &mut LifecyclePlan,
    networks: Networks,
    of_nodes: Vec<(&'a Node, NodeSteps)>,
) {
    let whole = hooks::whole_clusters(inputs);
    let stopping = due(inputs, lifecycle, Hook::OnStop, &whole, &of_nodes);
    let resuming = due(inputs, lifecycle, Hook::OnResume, &whole, &of_nodes);
    let checked = due(inputs, lifecycle, Hook::Check, &whole, &of_nodes);
    lifecycle.changed = note_unchanged(&mut lifecycle.plan, &of_nodes);
    let mut assembly = Assembly {
        inputs,
        plan: &mut lifecycle.plan,
        networks: BTreeMap::new(),
        placed: Vec::new(),
    };
    assembly.create_networks(networks);
    let stop_hooks = assembly.run_hooks(Hook::OnStop, &stopping);
    let is_resuming = |node: &Node| resuming.iter().any(|whole| whole.name == node.cluster);
    let mut serving = Vec::new();
    for (node, mut steps) in of_nodes {
        if is_resuming(node) {
            serving.push((node, split_serving(node, &mut steps)));
        }
        let stop_hook = stop_hooks.get(node.cluster.as_str()).copied();
        assembly.add(node, steps, stop_hook);
    }
    let resume_hooks = assembly.run_hooks(Hook::OnResume, &resuming);
    for (node, steps) in serving {
        let hook = resume_hooks.get(node.cluster.as_str()).copied();
        assembly.add(node, steps, hook);
    }
    assembly.run_hooks(Hook::Check, &checked);
    group_order::keep(assembly.plan, &assembly.placed);
    assembly.check_running();
}

/// The clusters of which the change runs this hook. Those of which it is left out get a note and a warning.
fn due<'a, 'w>(
    inputs: &LifecycleInputs<'_>,
    lifecycle: &mut LifecyclePlan,
    hook: Hook,
    whole: &'w [Whole<'a>],
    of_nodes: &[(&Node, NodeSteps)],
) -> Vec<&'w Whole<'a>> {
    let mut run = Vec::new();
    for one in whole {
        match hooks::due(inputs.change, hook, one, of_nodes) {
            Due::Yes => run.push(one),
            Due::No => {}
            Due::LeftOut(why) => {
                let cluster = one.name;
                let reason = format!("of cluster {cluster}: {why}");
                lifecycle.plan.note("skip hook", hook.name(), reason);
                lifecycle.warnings.push(format!(
                    "the {hook} hook of cluster `{cluster}` is skipped: {why}"
                ));
            }
        }
    }
    run
}

/// Notes the nodes to which nothing is done; returns how many others there are.
fn note_unchanged(plan: &mut Plan, of_nodes: &[(&Node, NodeSteps)]) -> usize {
    let is_unchanged =
        |(_, steps): &&(&Node, NodeSteps)| steps.iter().all(|(action, _)| action.is_wait());
    let unchanged: Vec<_> = of_nodes.iter().filter(is_unchanged).collect();
    for (node, _) in &unchanged {
        let reason = format!("it is {}", node.container.state.as_str());
        plan.note("keep", &node.name, reason);
    }
    of_nodes.len() - unchanged.len()
}

/// Takes the probes that hold once a node serves from the end of its steps.
fn split_serving(node: &Node, steps: &mut NodeSteps) -> NodeSteps {
    let is_awaited = matches!(steps.last(), Some((Action::AwaitProbe { .. }, _)));
    let count = if is_awaited { node.serves.len() } else { 0 };
    steps.split_off(steps.len() - count)
}

impl<'a> Assembly<'a, '_> {
    fn create_networks(&mut self, networks: Networks) {
        for (name, spec) in networks {
            let reason = format!("{}, it was removed", spec.subnet);
            let stream = Stream::Network(name.clone());
            let step = Step::new(self.engine(), stream, Action::CreateNetwork(spec));
            let id = self.plan.add(step.with_reason(reason));
            self.networks.insert(name, id);
        }
    }

    /// Adds the hooks of clusters, each after what has been added of the cluster's nodes.
    fn run_hooks<'w>(
        &mut self,
        hook: Hook,
        clusters: &[&'w Whole<'_>],
    ) -> BTreeMap<&'w str, StepId> {
        let mut added = BTreeMap::new();
        for whole in clusters {
            let of_cluster = self
                .placed
                .iter()
                .filter(|(node, _)| node.cluster == whole.name);
            let ready = of_cluster.filter_map(|(_, steps)| steps.last().copied());
            let after = ready.collect();
            let step = whole.step(self.engine(), hook).with_after(after);
            added.insert(whole.name, self.plan.add(step));
        }
        added
    }

    /// Adds steps of a node, of which the first waits for a hook.
    fn add(&mut self, node: &'a Node, steps: NodeSteps, hook: Option<StepId>) {
        let mut hook = hook;
        let mut added = Vec::new();
        for (action, reason) in steps {
            let network = match &action {
                Action::ConnectNetwork { attachment, .. } => {
                    self.networks.get(&attachment.network.name)
                }
                _ => None,
            };
            let after = network.copied().into_iter().chain(hook.take()).collect();
            let step = Step::new(self.engine(), Stream::Node(node.name.clone()), action);
            added.push(self.plan.add(step.with_reason(reason).with_after(after)));
        }
        match self
            .placed
            .iter_mut()
            .find(|(one, _)| std::ptr::eq(*one, node))
        {
            Some((_, steps)) => steps.extend(added),
            None => self.placed.push((node, added)),
        }
    }

    /// Adds the last look, once every wait is over, at the nodes that were waited for.
    fn check_running(&mut self) {
        let before = self.plan.so_far();
        let steps = self.plan.steps.iter();
        let awaited = steps.filter_map(|step| step.action.waits_for());
        let awaited: BTreeSet<Target> = awaited.map(|node| node.container.clone()).collect();
        let mut by_label: BTreeMap<_, (&str, Vec<Target>)> = BTreeMap::new();
        for node in self.inputs.nodes {
            let NodeTarget { container, label } = node_target(node);
            if awaited.contains(&container) {
                let (_, nodes) = by_label.entry(label).or_insert((&node.cluster, Vec::new()));
                nodes.push(container);
            }
        }
        for (label, (cluster, containers)) in by_label {
            let stream = Stream::Cluster(cluster.into());
            let action = Action::CheckRunning(Nodes { label, containers });
            let step = Step::new(self.engine(), stream, action);
            let step = step.with_reason("they still run");
            self.plan.add(step.with_after(before.clone()));
        }
    }

    fn engine(&self) -> &'a str {
        &self.inputs.observed.engine
    }
}
