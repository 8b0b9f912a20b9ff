//! For tests of topologies: a cluster whose host is in memory. Nothing runs; what a hook asks for is noted, files are
//! kept, and commands give what the test says.
//!
//! ```
//! use clusterdock_plugin_api::testing::FakeHost;
//! use clusterdock_plugin_api::{Cluster, Declaration, NodeSpec, Request, Result, Topology, Value};
//!
//! struct Web;
//!
//! impl Topology for Web {
//! #   fn declare(&self) -> Declaration {
//! #       Declaration::new()
//! #   }
//! #   fn nodes(&self, _request: &Request) -> Result<Vec<NodeSpec>> {
//! #       Ok(Vec::new())
//! #   }
//!     // ...
//!     fn start(&self, cluster: &Cluster, request: &Request) -> Result<()> {
//!         cluster.put_file("/srv/index.html", request.text("title")?)?;
//!         cluster.closing(format!("http://{}/", cluster.first_of("servers")?.address_of(80)?))
//!     }
//! }
//!
//! // A request has what a test puts into it: to fill in the defaults is the host's part.
//! let mut request = Request::default();
//! request.args.insert("title".into(), Value::Text("It works".into()));
//! let host = FakeHost::new().node("servers", "server-1").publish("server-1", 80, 32768);
//! Web.start(&host.cluster(), &request).unwrap();
//! assert_eq!(host.file("server-1", "/srv/index.html").unwrap(), b"It works");
//! assert_eq!(host.calls().last().unwrap(), "closing http://127.0.0.1:32768/");
//! ```

use crate::ops::{self, ClusterFacts, FileFacts, NodeFacts, Operation};
use crate::{Cluster, Code, Error, Host, Output, Result};
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// A host in memory. Its network is called `cluster`; so `node-1` is `node-1.cluster`, at 10.0.0.1.
///
/// ```
/// use clusterdock_plugin_api::{testing::FakeHost, Cluster, Result};
///
/// fn hook(cluster: &Cluster) -> Result<()> {
///     let server = cluster.first_of("servers")?;
///     let version = server.execute("app --version")?;
///     server.put_file("/etc/app.version", version.text())
/// }
///
/// let host = FakeHost::new().node("servers", "server-1").answer("app --version", "1.2\n");
/// hook(&host.cluster()).unwrap();
/// assert_eq!(host.file("server-1", "/etc/app.version").unwrap(), b"1.2");
/// assert_eq!(
///     host.calls(),
///     ["exec `app --version` on server-1.cluster", "put-file /etc/app.version on server-1.cluster: 644 0:0"]
/// );
/// ```
#[derive(Clone, Default)]
pub struct FakeHost {
    facts: ClusterFacts,
    state: Arc<Mutex<State>>,
}

#[derive(Default)]
struct State {
    calls: Vec<String>,
    answers: BTreeMap<String, Output>,
    failures: BTreeMap<String, Error>,
    /// By FQDN and path.
    files: BTreeMap<(String, String), (FileFacts, Vec<u8>)>,
}

impl FakeHost {
    /// A host without nodes.
    pub fn new() -> FakeHost {
        let facts = ClusterFacts { name: "test".into(), network: "cluster".into(), nodes: Vec::new() };
        FakeHost { facts, ..FakeHost::default() }
    }

    /// Adds a node of a group.
    #[must_use]
    pub fn node(mut self, group: &str, hostname: &str) -> FakeHost {
        let number = self.facts.nodes.len() + 1;
        self.facts.nodes.push(NodeFacts {
            hostname: hostname.into(),
            fqdn: fqdn(hostname),
            group: group.into(),
            ip_address: format!("10.0.0.{number}"),
            host_address: "127.0.0.1".into(),
            ..NodeFacts::default()
        });
        self
    }

    /// Publishes a TCP port of a node at a port of the machine.
    #[must_use]
    pub fn publish(mut self, hostname: &str, container_port: u16, host_port: u16) -> FakeHost {
        for node in self.facts.nodes.iter_mut().filter(|node| node.hostname == hostname) {
            node.host_ports.insert(format!("{container_port}/tcp"), host_port);
        }
        self
    }

    /// Gives a node a file of mode 644.
    #[must_use]
    pub fn with_file(self, hostname: &str, path: &str, contents: impl AsRef<[u8]>) -> FakeHost {
        let facts = FileFacts { path: path.into(), mode: 0o644, owner: (0, 0) };
        self.state().files.insert((fqdn(hostname), path.into()), (facts, contents.as_ref().to_vec()));
        self
    }

    /// Lets a command succeed with this standard output; those that are not named succeed and write nothing.
    #[must_use]
    pub fn answer(self, command: &str, stdout: &str) -> FakeHost {
        self.answer_with(command, 0, stdout)
    }

    /// Lets a command end with this exit code and standard output.
    #[must_use]
    pub fn answer_with(self, command: &str, exit_code: i64, stdout: &str) -> FakeHost {
        let output = Output { exit_code, stdout: stdout.into(), output: stdout.into(), ..Output::default() };
        self.state().answers.insert(command.into(), output);
        self
    }

    /// Lets every later call of an operation, such as `exec` or `wait-for`, fail.
    pub fn fail(&self, operation: &str, error: Error) {
        self.state().failures.insert(operation.into(), error);
    }

    /// The cluster that a hook is given.
    pub fn cluster(&self) -> Cluster {
        Cluster::new(self.facts.clone(), Arc::new(self.clone()))
    }

    /// What was asked for, in order, a line each.
    pub fn calls(&self) -> Vec<String> {
        self.state().calls.clone()
    }

    /// A file of a node.
    pub fn file(&self, hostname: &str, path: &str) -> Option<Vec<u8>> {
        self.state().files.get(&(fqdn(hostname), path.into())).map(|(_, contents)| contents.clone())
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Host for FakeHost {
    fn call(&self, name: &str, input: &str, payload: &[u8]) -> Result<(String, Vec<u8>)> {
        let mut state = self.state();
        let (line, answer) = state.answer(name, input, payload)?;
        state.calls.push(line);
        match state.failures.get(name) {
            Some(error) => Err(error.clone()),
            None => answer,
        }
    }
}

type Answer = Result<(String, Vec<u8>)>;

impl State {
    /// An operation as a line, and what it gives.
    fn answer(&mut self, name: &str, input: &str, payload: &[u8]) -> Result<(String, Answer)> {
        let nothing = || answer(&());
        Ok(match name {
            ops::ExecOn::NAME => {
                let ops::ExecOn { nodes, exec } = serde_json::from_str(input)?;
                let given = self.answers.get(&exec.command).cloned().unwrap_or_default();
                let outputs = nodes.iter().map(|node| Output { node: node.clone(), ..given.clone() });
                let outputs = answer(&outputs.collect::<Vec<_>>());
                (format!("exec `{}` on {}", exec.command, nodes.join(", ")), outputs)
            }
            ops::PutFile::NAME => {
                let ops::PutFile { nodes, path, mode, owner } = serde_json::from_str(input)?;
                self.keep(&nodes, &path, mode, &owner, payload);
                (format!("put-file {path} on {}: {mode:o} {owner}", nodes.join(", ")), nothing())
            }
            ops::PutLocal::NAME => {
                let ops::PutLocal { nodes, local, path, mode, owner } = serde_json::from_str(input)?;
                if local.is_file() {
                    self.keep(&nodes, &path, mode.unwrap_or(0o644), &owner, &fs::read(&local)?);
                }
                (format!("put-local {} to {path} on {}: {owner}", local.display(), nodes.join(", ")), nothing())
            }
            ops::GetFile::NAME => {
                let ops::GetFile { node, path } = serde_json::from_str(input)?;
                let line = format!("get-file {path} from {node}");
                let missing = || Error::with_code(Code::Host, format!("no file `{path}` on node `{node}`"));
                let found = self.files.get(&(node.clone(), path.clone())).cloned().ok_or_else(missing);
                (line, found.and_then(|(facts, contents)| Ok((serde_json::to_string(&facts)?, contents))))
            }
            ops::GetFolder::NAME => {
                let ops::GetFolder { node, path, local } = serde_json::from_str(input)?;
                (format!("get-folder {path} from {node} to {}", local.display()), nothing())
            }
            ops::WaitFor::NAME => {
                let ops::WaitFor { nodes, probe, timeout_ms } = serde_json::from_str(input)?;
                (format!("wait-for {probe} on {} within {timeout_ms} ms", nodes.join(", ")), nothing())
            }
            ops::Pause::NAME => {
                let ops::Pause { time_ms } = serde_json::from_str(input)?;
                (format!("pause {time_ms} ms"), nothing())
            }
            ops::StopNodes::NAME => {
                let ops::StopNodes { nodes, remove } = serde_json::from_str(input)?;
                (format!("stop {}{}", nodes.join(", "), if remove { " and remove" } else { "" }), nothing())
            }
            ops::Commit::NAME => {
                let ops::Commit { node, repository, tag, .. } = serde_json::from_str(input)?;
                (format!("commit {node} as {repository}:{tag}"), answer(&"sha256:0"))
            }
            ops::Progress::NAME => {
                let ops::Progress { message } = serde_json::from_str(input)?;
                (format!("progress {message}"), nothing())
            }
            ops::Closing::NAME => {
                let ops::Closing { message } = serde_json::from_str(input)?;
                (format!("closing {message}"), nothing())
            }
            other => {
                let unknown =
                    Error::with_code(Code::Unsupported, format!("the host in memory does not know `{other}`"));
                (other.into(), Err(unknown))
            }
        })
    }

    fn keep(&mut self, nodes: &[String], path: &str, mode: u32, owner: &str, contents: &[u8]) {
        let number = |text: Option<&str>| text.and_then(|text| text.parse().ok()).unwrap_or_default();
        let mut parts = owner.split(':');
        let owner = (number(parts.next()), number(parts.next()));
        for node in nodes {
            let facts = FileFacts { path: path.into(), mode, owner };
            self.files.insert((node.clone(), path.into()), (facts, contents.to_vec()));
        }
    }
}

fn answer(value: &impl Serialize) -> Answer {
    Ok((serde_json::to_string(value)?, Vec::new()))
}

fn fqdn(hostname: &str) -> String {
    format!("{hostname}.cluster")
}
