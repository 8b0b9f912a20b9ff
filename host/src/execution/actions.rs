//! What each kind of step does: one call to the engine, or one wait.

use std::future::Future;

use clusterdock_plugin_wire::File;
use futures_util::StreamExt;
use futures_util::stream;
use tokio::time::{Instant, sleep};

use super::dead;
use super::executor::Execution;
use crate::cluster::labels::{self, read};
use crate::engine::{
    ContainerSpec, Creation, EngineResult, Fault, Files, Filter, Inventory, Lifecycle, NetworkSpec,
    Volume,
};
use crate::error::{Error, Result};
use crate::event::{Event, NodePhase};
use crate::plan::explain::is_same_volume;
use crate::plan::outcome::Failure;
use crate::plan::step::{Action, Attachment, NodeTarget, Step, Target};

impl Execution<'_> {
    pub(super) async fn execute_action(&self, step: &Step) -> Result<(), Failure> {
        match &step.action {
            Action::CreateVolume(volume) => self.create_volume(volume).await,
            Action::CheckVolume(volume) => self.check_volume(volume).await,
            Action::CreateContainer(spec) => self.create_container(step, spec).await,
            Action::CreateNetwork(spec) => self.create_network(spec).await,
            Action::PutKeys(container) => self.put_keys(container).await,
            Action::PutFiles { container, files } => self.put_files(container, files).await,
            Action::ConnectNetwork {
                container,
                attachment,
            } => self.connect(container, attachment).await,
            Action::StartContainer(node) => self.start(step, node).await,
            Action::StopContainer {
                container,
                grace_seconds,
            } => self.stop(step, container, *grace_seconds).await,
            Action::PauseContainer(container) => self.pause(container).await,
            Action::UnpauseContainer(container) => self.unpause(container).await,
            Action::SignalContainer { container, signal } => self.signal(container, signal).await,
            Action::RemoveContainer(container) => self.remove_container(step, container).await,
            Action::RemoveNetwork(network) => self.remove_network(step, network).await,
            Action::RemoveVolume(name) => self.remove_volume(step, name).await,
            Action::AwaitStart(node) => self.await_start(node).await,
            Action::AwaitProbe { node, probe } => self.await_probe(node, probe).await,
            Action::AwaitRunning { node, may_restart } => {
                self.await_running(node, *may_restart).await
            }
            Action::CheckRunning(nodes) => self.take_last_look(nodes).await,
            Action::ProvideImage(_) => self.provide_image(step).await,
            Action::RunHook { hook, nodes } => self.run_hook(step, *hook, nodes).await,
            Action::WriteRecord { nodes, .. } => self.write_record(nodes).await,
        }
    }

    async fn create_volume(&self, volume: &Volume) -> Result<(), Failure> {
        let answer = self.engine.create_volume(volume).await?;
        if is_same_volume(&answer, volume) {
            Ok(())
        } else {
            Err(Failure::OtherVolume {
                wanted: volume.clone(),
                found: answer,
            })
        }
    }

    async fn check_volume(&self, volume: &Volume) -> Result<(), Failure> {
        let run = read::run(&volume.labels).unwrap_or_default();
        let of_run = Filter::is(labels::RUN, run.id.as_str());
        let found = self.engine.volumes(&of_run).await?;
        if found.iter().any(|one| is_same_volume(one, volume)) {
            Ok(())
        } else {
            Err(Failure::VolumeGone(volume.clone()))
        }
    }

    async fn create_container(&self, step: &Step, spec: &ContainerSpec) -> Result<(), Failure> {
        self.report(step, NodePhase::Creating);
        let id = self.engine.create_container(spec).await?;
        let name = step.stream.name().to_string();
        self.containers.borrow_mut().insert(name, id);
        Ok(())
    }

    async fn create_network(&self, spec: &NetworkSpec) -> Result<(), Failure> {
        let id = self.engine.create_network(spec).await?;
        self.networks.borrow_mut().insert(spec.name.clone(), id);
        Ok(())
    }

    async fn put_keys(&self, container: &Target) -> Result<(), Failure> {
        let Some(keys) = self.context.keys.get(&container.name).cloned() else {
            return Ok(());
        };
        let (id, archive) = (self.container(container), stream::iter([Ok(keys)]).boxed());
        Ok(self.engine.put_archive(&id, "/", archive).await?)
    }

    async fn put_files(&self, container: &Target, files: &[File]) -> Result<(), Failure> {
        let (node, id) = (&container.name, self.container(container));
        let put = self.context.work.put_files(node, &id, files).await;
        put.map_err(|error| Failure::Node {
            fqdn: node.clone(),
            error,
        })
    }

    async fn connect(&self, container: &Target, attachment: &Attachment) -> Result<(), Failure> {
        self.is_being(container, "started");
        let (network, id) = (self.network(&attachment.network), self.container(container));
        let connected =
            self.engine
                .connect_network(&network, &id, attachment.address, &attachment.aliases);
        Ok(connected.await?)
    }

    async fn start(&self, step: &Step, node: &NodeTarget) -> Result<(), Failure> {
        let (engine, container) = (&self.engine, &node.container);
        let is_new = container.id.is_none();
        if is_new {
            self.report(step, NodePhase::Starting);
        } else {
            self.is_being(container, "started");
            self.report(step, NodePhase::Resuming);
        }
        let id = self.container(container);
        let called = Instant::now();
        if let Err(error) = engine.start_container(&id).await {
            let end = if is_new {
                dead::or_gone(engine, &container.name, &id, &error).await
            } else {
                None
            };
            return Err(end.map_or_else(|| error.into(), |end| died(container, end)));
        }
        self.context
            .monitor
            .has_started(&container.name, called.elapsed());
        Ok(())
    }

    async fn stop(&self, step: &Step, container: &Target, seconds: u32) -> Result<(), Failure> {
        // By the hook before the stop.
        if self.retired.contains(&container.name) {
            return Ok(());
        }
        self.is_being(container, "stopped");
        self.report(step, NodePhase::Stopping);
        let id = self.container(container);
        self.engine.stop_container(&id, seconds).await?;
        self.report(step, NodePhase::Stopped);
        Ok(())
    }

    async fn pause(&self, container: &Target) -> Result<(), Failure> {
        Ok(self
            .engine
            .pause_container(&self.container(container))
            .await?)
    }

    async fn unpause(&self, container: &Target) -> Result<(), Failure> {
        Ok(self
            .engine
            .unpause_container(&self.container(container))
            .await?)
    }

    async fn signal(&self, container: &Target, signal: &str) -> Result<(), Failure> {
        let id = self.container(container);
        Ok(self.engine.kill_container(&id, signal).await?)
    }

    async fn provide_image(&self, step: &Step) -> Result<(), Failure> {
        let provided = self.context.work.provide_image(step.subject()).await;
        provided.map_err(|error| {
            if self.context.cancellation.reason().is_some() {
                Failure::Cancelled(error)
            } else {
                Failure::Work(error)
            }
        })
    }

    fn is_being(&self, container: &Target, what: &str) {
        let what = format!("it is being {what}");
        self.context.monitor.waits_for(&container.name, what);
    }

    async fn remove_container(&self, step: &Step, container: &Target) -> Result<(), Failure> {
        let id = self.container(container);
        let call = || self.engine.remove_container(&id);
        self.remove(step, "container", call).await
    }

    async fn remove_network(&self, step: &Step, network: &Target) -> Result<(), Failure> {
        let id = self.network(network);
        let call = || self.engine.remove_network(&id);
        self.remove(step, "network", call).await
    }

    async fn remove_volume(&self, step: &Step, name: &str) -> Result<(), Failure> {
        let call = || self.engine.remove_volume(name);
        self.remove(step, "volume", call).await
    }

    /// Removes something. While something else still uses it, the call is repeated as often as the step allows.
    async fn remove<F>(
        &self,
        step: &Step,
        kind: &'static str,
        call: impl Fn() -> F,
    ) -> Result<(), Failure>
    where
        F: Future<Output = EngineResult<()>>,
    {
        let mut pauses = step.retries.iter();
        loop {
            match call().await {
                Ok(()) => break,
                Err(error) if error.is_not_found() => break,
                Err(error) if error.fault == Fault::InUse => {
                    let Some(pause) = pauses.next() else {
                        return Err(error.into());
                    };
                    let pause = async {
                        sleep(*pause).await;
                        Ok(())
                    };
                    self.context
                        .cancellation
                        .wait(pause)
                        .await
                        .map_err(Failure::Cancelled)?;
                }
                Err(error) => return Err(error.into()),
            }
        }
        let name = step.subject().to_string();
        (self.context.events)(Event::Removed { kind, name });
        Ok(())
    }
}

/// The failure of a step on a node that has died.
pub(super) fn died(container: &Target, error: Error) -> Failure {
    let fqdn = container.name.clone();
    Failure::Node { fqdn, error }
}
