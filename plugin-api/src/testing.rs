//! A test kit: a topology against a cluster in memory. Nothing runs: commands get the answers that the test sets, files
//! are kept, waits end at once, and every call can be inspected.
//!
//! ```
//! use clusterdock_plugin_api::testing::Fake;
//! use clusterdock_plugin_api::{Args, Cluster, Exec, Group, Plan, Probe, Result, Topology};
//!
//! const SERVERS: Group = Group::new("servers").sized("server", 2).max(3);
//!
//! #[derive(Args)]
//! struct Arguments {
//!     /// Title of the page
//!     #[arg(default = "It works")]
//!     title: String,
//! }
//!
//! struct Web;
//!
//! impl Topology for Web {
//!     type Args = Arguments;
//!     const GROUPS: &'static [Group] = &[SERVERS];
//!
//!     fn nodes(&self, plan: &Plan<Arguments>) -> Result<()> {
//!         for server in plan.group(SERVERS) {
//!             server.command(["serve", &plan.args().title]).publish(80).serves_when(Probe::port(80));
//!         }
//!         Ok(())
//!     }
//!
//!     fn start(&self, cluster: &Cluster<Arguments>) -> Result<()> {
//!         let first = cluster.group(SERVERS).first()?;
//!         let leader = cluster.wait_until("a leader", || {
//!             let leader = first.execute(["leader"])?;
//!             Ok(Some(leader.text().to_string()).filter(|name| !name.is_empty()))
//!         })?;
//!         cluster.closing(format!("{leader} leads, see http://{}/", first.published(80)?))
//!     }
//! }
//!
//! # fn main() -> Result<()> {
//! // The command line of a user: declaration, defaults and checks apply as in `clusterdock start`.
//! let fake = Fake::start(&Web, ["--servers", "a", "b"])?;
//! assert_eq!(fake.node("a").command(), ["serve", "It works"]);
//! assert_eq!(fake.node("b").serves_when(), [Probe::port(80)]);
//!
//! // Not yet, then an answer. A command without an answer fails the test.
//! fake.answer(["leader"], "").answer(["leader"], "b\n");
//! fake.run()?;
//! assert_eq!(fake.node("a").executed(), [Exec::new(["leader"]), Exec::new(["leader"])]);
//! assert_eq!(fake.closing(), ["b leads, see http://127.0.0.1:32768/"]);
//!
//! let refused = Fake::start(&Web, ["--servers", "4"]).unwrap_err();
//! assert!(refused.to_string().contains("at most 3"), "{refused}");
//! # Ok(())
//! # }
//! ```
//!
//! The cluster is called `test`, its network and domain `cluster`, so that `a` is `a.cluster`. Nodes have the addresses
//! 10.0.0.1, 10.0.0.2, ..., and published ports the host ports 32768, 32769, ..., in the order of the nodes.

mod call;
mod fake_host;
mod fake_node;
mod request;
#[cfg(test)]
mod tests;

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use crate::wire::{self, ClusterFacts, Hook, HookCall, NodeFacts, PublishedPort, Request};
use crate::{export, Command, Context, Error, Probe, Result, Topology, Value};

pub use call::Call;
pub use fake_node::{FakeFile, FakeNode};

use fake_host::{Answer, FakeHost};

/// A topology with a cluster in memory. See the [module](self) for an example. Since 1.0.
pub struct Fake<'a, T: Topology> {
    topology: &'a T,
    hook: Hook,
    request: Request,
    facts: ClusterFacts,
    specs: Vec<wire::NodeSpec>,
    host: Arc<FakeHost>,
}

impl<'a, T: Topology> Fake<'a, T> {
    /// The cluster of `clusterdock start` with these arguments of the topology: its nodes are planned, and no hook has
    /// run.
    ///
    /// # Errors
    /// Whatever `clusterdock start` refuses: the declaration, an argument, or what [`Topology::nodes`] refuses.
    pub fn start<S: Into<String>>(
        topology: &'a T,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Fake<'a, T>> {
        Fake::new(topology, Hook::Start, arguments)
    }

    /// The same for `clusterdock build`.
    ///
    /// # Errors
    /// See [`start`](Fake::start).
    pub fn build<S: Into<String>>(
        topology: &'a T,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Fake<'a, T>> {
        Fake::new(topology, Hook::Build, arguments)
    }

    fn new<S: Into<String>>(
        topology: &'a T,
        hook: Hook,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<Fake<'a, T>> {
        let declaration = export::declaration(topology);
        declaration
            .check()
            .map_err(|why| Error::new("invalid declaration").cause(why))?;
        let words: Vec<String> = arguments.into_iter().map(Into::into).collect();
        let request = request::read(&declaration, &words, hook == Hook::Build)?;
        let specs = export::specs(topology, request.clone())?;
        let facts = facts(&request, &specs);
        let host = Arc::new(FakeHost::new(&specs)?);
        Ok(Fake {
            topology,
            hook,
            request,
            facts,
            specs,
            host,
        })
    }

    /// A node, by its host name: how it was planned, and what was done on it.
    ///
    /// # Panics
    /// The node is unknown.
    #[track_caller]
    pub fn node(&self, hostname: &str) -> FakeNode<'_> {
        let spec = self.specs.iter().find(|spec| spec.hostname == hostname);
        match spec {
            Some(spec) => FakeNode::new(spec, &self.host),
            None => panic!("the cluster has no node `{hostname}`"),
        }
    }

    /// The host names of the nodes, in order.
    pub fn hostnames(&self) -> Vec<&str> {
        let names = self.specs.iter().map(|spec| spec.hostname.as_str());
        names.collect()
    }

    /// Lets a command succeed on every node with this standard output. Several answers to one command are given in
    /// sequence, and the last one is repeated.
    pub fn answer(&self, command: impl Into<Command>, stdout: impl AsRef<[u8]>) -> &Self {
        self.host
            .answer(None, command.into(), Answer::success(stdout.as_ref()));
        self
    }

    /// The same on one node, by its host name. It takes precedence over answers for every node.
    ///
    /// # Panics
    /// The node is unknown.
    #[track_caller]
    pub fn answer_on(
        &self,
        hostname: &str,
        command: impl Into<Command>,
        stdout: impl AsRef<[u8]>,
    ) -> &Self {
        let answer = Answer::success(stdout.as_ref());
        let node = self.node(hostname).fqdn();
        self.host.answer(Some(node), command.into(), answer);
        self
    }

    /// Lets a command fail on every node with this exit code and standard error, in sequence with its answers.
    pub fn fail(
        &self,
        command: impl Into<Command>,
        exit_code: i64,
        stderr: impl AsRef<[u8]>,
    ) -> &Self {
        let answer = Answer::failure(exit_code, stderr.as_ref());
        self.host.answer(None, command.into(), answer);
        self
    }

    /// Lets commands without an answer succeed, without output. Otherwise they are errors.
    pub fn lenient(&self) -> &Self {
        self.host.be_lenient();
        self
    }

    /// Makes waits for a probe time out. Other probes hold.
    pub fn never(&self, probe: Probe) -> &Self {
        self.host.never(probe);
        self
    }

    /// Interrupts: from now on every call fails as after Ctrl-C.
    pub fn interrupt(&self) -> &Self {
        self.host.interrupt();
        self
    }

    /// Runs the hook of the command, i.e. [`Topology::start`] or [`Topology::build`].
    ///
    /// # Errors
    /// The hook's.
    pub fn run(&self) -> Result<()> {
        self.hook(self.hook)
    }

    /// Runs [`Topology::check`].
    ///
    /// # Errors
    /// The hook's.
    pub fn check(&self) -> Result<()> {
        self.hook(Hook::Check)
    }

    /// Runs [`Topology::on_stop`].
    ///
    /// # Errors
    /// The hook's.
    pub fn stop(&self) -> Result<()> {
        self.hook(Hook::OnStop)
    }

    /// Runs [`Topology::on_resume`].
    ///
    /// # Errors
    /// The hook's.
    pub fn resume(&self) -> Result<()> {
        self.hook(Hook::OnResume)
    }

    /// Runs [`Topology::scale`] as if some of the nodes had just been added.
    ///
    /// # Errors
    /// The hook's, or an unknown node.
    pub fn scale_up<S: Into<String>>(&self, added: impl IntoIterator<Item = S>) -> Result<()> {
        self.scale(added.into_iter().map(Into::into).collect(), Vec::new())
    }

    /// Runs [`Topology::scale`] before some of the nodes are removed.
    ///
    /// # Errors
    /// The hook's, or an unknown node.
    pub fn scale_down<S: Into<String>>(&self, removed: impl IntoIterator<Item = S>) -> Result<()> {
        self.scale(Vec::new(), removed.into_iter().map(Into::into).collect())
    }

    /// Runs a verb with these arguments.
    ///
    /// # Errors
    /// The verb's, an unknown verb, or a refused argument.
    pub fn verb<S: Into<String>>(
        &self,
        name: &str,
        arguments: impl IntoIterator<Item = S>,
    ) -> Result<()> {
        let declared = export::declaration(self.topology).verbs;
        let declared = declared.iter().find(|verb| verb.name == name);
        let declared = declared.ok_or_else(|| Error::new(format!("no verb is called `{name}`")))?;
        let words: Vec<String> = arguments.into_iter().map(Into::into).collect();
        let args = request::arguments(&declared.args, &words).context(format!("verb `{name}`"))?;
        self.call(HookCall {
            verb: Some(wire::VerbCall {
                name: name.into(),
                args,
            }),
            ..self.hook_call(Hook::Verb)
        })
    }

    /// The calls of hooks so far, in order.
    pub fn calls(&self) -> Vec<Call> {
        self.host.calls()
    }

    /// The value that a hook left under this name.
    pub fn output(&self, name: &str) -> Option<Value> {
        let calls = self.calls().into_iter().rev();
        let mut values = calls.filter_map(|call| match call {
            Call::Output { name: found, value } if found == name => Some(value),
            _ => None,
        });
        values.next()
    }

    /// The closing messages so far.
    pub fn closing(&self) -> Vec<String> {
        let calls = self.calls().into_iter();
        let messages = calls.filter_map(|call| match call {
            Call::Closing { message } => Some(message),
            _ => None,
        });
        messages.collect()
    }

    /// How long hooks have waited, by a clock that only advances in waits.
    pub fn waited(&self) -> Duration {
        let calls = self.calls().into_iter();
        let pauses = calls.filter_map(|call| match call {
            Call::Pause { time, .. } => Some(time),
            _ => None,
        });
        pauses.sum()
    }

    fn hook(&self, hook: Hook) -> Result<()> {
        self.call(self.hook_call(hook))
    }

    fn scale(&self, added: Vec<String>, removed: Vec<String>) -> Result<()> {
        self.call(HookCall {
            change: Some(wire::Change {
                added,
                removing: removed,
            }),
            ..self.hook_call(Hook::Scale)
        })
    }

    fn call(&self, call: HookCall) -> Result<()> {
        wire::guard(|| export::run(self.topology, &call, self.host.clone()))
    }

    fn hook_call(&self, hook: Hook) -> HookCall {
        HookCall::new(hook, self.facts.clone(), self.request.clone())
    }
}

impl<T: Topology> fmt::Debug for Fake<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Fake")
            .field("nodes", &self.specs)
            .field("calls", &self.calls())
            .finish_non_exhaustive()
    }
}

/// What a host would know of the started cluster.
fn facts(request: &Request, specs: &[wire::NodeSpec]) -> ClusterFacts {
    let mut host_port = 32768..;
    let mut number = 0_u8;
    let mut node = |spec: &wire::NodeSpec| {
        number += 1;
        let requested = request
            .nodes
            .iter()
            .find(|node| node.hostname == spec.hostname);
        let ports = spec.ports.iter().zip(&mut host_port);
        NodeFacts {
            hostname: spec.hostname.clone(),
            fqdn: fake_host::fqdn(&spec.hostname),
            group: spec.group.clone(),
            number: requested.map_or(0, |node| node.number),
            image: spec.image.clone().unwrap_or_else(|| request.image.clone()),
            container_id: format!("{number:064x}"),
            ip_address: format!("10.0.0.{number}"),
            ports: ports
                .map(|(port, host_port)| PublishedPort {
                    container_port: port.container_port,
                    protocol: port.protocol,
                    host_ip: "127.0.0.1".into(),
                    host_port: port.host_port.unwrap_or(host_port),
                })
                .collect(),
        }
    };
    ClusterFacts {
        name: request.cluster.clone(),
        network: request.network.clone(),
        domain: request.domain.clone(),
        nodes: specs.iter().map(&mut node).collect(),
        ..ClusterFacts::default()
    }
}
