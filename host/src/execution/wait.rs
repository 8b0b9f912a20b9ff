//! Waits for nodes: for their starts, their probes, and the time that they have to stay up. A wait ends as soon as its
//! node dies or the work is cancelled.

use std::future::Future;
use std::slice;
use std::time::Duration;

use clusterdock_plugin_wire::Probe;
use tokio::time::sleep;

use super::actions::died;
use super::executor::Execution;
use super::hold::NodeRun;
use super::ready;
use super::ready::NodeWait;
use crate::engine::{ContainerState, Death, Inventory, State};
use crate::error::{Error, Kind, Result};
use crate::plan::outcome::Failure;
use crate::plan::step::NodeTarget;

/// How long a container may be listed before it can be inspected: Docker lists it as soon as it has its settings, but
/// only finds it by id once its volumes and networks are set up.
const UNREGISTERED: Duration = Duration::from_secs(1);

impl Execution<'_> {
    /// Waits until something else has started a node.
    pub(super) async fn await_start(&self, node: &NodeTarget) -> Result<(), Failure> {
        self.wait(node, self.is_started(node)).await
    }

    /// Waits until a probe holds.
    pub(super) async fn await_probe(
        &self,
        node: &NodeTarget,
        probe: &Probe,
    ) -> Result<(), Failure> {
        let id = self.container(&node.container);
        let wait = self.node_wait(node, &id, slice::from_ref(probe));
        self.wait(node, wait.until_ready()).await
    }

    /// Waits until a node without probes has been running for a moment.
    pub(super) async fn await_running(
        &self,
        node: &NodeTarget,
        may_restart: bool,
    ) -> Result<(), Failure> {
        let id = self.container(&node.container);
        let run = self.context.monitor.run(&node.container.name);
        let wait = self.node_wait(node, &id, &[]);
        let run = run.unwrap_or_else(NodeRun::unseen);
        self.wait(node, wait.until_settled(run, may_restart)).await
    }

    /// Waits until the plan is executed except for its last look: if this node dies, others may wait for it in vain.
    ///
    /// # Errors
    /// It died.
    pub(super) async fn stays_up(&self, node: &NodeTarget) -> Result<()> {
        let id = self.container(&node.container);
        let wait = self.node_wait(node, &id, &[]);
        let mut open = self.open.subscribe();
        tokio::select! {
            biased;
            () = self.retired.has(&node.container.name) => Ok(()),
            _ = self.waits.cancelled() => Ok(()),
            error = wait.until_death() => Err(error),
            _ = open.wait_for(|open| *open == 0) => Ok(()),
        }
    }

    /// A wait for a node.
    pub(super) fn node_wait<'b>(
        &'b self,
        node: &'b NodeTarget,
        id: &'b str,
        probes: &'b [Probe],
    ) -> NodeWait<'b> {
        let label = (node.label.0.as_str(), node.label.1.as_str());
        let fqdn = &node.container.name;
        self.context.monitor.node_wait(fqdn, id, label, probes)
    }

    async fn is_started(&self, node: &NodeTarget) -> Result<()> {
        let (fqdn, id) = (&node.container.name, self.container(&node.container));
        let (engine, monitor) = (&self.engine, self.context.monitor);
        let first = match self.look(fqdn, &id).await {
            Err(error) if error.kind() == Kind::NotFound => {
                sleep(UNREGISTERED).await;
                self.look(fqdn, &id).await?
            }
            state => state?,
        };
        let mut now = first.clone();
        while now.state != State::Running {
            if now.ended != first.ended && now.state == State::Exited {
                let exit_code = now.exit_code.unwrap_or_default();
                let death = Death {
                    id: id.clone(),
                    exit_code,
                    ..Death::default()
                };
                return Err(ready::died(engine, fqdn, &death).await);
            }
            monitor.waits_for(
                fqdn,
                format!("still waiting for its start, it is {}", now.state.as_str()),
            );
            monitor.starts.of(&id).await;
            monitor.starts.forget(&id);
            now = self.look(fqdn, &id).await?;
        }
        Ok(())
    }

    async fn look(&self, fqdn: &str, id: &str) -> Result<ContainerState> {
        self.engine.container_state(id).await.map_err(|error| {
            if error.is_not_found() {
                Error::new(Kind::NotFound, format!("node `{fqdn}` was removed"))
            } else {
                Error::from(error)
            }
        })
    }

    /// Waits for a node. The wait ends if a hook stops or removes the node.
    async fn wait(
        &self,
        node: &NodeTarget,
        wait: impl Future<Output = Result<()>>,
    ) -> Result<(), Failure> {
        let needed = async {
            tokio::select! {
                biased;
                () = self.retired.has(&node.container.name) => Ok(()),
                done = wait => done,
            }
        };
        self.waits.wait(needed).await.map_err(|error| {
            if self.waits.reason().is_some() {
                Failure::Cancelled(error)
            } else {
                died(&node.container, error)
            }
        })
    }
}
