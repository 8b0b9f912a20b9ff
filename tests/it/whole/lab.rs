//! The plugin of these tests, with a choice of hooks.

use std::time::Duration;

use async_trait::async_trait;
use clusterdock::error::{Error, Kind, Result};
use clusterdock::topology::plugin::{HostCalls, Plugin};
use clusterdock_plugin_wire::export::API_VERSION;
use clusterdock_plugin_wire::ops::{self, Operation};
use clusterdock_plugin_wire::{Command, Declaration, Exec, HookCall, NodeSpec, Probe, Request};
use clusterdock_tests::cargo::workspace;

/// What the hook of the topology does.
#[derive(Clone, Copy, PartialEq)]
pub(super) enum LabHook {
    DoesNothing,
    DoesOneOfEverything,
    Publishes,
    /// Removes the first nodes.
    Removes(usize),
    Fails,
    /// Takes this long.
    Waits(Duration),
    /// Runs a command on the first node, and fails if the command does.
    FailsByCommand,
}

/// A topology with such a hook.
pub(super) struct Lab {
    pub(super) hook: LabHook,
}

#[async_trait]
impl Plugin for Lab {
    fn api(&self) -> &str {
        API_VERSION
    }

    async fn declare(&self) -> Result<Declaration> {
        Ok(Declaration::default())
    }

    async fn nodes(&self, _: &Request) -> Result<Vec<NodeSpec>> {
        Ok(Vec::new())
    }

    async fn hook(&self, HookCall { cluster, .. }: &HookCall, host: &dyn HostCalls) -> Result<()> {
        let nodes: Vec<String> = cluster.nodes.iter().map(|node| node.fqdn.clone()).collect();
        let node = nodes[0].clone();
        if self.hook == LabHook::Fails {
            return Err(Error::new(Kind::Hook, "the hook failed"));
        }
        if let LabHook::Waits(time) = self.hook {
            call(
                host,
                &ops::Pause {
                    time_ms: time.as_millis() as u64,
                    waiting_for: None,
                },
            )
            .await?;
        }
        if self.hook == LabHook::FailsByCommand {
            call(
                host,
                &ops::ExecOn {
                    nodes: vec![node.clone()],
                    exec: Exec::new(Command::shell("true")),
                },
            )
            .await?;
            return Err(Error::new(Kind::Hook, "the hook failed").cause("its command failed"));
        }
        if self.hook == LabHook::Publishes {
            for (name, push) in [("lab/kept", false), ("lab/made", false), ("lab/made", true)] {
                let (node, image) = (node.clone(), format!("{name}:1"));
                call(host, &ops::Commit { node, image, push }).await?;
            }
        }
        if let LabHook::Removes(count) = self.hook {
            call(
                host,
                &ops::Remove {
                    nodes: nodes[..count].to_vec(),
                },
            )
            .await?;
        }
        if self.hook == LabHook::DoesOneOfEverything {
            call(
                host,
                &ops::PutFile {
                    nodes: nodes.clone(),
                    path: "/etc/lab".into(),
                    mode: 0o644,
                    owner: "0:0".into(),
                },
            )
            .await?;
            call(
                host,
                &ops::ExecOn {
                    nodes: nodes.clone(),
                    exec: Exec::new(Command::shell("true")),
                },
            )
            .await?;
            call(
                host,
                &ops::GetFile {
                    node: node.clone(),
                    path: "/etc/lab".into(),
                },
            )
            .await?;
            let (local, to) = (workspace().join("LICENSE"), tempfile::tempdir().unwrap());
            let (path, owner) = ("/opt/new/lab".into(), "7:8".into());
            call(
                host,
                &ops::PutLocal {
                    nodes: nodes.clone(),
                    local,
                    path,
                    mode: None,
                    owner,
                },
            )
            .await?;
            call(
                host,
                &ops::GetFolder {
                    node: node.clone(),
                    path: "/opt/new".into(),
                    local: to.path().into(),
                },
            )
            .await?;
            let pause = ops::Pause {
                time_ms: 1_000,
                waiting_for: None,
            };
            call(host, &pause).await?;
            let probe = Probe::file("/etc/lab");
            call(
                host,
                &ops::WaitFor {
                    nodes: nodes.clone(),
                    probe,
                    timeout_ms: 5_000,
                },
            )
            .await?;
            call(host, &ops::Stop { nodes: vec![node] }).await?;
        }
        Ok(())
    }
}

pub(super) async fn call<O: Operation>(host: &dyn HostCalls, operation: &O) -> Result<()> {
    let input = serde_json::to_string(operation).unwrap();
    let answer = host.call(O::NAME, &input, b"lab".to_vec()).await;
    // As the plugin's process does it: the code decides the kind.
    answer.map(drop).map_err(|error| {
        let kind = match error.code() {
            clusterdock_plugin_wire::Code::Timeout => Kind::Timeout,
            clusterdock_plugin_wire::Code::Cancelled => Kind::Interrupted,
            _ => Kind::Hook,
        };
        error
            .chain()
            .iter()
            .fold(Error::new(kind, "the hook failed"), Error::cause)
    })
}
