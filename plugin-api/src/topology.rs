//! The trait that a topology is.

use crate::{Cluster, Declaration, Error, NodeSpec, Request, Result};

/// A kind of cluster: what it is made of, and what is done to it.
///
/// The host calls `declare` first, then `nodes`, and `start` when every node is ready; `build` belongs to
/// `clusterdock build`. All run in a process of their own, on an ordinary thread: block, print and panic as you
/// would anywhere (a panic becomes an error with file and line). What `start` and `build` have begun is removed by
/// the host when they fail.
///
/// ```
/// use clusterdock_plugin_api::{Declaration, Group, NodeSpec, Request, Result, Topology};
///
/// struct Plain;
///
/// impl Topology for Plain {
///     fn declare(&self) -> Declaration {
///         Declaration::new().group(Group::new("nodes").default_nodes(["node-1"]))
///     }
///
///     fn nodes(&self, request: &Request) -> Result<Vec<NodeSpec>> {
///         Ok(request.group("nodes").iter().map(|name| NodeSpec::new(name, "nodes")).collect())
///     }
/// }
/// ```
///
/// Export it with [`export_topology!`](crate::export_topology).
pub trait Topology: Send + Sync + 'static {
    /// The node groups and arguments. Must not depend on anything outside.
    fn declare(&self) -> Declaration;

    /// The nodes for what the user asked. Must not start anything: it is called for `--dry-run` as well.
    ///
    /// # Errors
    /// What makes the request impossible; nothing has been made yet.
    fn nodes(&self, request: &Request) -> Result<Vec<NodeSpec>>;

    /// Called when every node of the cluster is ready. Default: nothing to do.
    ///
    /// # Errors
    /// Any error ends `clusterdock start` and removes the cluster, unless the user asked to retain it.
    fn start(&self, cluster: &Cluster, request: &Request) -> Result<()> {
        let _ = (cluster, request);
        Ok(())
    }

    /// Called by `clusterdock build` when every node is ready, if the declaration says so
    /// ([`Declaration::builds`]): provision, commit. The cluster is removed afterwards. Default: refuses.
    ///
    /// # Errors
    /// Any error ends `clusterdock build` and removes the cluster.
    fn build(&self, cluster: &Cluster, request: &Request) -> Result<()> {
        let _ = (cluster, request);
        Err(Error::new("this topology has nothing to build"))
    }
}
