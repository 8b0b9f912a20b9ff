//! A started cluster in a hook's hands: its node groups and nodes, and what can be done with them. Everything here
//! is a call into the host; nothing here knows how the host does it.

use crate::ops::{self, ClusterFacts, NodeFacts, Operation};
use crate::{Code, Error, Exec, Output, Probe, Result};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How a hook's calls reach the host. The host brings the real one; a test of a topology may bring its own.
pub trait Host: Send + Sync {
    /// Carries out operation `name`; `input` is its JSON, `payload` plain bytes. Answers with JSON and bytes.
    ///
    /// # Errors
    /// What went wrong in the host; [`Code::Unsupported`] for a name it does not know.
    fn call(&self, name: &str, input: &str, payload: &[u8]) -> Result<(String, Vec<u8>)>;
}

/// A started cluster. Cheap to clone, and usable from any thread until the hook returns.
#[derive(Clone)]
pub struct Cluster {
    facts: Arc<ClusterFacts>,
    nodes: Vec<Node>,
    host: Arc<dyn Host>,
}

/// The nodes of one group.
#[derive(Clone)]
pub struct NodeGroup {
    name: String,
    nodes: Vec<Node>,
    host: Arc<dyn Host>,
}

/// One node.
#[derive(Clone)]
pub struct Node {
    facts: Arc<NodeFacts>,
    host: Arc<dyn Host>,
}

impl Cluster {
    /// A cluster with these facts whose calls go to `host`. The host makes it; tests of a topology may, too.
    pub fn new(facts: ClusterFacts, host: Arc<dyn Host>) -> Cluster {
        let nodes = facts.nodes.iter().map(|node| Node { facts: Arc::new(node.clone()), host: host.clone() }).collect();
        Cluster { facts: Arc::new(facts), nodes, host }
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.facts.name
    }

    /// The network's name, which is also the nodes' domain.
    pub fn network(&self) -> &str {
        &self.facts.network
    }

    /// The nodes, in the order in which the topology named them.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// The node of this host name or FQDN.
    ///
    /// # Errors
    /// There is none; the message lists those there are.
    pub fn node(&self, name: &str) -> Result<&Node> {
        self.nodes.iter().find(|node| node.hostname() == name || node.fqdn() == name).ok_or_else(|| {
            let names: Vec<&str> = self.nodes.iter().map(Node::hostname).collect();
            Error::new(format!("no node `{name}` in cluster `{}`; it has {}", self.name(), names.join(", ")))
        })
    }

    /// The first node of a group, for a group that has one: `cluster.first_of("kdc")?`.
    ///
    /// # Errors
    /// The group has no nodes.
    pub fn first_of(&self, group: &str) -> Result<&Node> {
        let first = self.nodes.iter().find(|node| node.group() == group);
        first.ok_or_else(|| Error::new(format!("group `{group}` of cluster `{}` has no nodes", self.name())))
    }

    /// The nodes of a group; empty when it has none.
    pub fn group(&self, name: &str) -> NodeGroup {
        let nodes = self.nodes.iter().filter(|node| node.group() == name).cloned().collect();
        NodeGroup { name: name.into(), nodes, host: self.host.clone() }
    }

    /// Runs a command on every node in parallel; outputs in node order.
    ///
    /// # Errors
    /// The first node, in node order, on which it failed: node, command, exit code and last lines.
    pub fn execute(&self, exec: impl Into<Exec>) -> Result<Vec<Output>> {
        execute(&*self.host, &self.nodes, exec.into())
    }

    /// Puts a file of mode 644, owned by root, on every node, making the folders above it.
    ///
    /// # Errors
    /// The node and the cause.
    pub fn put_file(&self, path: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        put_file(&*self.host, &self.nodes, path, contents.as_ref(), 0o644)
    }

    /// Waits until a probe holds on every node.
    ///
    /// # Errors
    /// [`Code::Timeout`] with the node and what was seen last; or the node died.
    pub fn wait_for(&self, probe: &Probe, timeout: Duration) -> Result<()> {
        wait_for(&*self.host, &self.nodes, probe, timeout)
    }

    /// Tells the user what is being done now.
    ///
    /// # Errors
    /// The command was interrupted.
    pub fn progress(&self, message: impl Into<String>) -> Result<()> {
        call(&*self.host, &ops::Progress { message: message.into() })
    }

    /// Tells the user something at the very end: addresses, credentials, what to do next.
    ///
    /// # Errors
    /// The command was interrupted.
    pub fn closing(&self, message: impl Into<String>) -> Result<()> {
        call(&*self.host, &ops::Closing { message: message.into() })
    }
}

impl NodeGroup {
    /// The group's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its nodes, in the order in which the topology named them.
    pub fn nodes(&self) -> &[Node] {
        &self.nodes
    }

    /// Runs a command on every node of the group in parallel; outputs in node order.
    ///
    /// # Errors
    /// As [`Cluster::execute`].
    pub fn execute(&self, exec: impl Into<Exec>) -> Result<Vec<Output>> {
        execute(&*self.host, &self.nodes, exec.into())
    }

    /// Puts a file on every node of the group.
    ///
    /// # Errors
    /// As [`Cluster::put_file`].
    pub fn put_file(&self, path: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        put_file(&*self.host, &self.nodes, path, contents.as_ref(), 0o644)
    }

    /// Waits until a probe holds on every node of the group.
    ///
    /// # Errors
    /// As [`Cluster::wait_for`].
    pub fn wait_for(&self, probe: &Probe, timeout: Duration) -> Result<()> {
        wait_for(&*self.host, &self.nodes, probe, timeout)
    }
}

impl Node {
    /// The host name, without the network.
    pub fn hostname(&self) -> &str {
        &self.facts.hostname
    }

    /// `HOSTNAME.NETWORK`.
    pub fn fqdn(&self) -> &str {
        &self.facts.fqdn
    }

    /// The node group.
    pub fn group(&self) -> &str {
        &self.facts.group
    }

    /// The image's reference.
    pub fn image(&self) -> &str {
        &self.facts.image
    }

    /// The container's id.
    pub fn container_id(&self) -> &str {
        &self.facts.container_id
    }

    /// The address on the cluster's network.
    pub fn ip_address(&self) -> &str {
        &self.facts.ip_address
    }

    /// Container ports, as `80/tcp`, to host ports.
    pub fn host_ports(&self) -> &BTreeMap<String, u16> {
        &self.facts.host_ports
    }

    /// `ADDRESS:PORT` under which the user reaches a published TCP port of this node.
    ///
    /// # Errors
    /// The port is not published.
    pub fn address_of(&self, container_port: u16) -> Result<String> {
        match self.facts.host_ports.get(&format!("{container_port}/tcp")) {
            Some(port) => Ok(format!("{}:{port}", self.facts.host_address)),
            None => Err(Error::new(format!("port `{container_port}` of node `{}` is not published", self.fqdn()))),
        }
    }

    /// Runs a command: text for `/bin/sh -c` as root, or an [`Exec`] that says more.
    ///
    /// # Errors
    /// It exited with a code other than 0 (unless [`Exec::may_fail`]), or it could not be run.
    pub fn execute(&self, exec: impl Into<Exec>) -> Result<Output> {
        let mut outputs = execute(&*self.host, std::slice::from_ref(self), exec.into())?;
        outputs.pop().ok_or_else(|| Error::with_code(Code::Host, "the host gave no output"))
    }

    /// Puts a file of mode 644, owned by root, making the folders above it.
    ///
    /// # Errors
    /// The node and the cause.
    pub fn put_file(&self, path: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        self.put_file_with_mode(path, contents, 0o644)
    }

    /// Puts a file of this mode, owned by root, making the folders above it.
    ///
    /// # Errors
    /// As [`put_file`](Node::put_file).
    pub fn put_file_with_mode(&self, path: &str, contents: impl AsRef<[u8]>, mode: u32) -> Result<()> {
        put_file(&*self.host, std::slice::from_ref(self), path, contents.as_ref(), mode)
    }

    /// The bytes of a file.
    ///
    /// # Errors
    /// No such file, or a folder.
    pub fn get_bytes(&self, path: &str) -> Result<Vec<u8>> {
        let get = ops::GetFile { node: self.fqdn().into(), path: path.into() };
        call_with(&*self.host, &get, &[]).map(|((), bytes)| bytes)
    }

    /// The text of a file.
    ///
    /// # Errors
    /// As [`get_bytes`](Node::get_bytes), or it is not UTF-8.
    pub fn get_file(&self, path: &str) -> Result<String> {
        let bytes = self.get_bytes(path)?;
        String::from_utf8(bytes).map_err(|_| Error::new(format!("file `{path}` on `{}` is not UTF-8", self.fqdn())))
    }

    /// Waits until a probe holds.
    ///
    /// # Errors
    /// As [`Cluster::wait_for`].
    pub fn wait_for(&self, probe: &Probe, timeout: Duration) -> Result<()> {
        wait_for(&*self.host, std::slice::from_ref(self), probe, timeout)
    }

    /// Makes an image `REPOSITORY:TAG` of the node, and pushes it when asked, with the login that Docker has for its
    /// registry. Gives the image's id. `clusterdock build --push` pushes what was not pushed here.
    ///
    /// # Errors
    /// What the engine or the registry said.
    pub fn commit(&self, repository: &str, tag: &str, push: bool) -> Result<String> {
        let (repository, tag) = (repository.into(), tag.into());
        call(&*self.host, &ops::Commit { node: self.fqdn().into(), repository, tag, push })
    }

    /// Stops the node, and removes its container when asked.
    ///
    /// # Errors
    /// What the engine said.
    pub fn stop(&self, remove: bool) -> Result<()> {
        call(&*self.host, &ops::StopNodes { nodes: vec![self.fqdn().into()], remove })
    }
}

fn execute(host: &dyn Host, nodes: &[Node], exec: Exec) -> Result<Vec<Output>> {
    let on = ops::ExecOn { nodes: fqdns(nodes), exec };
    let outputs = call(host, &on)?;
    if !on.exec.may_fail {
        if let Some(failed) = outputs.iter().find(|output| !output.success()) {
            return Err(command_failed(&on.exec.command, failed));
        }
    }
    Ok(outputs)
}

fn command_failed(command: &str, output: &Output) -> Error {
    let message = format!("command `{command}` on node `{}` exited with {}", output.node, output.exit_code);
    let lines: Vec<&str> = output.output.lines().collect();
    let last = &lines[lines.len().saturating_sub(10)..];
    last.iter().fold(Error::new(message), |error, line| error.cause(line))
}

fn put_file(host: &dyn Host, nodes: &[Node], path: &str, contents: &[u8], mode: u32) -> Result<()> {
    let put = ops::PutFile { nodes: fqdns(nodes), path: path.into(), mode, owner: (0, 0) };
    call_with(host, &put, contents).map(|((), _)| ())
}

fn wait_for(host: &dyn Host, nodes: &[Node], probe: &Probe, timeout: Duration) -> Result<()> {
    let timeout_ms = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
    call(host, &ops::WaitFor { nodes: fqdns(nodes), probe: probe.clone(), timeout_ms })
}

fn fqdns(nodes: &[Node]) -> Vec<String> {
    nodes.iter().map(|node| node.fqdn().to_string()).collect()
}

fn call<O: Operation>(host: &dyn Host, operation: &O) -> Result<O::Output> {
    call_with(host, operation, &[]).map(|(output, _)| output)
}

fn call_with<O: Operation>(host: &dyn Host, operation: &O, payload: &[u8]) -> Result<(O::Output, Vec<u8>)> {
    let (output, bytes) = host.call(O::NAME, &serde_json::to_string(operation)?, payload)?;
    Ok((serde_json::from_str(&output)?, bytes))
}
