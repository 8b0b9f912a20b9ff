//! The host's side of a hook's calls: what a topology's code asks of its cluster is carried out here.

mod files;

use super::command::{Command, Outcome};
use super::ready;
use super::start::Ids;
use super::{Stop, probe};
use crate::engine::{Chunk, Engine, ExecSpec};
use crate::error::{Error, Kind};
use crate::event::Event;
use crate::image::Provider;
use crate::report::Report;
use crate::topology::plugin::HostCalls;
use async_trait::async_trait;
use clusterdock_plugin_api::ops::{self, Operation};
use clusterdock_plugin_api::{Code, Error as HookError, Exec, Output, Result};
use futures_util::future::{join_all, try_join_all};
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a node may take to stop before it is killed, as `docker stop` gives it.
const STOP_GRACE_SECONDS: u32 = 10;

/// A started cluster that hooks can make calls on.
pub struct HookCalls<'a> {
    /// The engine.
    pub engine: &'a dyn Engine,
    /// What images are pushed with.
    pub provider: Provider<'a>,
    /// The containers' ids by FQDN.
    pub ids: &'a Ids,
    /// Ends calls early.
    pub stop: &'a Stop,
    /// Told of what a copy leaves out.
    pub report: &'a Arc<Report>,
    /// Told what the hook does and says.
    pub events: &'a (dyn Fn(Event) + Sync),
    /// What the hook wants the user to know at the very end.
    pub closing: Mutex<Vec<String>>,
    /// Nodes that the hook stopped, which therefore need not run in the end.
    pub stopped: Mutex<Vec<String>>,
    /// Images that the hook made, each once, in the order in which it last made them.
    pub made: Mutex<Vec<Made>>,
}

/// An image that a hook made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Made {
    /// Its reference.
    pub reference: String,
    /// Whether its registry has it as it was made last.
    pub pushed: bool,
}

impl HookCalls<'_> {
    /// Carries out one operation: its JSON and payload in, JSON and bytes out.
    ///
    /// # Errors
    /// What went wrong; [`Code::Unsupported`] for an operation that this host does not know.
    pub async fn carry_out(&self, name: &str, input: &str, payload: &[u8]) -> Result<(String, Vec<u8>)> {
        self.stop.check().map_err(hook_error)?;
        match name {
            ops::ExecOn::NAME => answer(self.exec(parse(input)?).await?),
            ops::PutFile::NAME => answer(self.put(parse(input)?, payload).await?),
            ops::PutLocal::NAME => answer(self.put_local(parse(input)?).await?),
            ops::GetFile::NAME => {
                let (facts, bytes) = self.get(parse(input)?).await?;
                Ok((serde_json::to_string(&facts)?, bytes))
            }
            ops::GetFolder::NAME => answer(self.get_folder(parse(input)?).await?),
            ops::WaitFor::NAME => answer(self.wait(parse(input)?).await?),
            ops::Pause::NAME => {
                let ops::Pause { time_ms } = parse(input)?;
                let pause = async {
                    tokio::time::sleep(Duration::from_millis(time_ms)).await;
                    Ok(())
                };
                answer(self.stop.wait(pause).await.map_err(hook_error)?)
            }
            ops::StopNodes::NAME => answer(self.stop_nodes(parse(input)?).await?),
            ops::Commit::NAME => answer(self.commit(parse(input)?).await?),
            ops::Progress::NAME => {
                let ops::Progress { message } = parse(input)?;
                (self.events)(Event::Progress { message });
                answer(())
            }
            ops::Closing::NAME => {
                let ops::Closing { message } = parse(input)?;
                self.closing.lock().expect("nobody panics with it").push(message);
                answer(())
            }
            ops::Log::NAME => {
                let ops::Log { level, message, .. } = parse(input)?;
                (self.events)(log_event(&level, message));
                answer(())
            }
            _ => Err(HookError::with_code(Code::Unsupported, format!("this clusterdock does not know `{name}`"))
                .cause("the topology's plugin is newer: upgrade clusterdock")),
        }
    }

    async fn exec(&self, on: ops::ExecOn) -> Result<Vec<Output>> {
        // Outputs have node order, whatever ends first.
        try_join_all(on.nodes.iter().map(|node| self.exec_on(node, &on.exec))).await
    }

    async fn exec_on(&self, node: &str, exec: &Exec) -> Result<Output> {
        let environment = exec.environment.iter().map(|(name, value)| format!("{name}={value}")).collect();
        let spec = ExecSpec {
            command: vec![exec.shell.clone(), "-c".into(), exec.command.clone()],
            user: Some(exec.user.clone()),
            environment,
            working_directory: exec.working_directory.clone(),
            detached: exec.detached,
            ..ExecSpec::default()
        };
        let command = Command {
            engine: self.engine,
            id: self.id(node)?,
            spec: &spec,
            stdin: exec.stdin.as_deref().map(str::as_bytes),
            stop: self.stop,
            deadline: exec.timeout_ms.map(Duration::from_millis),
        };
        let mut lines = Lines::default();
        let say = |line: &str| (self.events)(Event::Output { source: node.into(), line: line.into() });
        let show = |chunk: &Chunk| {
            let (Chunk::Stdout(bytes) | Chunk::Stderr(bytes)) = chunk;
            if !exec.quiet {
                lines.push(bytes, say);
            }
        };
        let failed =
            |error: Error| hook_error(error).context(format!("failed to run `{}` on node `{node}`", exec.command));
        let outcome = command.run(show).await.map_err(failed)?;
        lines.finish(say);
        Ok(output(node, &outcome))
    }

    async fn wait(&self, wait: ops::WaitFor) -> Result<()> {
        let deadline = Duration::from_millis(wait.timeout_ms);
        let waits = join_all(wait.nodes.iter().map(|node| self.wait_on(node, &wait.probe, deadline)));
        waits.await.into_iter().collect()
    }

    async fn wait_on(&self, node: &str, wanted: &clusterdock_plugin_api::Probe, deadline: Duration) -> Result<()> {
        let id = self.id(node)?;
        let held = async {
            match tokio::time::timeout(deadline, probe::wait(self.engine, id, wanted)).await {
                Ok(held) => held.map_err(Error::from),
                Err(_) => Err(Error::new(
                    Kind::Timeout,
                    format!("{wanted} did not hold within {}", humantime::format_duration(deadline)),
                )),
            }
        };
        let result = self.stop.wait(held).await;
        let Err(error) = result else { return Ok(()) };
        let state = self.engine.container_state(id).await.unwrap_or_default();
        let error = match state.exit_code {
            Some(exit_code) if !state.state.is_running() => {
                let death = crate::engine::Death { id: id.into(), name: node.into(), exit_code };
                ready::died(self.engine, node, &death).await
            }
            _ => error,
        };
        Err(hook_error(error).context(format!("node `{node}` is not ready")))
    }

    async fn stop_nodes(&self, stop: ops::StopNodes) -> Result<()> {
        try_join_all(stop.nodes.iter().map(|node| self.stop_node(node, stop.remove))).await.map(drop)
    }

    async fn stop_node(&self, node: &str, remove: bool) -> Result<()> {
        let id = self.id(node)?;
        self.stopped.lock().expect("nobody panics with it").push(node.to_string());
        let call = async {
            self.engine.stop_container(id, STOP_GRACE_SECONDS).await?;
            if remove {
                self.engine.remove_container(id).await?;
            }
            Ok(())
        };
        let stopped = self.stop.call(call).await;
        stopped.map_err(|error| hook_error(error).context(format!("failed to stop node `{node}`")))
    }

    async fn commit(&self, commit: ops::Commit) -> Result<String> {
        let ops::Commit { node, repository, tag, push } = commit;
        let id = self.id(&node)?;
        let call = async { Ok(self.engine.commit_container(id, &repository, &tag).await?) };
        let image = self.stop.transfer(call).await;
        let image =
            image.map_err(|error| hook_error(error).context(format!("failed to make an image of node `{node}`")))?;
        let reference = format!("{repository}:{tag}");
        self.made(&reference, false);
        if push {
            self.provider.push(&reference).await.map_err(hook_error)?;
            self.made(&reference, true);
        }
        Ok(image)
    }

    fn made(&self, reference: &str, pushed: bool) {
        let mut made = self.made.lock().expect("nobody panics with it");
        made.retain(|image| image.reference != reference);
        made.push(Made { reference: reference.into(), pushed });
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
    ) -> clusterdock_plugin_api::Result<(String, Vec<u8>)> {
        self.carry_out(name, input, &payload).await
    }
}

/// Cuts output into lines as it comes.
#[derive(Default)]
pub struct Lines {
    rest: Vec<u8>,
}

impl Lines {
    /// Takes a piece; gives every line that it completes.
    pub fn push(&mut self, bytes: &[u8], mut line: impl FnMut(&str)) {
        self.rest.extend_from_slice(bytes);
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let whole: Vec<u8> = self.rest.drain(..=end).collect();
            line(String::from_utf8_lossy(&whole).trim_end_matches(['\n', '\r']));
        }
    }

    /// Gives what has no line end.
    pub fn finish(self, mut line: impl FnMut(&str)) {
        if !self.rest.is_empty() {
            line(&String::from_utf8_lossy(&self.rest));
        }
    }
}

fn output(node: &str, outcome: &Outcome) -> Output {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Output {
        node: node.into(),
        exit_code: outcome.exit_code,
        stdout: text(&outcome.stdout),
        stderr: text(&outcome.stderr),
        output: text(&outcome.both),
    }
}

fn log_event(level: &str, message: String) -> Event {
    match level {
        "error" | "warn" => Event::Warning { message },
        "info" => Event::Progress { message },
        _ => Event::Debug { message },
    }
}

fn parse<O: Operation>(input: &str) -> Result<O> {
    serde_json::from_str(input).map_err(|error| {
        HookError::with_code(Code::Unsupported, format!("`{}` is not as this clusterdock knows it", O::NAME))
            .cause(error)
    })
}

fn answer<T: serde::Serialize>(value: T) -> Result<(String, Vec<u8>)> {
    Ok((serde_json::to_string(&value)?, Vec::new()))
}

/// An error of the host as a hook sees it; it keeps its code and its chain when the hook passes it on.
fn hook_error(error: Error) -> HookError {
    let code = match error.kind() {
        Kind::Timeout => Code::Timeout,
        Kind::Interrupted | Kind::Terminated => Code::Cancelled,
        _ => Code::Host,
    };
    // A hook's errors have causes alone, so what to do next stands among them.
    let causes = error.causes().iter().cloned().chain(error.next_step().map(|hint| format!("hint: {hint}")));
    causes.fold(HookError::with_code(code, error.message()), HookError::cause)
}
