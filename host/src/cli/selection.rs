//! Which nodes a command is about: one set of flags for all commands that work on several nodes.

use clap::Args;

use crate::cluster::select::Selection;

/// The clusters, groups and nodes that a command line names.
#[derive(Debug, Clone, Default, Args)]
pub struct SelectionArgs {
    /// Clusters by name, or nodes by FQDN, CLUSTER/HOSTNAME or host name
    #[arg(value_name = "NAME")]
    pub names: Vec<String>,
    /// Only nodes of this group: GROUP or CLUSTER/GROUP; may be repeated
    #[arg(short, long = "group", value_name = "GROUP")]
    pub groups: Vec<String>,
    /// Only this node; may be repeated
    #[arg(long = "node", value_name = "NODE")]
    pub nodes: Vec<String>,
    /// All nodes of all clusters
    #[arg(short, long, conflicts_with_all = ["names", "groups", "nodes"])]
    pub all: bool,
}

impl SelectionArgs {
    /// What they select.
    pub fn selection(&self) -> Selection<'_> {
        Selection {
            names: &self.names,
            groups: &self.groups,
            nodes: &self.nodes,
            all: self.all,
        }
    }
}
