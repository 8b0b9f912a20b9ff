//! The order between groups, the same as in a start: nodes start once the nodes of the groups that theirs comes after
//! are ready, and stop before them.

use crate::cluster::Node;
use crate::plan::step::{Action, Plan, StepId};

/// Makes the steps of nodes wait for each other; each node comes with the places of its steps.
pub(super) fn keep(plan: &mut Plan, nodes: &[(&Node, Vec<StepId>)]) {
    for (node, steps) in nodes {
        for (other, of_other) in nodes.iter().filter(|(other, _)| is_before(other, node)) {
            // A node is ready after its last readiness probe, or after its start if it has none.
            let ready = is_ready(plan, other, of_other);
            let (start, stop) = (
                first(plan, steps, |action| {
                    matches!(action, Action::StartContainer(_))
                }),
                first(plan, steps, |action| {
                    matches!(action, Action::StopContainer { .. })
                }),
            );
            if let (Some(start), Some(ready)) = (start, ready) {
                plan.steps[start].after.push(ready);
            }
            let stop_of_other = first(plan, of_other, |action| {
                matches!(action, Action::StopContainer { .. })
            });
            if let (Some(stop), Some(later)) = (stop, stop_of_other) {
                plan.steps[later].after.push(stop);
            }
        }
    }
}

fn is_before(other: &Node, node: &Node) -> bool {
    other.cluster == node.cluster && node.after.contains(&other.group)
}

fn first(plan: &Plan, steps: &[StepId], is_it: impl Fn(&Action) -> bool) -> Option<StepId> {
    let mut steps = steps.iter().copied();
    steps.find(|id| is_it(&plan.steps[*id].action))
}

/// The step with which a node is ready: its last probe before those that hold after the hook.
fn is_ready(plan: &Plan, node: &Node, steps: &[StepId]) -> Option<StepId> {
    let is_of_ready = |action: &Action| match action {
        Action::StartContainer(_) | Action::UnpauseContainer(_) => true,
        Action::AwaitProbe { probe, .. } => node.probes.contains(probe),
        _ => false,
    };
    let mut backwards = steps.iter().copied().rev();
    backwards.find(|id| is_of_ready(&plan.steps[*id].action))
}
