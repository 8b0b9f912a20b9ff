//! A started cluster in a hook's hands: its node groups and nodes, and what can be done with them. Everything here
//! is a call into the host; nothing here knows how the host does it.

use crate::ops::{self, ClusterFacts};
use crate::{Condition, Error, Node, Result};
use std::sync::Arc;

/// How a hook's calls reach the host. The host brings the real one; tests of a topology bring
/// [`FakeHost`](crate::testing::FakeHost), or one of their own:
///
/// ```
/// use clusterdock_plugin_api::{ops::ClusterFacts, Cluster, Code, Error, Host, Result};
///
/// struct Deaf;
///
/// impl Host for Deaf {
///     fn call(&self, name: &str, _: &str, _: &[u8]) -> Result<(String, Vec<u8>)> {
///         Err(Error::with_code(Code::Host, format!("`{name}` is not answered")))
///     }
/// }
///
/// let cluster = Cluster::new(ClusterFacts::default(), std::sync::Arc::new(Deaf));
/// assert_eq!(cluster.progress("hello").unwrap_err().to_string(), "`progress` is not answered");
/// ```
pub trait Host: Send + Sync {
    /// Carries out operation `name`; `input` is its JSON, `payload` plain bytes. Answers with JSON and bytes.
    ///
    /// # Errors
    /// What went wrong in the host; [`Code::Unsupported`](crate::Code::Unsupported) for a name it does not know.
    fn call(&self, name: &str, input: &str, payload: &[u8]) -> Result<(String, Vec<u8>)>;
}

/// A started cluster. Cheap to clone, and usable from any thread until the hook returns.
///
/// ```
/// use clusterdock_plugin_api::testing::FakeHost;
///
/// # fn main() -> clusterdock_plugin_api::Result<()> {
/// let cluster = FakeHost::new().node("masters", "master").node("workers", "worker-1").cluster();
/// assert_eq!((cluster.name(), cluster.network()), ("test", "cluster"));
/// let master = cluster.first_of("masters")?;
/// cluster.progress("Formatting ...")?;
/// master.execute("hdfs namenode -format")?;
/// cluster.put_file("/etc/master", master.fqdn())?; // on every node
/// cluster.group("workers").execute("start-worker")?; // on every worker
/// cluster.closing(format!("The master is {}", cluster.node("master")?.ip_address()))
/// # }
/// ```
#[derive(Clone)]
pub struct Cluster {
    facts: Arc<ClusterFacts>,
    pub(crate) nodes: Vec<Node>,
    pub(crate) host: Arc<dyn Host>,
}

/// The nodes of one group. What is done with it is done on all of them at once.
///
/// ```
/// use clusterdock_plugin_api::testing::FakeHost;
///
/// # fn main() -> clusterdock_plugin_api::Result<()> {
/// let cluster = FakeHost::new().node("workers", "worker-1").node("workers", "worker-2").cluster();
/// let workers = cluster.group("workers");
/// let outputs = workers.execute("start-worker")?;
/// assert_eq!(outputs.len(), workers.nodes().len());
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct NodeGroup {
    name: String,
    pub(crate) nodes: Vec<Node>,
    pub(crate) host: Arc<dyn Host>,
}

impl Cluster {
    /// A cluster with these facts whose calls go to `host`. The host makes it; tests of a topology may, too.
    pub fn new(facts: ClusterFacts, host: Arc<dyn Host>) -> Cluster {
        let nodes = facts.nodes.iter().map(|node| Node::new(node.clone(), host.clone())).collect();
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

    /// A wait until `holds` gives true; `description` says what for, in errors. Begins with
    /// [`wait`](Condition::wait), after what the methods of [`Condition`] change.
    pub fn wait_for_condition<'a>(
        &self,
        description: impl Into<String>,
        holds: impl FnMut() -> Result<bool> + 'a,
    ) -> Condition<'a> {
        Condition::new(self.host.clone(), description.into(), holds)
    }

    /// Tells the user what is being done now.
    ///
    /// # Errors
    /// The command was interrupted.
    pub fn progress(&self, message: impl Into<String>) -> Result<()> {
        ops::call(&*self.host, &ops::Progress { message: message.into() })
    }

    /// Tells the user something at the very end: addresses, credentials, what to do next.
    ///
    /// # Errors
    /// The command was interrupted.
    pub fn closing(&self, message: impl Into<String>) -> Result<()> {
        ops::call(&*self.host, &ops::Closing { message: message.into() })
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
}
