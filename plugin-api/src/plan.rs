//! The nodes of a cluster before it exists: their names are fixed, everything else is for the topology to decide.

use std::fmt;

use crate::group::Members;
use crate::{convert, wire};
use crate::{Arguments, Error, Group, Nodes, PlannedNode, Result, Values};

/// The cluster that a user asked for, in [`Topology::nodes`](crate::Topology::nodes). Its nodes exist, with names and
/// numbers; the topology sets what they run.
///
/// ```
/// use clusterdock_plugin_api::{Group, Plan, Probe, Result};
///
/// const SERVERS: Group = Group::new("servers").sized("server", 3);
///
/// fn nodes(plan: &Plan) -> Result<()> {
///     let peers = plan.group(SERVERS).join(",", |server| format!("{}:7000", server.fqdn()));
///     for server in plan.group(SERVERS) {
///         server
///             .command(["app", "--id", &server.number().to_string(), "--peers", &peers])
///             .publish(8000)
///             .serves_when(Probe::http(8000, "/health"));
///     }
///     Ok(())
/// }
/// ```
///
/// Since 1.0.
pub struct Plan<A = ()> {
    request: wire::Request,
    args: A,
    members: Members,
    nodes: Vec<PlannedNode>,
}

impl<A: Arguments> Plan<A> {
    pub(crate) fn new(request: wire::Request, groups: &[Group]) -> Result<Plan<A>> {
        let declared: Vec<_> = A::declare().into_iter().map(|arg| arg.0).collect();
        let args = A::read(&Values::new(&request.args, &declared)?)?;
        let (nodes, members) = Members::sort(groups, request.nodes.clone(), |node| &node.group)?;
        let sizes: Vec<usize> = nodes.iter().map(|node| members.size(&node.group)).collect();
        let nodes = nodes.into_iter().zip(sizes);
        let nodes = nodes.map(|(node, size)| PlannedNode::new(node, size));
        Ok(Plan {
            nodes: nodes.collect(),
            request,
            args,
            members,
        })
    }

    /// What the topology asks for.
    pub(crate) fn into_specs(self) -> Vec<wire::NodeSpec> {
        self.nodes.into_iter().map(PlannedNode::into_spec).collect()
    }
}

impl<A> Plan<A> {
    /// The user's arguments.
    pub fn args(&self) -> &A {
        &self.args
    }

    /// The cluster's name.
    pub fn cluster(&self) -> &str {
        &self.request.cluster
    }

    /// The name of the cluster's network.
    pub fn network(&self) -> &str {
        &self.request.network
    }

    /// The nodes' domain: a node's FQDN is `HOSTNAME.DOMAIN`.
    pub fn domain(&self) -> &str {
        &self.request.domain
    }

    /// Whether this is `clusterdock build`, whose nodes only live until the build hook has made images of them.
    pub fn is_build(&self) -> bool {
        self.request.is_build
    }

    /// The image of nodes that do not name one, as `REGISTRY/NAMESPACE/REPOSITORY:TAG`.
    pub fn image(&self) -> &str {
        &self.request.image
    }

    /// The user's `--operating-system`, or the manifest's default.
    pub fn operating_system(&self) -> &str {
        &self.request.operating_system
    }

    /// The reference of an image in the user's registry and namespace: `plan.image_of("topology_kdc", "debian12")`.
    pub fn image_of(&self, repository: &str, tag: &str) -> String {
        convert::image_of(&self.request, repository, tag)
    }

    /// All nodes, by group in the order of [`Topology::GROUPS`](crate::Topology::GROUPS).
    pub fn nodes(&self) -> Nodes<'_, PlannedNode> {
        Nodes::new("", &self.nodes)
    }

    /// The nodes of a group, in the user's order.
    ///
    /// # Panics
    /// The group is not in [`Topology::GROUPS`](crate::Topology::GROUPS). The host reports the name and the line.
    #[track_caller]
    pub fn group(&self, group: Group) -> Nodes<'_, PlannedNode> {
        Nodes::new(group.name(), &self.nodes[self.members.range(group)])
    }

    /// The node of this host name or FQDN, e.g. one that an argument names.
    ///
    /// # Errors
    /// Not found; the message lists the nodes.
    pub fn node(&self, name: &str) -> Result<&PlannedNode> {
        let is_it = |node: &&PlannedNode| node.hostname() == name || node.fqdn() == name;
        self.nodes.iter().find(is_it).ok_or_else(|| {
            let names = self.nodes().join("`, `", |node| node.hostname().into());
            Error::new(format!("no node `{name}`; the nodes are `{names}`"))
        })
    }
}

impl<A> fmt::Debug for Plan<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Plan")
            .field("cluster", &self.request.cluster)
            .field("nodes", &self.nodes)
            .finish_non_exhaustive()
    }
}
