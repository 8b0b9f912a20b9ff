//! A start that loses one of its resources because another command removed it. It is not tried again, unlike a start
//! that lost a race: someone wanted the cluster removed, and was told that it was.

use super::step::{Action, Plan, Step, Stream};
use crate::cluster::labels::read;
use crate::engine::{EngineError, Fault, Volume};
use crate::error::{Error, Kind};

/// The error for a node that has been removed.
pub fn node(fqdn: &str) -> Error {
    lost(&format!("node `{fqdn}`"))
}

/// The error for a cluster's record that has been removed.
pub(super) fn record(volume: &Volume) -> Error {
    let cluster = read::run(&volume.labels).map(|run| run.cluster);
    lost(&format!(
        "the record of cluster `{}`",
        cluster.unwrap_or_default()
    ))
}

fn lost(subject: &str) -> Error {
    let message = format!("{subject} was removed during the start");
    Error::new(Kind::Node, message)
        .cause("another command removed it, such as `clusterdock rm` or `docker rm`")
}

/// The error for a call on a new node that failed because something that the plan created no longer exists; `None` if
/// the start did not create it, such as a network that it joined, or an image.
pub(super) fn by_call(plan: &Plan, step: &Step, error: &EngineError) -> Option<Error> {
    let text = error.message.to_lowercase();
    // The engine's answer while the removal is still under way.
    if text.contains("marked for removal") {
        return Some(node(step.stream.name()));
    }
    if error.fault != Fault::NotFound || text.contains("no such image") {
        return None;
    }
    let mut created = plan.steps.iter().map(|one| (&one.stream, &one.action));
    if text.contains("no such container") {
        let helper = created.find_map(|created| match created {
            (Stream::Container(name), Action::CreateContainer(spec))
                if error.message.contains(name) =>
            {
                Some(lost(&format!(
                    "container `{name}`, which holds volumes of `{}`,",
                    spec.image
                )))
            }
            _ => None,
        });
        return helper.or_else(|| Some(node(step.stream.name())));
    }
    let network = created.find_map(|(_, action)| match action {
        Action::CreateNetwork(network) => Some(&network.name),
        _ => None,
    })?;
    text.contains("network")
        .then(|| lost(&format!("network `{network}`")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cluster::labels::Run;
    use crate::engine::{ContainerSpec, NetworkSpec};
    use crate::plan::{NetworkPlan, NodePlan, StartPlan};
    use crate::topology::plugin::Hook;

    /// What a start with its own network, or a joined one, takes this answer for.
    fn told(joined: bool, fault: Fault, message: &str) -> Option<String> {
        let spec = NetworkSpec {
            name: "net".into(),
            labels: Default::default(),
            subnet: "10.9.0.0/24".parse().unwrap(),
            engine_range: "10.9.0.192/26".parse().unwrap(),
            gateway: "10.9.0.1".parse().unwrap(),
        };
        let network = if joined {
            NetworkPlan::Join {
                id: "1".into(),
                name: "net".into(),
            }
        } else {
            NetworkPlan::Create(spec)
        };
        let container = ContainerSpec {
            name: "a.net".into(),
            hostname: "a.net".into(),
            ..ContainerSpec::default()
        };
        let helper = ContainerSpec {
            name: "helper-1".into(),
            image: "data:1".into(),
            ..ContainerSpec::default()
        };
        let (hostname, group) = ("a".into(), "nodes".into());
        let node = NodePlan {
            hostname,
            group,
            position: 0,
            container,
            probes: Vec::new(),
            serves: Vec::new(),
            after: Vec::new(),
            files: Vec::new(),
            keys: false,
        };
        let plan = StartPlan {
            engine: String::new(),
            run: Run::default(),
            topology: String::new(),
            hook: Hook::Start,
            record: Volume::default(),
            helpers: vec![helper],
            network,
            nodes: vec![node.clone()],
            warnings: Vec::new(),
            once: Default::default(),
        };
        let steps = plan.steps();
        let start = steps.steps.iter().find(|step| step.starts().is_some());
        by_call(&steps, start?, &EngineError::new(fault, message))
            .map(|error| error.message().to_string())
    }

    #[test]
    fn only_loss_of_what_a_start_created_counts() {
        let lost = |thing: &str| Some(format!("{thing} was removed during the start"));
        let removing = "container is marked for removal and cannot be started";
        for joined in [true, false] {
            let told = |fault, message| told(joined, fault, message);
            assert_eq!(
                told(Fault::NotFound, "No such container: 4f2a"),
                lost("node `a.net`")
            );
            for fault in [Fault::WrongState, Fault::InUse, Fault::Other] {
                assert_eq!(told(fault, removing), lost("node `a.net`"));
            }
            let helper = told(Fault::NotFound, "No such container: helper-1").unwrap();
            assert!(helper.contains("volumes of `data:1`"), "{helper}");
            assert_eq!(told(Fault::NotFound, "No such image: my/network:1"), None);
            assert_eq!(told(Fault::AddressTaken, "Address already in use"), None);
        }
        assert_eq!(
            told(false, Fault::NotFound, "network net not found"),
            lost("network `net`")
        );
        assert_eq!(told(true, Fault::NotFound, "network net not found"), None);
    }
}
