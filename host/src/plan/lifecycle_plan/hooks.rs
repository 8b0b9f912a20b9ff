//! The hooks of whole clusters: which of them a change of nodes runs. A change of single nodes runs none, since a hook is
//! for what needs the whole cluster.

use super::{Change, LifecycleInputs, NodeSteps, target};
use crate::cluster::{self, Node};
use crate::engine::State;
use crate::plan::step::{Action, Nodes, Step, Stream};
use crate::topology::plugin::Hook;

/// A cluster of which all nodes are selected.
pub(super) struct Whole<'a> {
    pub(super) name: &'a str,
    nodes: Vec<&'a Node>,
}

/// Whether a hook is run.
pub(super) enum Due {
    Yes,
    No,
    /// It would be, but for this.
    LeftOut(String),
}

/// The clusters of which all nodes are selected, in the order of the nodes.
pub(super) fn whole_clusters<'a>(inputs: &LifecycleInputs<'a>) -> Vec<Whole<'a>> {
    let mut selected: Vec<Whole<'a>> = Vec::new();
    for node in inputs.nodes {
        match selected.iter_mut().find(|whole| whole.name == node.cluster) {
            Some(whole) => whole.nodes.push(node),
            None => selected.push(Whole {
                name: &node.cluster,
                nodes: vec![node],
            }),
        }
    }
    let clusters = cluster::clusters(inputs.observed);
    selected.retain(|whole| {
        let mut found = clusters.iter().filter(|one| one.name == whole.name);
        found.any(|one| one.nodes.len() == whole.nodes.len())
    });
    selected
}

/// Whether the change runs this hook of a cluster, by what is done to the cluster's nodes.
pub(super) fn due(
    change: &Change,
    hook: Hook,
    whole: &Whole<'_>,
    of_nodes: &[(&Node, NodeSteps)],
) -> Due {
    let is_named = whole.nodes.iter().all(|node| node.hooks.contains(&hook));
    let steps = of_nodes
        .iter()
        .filter(|(node, _)| node.cluster == whole.name);
    let mut actions = steps.flat_map(|(_, steps)| steps.iter().map(|(action, _)| action));
    let is_run = match (change, hook) {
        (Change::Stop { .. } | Change::Restart { .. }, Hook::OnStop) => {
            actions.any(|action| matches!(action, Action::StopContainer { .. }))
        }
        (Change::Resume | Change::Restart { .. }, Hook::OnResume) => actions.any(|action| {
            matches!(
                action,
                Action::StartContainer(_) | Action::UnpauseContainer(_)
            )
        }),
        (Change::Wait, Hook::Check) => true,
        _ => false,
    };
    if !(is_named && is_run) {
        return Due::No;
    }
    let mut nodes = whole.nodes.iter();
    // All others are run once every node is ready.
    match nodes.find(|node| hook == Hook::OnStop && node.container.state != State::Running) {
        Some(node) => {
            let state = node.container.state.as_str();
            Due::LeftOut(format!("node `{}` is {state}", node.name))
        }
        None => Due::Yes,
    }
}

impl Whole<'_> {
    /// The step that runs a hook of it.
    pub(super) fn step(&self, engine: &str, hook: Hook) -> Step {
        let label = self.nodes.first().map(|node| node.event_label.clone());
        let containers = self.nodes.iter().map(|node| target(node));
        let nodes = Nodes {
            label: label.unwrap_or_default(),
            containers: containers.collect(),
        };
        let action = Action::RunHook { hook, nodes };
        let step = Step::new(engine, Stream::Cluster(self.name.into()), action);
        step.with_reason(format!("of cluster {}", self.name))
    }
}
