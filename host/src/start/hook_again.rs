//! Runs a hook on a cluster that exists, with the arguments of its start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use clusterdock_plugin_wire::{ClusterFacts, HookCall, NodeFacts, PublishedPort, Request};
use futures_util::FutureExt;
use serde_json::Value;

use super::found_cluster::FoundCluster;
use super::hook_calls::HookCalls;
use super::hook_calls::under_way::UnderWay;
use super::open_topology::Topology;
use super::session::Session;
use crate::cancellation::Cancellation;
use crate::cluster::Node;
use crate::cluster::record::{self, Record};
use crate::engine::{State, user_address};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execution::records;
use crate::execution::retired::Retired;
use crate::execution::work::Ids;
use crate::image::Provider;
use crate::image::pull::Pull;
use crate::topology::plugin::{Hook, Plugin};

/// A hook to be run on a cluster that exists.
pub struct HookRun<'a> {
    /// The topology's code.
    pub plugin: &'a dyn Plugin,
    /// The topology's name.
    pub topology: &'a str,
    /// The cluster.
    pub found: &'a FoundCluster,
    /// The request of the cluster's start.
    pub request: Request,
    /// Which hook.
    pub hook: Hook,
    /// How long it may take.
    pub timeout: Duration,
}

/// Checks that a topology has a hook.
///
/// # Errors
/// It has not.
pub async fn check_declared(session: &Session<'_>, topology: &Topology, hook: Hook) -> Result<()> {
    let declared = session
        .cancellation
        .wait(topology.plugin().declare())
        .await?;
    if declared.has(hook) {
        return Ok(());
    }
    let name = &topology.manifest.name;
    let hooks: Vec<_> = declared.hooks.iter().map(|hook| hook.name()).collect();
    let error = Error::new(Kind::Usage, format!("topology `{name}` has no {hook} hook"));
    Err(if hooks.is_empty() {
        error.cause("it has no hooks")
    } else {
        error.cause(format!("its hooks are: {}", hooks.join(", ")))
    })
}

impl HookRun<'_> {
    /// Runs the hook until it ends, the user interrupts, or its time is over. A start hook completes a cluster whose start
    /// has failed in it. Returns what the topology wants the user to know.
    ///
    /// # Errors
    /// A node is not running, or the hook fails.
    pub async fn run(&self, session: &Session<'_>) -> Result<Vec<String>> {
        self.announce(session);
        let (cancellation, retired) = (Cancellation::new(), Retired::default());
        let late = |waits| self.late(waits);
        let work = self.attempt(session, &cancellation, &retired, &late);
        session
            .cancellation
            .also(&cancellation, work.boxed_local())
            .await
    }

    /// Tells that the hook runs.
    pub(super) fn announce(&self, session: &Session<'_>) {
        session.event(Event::Hook {
            hook: self.hook.name().into(),
            topology: self.topology.into(),
        });
    }

    /// Runs the hook without telling so; `cancellation` ends it and its calls. The error when its time is over is `late`, which
    /// gets what the hook was waiting for.
    ///
    /// # Errors
    /// A node is not running, or the hook fails.
    pub(super) async fn attempt(
        &self,
        session: &Session<'_>,
        cancellation: &Cancellation,
        retired: &Retired,
        late: &dyn Fn(Vec<String>) -> Error,
    ) -> Result<Vec<String>> {
        self.check_nodes()?;
        // What ends this hook must not end what comes after it.
        let own_cancellation = Cancellation::new();
        let events = |event| session.event(event);
        let ids = self.ids();
        let provider = Provider {
            engine: session.engine,
            registries: &session.registries,
            pull: Pull::Missing,
            cancellation: &own_cancellation,
            events: &events,
        };
        let under_way = Arc::new(UnderWay::default());
        let calls = HookCalls {
            under_way: under_way.clone(),
            ..HookCalls::new(provider, &ids, retired, session.sink, self.plugin.api())
        };
        let call = HookCall {
            timeout_ms: Some(self.timeout.as_millis() as u64),
            ..HookCall::new(self.hook, self.facts(session), self.request.clone())
        };
        let work = own_cancellation.within(
            self.timeout,
            || late(under_way.lines()),
            own_cancellation.wait(self.plugin.hook(&call, &calls)),
        );
        cancellation
            .also(&own_cancellation, work.boxed_local())
            .await?;
        let outputs = calls.outputs.into_inner().unwrap_or_default();
        let closing = calls.closing.into_inner().unwrap_or_default();
        self.complete(session, &ids, retired.removed(), outputs)
            .await?;
        Ok(closing)
    }

    fn check_nodes(&self) -> Result<()> {
        let mut nodes = self.found.cluster.nodes.iter();
        match nodes.find(|node| node.container.state != State::Running) {
            None => Ok(()),
            Some(node) => Err(Error::new(
                Kind::Conflict,
                format!("node `{}` is not running", node.fqdn),
            )
            .hint(format!("clusterdock resume {}", self.found.cluster.name))),
        }
    }

    fn ids(&self) -> Ids {
        let nodes = self.found.cluster.nodes.iter();
        nodes
            .map(|node| (node.fqdn.clone(), node.container.id.clone()))
            .collect()
    }

    /// The cluster as its hook sees it: the nodes in the order of the request.
    fn facts(&self, session: &Session<'_>) -> ClusterFacts {
        let mut nodes: Vec<&Node> = self.found.cluster.nodes.iter().collect();
        nodes.sort_by_key(|node| self.place(node));
        ClusterFacts {
            name: self.found.cluster.name.clone(),
            network: self.request.network.clone(),
            domain: self.request.domain.clone(),
            nodes: nodes
                .into_iter()
                .map(|node| self.node_facts(session, node))
                .collect(),
            outputs: self
                .found
                .record
                .as_ref()
                .map(|record| record.outputs.clone())
                .unwrap_or_default(),
        }
    }

    fn node_facts(&self, session: &Session<'_>, node: &Node) -> NodeFacts {
        let ports = node.ports().iter().map(|port| PublishedPort {
            container_port: port.container_port,
            protocol: port.protocol,
            host_ip: user_address(&session.engine, port.host_ip),
            host_port: port.host_port,
        });
        let number = self
            .place(node)
            .map_or(0, |place| self.request.nodes[place].number);
        NodeFacts {
            group: node.group.clone(),
            number,
            hostname: node.hostname.clone(),
            fqdn: node.fqdn.clone(),
            image: node.container.image.clone(),
            container_id: node.container.id.clone(),
            ip_address: node
                .address
                .map(|address| address.to_string())
                .unwrap_or_default(),
            ports: ports.collect(),
        }
    }

    fn place(&self, node: &Node) -> Option<usize> {
        let mut requested = self.request.nodes.iter();
        requested.position(|requested| requested.hostname == node.hostname)
    }

    /// Writes the record if the hook has changed what it says.
    async fn complete(
        &self,
        session: &Session<'_>,
        ids: &Ids,
        gone: BTreeSet<String>,
        outputs: BTreeMap<String, Value>,
    ) -> Result<()> {
        let known = self.found.record.clone().unwrap_or_else(|| Record {
            request: Some(Request {
                nodes: Vec::new(),
                ..self.request.clone()
            }),
            ..Record::default()
        });
        let is_whole =
            self.found.cluster.nodes.len() + known.removed.len() >= self.found.cluster.size;
        let completes = self.hook == Hook::Start && self.found.record.is_none() && is_whole;
        let changes = !gone.is_empty() || !outputs.is_empty();
        // Without a record, the cluster stays partial.
        if !completes && (self.found.record.is_none() || !changes) {
            return Ok(());
        }
        let mut left = ids.iter().filter(|(fqdn, _)| !gone.contains(*fqdn));
        let Some((_, id)) = left.next() else {
            return Err(Error::new(Kind::Node, "the hook removed every node"));
        };
        // No later removal will find the nodes that the hook removed.
        let names = gone.iter();
        let names: Vec<_> = names
            .map(|fqdn| (self.found.cluster.name.clone(), fqdn.clone()))
            .collect();
        session.forget_names(&names, &BTreeSet::new()).await;
        let record = Record {
            complete: true,
            removed: known.removed.union(&gone).cloned().collect(),
            outputs: known.outputs.into_iter().chain(outputs).collect(),
            ..known
        };
        let archive = record::archive(&record)?;
        let written = records::write(&session.guarded(), id, archive).await;
        written.map_err(|error| Error::from(error).context("failed to write the cluster's record"))
    }

    /// The error when the time of the hook is over, with what it was waiting for.
    pub(super) fn late(&self, waits: Vec<String>) -> Error {
        let message = format!(
            "the {} hook of topology `{}` timed out",
            self.hook, self.topology
        );
        let given = humantime::format_duration(self.timeout);
        let late = Error::new(Kind::Timeout, message)
            .cause(format!("after {given}"))
            .hint("allow more time with --timeout");
        waits.into_iter().fold(late, Error::cause)
    }
}
