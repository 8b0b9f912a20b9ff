//! Runs a hook on a cluster that exists: with the topology's library as it is now, and the arguments of the start.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use clusterdock_plugin_wire::{ClusterFacts, HookCall, NodeFacts, PublishedPort, Request};
use futures_util::FutureExt;
use serde_json::Value;

use super::hook_calls::HookCalls;
use super::hook_calls::under_way::UnderWay;
use super::open_topology::Topology;
use super::session::Session;
use crate::cancellation::Cancellation;
use crate::cluster::record::{self, Record};
use crate::cluster::{Cluster, Node};
use crate::engine::{State, user_address};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execution::records;
use crate::execution::retired::Retired;
use crate::execution::work::Ids;
use crate::image::Provider;
use crate::image::pull::Pull;
use crate::topology::plugin::Hook;

/// A hook to be run again.
pub struct HookRun<'a> {
    /// The topology, whose library has just been found or compiled.
    pub topology: &'a Topology,
    /// The cluster.
    pub cluster: &'a Cluster,
    /// What its record says; none if its start was not completed.
    pub record: Option<&'a Record>,
    /// The request of the cluster's start.
    pub request: Request,
    /// Which hook.
    pub hook: Hook,
    /// How long it may take.
    pub timeout: Duration,
}

impl HookRun<'_> {
    /// Runs the hook. A start hook completes a cluster whose start has failed in it. Returns what the topology wants the
    /// user to know.
    ///
    /// # Errors
    /// The topology has no such hook, a node is not running, or the hook fails.
    pub async fn run(&self, session: &Session<'_>) -> Result<Vec<String>> {
        self.check_hook(session).await?;
        self.check_nodes()?;
        session.event(Event::Hook {
            hook: self.hook.name().into(),
            topology: self.topology.manifest.name.clone(),
        });
        let events = |event| session.event(event);
        let cancellation = Cancellation::new();
        let ids = self.ids();
        let retired = Retired::default();
        let provider = Provider {
            engine: session.engine,
            registries: &session.registries,
            pull: Pull::Missing,
            cancellation: &cancellation,
            events: &events,
        };
        let plugin = self.topology.plugin();
        let under_way = Arc::new(UnderWay::default());
        let calls = HookCalls {
            under_way: under_way.clone(),
            ..HookCalls::new(provider, &ids, &retired, session.sink, plugin.api())
        };
        let call = HookCall {
            timeout_ms: Some(self.timeout.as_millis() as u64),
            ..HookCall::new(self.hook, self.facts(session), self.request.clone())
        };
        let work = cancellation.within(
            self.timeout,
            || self.late(&under_way),
            cancellation.wait(plugin.hook(&call, &calls)),
        );
        session
            .cancellation
            .also(&cancellation, work.boxed_local())
            .await?;
        let outputs = calls.outputs.into_inner().unwrap_or_default();
        let closing = calls.closing.into_inner().unwrap_or_default();
        self.complete(session, &ids, retired.removed(), outputs)
            .await?;
        Ok(closing)
    }

    async fn check_hook(&self, session: &Session<'_>) -> Result<()> {
        let declared = session
            .cancellation
            .wait(self.topology.plugin().declare())
            .await?;
        if declared.has(self.hook) {
            return Ok(());
        }
        let name = &self.topology.manifest.name;
        let hooks: Vec<_> = declared.hooks.iter().map(|hook| hook.name()).collect();
        let error = Error::new(
            Kind::Usage,
            format!("topology `{name}` has no {} hook", self.hook),
        );
        Err(if hooks.is_empty() {
            error.cause("it has no hooks")
        } else {
            error.cause(format!("its hooks are: {}", hooks.join(", ")))
        })
    }

    fn check_nodes(&self) -> Result<()> {
        let mut nodes = self.cluster.nodes.iter();
        match nodes.find(|node| node.container.state != State::Running) {
            None => Ok(()),
            Some(node) => Err(Error::new(
                Kind::Conflict,
                format!("node `{}` is not running", node.fqdn),
            )
            .hint(format!("clusterdock resume {}", self.cluster.name))),
        }
    }

    fn ids(&self) -> Ids {
        let nodes = self.cluster.nodes.iter();
        nodes
            .map(|node| (node.fqdn.clone(), node.container.id.clone()))
            .collect()
    }

    /// The cluster as its hook sees it: the nodes in the order of the request.
    fn facts(&self, session: &Session<'_>) -> ClusterFacts {
        let mut nodes: Vec<&Node> = self.cluster.nodes.iter().collect();
        nodes.sort_by_key(|node| self.place(node));
        ClusterFacts {
            name: self.cluster.name.clone(),
            network: self.request.network.clone(),
            domain: self.request.domain.clone(),
            nodes: nodes
                .into_iter()
                .map(|node| self.node_facts(session, node))
                .collect(),
            outputs: self
                .record
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
        let known = self.record.cloned().unwrap_or_else(|| Record {
            request: Some(Request {
                nodes: Vec::new(),
                ..self.request.clone()
            }),
            ..Record::default()
        });
        let is_whole = self.cluster.nodes.len() + known.removed.len() >= self.cluster.size;
        let completes = self.hook == Hook::Start && self.record.is_none() && is_whole;
        let changes = !gone.is_empty() || !outputs.is_empty();
        // Without a record, the cluster stays partial.
        if !completes && (self.record.is_none() || !changes) {
            return Ok(());
        }
        let mut left = ids.iter().filter(|(fqdn, _)| !gone.contains(*fqdn));
        let Some((_, id)) = left.next() else {
            return Err(Error::new(Kind::Node, "the hook removed every node"));
        };
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

    fn late(&self, under_way: &UnderWay) -> Error {
        let message = format!(
            "the {} hook of topology `{}` timed out",
            self.hook, self.topology.manifest.name
        );
        let given = humantime::format_duration(self.timeout);
        let late = Error::new(Kind::Timeout, message)
            .cause(format!("after {given}"))
            .hint("allow more time with --timeout");
        under_way.lines().into_iter().fold(late, Error::cause)
    }
}
