//! A change of a cluster's size.

use crate::{Node, Nodes};

/// What a `clusterdock scale` does to a cluster, for [`Topology::scale`](crate::Topology::scale). It adds nodes or removes
/// some, never both.
///
/// ```
/// use clusterdock_plugin_api::{Change, Cluster, Result};
///
/// fn scale(cluster: &Cluster, change: &Change) -> Result<()> {
///     let first = cluster.nodes().first()?;
///     for node in change.added() {
///         first.execute(["app", "add-member", node.fqdn()])?;
///     }
///     for node in change.removed() {
///         first.execute(["app", "remove-member", node.fqdn()])?;
///     }
///     Ok(())
/// }
/// ```
///
/// Since 1.0.
#[derive(Debug, Clone)]
pub struct Change {
    pub(crate) added: Vec<Node>,
    pub(crate) removed: Vec<Node>,
}

impl Change {
    /// The new nodes, which are ready and belong to the cluster.
    pub fn added(&self) -> Nodes<'_> {
        Nodes::new("", &self.added)
    }

    /// The nodes that are removed when the hook has returned. They still run, and belong to the cluster.
    pub fn removed(&self) -> Nodes<'_> {
        Nodes::new("", &self.removed)
    }
}
