//! Commands that a hook runs on nodes.

use std::sync::atomic::Ordering;
use std::time::Duration;

use clusterdock_plugin_wire::ops;
use clusterdock_plugin_wire::{self as api, Exec, Output, Result, Stream};
use futures_util::future::try_join_all;

use super::{HookCalls, hook_error};
use crate::engine::{Chunk, ExecSpec};
use crate::error::Error;
use crate::event::Event;
use crate::execution::command::Command;
use crate::execution::exec_call::{CommandOutput, OutputBudget, OutputCollector, RETURNED};
use crate::lines::Lines;

/// The exit code of a killed command: when a node dies, all its processes are killed.
const KILLED: i64 = 137;

impl HookCalls<'_> {
    /// The outputs in node order, whichever ends first, and their bytes one after the other.
    pub(super) async fn exec(
        &self,
        on: ops::ExecOn,
        stdin: &[u8],
    ) -> Result<(Vec<Output>, Vec<u8>)> {
        let budget = OutputBudget::new(RETURNED);
        let runs = on
            .nodes
            .iter()
            .map(|node| self.exec_on(node, &on.exec, stdin, &budget));
        let outcomes = try_join_all(runs).await?;
        let outputs = on.nodes.iter().zip(&outcomes);
        let outputs = outputs
            .map(|(node, outcome)| output(node, outcome))
            .collect();
        let bytes = outcomes.into_iter().flat_map(|outcome| outcome.both);
        Ok((outputs, bytes.collect()))
    }

    async fn exec_on(
        &self,
        node: &str,
        exec: &Exec,
        stdin: &[u8],
        budget: &OutputBudget,
    ) -> Result<CommandOutput> {
        let spec = exec_spec(exec);
        let command = Command {
            engine: &self.engine,
            id: self.id(node)?,
            spec: &spec,
            stdin: Some(stdin).filter(|stdin| !stdin.is_empty()),
            cancellation: self.cancellation,
            deadline: exec.timeout_ms.map(Duration::from_millis),
        };
        let mut lines = Lines::default();
        let say = |line: &str| {
            (self.events)(Event::Output {
                source: node.into(),
                line: line.into(),
            })
        };
        let mut show = |chunk: &Chunk| {
            let (Chunk::Stdout(bytes) | Chunk::Stderr(bytes)) = chunk;
            if exec.show {
                lines.push(bytes, say);
            }
        };
        // The command waits for a slow reader, so that no output is lost.
        let collector = OutputCollector {
            budget,
            sink: Some(self.sink.as_ref()),
            on_chunk: &mut show,
        };
        let failed = |error: Error| {
            hook_error(error).context(format!("failed to run `{}` on node `{node}`", exec.command))
        };
        let outcome = command.run(collector).await.map_err(failed)?;
        lines.finish(say);
        if outcome.exit_code == KILLED {
            self.suspects_death.store(true, Ordering::Relaxed);
        }
        Ok(outcome)
    }
}

/// A hook's command as the engine runs it.
fn exec_spec(exec: &Exec) -> ExecSpec {
    let environment = exec.environment.iter();
    let environment = environment.map(|(name, value)| format!("{name}={value}"));
    ExecSpec {
        command: exec.command.argv(),
        user: Some(exec.user.clone()),
        environment: environment.collect(),
        working_directory: exec.working_directory.clone(),
        detached: exec.detached,
        ..ExecSpec::default()
    }
}

fn output(node: &str, outcome: &CommandOutput) -> Output {
    let chunks = outcome.pieces().map(|(length, is_stderr)| api::Chunk {
        stream: if is_stderr {
            Stream::Stderr
        } else {
            Stream::Stdout
        },
        length: length as u64,
    });
    Output {
        node: node.into(),
        exit_code: outcome.exit_code,
        chunks: chunks.collect(),
    }
}
