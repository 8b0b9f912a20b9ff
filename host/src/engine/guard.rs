//! The engine as all higher floors use it: every call has a deadline, and ends when the work is to end.
//!
//! When the work is to end, a call that **reads** is abandoned at once. One that **changes** something may finish, for
//! at most [`GRACE`]: nobody knows whether an abandoned call had its effect, and the rollback has to find everything. One
//! that **transfers** files or images takes as long as it makes progress, and is abandoned at once. No call begins once
//! the work is to end; the rollback therefore has a guard with its own [`Cancellation`].
//!
//! All deadlines of engine calls are in this file. Other waits define theirs where they are.

mod image_calls;

use std::net::Ipv4Addr;
use std::time::Duration;

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::future::{BoxFuture, FutureExt, pending};
use futures_util::stream::{self, BoxStream, StreamExt};
use serde_json::{Map, Value};
use tokio::time::timeout;

use super::bound::{Call, silent, within};
use super::liveness::Liveness;
use super::{
    Archive, Container, ContainerSpec, ContainerState, Creation, Death, Engine, EngineError,
    EngineInfo, EngineResult, ExecSession, ExecSpec, Execs, FileKind, Files, Filter, Happening,
    Inventory, Lifecycle, LogLine, LogOptions, Network, NetworkSpec, Process, RunningExec, Streams,
    System, Usage, Usages, Volume,
};
use crate::cancellation::Cancellation;
use crate::error::Error;

/// For a call that reads: longer than ssh may need to reach the engine's machine and log in (25 s), which the first
/// call includes, and short enough for a user who waits for `ls`.
const READ: Duration = Duration::from_secs(30);

/// For a call that changes something, since an engine under load is slow. A single start takes 0.2 s, but 20 s if the
/// engines of a Swarm cannot agree on an address.
const CHANGE: Duration = Duration::from_secs(120);

/// For committing a container: the engine copies everything that was written in it.
const COMMIT: Duration = Duration::from_secs(300);

/// The longest time without progress in a transfer. The engine is silent longest after the last piece, while it unpacks
/// or verifies the data.
const SILENCE: Duration = Duration::from_secs(300);

/// The longest time without output from a step of a build, e.g. a compiler or an installation.
const SILENCE_OF_BUILD: Duration = Duration::from_secs(1800);

/// How long a call that changes something may continue once the work is to end: longer than it takes on a healthy
/// engine, and short enough for a user who pressed Ctrl-C.
const GRACE: Duration = Duration::from_secs(10);

/// An engine whose calls have deadlines, and end when the work is to end.
#[derive(Clone, Copy)]
pub struct GuardedEngine<'a> {
    engine: &'a dyn Engine,
    /// Ends the work, if anything does.
    cancellation: Option<&'a Cancellation>,
}

impl<'a> GuardedEngine<'a> {
    /// Guards an engine's calls with deadlines. No work ends them.
    pub fn new(engine: &'a dyn Engine) -> GuardedEngine<'a> {
        GuardedEngine {
            engine,
            cancellation: None,
        }
    }

    /// The same engine for work that only ends when `cancellation` says so.
    #[must_use]
    pub fn with_cancellation(self, cancellation: &'a Cancellation) -> GuardedEngine<'a> {
        GuardedEngine {
            cancellation: Some(cancellation),
            ..self
        }
    }

    /// Completes when the work is to end.
    fn cancelled(&self) -> BoxFuture<'static, Error> {
        match self.cancellation {
            Some(cancellation) => cancellation.cancelled().boxed(),
            None => pending().boxed(),
        }
    }

    /// Runs a call that reads.
    async fn read<T>(&self, what: &str, call: impl Call<T>) -> EngineResult<T> {
        self.until_cancelled(within(READ, what, call)).await
    }

    /// Runs a call that changes something.
    async fn change<T>(
        &self,
        deadline: Duration,
        what: &str,
        call: impl Call<T>,
    ) -> EngineResult<T> {
        if let Some(cancellation) = self.cancellation {
            cancellation.check().map_err(EngineError::cancelled)?;
        }
        let mut call = std::pin::pin!(within(deadline, what, call));
        tokio::select! {
            biased;
            done = &mut call => done,
            why = self.cancelled() => {
                timeout(GRACE, call).await.unwrap_or_else(|_| Err(EngineError::cancelled(why)))
            }
        }
    }

    /// Runs a call that transfers files or images.
    async fn transfer<T>(
        &self,
        longest_silence: Duration,
        what: &str,
        liveness: &Liveness,
        call: impl Call<T>,
    ) -> EngineResult<T> {
        let moving = async {
            tokio::select! {
                biased;
                done = call => done,
                () = liveness.silence(longest_silence) => Err(silent(longest_silence, what)),
            }
        };
        self.until_cancelled(moving).await
    }

    async fn until_cancelled<T>(&self, call: impl Call<T>) -> EngineResult<T> {
        tokio::select! {
            biased;
            why = self.cancelled() => Err(EngineError::cancelled(why)),
            done = call => done,
        }
    }
}

#[async_trait]
impl System for GuardedEngine<'_> {
    fn address(&self) -> &str {
        self.engine.address()
    }

    fn is_local(&self) -> bool {
        self.engine.is_local()
    }

    fn check_create_fields(&self, fields: &Map<String, Value>) -> EngineResult<()> {
        self.engine.check_create_fields(fields)
    }

    async fn info(&self) -> EngineResult<EngineInfo> {
        self.read("describe itself", self.engine.info()).await
    }

    async fn missing_capabilities(&self) -> EngineResult<Vec<String>> {
        let call = self.engine.missing_capabilities();
        self.read("return its version", call).await
    }
}

#[async_trait]
impl Inventory for GuardedEngine<'_> {
    async fn containers(&self, filter: &Filter) -> EngineResult<Vec<Container>> {
        let call = self.engine.containers(filter);
        self.read("list containers", call).await
    }

    async fn networks(&self, filter: &Filter) -> EngineResult<Vec<Network>> {
        let call = self.engine.networks(filter);
        self.read("list networks", call).await
    }

    async fn volumes(&self, filter: &Filter) -> EngineResult<Vec<Volume>> {
        let call = self.engine.volumes(filter);
        self.read("list volumes", call).await
    }

    async fn container_state(&self, id: &str) -> EngineResult<ContainerState> {
        let call = self.engine.container_state(id);
        self.read("inspect a container", call).await
    }

    async fn remove_container(&self, id: &str) -> EngineResult<()> {
        let call = self.engine.remove_container(id);
        self.change(CHANGE, "remove a container", call).await
    }

    async fn remove_network(&self, id: &str) -> EngineResult<()> {
        let call = self.engine.remove_network(id);
        self.change(CHANGE, "remove a network", call).await
    }

    async fn remove_volume(&self, name: &str) -> EngineResult<()> {
        let call = self.engine.remove_volume(name);
        self.change(CHANGE, "remove a volume", call).await
    }
}

#[async_trait]
impl Creation for GuardedEngine<'_> {
    async fn create_volume(&self, spec: &Volume) -> EngineResult<Volume> {
        let call = self.engine.create_volume(spec);
        self.change(CHANGE, "create a volume", call).await
    }

    async fn create_network(&self, spec: &NetworkSpec) -> EngineResult<String> {
        let call = self.engine.create_network(spec);
        self.change(CHANGE, "create a network", call).await
    }

    async fn create_container(&self, spec: &ContainerSpec) -> EngineResult<String> {
        let call = self.engine.create_container(spec);
        self.change(CHANGE, "create a container", call).await
    }

    async fn connect_network(
        &self,
        network: &str,
        id: &str,
        address: Option<Ipv4Addr>,
        aliases: &[String],
    ) -> EngineResult<()> {
        let call = self.engine.connect_network(network, id, address, aliases);
        self.change(CHANGE, "connect a container", call).await
    }
}

#[async_trait]
impl Lifecycle for GuardedEngine<'_> {
    async fn start_container(&self, id: &str) -> EngineResult<()> {
        let call = self.engine.start_container(id);
        self.change(CHANGE, "start a container", call).await
    }

    async fn stop_container(&self, id: &str, grace_seconds: u32) -> EngineResult<()> {
        // The engine answers once the container has stopped, which takes the whole grace if its command ignores the
        // signal.
        let deadline = CHANGE + Duration::from_secs(grace_seconds.into());
        let call = self.engine.stop_container(id, grace_seconds);
        self.change(deadline, "stop a container", call).await
    }

    async fn pause_container(&self, id: &str) -> EngineResult<()> {
        let call = self.engine.pause_container(id);
        self.change(CHANGE, "pause a container", call).await
    }

    async fn unpause_container(&self, id: &str) -> EngineResult<()> {
        let call = self.engine.unpause_container(id);
        self.change(CHANGE, "unpause a container", call).await
    }

    async fn kill_container(&self, id: &str, signal: &str) -> EngineResult<()> {
        let call = self.engine.kill_container(id, signal);
        self.change(CHANGE, "signal a container", call).await
    }
}

#[async_trait]
impl Streams for GuardedEngine<'_> {
    async fn deaths(
        &self,
        label: (&str, &str),
        since: i64,
    ) -> EngineResult<BoxStream<'static, EngineResult<Death>>> {
        let call = self.engine.deaths(label, since);
        self.read("open its events", call).await
    }

    async fn starts(
        &self,
        label: (&str, &str),
        since: i64,
    ) -> EngineResult<BoxStream<'static, EngineResult<String>>> {
        let call = self.engine.starts(label, since);
        self.read("open its events", call).await
    }

    async fn happenings(
        &self,
        key: &str,
        since: Option<i64>,
        until: Option<i64>,
    ) -> EngineResult<BoxStream<'static, EngineResult<Happening>>> {
        let call = self.engine.happenings(key, since, until);
        self.read("open its events", call).await
    }

    async fn logs(
        &self,
        id: &str,
        options: &LogOptions,
    ) -> EngineResult<BoxStream<'static, EngineResult<LogLine>>> {
        let call = self.engine.logs(id, options);
        self.read("open a log", call).await
    }
}

#[async_trait]
impl Usages for GuardedEngine<'_> {
    async fn processes(&self, id: &str) -> EngineResult<Vec<Process>> {
        let call = self.engine.processes(id);
        self.read("list processes", call).await
    }

    async fn usage(&self, id: &str) -> EngineResult<Usage> {
        let call = self.engine.usage(id);
        self.read("measure a container", call).await
    }
}

#[async_trait]
impl Execs for GuardedEngine<'_> {
    async fn exec(&self, id: &str, spec: &ExecSpec) -> EngineResult<ExecSession> {
        // The rollback does not look for commands; those that must end with the work are found by their mark, even
        // unstarted ones.
        let call = within(CHANGE, "start a command", self.engine.exec(id, spec));
        self.until_cancelled(call).await
    }

    async fn exec_exit_code(&self, exec_id: &str) -> EngineResult<Option<i64>> {
        let call = self.engine.exec_exit_code(exec_id);
        self.read("inspect a command", call).await
    }

    async fn running_execs(&self, id: &str) -> EngineResult<Vec<RunningExec>> {
        let call = self.engine.running_execs(id);
        self.read("list commands", call).await
    }

    async fn resize_exec(&self, exec_id: &str, rows: u16, columns: u16) -> EngineResult<()> {
        let call = self.engine.resize_exec(exec_id, rows, columns);
        self.read("resize a terminal", call).await
    }
}

#[async_trait]
impl Files for GuardedEngine<'_> {
    async fn file(&self, id: &str, path: &str) -> EngineResult<Option<FileKind>> {
        let call = self.engine.file(id, path);
        self.read("look at a file", call).await
    }

    async fn put_archive(&self, id: &str, path: &str, tar: Archive) -> EngineResult<()> {
        let liveness = Liveness::new();
        let tar = liveness.track(tar);
        let call = self.engine.put_archive(id, path, tar);
        self.transfer(SILENCE, "unpack files", &liveness, call)
            .await
    }

    async fn get_archive(
        &self,
        id: &str,
        path: &str,
    ) -> EngineResult<BoxStream<'static, EngineResult<Bytes>>> {
        let call = within(CHANGE, "pack files", self.engine.get_archive(id, path));
        let pieces = self.until_cancelled(call).await?;
        Ok(bounded_pieces(pieces, self.cancelled()))
    }
}

/// The pieces of an archive, followed by an error if the engine is silent for too long or the work is to end.
fn bounded_pieces(
    pieces: BoxStream<'static, EngineResult<Bytes>>,
    stopped: BoxFuture<'static, Error>,
) -> BoxStream<'static, EngineResult<Bytes>> {
    let stopped = stopped.shared();
    stream::unfold(Some((pieces, stopped)), async |state| {
        let (mut pieces, stopped) = state?;
        let piece = tokio::select! {
            biased;
            why = stopped.clone() => Some(Err(EngineError::cancelled(why))),
            piece = timeout(SILENCE, pieces.next()) => {
                piece.unwrap_or_else(|_| Some(Err(silent(SILENCE, "pack files"))))
            }
        }?;
        let rest = piece.is_ok().then_some((pieces, stopped));
        Some((piece, rest))
    })
    .boxed()
}

#[cfg(test)]
mod tests;
