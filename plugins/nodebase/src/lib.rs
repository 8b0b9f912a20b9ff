//! A basic cluster: one group of nodes, some of which may have block devices of the engine's machine.

use clusterdock_plugin_api::prelude::*;

const NODES: Group = Group::new("nodes").sized("node", 2);

#[derive(Args)]
struct Options {
    /// Map of node names to block devices
    #[arg(metavar = "map")]
    node_disks: BTreeMap<String, Vec<String>>,
}

struct Nodebase;

#[topology(manifest = "../../../topologies/topology_nodebase/topology.toml")]
impl Topology for Nodebase {
    type Args = Options;
    const GROUPS: &'static [Group] = &[NODES];

    fn nodes(&self, plan: &Plan<Options>) -> Result<()> {
        for (name, disks) in &plan.args().node_disks {
            let node = plan.node(name).context("invalid `--node-disks`")?;
            for disk in disks {
                node.device(disk);
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use clusterdock_plugin_api::testing::Fake;

    use super::*;

    #[test]
    fn there_are_two_plain_nodes_by_default() {
        let fake = Fake::start(&Nodebase, [""; 0]).unwrap();
        assert_eq!(fake.hostnames(), ["node-1", "node-2"]);
        assert!(fake.node("node-1").command().is_empty());
        assert!(fake.node("node-1").devices().is_empty());
    }

    #[test]
    fn every_name_becomes_a_node() {
        let fake = Fake::start(&Nodebase, ["--nodes", "a", "b", "c"]).unwrap();
        assert_eq!(fake.hostnames(), ["a", "b", "c"]);
    }

    #[test]
    fn a_node_gets_the_disks_that_name_it() {
        let arguments = ["--nodes", "a", "b", "--node-disks", "b=/dev/sdb,/dev/sdc"];
        let fake = Fake::start(&Nodebase, arguments).unwrap();
        assert!(fake.node("a").devices().is_empty());
        let disks = [Device::new("/dev/sdb"), Device::new("/dev/sdc")];
        assert_eq!(fake.node("b").devices(), disks);
    }

    #[test]
    fn disks_of_an_unknown_node_are_refused_by_name() {
        let arguments = ["--nodes", "a", "b", "--node-disks", "c=/dev/sdb"];
        let error = Fake::start(&Nodebase, arguments).unwrap_err();
        assert_eq!(
            error.to_string(),
            "invalid `--node-disks`: no node `c`; the nodes are `a`, `b`"
        );
    }
}
