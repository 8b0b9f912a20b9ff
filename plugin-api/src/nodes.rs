//! The nodes of a group or of a whole cluster, and what can be done on all of them at once.

use std::fmt;
use std::ops::Deref;
use std::path::Path;
use std::time::Duration;

use crate::{Edit, Error, Exec, File, Node, Output, Port, Probe, Result};

/// Nodes in order: those of a [`Group`](crate::Group), or all. It is a slice of [`Node`], or of
/// [`PlannedNode`](crate::PlannedNode) before the cluster exists.
///
/// ```
/// use clusterdock_plugin_api::{Cluster, Group, Result};
///
/// const WORKERS: Group = Group::new("workers").sized("worker", 3);
///
/// fn start(cluster: &Cluster) -> Result<()> {
///     let workers = cluster.group(WORKERS);
///     let seeds = workers.join(",", |worker| format!("{}:7000", worker.fqdn()));
///     workers.execute(["join-cluster", &seeds])?; // on all of them, in parallel
///     for worker in workers {
///         println!("{worker} is number {} of {}", worker.number(), workers.len());
///     }
///     workers.first()?.execute("elect-leader")?;
///     Ok(())
/// }
/// ```
///
/// Operations on several nodes are one call to the host, which works on them in parallel. Since 1.0.
#[derive(PartialEq, Eq)]
pub struct Nodes<'a, N = Node> {
    /// The group's name; empty for all nodes.
    group: &'static str,
    nodes: &'a [N],
}

impl<'a, N> Nodes<'a, N> {
    pub(crate) fn new(group: &'static str, nodes: &'a [N]) -> Nodes<'a, N> {
        Nodes { group, nodes }
    }

    /// The first node, e.g. the only one of a group with a maximum of 1.
    ///
    /// # Errors
    /// There are no nodes, which is only possible in a group with a minimum of 0.
    pub fn first(self) -> Result<&'a N> {
        self.nodes.first().ok_or_else(|| {
            Error::new(match self.group {
                "" => "the cluster has no nodes".into(),
                group => format!("group `{group}` has no nodes"),
            })
        })
    }

    /// A text for each node, with a separator between them: `nodes.join(",", |node| format!("{node}:2181"))`.
    pub fn join(self, separator: &str, text: impl FnMut(&'a N) -> String) -> String {
        let texts: Vec<String> = self.nodes.iter().map(text).collect();
        texts.join(separator)
    }
}

impl<N> Clone for Nodes<'_, N> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<N> Copy for Nodes<'_, N> {}

impl<N> Deref for Nodes<'_, N> {
    type Target = [N];

    fn deref(&self) -> &[N] {
        self.nodes
    }
}

impl<'a, N> IntoIterator for Nodes<'a, N> {
    type Item = &'a N;
    type IntoIter = std::slice::Iter<'a, N>;

    fn into_iter(self) -> std::slice::Iter<'a, N> {
        self.nodes.iter()
    }
}

impl<N: fmt::Debug> fmt::Debug for Nodes<'_, N> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.nodes).finish()
    }
}

/// Operations on all of the nodes. The errors of [`Node`]'s methods of the same names apply; of several failures the
/// first in node order is returned.
impl Nodes<'_> {
    /// Runs a command on every node, and returns the outputs in node order.
    ///
    /// # Errors
    /// See [`Node::execute`].
    pub fn execute(self, exec: impl Into<Exec>) -> Result<Vec<Output>> {
        crate::calls::execute(self.nodes, &exec.into())
    }

    /// Copies a file or a folder to every node.
    ///
    /// # Errors
    /// See [`Node::put`].
    pub fn put(self, file: File) -> Result<()> {
        crate::calls::put(self.nodes, file)
    }

    /// Writes a file on every node, with mode 644 and owned by root.
    ///
    /// # Errors
    /// See [`Node::put`].
    pub fn write(self, path: &str, contents: impl AsRef<[u8]>) -> Result<()> {
        self.put(File::new(path, contents))
    }

    /// Copies the contents of a local folder into a folder of every node.
    ///
    /// # Errors
    /// See [`Node::put_folder`].
    pub fn put_folder(self, local: impl AsRef<Path>, path: &str) -> Result<()> {
        crate::calls::put_folder(self.nodes, local.as_ref(), path)
    }

    /// Edits a file on every node.
    ///
    /// # Errors
    /// See [`Node::edit`].
    pub fn edit<E: Edit>(
        self,
        path: &str,
        edit: impl Fn(&mut E) -> Result<()> + Sync,
    ) -> Result<()> {
        self.in_parallel(|node| node.edit(path, &edit)).map(drop)
    }

    /// Waits until a probe holds on every node.
    ///
    /// # Errors
    /// See [`Node::wait_for`].
    pub fn wait_for(self, probe: &Probe, timeout: Duration) -> Result<()> {
        crate::calls::wait_for(self.nodes, probe, timeout)
    }

    /// The addresses at which the user reaches a port, in the form `HOST:PORT`, in node order.
    ///
    /// # Errors
    /// See [`Node::published`].
    pub fn addresses(self, port: impl Into<Port>) -> Result<Vec<String>> {
        let port = port.into();
        let address = |node: &Node| node.published(port).map(ToString::to_string);
        self.nodes.iter().map(address).collect()
    }

    /// Stops every node.
    ///
    /// # Errors
    /// See [`Node::stop`].
    pub fn stop(self) -> Result<()> {
        crate::calls::stop(self.nodes)
    }

    /// Calls a function for every node, each on a separate thread, and returns the results in node order. For work that
    /// differs between nodes.
    ///
    /// ```
    /// # use clusterdock_plugin_api::{Cluster, File, Result};
    /// # fn start(cluster: &Cluster) -> Result<()> {
    /// cluster.nodes().in_parallel(|node| {
    ///     let template = "name={{ host }}\n"; // include_str!("../files/broker.properties")
    ///     node.put(File::template("/etc/broker.properties", template, &[("host", node)])?)
    /// })?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// The first error in node order, once all calls have ended. A panic is an error too.
    pub fn in_parallel<T: Send>(self, work: impl Fn(&Node) -> Result<T> + Sync) -> Result<Vec<T>> {
        let work = &work;
        std::thread::scope(|scope| {
            let threads: Vec<_> = self
                .nodes
                .iter()
                .map(|node| scope.spawn(move || crate::wire::guard(|| work(node))))
                .collect();
            let results: Vec<_> = threads.into_iter().map(|thread| thread.join()).collect();
            let ended = |result: std::thread::Result<_>| {
                result.unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            results.into_iter().map(ended).collect()
        })
    }
}
