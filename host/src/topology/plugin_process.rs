//! A plugin in its own process, seen from the parent: starts it, asks questions, answers calls of its hooks, collects
//! its output, and reports how it died. The parent owns the engine and the rollback; the child only runs the plugin's
//! code, so that nothing that happens to its process harms the parent.
//!
//! The child asks the kernel to die with the *thread* that started it, so it must be started from a thread that lasts,
//! such as the main thread with its runtime.

use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use async_trait::async_trait;
use clusterdock_plugin_wire::export::API_VERSION;
use clusterdock_plugin_wire::json::{self, Flaw};
use clusterdock_plugin_wire::{Declaration, HookCall, NodeSpec, Options, Request};
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::net::UnixStream;
use tokio::process::{Child, Command};
use tokio::sync::Mutex;
use tokio::time::timeout;

use super::calls::answer_until;
use super::held::Held;
use super::link::{Incoming, Link, Response};
use super::plugin::{HostCalls, Plugin, Stage, failure, too_new};
use super::plugin_frame::{Question, ToPlugin};
use super::printed::Printed;
use super::serve::ARGUMENT;
use crate::error::{Error, Kind, Result};

pub use super::printed::OnLine;

/// How long a plugin may take to end before it is killed.
pub const GRACE: Duration = Duration::from_secs(2);

/// How to start a plugin's process.
pub struct Launch<'a> {
    /// The program to run: this one, or in tests the built one.
    pub executable: &'a Path,
    /// The inspected library.
    pub library: &'a Held,
    /// Name of the plugin in errors.
    pub name: &'a str,
    /// The version of plugin-api that it was built with.
    pub api: &'a str,
    /// Time limit for loading, for `declare` and for `nodes`, each.
    pub deadline: Duration,
    /// The least severe `log` level wanted, as in [`Options`].
    pub log_level: &'a str,
    /// Receives the output of the plugin and of processes that it starts.
    pub on_line: OnLine,
}

/// A running plugin. Dropping it kills the process; [`shut_down`](PluginProcess::shut_down) lets it end.
pub struct PluginProcess {
    name: String,
    api: String,
    deadline: Duration,
    child: Mutex<Child>,
    link: Link,
    incoming: Mutex<Incoming>,
    /// The future of a call was dropped or timed out. The child is still working on it, and its answer would be mistaken
    /// for that of the next call.
    is_abandoned: AtomicBool,
    has_ended: AtomicBool,
    printed: Printed,
}

impl PluginProcess {
    /// Starts a process, loads the library in it and creates the topology. Must be called from a thread that outlives
    /// the plugin.
    ///
    /// # Errors
    /// [`Kind::Plugin`] if the library cannot be loaded, is incompatible with this host, or panics, crashes or times out
    /// while loading.
    pub async fn spawn(launch: Launch<'_>) -> Result<PluginProcess> {
        let failed = |error: std::io::Error| {
            let message = format!("failed to start a process for plugin `{}`", launch.name);
            Error::new(Kind::Plugin, message).cause(error)
        };
        let (socket, theirs) = StdUnixStream::pair().map_err(failed)?;
        let mut child = Command::new(launch.executable)
            .arg(ARGUMENT)
            .arg(std::process::id().to_string())
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        launch.library.send(&socket).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let (reader, writer) = UnixStream::from_std(socket).map_err(failed)?.into_split();
        let printed = Printed::collect(child.stdout.take(), child.stderr.take(), launch.on_line);
        let (link, incoming) = Link::new(reader, writer);
        let process = PluginProcess {
            name: launch.name.into(),
            api: launch.api.into(),
            deadline: launch.deadline,
            child: Mutex::new(child),
            link,
            incoming: Mutex::new(incoming),
            is_abandoned: AtomicBool::new(false),
            has_ended: AtomicBool::new(false),
            printed,
        };
        let options = Options {
            api: API_VERSION.into(),
            log_level: launch.log_level.into(),
        };
        process
            .ask(Stage::Load, Question::Load { options })
            .await
            .map_err(|error| match error.kind() {
                Kind::Timeout => error.kind_of(Kind::Plugin),
                _ => error,
            })?;
        Ok(process)
    }

    /// Whether it can be asked again.
    pub fn is_usable(&self) -> bool {
        !(self.is_abandoned.load(Ordering::Relaxed) || self.has_ended.load(Ordering::Relaxed))
    }

    /// Lets the plugin end: drops its topology and waits for the process, which is killed after [`GRACE`]. A cancelled
    /// hook has the same time to return. All output has been passed on afterwards.
    pub async fn shut_down(self) {
        self.link.send(&ToPlugin::End);
        let mut child = self.child.lock().await;
        if !matches!(timeout(GRACE, child.wait()).await, Ok(Ok(_))) {
            // Fails only for a process that has ended in the meantime.
            child.kill().await.ok();
        }
        self.printed.to_the_end().await;
    }

    /// Asks a question with a deadline, during which the plugin cannot call the host.
    async fn ask(&self, stage: Stage, question: Question) -> Result<String> {
        let abandon = self.begin(stage)?;
        let mut incoming = self.incoming.lock().await;
        self.link.send(&ToPlugin::Ask(question));
        let Ok(response) = timeout(self.deadline, incoming.responses.recv()).await else {
            // A plugin that does not answer does not listen either. The kill fails only if it has ended.
            self.child.lock().await.start_kill().ok();
            let limit = humantime::format_duration(self.deadline);
            let message = format!("plugin `{}` timed out after {limit} {stage}", self.name);
            return Err(Error::new(Kind::Timeout, message));
        };
        abandon.disarm();
        self.conclude(stage, response).await
    }

    fn begin(&self, stage: Stage) -> Result<Abandon<'_>> {
        if self.is_abandoned.load(Ordering::Relaxed) {
            let message = format!(
                "plugin `{}` cannot be used {stage}: an earlier call was cancelled",
                self.name
            );
            return Err(Error::new(stage.kind(), message));
        }
        Ok(Abandon(Some(self)))
    }

    async fn conclude(&self, stage: Stage, response: Option<Response>) -> Result<String> {
        match response {
            Some(Response::Answer(Ok(json))) => Ok(json),
            Some(Response::Answer(Err(error))) => Err(failure(&self.name, stage, &error)),
            Some(Response::Malformed(why)) => {
                // The rest of the stream is unusable. The kill fails only if the process has ended.
                self.is_abandoned.store(true, Ordering::Relaxed);
                self.child.lock().await.start_kill().ok();
                Err(self.invalid(stage, why))
            }
            None => {
                self.has_ended.store(true, Ordering::Relaxed);
                Err(self.crash(stage).await)
            }
        }
    }

    fn invalid(&self, stage: Stage, why: impl std::fmt::Display) -> Error {
        Error::new(
            stage.answer_kind(),
            format!("plugin `{}` returned an invalid answer {stage}", self.name),
        )
        .cause(why)
    }

    /// The error of a process that died, with its last lines on standard error.
    async fn crash(&self, stage: Stage) -> Error {
        let mut child = self.child.lock().await;
        let name = &self.name;
        let Ok(Ok(status)) = timeout(GRACE, child.wait()).await else {
            // It is alive but has closed its socket, so it is useless. The kill fails only if it has ended by now.
            child.kill().await.ok();
            return Error::new(
                stage.kind(),
                format!("plugin `{name}` closed its connection to the host {stage}"),
            );
        };
        self.printed.to_the_end().await;
        let error = Error::new(stage.kind(), death(name, stage, status));
        self.printed
            .last_errors()
            .into_iter()
            .fold(error, Error::cause)
    }

    fn parse<T: DeserializeOwned>(&self, stage: Stage, answer: &str, what: &str) -> Result<T> {
        json::decode(answer, what).map_err(|flaw| match flaw {
            Flaw::Unknown(feature) => too_new(&self.name, &feature, &self.api),
            Flaw::Invalid(why) => self.invalid(stage, why),
        })
    }
}

#[async_trait]
impl Plugin for PluginProcess {
    fn api(&self) -> &str {
        &self.api
    }

    async fn declare(&self) -> Result<Declaration> {
        let json = self.ask(Stage::Declare, Question::Declare).await?;
        let declaration: Declaration = self.parse(Stage::Declare, &json, "the declaration")?;
        declaration.check().map_err(|fault| {
            let message = format!("plugin `{}` has an invalid declaration", self.name);
            Error::new(Kind::Plugin, message).cause(fault)
        })?;
        Ok(declaration)
    }

    async fn nodes(&self, request: &Request) -> Result<Vec<NodeSpec>> {
        let request = encode(request)?;
        let question = Question::Nodes { request };
        let json = self.ask(Stage::Nodes, question).await?;
        self.parse(Stage::Nodes, &json, "a node")
    }

    async fn hook(&self, call: &HookCall, host: &dyn HostCalls) -> Result<()> {
        let stage = Stage::Hook(call.hook);
        let call = encode(call)?;
        let abandon = self.begin(stage)?;
        let mut incoming = self.incoming.lock().await;
        let Incoming { responses, calls } = &mut *incoming;
        // Discard calls of threads of an earlier hook, which the child has refused already.
        while calls.try_recv().is_ok() {}
        self.link.send(&ToPlugin::Ask(Question::Hook { call }));
        let response = answer_until(responses.recv(), calls, host).await;
        abandon.disarm();
        self.conclude(stage, response).await.map(drop)
    }
}

/// Cancels the call if it is dropped before the answer arrives.
struct Abandon<'a>(Option<&'a PluginProcess>);

impl Abandon<'_> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if let Some(process) = self.0 {
            process.is_abandoned.store(true, Ordering::Relaxed);
            process.link.send(&ToPlugin::Cancel);
        }
    }
}

/// A message to the plugin. Only the value of a path argument may be impossible to send.
fn encode(value: &impl Serialize) -> Result<String> {
    json::encode(value).map_err(|error| {
        Error::new(Kind::Usage, "an argument cannot be passed to the topology").cause(error)
    })
}

fn death(name: &str, stage: Stage, status: ExitStatus) -> String {
    match (stage, status.signal(), status.code()) {
        (Stage::Load, Some(signal), _) => format!(
            "plugin `{name}` crashed while loading ({})",
            signal_name(signal)
        ),
        (_, Some(signal), _) => {
            format!(
                "plugin `{name}` was killed by {} {stage}",
                signal_name(signal)
            )
        }
        (_, None, code) => {
            format!(
                "plugin `{name}` exited with code {} {stage}",
                code.unwrap_or_default()
            )
        }
    }
}

fn signal_name(signal: i32) -> String {
    let names = [
        (4, "SIGILL"),
        (5, "SIGTRAP"),
        (6, "SIGABRT"),
        (7, "SIGBUS"),
        (8, "SIGFPE"),
        (9, "SIGKILL"),
        (11, "SIGSEGV"),
        (15, "SIGTERM"),
        (31, "SIGSYS"),
    ];
    let name = names
        .iter()
        .find(|(number, _)| *number == signal)
        .map(|(_, name)| (*name).to_string());
    name.unwrap_or_else(|| format!("signal {signal}"))
}
