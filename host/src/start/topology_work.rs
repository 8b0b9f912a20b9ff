//! The hook of a topology in a start: the facts that it gets, and the messages and outputs that it leaves for the user.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::Ordering;

use async_trait::async_trait;
use clusterdock_plugin_wire::{File, HookCall, Request};
use serde_json::Value;
use tokio::time::sleep;

use super::hook_calls::under_way::UnderWay;
use super::hook_calls::{CreatedImage, HookCalls};
use super::order::Order;
use super::session::Session;
use super::{cluster_facts, local_names};
use crate::cancellation::Cancellation;
use crate::cluster::record::Record;
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::execution::ready::LATE_NEWS;
use crate::execution::retired::Retired;
use crate::execution::work::{Ids, Work};
use crate::image::Provider;
use crate::plan::StartPlan;
use crate::topology::plugin::Hook;

/// The topology of a start, as its plan needs it.
pub(super) struct TopologyWork<'a> {
    pub(super) session: &'a Session<'a>,
    pub(super) order: &'a Order<'a>,
    pub(super) plan: &'a StartPlan,
    /// Ends the hook's calls.
    pub(super) cancellation: &'a Cancellation,
    pub(super) events: &'a (dyn Fn(Event) + Sync),
    /// What the hook leaves, once it has ended.
    pub(super) closing: RefCell<Closing>,
    /// What the hook is waiting for.
    pub(super) under_way: Arc<UnderWay>,
}

/// What a hook leaves.
#[derive(Default)]
pub(super) struct Closing {
    /// What the topology wants the user to know.
    pub(super) messages: Vec<String>,
    /// Images that it created.
    pub(super) created_images: Vec<CreatedImage>,
    /// What it leaves for the user and later hooks.
    outputs: BTreeMap<String, Value>,
}

#[async_trait(?Send)]
impl Work for TopologyWork<'_> {
    async fn run_hook(&self, _: &str, _: Hook, ids: &Ids, retired: &Retired) -> Result<()> {
        let (session, order) = (self.session, self.order);
        let facts = cluster_facts::facts(session, order, self.plan, ids).await?;
        local_names::write(session, order, &facts).await?;
        session.event(Event::Hook {
            hook: order.hook.name().into(),
            topology: order.topology.name.clone(),
        });
        let calls = self.calls(ids, retired);
        let call = HookCall {
            timeout_ms: Some(order.timeout.as_millis() as u64),
            ..HookCall::new(order.hook, facts, order.request.clone())
        };
        if let Err(error) = order.plugin.hook(&call, &calls).await {
            // The report of a death may still be on its way; it would drop this future.
            if calls.suspects_death.load(Ordering::Relaxed) {
                sleep(LATE_NEWS).await;
            }
            return Err(self.look_closer(error));
        }
        self.closing.replace(Closing {
            messages: calls.closing.into_inner().unwrap_or_default(),
            created_images: calls.created_images.into_inner().unwrap_or_default(),
            outputs: calls.outputs.into_inner().unwrap_or_default(),
        });
        Ok(())
    }

    async fn put_files(&self, node: &str, id: &str, files: &[File]) -> Result<()> {
        let ids = Ids::from([(node.to_string(), id.to_string())]);
        let retired = Retired::default();
        self.calls(&ids, &retired).put_files(node, files).await
    }

    fn record(&self) -> Record {
        // The nodes of the request are in the labels of the nodes.
        let request = Request {
            nodes: Vec::new(),
            ..self.order.request.without_secrets()
        };
        Record {
            outputs: self.closing.borrow().outputs.clone(),
            request: Some(request),
            ..Record::default()
        }
    }
}

impl<'a> TopologyWork<'a> {
    /// Calls on the nodes with these containers.
    fn calls<'b>(&'b self, ids: &'b Ids, retired: &'b Retired) -> HookCalls<'b>
    where
        'a: 'b,
    {
        let provider = Provider {
            engine: self.session.engine,
            registries: &self.session.registries,
            pull: self.order.pull,
            cancellation: self.cancellation,
            events: self.events,
        };
        let secrets = self.order.request.secrets().into_iter();
        HookCalls {
            under_way: self.under_way.clone(),
            secrets: secrets.map(|(_, secret)| secret.clone()).collect(),
            ..HookCalls::new(
                provider,
                ids,
                retired,
                self.session.sink,
                self.order.plugin.api(),
            )
        }
    }

    /// The cause of a hook's failure is best seen in the nodes, which are about to be removed.
    pub(super) fn look_closer(&self, error: Error) -> Error {
        match error.kind() {
            Kind::Hook | Kind::Timeout if !self.order.keep => {
                error.hint("to inspect the nodes, run again with --retain")
            }
            _ => error,
        }
    }
}
