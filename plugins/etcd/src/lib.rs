//! A cluster of etcd members.

use clusterdock_plugin_api::prelude::*;

const MEMBERS: Group = Group::new("members").sized("etcd", 3).max(9);

#[derive(Args)]
struct Options {
    /// Time between the leader's heartbeats
    #[arg(default = "100ms", range = "10ms..=200ms")]
    heartbeat: Duration,
    /// Limit of the data; writes over it are refused
    #[arg(default = "2g", range = "16m..=8g")]
    quota: Size,
}

struct Etcd;

#[topology(manifest = "../../../topologies/topology_etcd/topology.toml")]
impl Topology for Etcd {
    type Args = Options;
    const GROUPS: &'static [Group] = &[MEMBERS];

    fn nodes(&self, plan: &Plan<Options>) -> Result<()> {
        let members = plan.group(MEMBERS);
        let peers = members.join(",", |member| format!("{member}=http://{member}:2380"));
        for member in members {
            let url = |port| format!("http://{member}:{port}");
            member
                .environment("ETCD_NAME", member)
                .environment("ETCD_INITIAL_CLUSTER", &peers)
                .environment("ETCD_INITIAL_ADVERTISE_PEER_URLS", url(2380))
                .environment("ETCD_ADVERTISE_CLIENT_URLS", url(2379))
                .environment("ETCD_HEARTBEAT_INTERVAL", plan.args().heartbeat.as_millis())
                .environment("ETCD_QUOTA_BACKEND_BYTES", plan.args().quota.bytes())
                .publish(2379)
                .serves_when(Probe::http(2379, "/health"));
        }
        Ok(())
    }

    fn start(&self, cluster: &Cluster<Options>) -> Result<()> {
        let endpoints = cluster.group(MEMBERS).addresses(2379)?;
        cluster.closing(format!("etcdctl --endpoints {}", endpoints.join(",")))?;
        cluster.output("endpoints", endpoints)
    }

    fn check(&self, cluster: &Cluster<Options>) -> Result<()> {
        let status = cluster.group(MEMBERS).execute("etcdctl endpoint status")?;
        let leader = status.iter().find(|s| s.text().contains("true, false"));
        leader.map(drop).context("no member leads")
    }
}

#[cfg(test)]
mod tests {
    use clusterdock_plugin_api::testing::Fake;

    use super::*;

    #[test]
    fn every_member_knows_all_members() {
        let fake = Fake::start(&Etcd, ["--members", "a", "b", "--quota", "64m"]).unwrap();
        let peers = "a.cluster=http://a.cluster:2380,b.cluster=http://b.cluster:2380";
        for name in fake.hostnames() {
            let node = fake.node(name);
            assert_eq!(node.environment("ETCD_INITIAL_CLUSTER"), Some(peers));
            let quota = node.environment("ETCD_QUOTA_BACKEND_BYTES");
            assert_eq!(quota, Some("67108864"));
            assert_eq!(node.serves_when(), [Probe::http(2379, "/health")]);
        }
        let refused = Fake::start(&Etcd, ["--heartbeat", "1s"]).unwrap_err();
        assert!(refused.to_string().contains("--heartbeat"), "{refused}");
    }

    #[test]
    fn the_endpoints_are_an_output() {
        let fake = Fake::start(&Etcd, ["--members", "2"]).unwrap();
        fake.run().unwrap();
        let endpoints = vec!["127.0.0.1:32768", "127.0.0.1:32769"];
        assert_eq!(fake.output("endpoints"), Some(endpoints.into()));
    }

    #[test]
    fn a_cluster_without_a_leader_is_not_healthy() {
        let fake = Fake::start(&Etcd, ["--members", "2"]).unwrap();
        let status = "etcdctl endpoint status";
        let line = "127.0.0.1:2379, 8e9e05c52164694d, 3.4.23, 20 kB, false, false, 2, 8, 8,";
        fake.answer(status, line);
        assert_eq!(fake.check().unwrap_err().to_string(), "no member leads");
        let leads = line.replace("false, false", "true, false");
        fake.answer_on("etcd-2", status, leads).check().unwrap();
    }
}
