//! The host's side of a hook's calls: performs what a topology's code asks of its cluster.

mod file_transfers;
mod image_secrets;
mod node_commands;
mod outputs;
pub mod under_way;

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use async_trait::async_trait;
use clusterdock_plugin_wire::export::API_VERSION;
use clusterdock_plugin_wire::json::{self, Flaw};
use clusterdock_plugin_wire::ops::{self, Operation};
use clusterdock_plugin_wire::{Code, Error as HookError, Result, Secret};
use futures_util::future::{join_all, try_join_all};
use serde_json::Value;

use self::under_way::UnderWay;
use crate::cancellation::Cancellation;
use crate::cluster::labels;
use crate::engine::{GuardedEngine, Images, Inventory, Lifecycle};
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::execution::probe;
use crate::execution::ready;
use crate::execution::retired::Retired;
use crate::execution::work::Ids;
use crate::image::Provider;
use crate::sink::Sink;
use crate::topology::plugin::HostCalls;

/// How long a node may take to stop before it is killed: the default of `docker stop`.
const STOP_GRACE_SECONDS: u32 = 10;

/// A started cluster that hooks can make calls on.
pub struct HookCalls<'a> {
    /// The engine.
    pub engine: GuardedEngine<'a>,
    /// What images are pushed with.
    pub provider: Provider<'a>,
    /// The containers' ids by FQDN.
    pub ids: &'a Ids,
    /// Ends calls early.
    pub cancellation: &'a Cancellation,
    /// Receives a warning for everything that a copy leaves out.
    pub sink: &'a Arc<dyn Sink>,
    /// Receives what the hook does and reports.
    pub events: &'a (dyn Fn(Event) + Sync),
    /// What the hook wants the user to know at the very end.
    pub closing: Mutex<Vec<String>>,
    /// Nodes that the hook stops or removes.
    pub retired: &'a Retired,
    /// Whether a call suggests that its node has died: it failed, or its command was killed.
    pub suspects_death: AtomicBool,
    /// Images that the hook created, each once, in the order in which it last created them.
    pub created_images: Mutex<Vec<CreatedImage>>,
    /// What the hook keeps with the cluster, by name.
    pub outputs: Mutex<BTreeMap<String, Value>>,
    /// Calls without an answer yet.
    pub(super) under_way: Arc<UnderWay>,
    /// What no output may contain.
    pub(super) secrets: Vec<Secret>,
    /// The version of plugin-api that the hook's plugin was built with.
    pub(super) plugin_api: &'a str,
}

/// An image that a hook created.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CreatedImage {
    /// Its reference.
    pub reference: String,
    /// Whether it was pushed after it was last created.
    pub pushed: bool,
}

impl<'a> HookCalls<'a> {
    /// Calls that a hook is about to make, with the engine, events and cancellation of the provider.
    pub fn new(
        provider: Provider<'a>,
        ids: &'a Ids,
        retired: &'a Retired,
        sink: &'a Arc<dyn Sink>,
        plugin_api: &'a str,
    ) -> HookCalls<'a> {
        HookCalls {
            engine: provider.engine,
            cancellation: provider.cancellation,
            events: provider.events,
            provider,
            ids,
            retired,
            sink,
            closing: Mutex::default(),
            suspects_death: AtomicBool::default(),
            created_images: Mutex::default(),
            outputs: Mutex::default(),
            under_way: Arc::default(),
            secrets: Vec::new(),
            plugin_api,
        }
    }

    /// Performs one operation: its JSON and payload in, JSON and bytes out.
    ///
    /// # Errors
    /// What went wrong; [`Code::Unsupported`] for an operation that this host does not know.
    pub async fn dispatch(
        &self,
        name: &str,
        input: &str,
        payload: &[u8],
    ) -> Result<(String, Vec<u8>)> {
        self.cancellation.check().map_err(hook_error)?;
        let _call = self.under_way.begin(name, input);
        match name {
            ops::ExecOn::NAME => {
                let (outputs, bytes) = self.exec(self.parse(input)?, payload).await?;
                Ok((json::encode(&outputs)?, bytes))
            }
            ops::PutFile::NAME => answer(self.put(self.parse(input)?, payload).await?),
            ops::PutLocal::NAME => answer(self.put_local(self.parse(input)?).await?),
            ops::GetFile::NAME => {
                let (facts, bytes) = self.get(self.parse(input)?).await?;
                Ok((json::encode(&facts)?, bytes))
            }
            ops::GetFolder::NAME => answer(self.get_folder(self.parse(input)?).await?),
            ops::WaitFor::NAME => answer(self.wait(self.parse(input)?).await?),
            ops::Pause::NAME => answer(self.pause(self.parse(input)?).await?),
            ops::Stop::NAME => {
                let ops::Stop { nodes } = self.parse(input)?;
                answer(self.stop_nodes(&nodes, false).await?)
            }
            ops::Remove::NAME => {
                let ops::Remove { nodes } = self.parse(input)?;
                answer(self.stop_nodes(&nodes, true).await?)
            }
            ops::Commit::NAME => answer(self.commit(self.parse(input)?).await?),
            ops::Progress::NAME => self.report(progress_event(self.parse(input)?)),
            ops::Closing::NAME => self.keep_closing(self.parse(input)?),
            ops::OutputValue::NAME => answer(self.keep_output(self.parse(input)?)?),
            ops::Log::NAME => self.report(log_event(self.parse(input)?)),
            _ => Err(self.unknown(&format!("operation `{name}`"))),
        }
    }

    /// The input of an operation, read strictly: what this host does not know is refused, not left out.
    fn parse<O: Operation>(&self, input: &str) -> Result<O> {
        let what = format!("the operation `{}`", O::NAME);
        json::decode(input, &what).map_err(|flaw| match flaw {
            Flaw::Unknown(feature) => self.unknown(&feature),
            Flaw::Invalid(why) => HookError::with_code(Code::Host, format!("invalid {why}")),
        })
    }

    fn unknown(&self, feature: &str) -> HookError {
        let message =
            format!("the plugin uses the {feature}, which this clusterdock does not know");
        HookError::with_code(Code::Unsupported, message).cause(format!(
            "the plugin was built with plugin-api {}, this clusterdock has {API_VERSION}: \
             upgrade clusterdock",
            self.plugin_api
        ))
    }

    fn report(&self, event: Event) -> Result<(String, Vec<u8>)> {
        (self.events)(event);
        answer(())
    }

    fn keep_closing(&self, closing: ops::Closing) -> Result<(String, Vec<u8>)> {
        let mut messages = self.closing.lock().expect("no holder panics");
        messages.push(closing.message);
        answer(())
    }

    async fn pause(&self, pause: ops::Pause) -> Result<()> {
        let time = Duration::from_millis(pause.time_ms);
        let pause = async {
            tokio::time::sleep(time).await;
            Ok(())
        };
        self.cancellation.wait(pause).await.map_err(hook_error)
    }

    async fn wait(&self, wait: ops::WaitFor) -> Result<()> {
        let deadline = Duration::from_millis(wait.timeout_ms);
        let waits = join_all(
            wait.nodes
                .iter()
                .map(|node| self.wait_on(node, &wait.probe, deadline)),
        );
        waits.await.into_iter().collect()
    }

    async fn wait_on(
        &self,
        node: &str,
        wanted: &clusterdock_plugin_wire::Probe,
        deadline: Duration,
    ) -> Result<()> {
        let id = self.id(node)?;
        let held = async {
            match tokio::time::timeout(deadline, probe::wait(&self.engine, id, wanted)).await {
                Ok(held) => held.map_err(Error::from),
                Err(_) => Err(Error::new(
                    Kind::Timeout,
                    format!(
                        "{wanted} was not ready within {}",
                        humantime::format_duration(deadline)
                    ),
                )),
            }
        };
        let result = self.cancellation.wait(held).await;
        let Err(error) = result else { return Ok(()) };
        let state = self.engine.container_state(id).await.unwrap_or_default();
        let error = match state.exit_code {
            Some(exit_code) if !state.state.is_running() => {
                let death = crate::engine::Death {
                    id: id.into(),
                    name: node.into(),
                    exit_code,
                };
                ready::died(&self.engine, node, &death).await
            }
            _ => error,
        };
        Err(hook_error(error).context(format!("node `{node}` is not ready")))
    }

    async fn stop_nodes(&self, nodes: &[String], remove: bool) -> Result<()> {
        try_join_all(nodes.iter().map(|node| self.stop_node(node, remove)))
            .await
            .map(drop)
    }

    async fn stop_node(&self, node: &str, remove: bool) -> Result<()> {
        let id = self.id(node)?;
        self.retired.add(node, remove);
        let engine = self.guarded();
        let call = async {
            engine.stop_container(id, STOP_GRACE_SECONDS).await?;
            if remove {
                engine.remove_container(id).await?;
            }
            Ok(())
        };
        let stopped: Result<(), Error> = call.await;
        stopped.map_err(|error| hook_error(error).context(format!("failed to stop node `{node}`")))
    }

    async fn commit(&self, commit: ops::Commit) -> Result<String> {
        let ops::Commit {
            node,
            image: reference,
            push,
        } = commit;
        let id = self.id(&node)?;
        let (repository, tag) = split_reference(&reference)?;
        self.check_keys(&node).await.map_err(hook_error)?;
        let engine = self.guarded();
        let image = engine
            .commit_container(id, repository, tag, &[labels::blank()])
            .await;
        let image = image.map_err(|error| {
            hook_error(error.into()).context(format!("failed to create an image of node `{node}`"))
        })?;
        self.note_image(&reference, false);
        if push {
            self.provider.push(&reference).await.map_err(hook_error)?;
            self.note_image(&reference, true);
        }
        Ok(image)
    }

    /// The engine, whose calls end with the hook.
    pub(super) fn guarded(&self) -> GuardedEngine<'_> {
        self.engine.with_cancellation(self.cancellation)
    }

    fn note_image(&self, reference: &str, pushed: bool) {
        let mut images = self.created_images.lock().expect("no holder panics");
        images.retain(|image| image.reference != reference);
        images.push(CreatedImage {
            reference: reference.into(),
            pushed,
        });
    }

    fn id(&self, node: &str) -> Result<&str> {
        self.container(node).map_err(hook_error)
    }
}

#[async_trait]
impl HostCalls for HookCalls<'_> {
    async fn call(
        &self,
        name: &str,
        input: &str,
        payload: Vec<u8>,
    ) -> clusterdock_plugin_wire::Result<(String, Vec<u8>)> {
        let answer = self.dispatch(name, input, &payload).await;
        if answer
            .as_ref()
            .is_err_and(|error| error.code() == Code::Host)
        {
            self.suspects_death.store(true, Ordering::Relaxed);
        }
        answer
    }
}

/// The repository and tag of an image that a hook creates. A tag is required: without one, the engine would use
/// `latest`, and the image would have another name than the one given.
fn split_reference(reference: &str) -> Result<(&str, &str)> {
    match reference.rsplit_once(':') {
        Some((repository, tag)) if !tag.contains('/') && !tag.is_empty() => Ok((repository, tag)),
        _ => Err(HookError::with_code(
            Code::Host,
            format!("image `{reference}` has no tag; expected NAMESPACE/REPOSITORY:TAG"),
        )),
    }
}

fn progress_event(progress: ops::Progress) -> Event {
    let ops::Progress { message } = progress;
    Event::Progress { message }
}

fn log_event(log: ops::Log) -> Event {
    let ops::Log { level, message, .. } = log;
    match level.as_str() {
        "error" | "warn" => Event::Warning { message },
        "info" => Event::Progress { message },
        _ => Event::Debug { message },
    }
}

fn answer<T: serde::Serialize>(value: T) -> Result<(String, Vec<u8>)> {
    Ok((json::encode(&value)?, Vec::new()))
}

/// An error of the host as a hook sees it; it keeps its code and its chain when the hook passes it on.
fn hook_error(error: Error) -> HookError {
    let code = match error.kind() {
        Kind::Timeout => Code::Timeout,
        Kind::Interrupted | Kind::Terminated => Code::Cancelled,
        _ => Code::Host,
    };
    // A hook's errors have no hints, so the next step is one of the causes.
    let causes = error
        .causes()
        .iter()
        .cloned()
        .chain(error.next_step().map(|hint| format!("hint: {hint}")));
    causes.fold(
        HookError::with_code(code, error.message()),
        HookError::cause,
    )
}
