//! A plugin in a process of its own, seen from its parent: starts it, asks it, answers its hooks' calls, collects what
//! it prints, and tells of what it died. The parent keeps the engine and all that has to be undone; the child has
//! the plugin's code and nothing else, so whatever that code does to its process, the parent goes on.
//!
//! The child asks the kernel to die with the *thread* that started it. So start it from a thread that lasts, which the
//! main thread with its runtime is.

use super::calls::{Answer, Call, answer_until};
use super::frame::{self, Question, ToParent, ToPlugin};
use super::plugin::{Hook, HostCalls, Plugin, Stage, failure};
use super::printed::Printed;
use super::serve::ARGUMENT;
use crate::error::{Error, Kind, Result};
use async_trait::async_trait;
use clusterdock_plugin_api::export::Options;
use clusterdock_plugin_api::ops::ClusterFacts;
use clusterdock_plugin_api::{Declaration, NodeSpec, Request, Result as ApiResult};
use serde::Serialize;
use serde::de::DeserializeOwned;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream as StdUnixStream;
use std::os::unix::process::ExitStatusExt;
use std::path::Path;
use std::process::{ExitStatus, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::AsyncWriteExt;
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::process::{Child, Command};
use tokio::sync::{Mutex, mpsc};
use tokio::task::JoinSet;
use tokio::time::timeout;

pub use super::printed::{OnLine, Stream};

/// How long a plugin may take to end once it was told to; then it is killed.
pub const GRACE: Duration = Duration::from_secs(2);

/// What a plugin's process is started with.
pub struct Launch<'a> {
    /// The program to run: this one, or in tests the one that was built.
    pub executable: &'a Path,
    /// The library, inspected and kept in the cache.
    pub library: &'a Path,
    /// What errors call the plugin.
    pub name: &'a str,
    /// How long it may take to load, to declare and to name its nodes, each.
    pub deadline: Duration,
    /// The least important `log` records wanted, as in [`Options`].
    pub log_level: &'a str,
    /// Takes the lines that the plugin, and what it starts, print.
    pub on_line: OnLine,
}

/// A running plugin. Dropping it kills the process; [`shut_down`](PluginProcess::shut_down) is kinder.
pub struct PluginProcess {
    name: String,
    deadline: Duration,
    child: Mutex<Child>,
    outgoing: mpsc::UnboundedSender<Message>,
    incoming: Mutex<Incoming>,
    /// A call's future was dropped, or gave up: the child is still at it, and its answer would be taken for another.
    abandoned: AtomicBool,
    printed: Printed,
    /// Reads and writes the socket; ends with this.
    _socket: JoinSet<()>,
}

/// A frame's head and payload.
type Message = (Vec<u8>, Vec<u8>);

struct Incoming {
    answers: mpsc::UnboundedReceiver<ApiResult<String>>,
    calls: mpsc::UnboundedReceiver<Call>,
}

impl PluginProcess {
    /// Starts a process, loads the library in it and makes the topology. Must be called from a thread that outlives
    /// the plugin.
    ///
    /// # Errors
    /// [`Kind::Plugin`] when the library cannot be loaded, does not fit this host, or panics, crashes or lasts too
    /// long while loading.
    pub async fn spawn(launch: Launch<'_>) -> Result<PluginProcess> {
        let failed = |error: std::io::Error| {
            let message = format!("failed to start a process for plugin `{}`", launch.name);
            Error::new(Kind::Plugin, message).cause(error)
        };
        let (socket, theirs) = StdUnixStream::pair().map_err(failed)?;
        let mut child = Command::new(launch.executable)
            .arg(ARGUMENT)
            .arg(std::process::id().to_string())
            .arg(launch.library)
            .stdin(Stdio::from(OwnedFd::from(theirs)))
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let (reader, writer) = UnixStream::from_std(socket).map_err(failed)?.into_split();
        let printed = Printed::collect(child.stdout.take(), child.stderr.take(), launch.on_line);
        let (socket, outgoing, incoming) = attach(reader, writer);
        let process = PluginProcess {
            name: launch.name.into(),
            deadline: launch.deadline,
            child: Mutex::new(child),
            outgoing,
            incoming: Mutex::new(incoming),
            abandoned: AtomicBool::new(false),
            printed,
            _socket: socket,
        };
        let options = Options { log_level: launch.log_level.into() };
        process.ask(Stage::Load, Question::Load { options }).await.map_err(|error| match error.kind() {
            Kind::Timeout => error.kind_of(Kind::Plugin),
            _ => error,
        })?;
        Ok(process)
    }

    /// Lets the plugin end: drops its topology, and waits for the process, at most [`GRACE`]; then kills it. A hook
    /// that was cancelled has the same time to return. What the plugin printed has been given to its taker then.
    pub async fn shut_down(self) {
        self.send(&ToPlugin::End);
        let mut child = self.child.lock().await;
        if !matches!(timeout(GRACE, child.wait()).await, Ok(Ok(_))) {
            // Fails only for a process that has ended meanwhile.
            let _ = child.kill().await;
        }
        self.printed.to_the_end().await;
    }

    /// Asks what needs no host and has a deadline.
    async fn ask(&self, stage: Stage, question: Question) -> Result<String> {
        let abandon = self.begin(stage)?;
        let mut incoming = self.incoming.lock().await;
        self.send(&ToPlugin::Ask(question));
        let answer = timeout(self.deadline, incoming.answers.recv()).await;
        match answer {
            Ok(answer) => {
                abandon.disarm();
                self.conclude(stage, answer).await
            }
            Err(_) => {
                // What does not answer does not listen either.
                let _ = self.child.lock().await.start_kill();
                let limit = humantime::format_duration(self.deadline);
                Err(Error::new(Kind::Timeout, format!("plugin `{}` gave no answer within {limit} {stage}", self.name)))
            }
        }
    }

    fn begin(&self, stage: Stage) -> Result<Abandon<'_>> {
        if self.abandoned.load(Ordering::Relaxed) {
            let message = format!("plugin `{}` cannot be used {stage}: an earlier call was cancelled", self.name);
            return Err(Error::new(stage.kind(), message));
        }
        Ok(Abandon(Some(self)))
    }

    async fn conclude(&self, stage: Stage, answer: Option<ApiResult<String>>) -> Result<String> {
        match answer {
            Some(Ok(json)) => Ok(json),
            Some(Err(error)) => Err(failure(&self.name, stage, &error)),
            None => Err(self.obituary(stage).await),
        }
    }

    /// What the process died of, and the last lines it wrote to standard error.
    async fn obituary(&self, stage: Stage) -> Error {
        let mut child = self.child.lock().await;
        let name = &self.name;
        let Ok(Ok(status)) = timeout(GRACE, child.wait()).await else {
            // It lives but has closed its socket, so nothing more can be had of it.
            let _ = child.kill().await;
            return Error::new(stage.kind(), format!("plugin `{name}` closed its connection to the host {stage}"));
        };
        self.printed.to_the_end().await;
        let error = Error::new(stage.kind(), death(name, stage, status));
        self.printed.last_errors().into_iter().fold(error, Error::cause)
    }

    fn send(&self, message: &ToPlugin) {
        let head = frame::head(message, &[]).expect("a question is shorter than 4 GiB");
        // Nobody takes it when the process has died, which the answer that does not come will tell.
        let _ = self.outgoing.send((head, Vec::new()));
    }

    fn parse<T: DeserializeOwned>(&self, stage: Stage, json: &str) -> Result<T> {
        serde_json::from_str(json).map_err(|error| {
            Error::new(Kind::Hook, format!("plugin `{}` gave an answer of no sense {stage}", self.name)).cause(error)
        })
    }
}

#[async_trait]
impl Plugin for PluginProcess {
    async fn declare(&self) -> Result<Declaration> {
        let json = self.ask(Stage::Declare, Question::Declare).await?;
        self.parse(Stage::Declare, &json)
    }

    async fn nodes(&self, request: &Request) -> Result<Vec<NodeSpec>> {
        let json = self.ask(Stage::Nodes, Question::Nodes { request: json(request) }).await?;
        self.parse(Stage::Nodes, &json)
    }

    async fn hook(&self, hook: Hook, cluster: &ClusterFacts, request: &Request, host: &dyn HostCalls) -> Result<()> {
        let stage = Stage::Hook(hook);
        let abandon = self.begin(stage)?;
        let mut incoming = self.incoming.lock().await;
        let Incoming { answers, calls } = &mut *incoming;
        // Calls that an earlier hook's threads made too late; they have been told so where they came from.
        while calls.try_recv().is_ok() {}
        let (name, cluster, request) = (hook.name().into(), json(cluster), json(request));
        self.send(&ToPlugin::Ask(Question::Hook { name, cluster, request }));
        let answer = answer_until(answers.recv(), calls, host).await;
        abandon.disarm();
        self.conclude(stage, answer).await.map(drop)
    }
}

/// Dropped before the answer has come, it cancels the hook.
struct Abandon<'a>(Option<&'a PluginProcess>);

impl Abandon<'_> {
    fn disarm(mut self) {
        self.0 = None;
    }
}

impl Drop for Abandon<'_> {
    fn drop(&mut self) {
        if let Some(process) = self.0 {
            process.abandoned.store(true, Ordering::Relaxed);
            process.send(&ToPlugin::Cancel);
        }
    }
}

/// Gives the socket to two tasks, so that no call that is dropped half-way leaves half a frame.
fn attach(
    mut reader: OwnedReadHalf,
    mut writer: OwnedWriteHalf,
) -> (JoinSet<()>, mpsc::UnboundedSender<Message>, Incoming) {
    let (outgoing, mut messages) = mpsc::unbounded_channel::<Message>();
    let (answered, answers) = mpsc::unbounded_channel();
    let (called, calls) = mpsc::unbounded_channel();
    let mut socket = JoinSet::new();
    let back = outgoing.clone();
    socket.spawn(async move {
        // A stream that ends, in the middle of a frame or not, is a process that died; so are words of no sense.
        while let Ok(Some((message, payload))) = frame::read_async(&mut reader).await {
            let taken = match message {
                ToParent::Done(result) => answered.send(result).is_ok(),
                ToParent::Call { id, name, input } => {
                    called.send(Call { name, input, payload, answer: answer_of(id, back.clone()) }).is_ok()
                }
            };
            if !taken {
                return;
            }
        }
    });
    socket.spawn(async move {
        while let Some((head, payload)) = messages.recv().await {
            if writer.write_all(&head).await.is_err() || writer.write_all(&payload).await.is_err() {
                return;
            }
        }
    });
    (socket, outgoing, Incoming { answers, calls })
}

fn answer_of(id: u64, outgoing: mpsc::UnboundedSender<Message>) -> Answer {
    Box::new(move |result| {
        let (result, payload) = match result {
            Ok((json, payload)) => (Ok(json), payload),
            Err(error) => (Err(error), Vec::new()),
        };
        let message = match frame::head(&ToPlugin::Answer { id, result }, &payload) {
            Ok(head) => (head, payload),
            Err(error) => {
                let head = frame::head(&ToPlugin::Answer { id, result: Err(error) }, &[]);
                (head.expect("an error is shorter than 4 GiB"), Vec::new())
            }
        };
        // Nobody takes it when the process has died.
        let _ = outgoing.send(message);
    })
}

fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).expect("the types of plugin-api are JSON")
}

fn death(name: &str, stage: Stage, status: ExitStatus) -> String {
    match (stage, status.signal(), status.code()) {
        (Stage::Load, Some(signal), _) => format!("plugin `{name}` crashes while loading ({})", signal_name(signal)),
        (_, Some(signal), _) => format!("plugin `{name}` died of {} {stage}", signal_name(signal)),
        (_, None, code) => {
            format!("plugin `{name}` ended the process with exit code {} {stage}", code.unwrap_or_default())
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
    let name = names.iter().find(|(number, _)| *number == signal).map(|(_, name)| (*name).to_string());
    name.unwrap_or_else(|| format!("signal {signal}"))
}
