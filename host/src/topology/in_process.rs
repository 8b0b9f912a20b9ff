//! A topology that runs in this process, for tests: no library, no other process, the same answers.

use super::calls::{Call, answer_until};
use super::plugin::{Hook, HostCalls, Plugin, Stage, failure};
use crate::error::{Error, Result};
use async_trait::async_trait;
use clusterdock_plugin_api::ops::ClusterFacts;
use clusterdock_plugin_api::{Cluster, Code, Declaration, Error as ApiError, Host, NodeSpec, Request, Topology};
use std::sync::Arc;
use tokio::sync::{mpsc, oneshot};

/// A topology linked into this program. Its code runs on threads where it may block.
pub struct InProcess {
    name: String,
    topology: Arc<dyn Topology>,
}

impl InProcess {
    /// Runs `topology`, called `name` in errors.
    pub fn new(name: impl Into<String>, topology: impl Topology) -> InProcess {
        InProcess { name: name.into(), topology: Arc::new(topology) }
    }

    async fn run<T: Send + 'static>(
        &self,
        stage: Stage,
        body: impl FnOnce(&dyn Topology) -> clusterdock_plugin_api::Result<T> + Send + 'static,
    ) -> Result<T> {
        let topology = self.topology.clone();
        let result = tokio::task::spawn_blocking(move || body(&*topology)).await;
        result.unwrap_or_else(|panic| Err(panicked(panic))).map_err(|error| self.failure(stage, &error))
    }

    fn failure(&self, stage: Stage, error: &ApiError) -> Error {
        failure(&self.name, stage, error)
    }
}

#[async_trait]
impl Plugin for InProcess {
    async fn declare(&self) -> Result<Declaration> {
        self.run(Stage::Declare, |topology| Ok(topology.declare())).await
    }

    async fn nodes(&self, request: &Request) -> Result<Vec<NodeSpec>> {
        let request = request.clone();
        self.run(Stage::Nodes, move |topology| topology.nodes(&request)).await
    }

    async fn hook(&self, hook: Hook, cluster: &ClusterFacts, request: &Request, host: &dyn HostCalls) -> Result<()> {
        let (sender, mut calls) = mpsc::unbounded_channel();
        let (cluster, request) = (Cluster::new(cluster.clone(), Arc::new(Bridge { calls: sender })), request.clone());
        let done = self.run(Stage::Hook(hook), move |topology| match hook {
            Hook::Start => topology.start(&cluster, &request),
            Hook::Build => topology.build(&cluster, &request),
        });
        answer_until(done, &mut calls, host).await
    }
}

/// Carries a hook's calls from its threads to where they are answered.
struct Bridge {
    calls: mpsc::UnboundedSender<Call>,
}

impl Host for Bridge {
    fn call(&self, name: &str, input: &str, payload: &[u8]) -> clusterdock_plugin_api::Result<(String, Vec<u8>)> {
        let closed = || ApiError::with_code(Code::Closed, "the hook has returned or was cancelled");
        let (sender, answer) = oneshot::channel();
        // Who no longer waits for the answer needs none.
        let answer_call = Box::new(move |result| drop(sender.send(result)));
        let call = Call { name: name.into(), input: input.into(), payload: payload.into(), answer: answer_call };
        self.calls.send(call).map_err(|_| closed())?;
        answer.blocking_recv().map_err(|_| closed())?
    }
}

fn panicked(panic: tokio::task::JoinError) -> ApiError {
    let message = match panic.try_into_panic() {
        Ok(payload) => match payload.downcast::<String>() {
            Ok(text) => *text,
            Err(payload) => {
                payload.downcast::<&str>().map_or_else(|_| "a panic without a message".into(), |text| text.to_string())
            }
        },
        Err(error) => error.to_string(),
    };
    ApiError::with_code(Code::Panic, message)
}
