//! The steps of a start, in the order in which they print. No other module determines what waits for what.

use std::collections::BTreeMap;

use clusterdock_plugin_wire::Probe;

use super::{NetworkPlan, NodePlan, StartPlan};
use crate::cluster::{labels, record};
use crate::plan::reason;
use crate::plan::step::{Action, NodeTarget, Nodes, OnFailure, Plan, Step, StepId, Stream, Target};

impl StartPlan {
    /// All steps of a start, once its images are provided.
    pub fn steps(&self) -> Plan {
        self.steps_after(Plan::new(OnFailure::Stop))
    }

    /// All steps, after those that provide the images.
    pub fn steps_after(&self, images: Plan) -> Plan {
        let mut plan = images;
        let network = self.create(&mut plan);
        self.start_nodes(&mut plan, network);
        self.conclude(&mut plan);
        plan
    }

    /// Adds the steps that create something; returns the one that creates the network, if any does.
    fn create(&self, plan: &mut Plan) -> Option<StepId> {
        // The record is the first to be created: its labels decide between starts that want the cluster's name.
        let record = self.create_record(plan);
        let mut before_nodes = vec![record];
        before_nodes.extend(self.create_helpers(plan, record));
        let (first, others) = self.nodes.split_first().expect("a plan has nodes");
        // The first container's name decides between starts that race, so the others wait for it.
        let first = self.create_node(plan, first, before_nodes);
        let network = self.create_network(plan, first);
        for node in others {
            self.create_node(plan, node, vec![first]);
        }
        for node in self.nodes.iter().filter(|node| node.keys) {
            let keys = Action::PutKeys(node.target());
            let step = self.step(node.stream(), keys);
            plan.add(step.with_reason("its image exposes port 22"));
        }
        for node in self.nodes.iter().filter(|node| !node.files.is_empty()) {
            let (container, files) = (node.target(), node.files.clone());
            let reason = reason::files(&files);
            let step = self.step(node.stream(), Action::PutFiles { container, files });
            plan.add(step.with_reason(reason));
        }
        self.check_record(plan, first);
        network
    }

    /// Adds the steps after which every node runs and its probes hold, group by group.
    fn start_nodes(&self, plan: &mut Plan, network: Option<StepId>) {
        // The last step of each node that has been added.
        let mut ready: BTreeMap<&str, Vec<StepId>> = BTreeMap::new();
        let mut waiting: Vec<&NodePlan> = self.nodes.iter().collect();
        while !waiting.is_empty() {
            let is_pending = |group: &String| waiting.iter().any(|node| node.group == *group);
            let is_next = |node: &&NodePlan| !node.after.iter().any(is_pending);
            let (mut next, later): (Vec<_>, Vec<_>) =
                waiting.iter().partition(|node| is_next(node));
            if next.is_empty() {
                // A circle, which no valid declaration has: waiting would not help.
                (next, waiting) = (later, Vec::new());
            } else {
                waiting = later;
            }
            for node in next {
                let mut after: Vec<StepId> = network.into_iter().collect();
                let others = node.after.iter().filter_map(|group| ready.get(&**group));
                after.extend(others.flatten());
                let last = self.start_node(plan, node, after);
                ready.entry(&node.group).or_default().push(last);
            }
        }
    }

    /// Adds the steps of a node up to its last ready probe; returns the last one.
    fn start_node(&self, plan: &mut Plan, node: &NodePlan, after: Vec<StepId>) -> StepId {
        let start = self.step(
            node.stream(),
            Action::StartContainer(self.node_target(node)),
        );
        let start = match &node.after[..] {
            [] => start,
            groups => start.with_reason(format!("after group {}", groups.join(", "))),
        };
        let start = plan.add(start.with_after(after));
        let probes = node.probes.iter();
        let awaited = probes.map(|probe| plan.add(self.probe_step(node, probe)));
        awaited.last().unwrap_or(start)
    }

    fn probe_step(&self, node: &NodePlan, probe: &Probe) -> Step {
        let (target, probe) = (self.node_target(node), probe.clone());
        let reason = probe.to_string();
        let action = Action::AwaitProbe {
            node: target,
            probe,
        };
        self.step(node.stream(), action).with_reason(reason)
    }

    /// Adds the hook, and the steps that complete the start.
    fn conclude(&self, plan: &mut Plan) {
        let ready = plan.so_far();
        let cluster = Stream::Cluster(self.run.cluster.clone());
        let run = Action::RunHook {
            hook: self.hook,
            nodes: self.all_nodes(),
        };
        let hook = self.step(cluster.clone(), run);
        let hook = hook.with_reason(format!("of topology {}", self.topology));
        let hook = plan.add(hook.with_after(ready));
        for node in &self.nodes {
            for probe in &node.serves {
                plan.add(self.probe_step(node, probe).with_after(vec![hook]));
            }
        }
        let write = Action::WriteRecord {
            file: record::COMPLETE,
            nodes: self.all_nodes(),
        };
        let complete = self.step(cluster.clone(), write);
        plan.add(complete.with_reason("in the cluster's record: the start is complete"));
        // Nodes without probes become ready while the hook runs.
        let unprobed = |node: &&NodePlan| node.probes.is_empty() && node.serves.is_empty();
        for node in self.nodes.iter().filter(unprobed) {
            let action = Action::AwaitRunning {
                node: self.node_target(node),
                may_restart: !node.stays_dead(),
            };
            let step = self.step(node.stream(), action);
            plan.add(step.with_reason("that it runs for 200 ms"));
        }
        let before = plan.so_far();
        let step = self.step(cluster, Action::CheckRunning(self.all_nodes()));
        plan.add(step.with_reason("they still run").with_after(before));
    }

    fn all_nodes(&self) -> Nodes {
        Nodes {
            label: self.label(),
            containers: self.nodes.iter().map(NodePlan::target).collect(),
        }
    }

    fn step(&self, stream: Stream, action: Action) -> Step {
        Step::new(&self.engine, stream, action)
    }

    fn create_record(&self, plan: &mut Plan) -> StepId {
        let images = plan.so_far();
        let stream = Stream::Volume(self.record.name.clone());
        let step = self.step(stream, Action::CreateVolume(self.record.clone()));
        plan.add(step.with_reason("the cluster's record").with_after(images))
    }

    /// Looks, once a container uses it, whether the record is still the one that was created: it may have been removed
    /// before anything used it, and the engine then created another with the container.
    fn check_record(&self, plan: &mut Plan, first: StepId) {
        let stream = Stream::Volume(self.record.name.clone());
        let step = self.step(stream, Action::CheckVolume(self.record.clone()));
        let step = step.with_reason("it is still this start's");
        plan.add(step.with_after(vec![first]));
    }

    fn create_helpers(&self, plan: &mut Plan, record: StepId) -> Vec<StepId> {
        let helpers = self.helpers.iter().map(|helper| {
            let stream = Stream::Container(helper.name.clone());
            let step = self.step(stream, Action::CreateContainer(Box::new(helper.clone())));
            let reason = format!("the volumes of {}, never started", helper.image);
            plan.add(step.with_reason(reason).with_after(vec![record]))
        });
        helpers.collect()
    }

    fn create_node(&self, plan: &mut Plan, node: &NodePlan, after: Vec<StepId>) -> StepId {
        let create = Action::CreateContainer(Box::new(node.container.clone()));
        let reason = reason::container(&node.container);
        let step = self.step(node.stream(), create).with_reason(reason);
        plan.add(step.with_after(after))
    }

    /// The network is created beside the first containers: only their start needs it.
    fn create_network(&self, plan: &mut Plan, first: StepId) -> Option<StepId> {
        match &self.network {
            NetworkPlan::Join { name, id } => {
                let id = Target::known(name, id);
                plan.note(
                    "join network",
                    name,
                    format!("it exists: {}", id.short_id()),
                );
                None
            }
            NetworkPlan::Create(spec) => {
                let stream = Stream::Network(spec.name.clone());
                let step = self.step(stream, Action::CreateNetwork(spec.clone()));
                let step = step.with_reason(spec.subnet.to_string());
                Some(plan.add(step.with_after(vec![first])))
            }
        }
    }

    fn node_target(&self, node: &NodePlan) -> NodeTarget {
        NodeTarget {
            container: node.target(),
            label: self.label(),
        }
    }

    /// The label by which the engine's events of this start are found.
    fn label(&self) -> (String, String) {
        (labels::RUN.into(), self.run.id.to_string())
    }
}

impl NodePlan {
    fn stream(&self) -> Stream {
        Stream::Node(self.fqdn().into())
    }

    fn target(&self) -> Target {
        Target::created(self.fqdn())
    }
}
