//! A basic cluster: one group of nodes, of which some may have block devices of the machine.

use clusterdock_plugin_api::{export_topology, Arg, Declaration, Error, Group, NodeSpec, Request, Result, Topology};

export_topology!(Nodebase, "../../../topologies/topology_nodebase/topology.toml");

struct Nodebase;

impl Topology for Nodebase {
    fn declare(&self) -> Declaration {
        let disks = Arg::map("node-disks").metavar("map").help("Map of node names to block devices");
        Declaration::new().group(Group::new("nodes").default_nodes(["node-1", "node-2"])).start_arg(disks)
    }

    fn nodes(&self, request: &Request) -> Result<Vec<NodeSpec>> {
        let (nodes, disks) = (request.group("nodes"), request.map("node-disks")?);
        if let Some(stranger) = disks.keys().find(|name| !nodes.contains(name)) {
            let known = nodes.join("`, `");
            return Err(Error::new(format!("`--node-disks` names node `{stranger}`; the nodes are `{known}`")));
        }
        let disks_of = |node: &String| disks.get(node).into_iter().flatten();
        let spec = |node: &String| disks_of(node).fold(NodeSpec::new(node, "nodes"), |spec, disk| spec.device(disk));
        Ok(nodes.iter().map(spec).collect())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clusterdock_plugin_api::Value;

    fn request(nodes: &[&str], disks: &[(&str, &[&str])]) -> Request {
        let owned = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let disks = disks.iter().map(|(node, disks)| (node.to_string(), owned(disks))).collect();
        Request {
            groups: [("nodes".to_string(), owned(nodes))].into(),
            args: [("node-disks".to_string(), Value::Map(disks))].into(),
            ..Request::default()
        }
    }

    #[test]
    fn there_are_two_nodes_unless_the_user_names_others() {
        let declaration = Nodebase.declare();
        let group = &declaration.groups[0];
        assert_eq!((group.name.as_str(), group.min), ("nodes", 1));
        assert_eq!(group.default_nodes, ["node-1", "node-2"]);
        assert_eq!((declaration.start_args.len(), declaration.build_args.len()), (1, 0));
    }

    #[test]
    fn every_name_is_a_node_and_nothing_else_is_asked_for() {
        let nodes = Nodebase.nodes(&request(&["a", "b", "c"], &[])).unwrap();
        assert_eq!(nodes, ["a", "b", "c"].map(|name| NodeSpec::new(name, "nodes")));
    }

    #[test]
    fn a_node_gets_the_disks_that_name_it() {
        let nodes = Nodebase.nodes(&request(&["a", "b"], &[("b", &["/dev/sdb", "/dev/sdc"])])).unwrap();
        let b = NodeSpec::new("b", "nodes").device("/dev/sdb").device("/dev/sdc");
        assert_eq!(nodes, [NodeSpec::new("a", "nodes"), b]);
    }

    #[test]
    fn disks_of_a_node_that_is_not_there_are_refused_by_name() {
        let error = Nodebase.nodes(&request(&["a", "b"], &[("c", &["/dev/sdb"])])).unwrap_err();
        assert_eq!(error.to_string(), "`--node-disks` names node `c`; the nodes are `a`, `b`");
    }
}
