//! The end of a plan that starts nodes: the topology's hook, the cluster's record, and a last look at the nodes.

use std::future::pending;

use futures_util::future::{FutureExt, select_all};

use super::actions::died;
use super::executor::Execution;
use super::hold::NodeRun;
use super::{dead, ready, records};
use crate::cluster::record::{self, Record};
use crate::engine::{Container, Fault, Filter, Inventory, State};
use crate::error::{Error, Kind, Result};
use crate::event::Event;
use crate::plan::lost;
use crate::plan::outcome::Failure;
use crate::plan::step::{NodeTarget, Nodes, OnFailure, Step, Target};
use crate::topology::plugin::Hook;

impl Execution<'_> {
    /// Runs a hook. If it fails and a node has died, that is the reason.
    pub(super) async fn run_hook(
        &self,
        step: &Step,
        hook: Hook,
        nodes: &Nodes,
    ) -> Result<(), Failure> {
        let ids = self.containers.borrow().clone();
        let work = self.context.work;
        let run = work.run_hook(step.stream.name(), hook, &ids, &self.retired);
        let run = async {
            tokio::select! {
                biased;
                done = run => done,
                error = self.loses_one(hook, nodes) => Err(error),
            }
        };
        // The nodes stop whatever happens to others, so the hook before that goes on as long.
        let ends = if hook == Hook::OnStop {
            self.context.cancellation
        } else {
            &self.waits
        };
        let Err(error) = ends.wait(run).await else {
            return Ok(());
        };
        if ends
            .reason()
            .or(self.context.cancellation.reason())
            .is_some()
        {
            return Err(Failure::Cancelled(error));
        }
        match self.check_running(nodes).await {
            Err(Failure::Node { fqdn, error }) if error.kind() == Kind::Node => {
                Err(Failure::Node { fqdn, error })
            }
            _ => Err(Failure::Work(error)),
        }
    }

    /// Completes when one of these nodes dies that the hook has not retired. Of a plan that ends with the first death
    /// anyway, and of nodes that are about to stop, nothing has to be seen here.
    async fn loses_one(&self, hook: Hook, nodes: &Nodes) -> Error {
        if self.plan.on_failure == OnFailure::Stop || hook == Hook::OnStop {
            return pending().await;
        }
        let deaths = nodes.containers.iter().map(|node| {
            let death = async {
                let (node, label) = (node.clone(), nodes.label.clone());
                let id = self.container(&node);
                let watched = NodeTarget {
                    container: node,
                    label,
                };
                tokio::select! {
                    biased;
                    () = self.retired.has(&watched.container.name) => pending().await,
                    error = self.node_wait(&watched, &id, &[]).until_death() => error,
                }
            };
            death.boxed_local()
        });
        select_all(deaths).await.0
    }

    /// Writes the record of a start whose hook has ended: from now on the cluster shows as whole.
    pub(super) async fn write_record(&self, nodes: &Nodes) -> Result<(), Failure> {
        let removed = self.retired.removed();
        let kept = nodes.containers.iter();
        let kept = kept.filter(|node| !removed.contains(&node.name));
        // The engine is quicker with a container that runs.
        let Some(keeper) = kept.min_by_key(|node| self.retired.contains(&node.name)) else {
            let error = Error::new(Kind::Node, "the hook removed every node");
            return Err(Failure::Work(error));
        };
        let record = Record {
            complete: true,
            removed,
            ..self.context.work.record()
        };
        let archive = record::archive(&record).map_err(Failure::Work)?;
        let id = self.container(keeper);
        if let Err(error) = records::write(&self.engine, &id, archive).await {
            if error.fault == Fault::Cancelled {
                return Err(error.into());
            }
            // While a container ends or is being removed, the engine's errors name internal paths instead of the
            // container, or say that it does not exist; so the container is inspected once more.
            let end = dead::or_gone(&self.engine, &keeper.name, &id, &error).await;
            return Err(end.map_or_else(|| error.into(), |end| died(keeper, end)));
        }
        self.record.replace(Some(record));
        Ok(())
    }

    /// Checks whether every node still runs: one without probes may have died immediately.
    pub(super) async fn take_last_look(&self, nodes: &Nodes) -> Result<(), Failure> {
        let found = self.check_running(nodes).await?;
        self.found.borrow_mut().extend(found);
        Ok(())
    }

    /// Checks whether all nodes run that should; returns their containers.
    async fn check_running(&self, nodes: &Nodes) -> Result<Vec<Container>, Failure> {
        let (key, value) = &nodes.label;
        let found = self.engine.containers(&Filter::is(key, value)).await?;
        let containers = nodes.containers.iter();
        for node in containers.filter(|node| !self.retired.contains(&node.name)) {
            let id = self.container(node);
            let container = found.iter().find(|container| container.id == id);
            let Err(error) = self.still_runs(node, container, &nodes.label).await else {
                continue;
            };
            if let Some(why) = self.context.cancellation.reason() {
                return Err(Failure::Cancelled(why));
            }
            let phase = ready::failed(&error);
            let fqdn = node.name.clone();
            (self.context.events)(Event::Node { node: fqdn, phase });
            return Err(died(node, error));
        }
        Ok(found)
    }

    async fn still_runs(
        &self,
        node: &Target,
        container: Option<&Container>,
        label: &(String, String),
    ) -> Result<()> {
        let Some(container) = container else {
            return Err(gone(node));
        };
        match container.state {
            State::Running | State::Paused => Ok(()),
            // It has been ready, has died since, and is about to come back.
            State::Restarting => {
                let watched = NodeTarget {
                    container: node.clone(),
                    label: label.clone(),
                };
                let wait = self.node_wait(&watched, &container.id, &[]);
                let back = wait.until_settled(NodeRun::unseen(), true);
                self.context.cancellation.wait(back).await
            }
            State::Removing | State::Dead => Err(gone(node)),
            State::Created | State::Exited => {
                Err(ready::found_dead(&self.engine, &node.name, container).await)
            }
        }
    }
}

/// The error for a node whose container no longer exists.
fn gone(node: &Target) -> Error {
    if node.id.is_none() {
        lost::node(&node.name)
    } else {
        Error::new(Kind::Node, format!("node `{}` is gone", node.name))
    }
}
