//! Waits for nodes: for their starts, their probes, and the moment that they have to run. A wait ends at once when its node
//! dies or the work is to end.

use std::future::Future;
use std::slice;
use std::time::Duration;

use clusterdock_plugin_wire::Probe;
use tokio::time::sleep;

use super::executor::Execution;
use super::hold::Run;
use super::perform::died;
use super::ready;
use super::ready::Awaited;
use crate::engine::{ContainerState, Death, Inventory, State};
use crate::error::{Error, Kind, Result};
use crate::plan::outcome::Failure;
use crate::plan::step::Watched;

/// For how long a container may be listed that cannot be inspected yet: Docker lists one from when it has its settings on,
/// and finds it by its id once its volumes and networks are set up too.
const UNREGISTERED: Duration = Duration::from_secs(1);

impl Execution<'_> {
    /// Waits until something else has started a node.
    pub(super) async fn await_start(&self, node: &Watched) -> Result<(), Failure> {
        self.wait(node, self.is_started(node)).await
    }

    /// Waits until a probe holds.
    pub(super) async fn await_probe(&self, node: &Watched, probe: &Probe) -> Result<(), Failure> {
        let id = self.container(&node.container);
        let awaited = self.awaited(node, &id, slice::from_ref(probe));
        self.wait(node, awaited.is_ready()).await
    }

    /// Waits until a node without probes has been running for a moment.
    pub(super) async fn await_running(
        &self,
        node: &Watched,
        may_restart: bool,
    ) -> Result<(), Failure> {
        let id = self.container(&node.container);
        let run = self.means.watch.run(&node.container.name);
        let awaited = self.awaited(node, &id, &[]);
        let run = run.unwrap_or_else(Run::unseen);
        self.wait(node, awaited.runs_on(run, may_restart)).await
    }

    /// Waits until the plan is carried out but for its last look: others may wait for this node in vain if it dies.
    ///
    /// # Errors
    /// It died.
    pub(super) async fn stays_up(&self, node: &Watched) -> Result<()> {
        let id = self.container(&node.container);
        let awaited = self.awaited(node, &id, &[]);
        let mut open = self.open.subscribe();
        tokio::select! {
            biased;
            () = self.retired.has(&node.container.name) => Ok(()),
            _ = self.waits.stopped() => Ok(()),
            error = awaited.dies() => Err(error),
            _ = open.wait_for(|open| *open == 0) => Ok(()),
        }
    }

    /// A node as it is awaited.
    pub(super) fn awaited<'b>(
        &'b self,
        node: &'b Watched,
        id: &'b str,
        probes: &'b [Probe],
    ) -> Awaited<'b> {
        let label = (node.label.0.as_str(), node.label.1.as_str());
        let fqdn = &node.container.name;
        self.means.watch.awaited(fqdn, id, label, probes)
    }

    async fn is_started(&self, node: &Watched) -> Result<()> {
        let (fqdn, id) = (&node.container.name, self.container(&node.container));
        let (engine, watch) = (&self.engine, self.means.watch);
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
            watch.waits_for(
                fqdn,
                format!("still waiting for its start, it is {}", now.state.as_str()),
            );
            watch.starts.of(&id).await;
            watch.starts.forget(&id);
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

    /// A wait for a node, which is over when a hook stops or removes the node.
    async fn wait(
        &self,
        node: &Watched,
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
                Failure::Ended(error)
            } else {
                died(&node.container, error)
            }
        })
    }
}
