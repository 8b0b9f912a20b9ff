//! What to do next with an existing cluster, for hints. Pure.

use super::{Cluster, ClusterState};

/// How to bring a cluster to running, or where to look if it runs.
pub fn to_run(cluster: &Cluster) -> String {
    let name = &cluster.name;
    match cluster.state {
        ClusterState::Running => format!("it is running: `clusterdock ps {name}` lists its nodes"),
        ClusterState::Paused => format!("unpause it with `clusterdock unpause {name}`"),
        ClusterState::Stopped | ClusterState::Degraded => {
            format!("start its stopped nodes with `clusterdock resume {name}`")
        }
        ClusterState::Partial => {
            format!("if no start of it is running, remove it with `clusterdock rm {name}`")
        }
    }
}
