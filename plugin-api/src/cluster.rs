//! A started cluster, as a hook sees it: its arguments, its groups and nodes, and messages to the user.

use std::fmt;
use std::sync::Arc;

use crate::calls::HostRef;
use crate::convert;
use crate::group::Members;
use crate::node::NodeFacts;
use crate::wire::ops::{self, call};
use crate::wire::{self, ClusterFacts, HookCall};
use crate::{Arguments, Error, Group, Node, Nodes, Port, Protocol, PublishedPort};
use crate::{Result, Value, Values, Wait};

/// A started cluster. Cheap to clone, and usable from any thread until the hook returns.
///
/// ```
/// use clusterdock_plugin_api::{Args, Cluster, Group, Port, Result};
///
/// const MASTERS: Group = Group::new("masters").named(&["master"]).max(1);
///
/// #[derive(Args)]
/// struct Arguments {
///     /// Port of the console
///     #[arg(default = 8080)]
///     console_port: Port,
/// }
///
/// fn start(cluster: &Cluster<Arguments>) -> Result<()> {
///     let master = cluster.group(MASTERS).first()?;
///     cluster.progress("Formatting ...")?;
///     master.execute("hdfs namenode -format")?;
///     cluster.nodes().write("/etc/master", master.fqdn())?; // on every node
///     let console = master.published(cluster.args().console_port)?;
///     cluster.output("console", format!("http://{console}/"))?;
///     cluster.closing(format!("The console is at http://{console}/"))
/// }
/// ```
///
/// Since 1.0.
pub struct Cluster<A = ()> {
    inner: Arc<Inner<A>>,
    host: HostRef,
}

struct Inner<A> {
    facts: ClusterFacts,
    request: wire::Request,
    args: A,
    members: Members,
    nodes: Vec<Node>,
}

impl<A: Arguments> Cluster<A> {
    pub(crate) fn new(call: &HookCall, groups: &[Group], host: HostRef) -> Result<Cluster<A>> {
        let declared: Vec<_> = A::declare().into_iter().map(|arg| arg.0).collect();
        let args = A::read(&Values::new(&call.request.args, &declared)?)?;
        let facts = call.cluster.clone();
        let (sorted, members) = Members::sort(groups, facts.nodes.clone(), |node| &node.group)?;
        let node = |facts| Node {
            facts: Arc::new(NodeFacts::new(facts)),
            host: host.clone(),
        };
        let nodes = sorted.into_iter().map(node).collect();
        let inner = Inner {
            facts,
            request: call.request.clone(),
            args,
            members,
            nodes,
        };
        Ok(Cluster {
            inner: Arc::new(inner),
            host,
        })
    }
}

/// What is known of a cluster; no call to the host.
impl<A> Cluster<A> {
    /// The user's arguments, as they were when the cluster was started.
    pub fn args(&self) -> &A {
        &self.inner.args
    }

    /// The cluster's name.
    pub fn name(&self) -> &str {
        &self.inner.facts.name
    }

    /// The network's name.
    pub fn network(&self) -> &str {
        &self.inner.facts.network
    }

    /// The nodes' domain: a node's FQDN is `HOSTNAME.DOMAIN`.
    pub fn domain(&self) -> &str {
        &self.inner.facts.domain
    }

    /// The reference of an image in the user's registry and namespace, for [`Node::commit`]:
    /// `cluster.image_of("topology_kdc", "debian12")`.
    pub fn image_of(&self, repository: &str, tag: &str) -> String {
        convert::image_of(&self.inner.request, repository, tag)
    }

    /// All nodes, by group in the order of [`Topology::GROUPS`](crate::Topology::GROUPS).
    pub fn nodes(&self) -> Nodes<'_> {
        Nodes::new("", &self.inner.nodes)
    }

    /// The nodes of a group.
    ///
    /// # Panics
    /// The group is not in [`Topology::GROUPS`](crate::Topology::GROUPS). The host reports the name and the line.
    #[track_caller]
    pub fn group(&self, group: Group) -> Nodes<'_> {
        let range = self.inner.members.range(group);
        Nodes::new(group.name(), &self.inner.nodes[range])
    }

    /// The node of this host name or FQDN.
    ///
    /// # Errors
    /// Not found; the message lists the nodes.
    pub fn node(&self, name: &str) -> Result<&Node> {
        let is_it = |node: &&Node| node.hostname() == name || node.fqdn() == name;
        self.inner.nodes.iter().find(is_it).ok_or_else(|| {
            let names = self.nodes().join(", ", |node| node.hostname().into());
            let cluster = self.name();
            Error::new(format!(
                "no node `{name}` in cluster `{cluster}`; it has {names}"
            ))
        })
    }
}

/// Calls to the host, with the errors of every call (see [`Node`]).
impl<A> Cluster<A> {
    /// Waits until a condition returns `Some`, and returns the value. `what` names the condition in errors: "a leader
    /// known to every member". It is [`wait`](Cluster::wait) with its defaults.
    ///
    /// # Errors
    /// See [`Wait::until`].
    pub fn wait_until<T>(
        &self,
        what: impl Into<String>,
        condition: impl FnMut() -> Result<Option<T>>,
    ) -> Result<T> {
        self.wait(what).until(condition)
    }

    /// A wait for a condition, with settings.
    pub fn wait(&self, what: impl Into<String>) -> Wait {
        Wait::new(self.host.clone(), what.into())
    }

    /// Keeps a value with the cluster, under a name: addresses, versions, whatever its users and their scripts need.
    /// `clusterdock inspect` and `env` show it, so a secret does not belong there. The last value of a name counts.
    ///
    /// # Errors
    /// The name is not made of at most 64 letters, digits, `-` and `_`, a letter first; name or value contain a secret; or
    /// all outputs together have more than 32 KiB.
    pub fn output(&self, name: &str, value: impl Into<Value>) -> Result<()> {
        let output = ops::OutputValue {
            name: name.into(),
            value: value.into().0,
        };
        call(&*self.host, &output)
    }

    /// Shows a progress message while the hook runs.
    ///
    /// # Errors
    /// Only those of every call.
    pub fn progress(&self, message: impl Into<String>) -> Result<()> {
        let message = message.into();
        call(&*self.host, &ops::Progress { message })
    }

    /// Shows a message at the very end: addresses, next steps, or the answer of a verb.
    ///
    /// # Errors
    /// Only those of every call.
    pub fn closing(&self, message: impl Into<String>) -> Result<()> {
        let message = message.into();
        call(&*self.host, &ops::Closing { message })
    }
}

impl<A> Clone for Cluster<A> {
    fn clone(&self) -> Cluster<A> {
        Cluster {
            inner: self.inner.clone(),
            host: self.host.clone(),
        }
    }
}

impl<A> fmt::Debug for Cluster<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Cluster")
            .field("name", &self.name())
            .field("nodes", &self.inner.nodes)
            .finish_non_exhaustive()
    }
}

impl NodeFacts {
    fn new(facts: wire::NodeFacts) -> NodeFacts {
        let port = |port: wire::PublishedPort| PublishedPort {
            port: Port::new(port.container_port, Protocol::from(port.protocol)),
            host: port.host_ip,
            host_port: port.host_port,
        };
        NodeFacts {
            ip_address: facts.ip_address.parse().ok(),
            ports: facts.ports.into_iter().map(port).collect(),
            hostname: facts.hostname,
            fqdn: facts.fqdn,
            group: facts.group,
            number: facts.number,
            image: facts.image,
            container_id: facts.container_id,
        }
    }
}
