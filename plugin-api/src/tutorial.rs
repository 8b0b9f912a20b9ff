//! From an empty crate to a three-node etcd, in five steps. Each is a whole `src/lib.rs`, and each is run as a test of this
//! crate, by the lines at its end that use the test kit.
//!
//! # 0. The folder
//!
//! `clusterdock topology new etcd` writes a folder that is both the crate and the topology. Its nodes have an image of
//! programs of the local machine. etcd needs more, so replace the end of `etcd/topology.toml`, from `default` on, by
//!
//! ```toml
//! default = "debian12"
//!
//! [images.debian12]
//! context = "images/debian12"
//! ```
//!
//! and write `etcd/images/debian12/Dockerfile`:
//!
//! ```text
//! FROM debian:bookworm-slim
//! RUN apt-get update && apt-get install -y --no-install-recommends etcd-client etcd-server && rm -rf /var/lib/etcd/*
//! CMD ["etcd"]
//! ```
//!
//! `clusterdock start -c demo ./etcd` compiles the topology, builds the image and starts a cluster; `clusterdock rm demo`
//! removes it again. Do that after each step. `clusterdock topology test ./etcd` does all of it with a cluster of its own,
//! and checks and restarts it as well.
//!
//! # 1. Nodes
//!
//! A group is a constant. `sized("etcd", 3)` gives it three nodes, `etcd-1` to `etcd-3`, unless the user types
//! `--members 5` or `--members a b c`. Without more, a node runs the command of its image.
//!
//! ```
//! use clusterdock_plugin_api::prelude::*;
//!
//! const MEMBERS: Group = Group::new("members").sized("etcd", 3).max(9);
//!
//! struct Etcd;
//!
//! # /*
//! #[topology(manifest = "../topology.toml")]
//! # */
//! impl Topology for Etcd {
//!     type Args = ();
//!     const GROUPS: &'static [Group] = &[MEMBERS];
//! }
//!
//! use clusterdock_plugin_api::testing::Fake;
//!
//! let fake = Fake::start(&Etcd, [""; 0]).unwrap();
//! assert_eq!(fake.hostnames(), ["etcd-1", "etcd-2", "etcd-3"]);
//! ```
//!
//! # 2. A service
//!
//! The service is the node's command, so that it runs again whenever the node does. `nodes` is called before anything
//! exists, and yet every name is known: a [`PlannedNode`](crate::PlannedNode) is shown as its FQDN, by which the others
//! reach it.
//!
//! ```
//! use clusterdock_plugin_api::prelude::*;
//!
//! const MEMBERS: Group = Group::new("members").sized("etcd", 3).max(9);
//!
//! struct Etcd;
//!
//! # /*
//! #[topology(manifest = "../topology.toml")]
//! # */
//! impl Topology for Etcd {
//!     type Args = ();
//!     const GROUPS: &'static [Group] = &[MEMBERS];
//!
//!     fn nodes(&self, plan: &Plan) -> Result<()> {
//!         let members = plan.group(MEMBERS);
//!         let peers = members.join(",", |member| format!("{member}=http://{member}:2380"));
//!         for member in members {
//!             member.command(format!(
//!                 "exec etcd --name {member} --initial-cluster {peers} \
//!                  --listen-peer-urls http://0.0.0.0:2380 --initial-advertise-peer-urls http://{member}:2380 \
//!                  --listen-client-urls http://0.0.0.0:2379 --advertise-client-urls http://{member}:2379"
//!             ));
//!         }
//!         Ok(())
//!     }
//! }
//!
//! use clusterdock_plugin_api::testing::Fake;
//!
//! let fake = Fake::start(&Etcd, ["--members", "a", "b"]).unwrap();
//! let peers = "--initial-cluster a.cluster=http://a.cluster:2380,b.cluster=http://b.cluster:2380";
//! assert!(fake.node("b").command().concat().contains(peers));
//! ```
//!
//! # 3. Arguments
//!
//! Each field of a struct becomes an argument of `clusterdock start`: its doc comment is the help, its type decides what
//! can be typed. What is out of range is refused before anything is created.
//!
//! ```
//! use clusterdock_plugin_api::prelude::*;
//!
//! const MEMBERS: Group = Group::new("members").sized("etcd", 3).max(9);
//!
//! #[derive(Args)]
//! struct Options {
//!     /// Time between the leader's heartbeats
//!     #[arg(default = "100ms", range = "10ms..=200ms")]
//!     heartbeat: Duration,
//!     /// Limit of the data
//!     #[arg(default = "2g", range = "16m..=8g")]
//!     quota: Size,
//! }
//!
//! struct Etcd;
//!
//! # /*
//! #[topology(manifest = "../topology.toml")]
//! # */
//! impl Topology for Etcd {
//!     type Args = Options;
//!     const GROUPS: &'static [Group] = &[MEMBERS];
//!
//!     fn nodes(&self, plan: &Plan<Options>) -> Result<()> {
//!         for member in plan.group(MEMBERS) {
//!             // The command as before. etcd also reads its settings from the environment:
//!             member
//!                 .environment("ETCD_HEARTBEAT_INTERVAL", plan.args().heartbeat.as_millis())
//!                 .environment("ETCD_QUOTA_BACKEND_BYTES", plan.args().quota.bytes());
//!         }
//!         Ok(())
//!     }
//! }
//!
//! use clusterdock_plugin_api::testing::Fake;
//!
//! let fake = Fake::start(&Etcd, ["--heartbeat", "50ms"]).unwrap();
//! assert_eq!(fake.node("etcd-1").environment("ETCD_HEARTBEAT_INTERVAL"), Some("50"));
//! let refused = Fake::start(&Etcd, ["--heartbeat", "1s"]).unwrap_err();
//! assert!(refused.to_string().contains("invalid value for `--heartbeat`"));
//! ```
//!
//! # 4. When does it serve, and where?
//!
//! `serves_when` is a probe: a start ends when it holds on every node, and so do a resume and a restart, for which the
//! topology is not needed. `publish` makes a port reachable for the user. The hook `start` runs once, when all nodes are
//! there; it reports what only then is known.
//!
//! ```
//! use clusterdock_plugin_api::prelude::*;
//!
//! const MEMBERS: Group = Group::new("members").sized("etcd", 3).max(9);
//!
//! struct Etcd;
//!
//! # /*
//! #[topology(manifest = "../topology.toml")]
//! # */
//! impl Topology for Etcd {
//!     type Args = ();
//!     const GROUPS: &'static [Group] = &[MEMBERS];
//!
//!     fn nodes(&self, plan: &Plan) -> Result<()> {
//!         for member in plan.group(MEMBERS) {
//!             // The command as before.
//!             member.publish(2379).serves_when(Probe::http(2379, "/health"));
//!         }
//!         Ok(())
//!     }
//!
//!     fn start(&self, cluster: &Cluster) -> Result<()> {
//!         let endpoints = cluster.group(MEMBERS).addresses(2379)?;
//!         cluster.closing(format!("etcdctl --endpoints {}", endpoints.join(",")))?;
//!         cluster.output("endpoints", endpoints)
//!     }
//! }
//!
//! use clusterdock_plugin_api::testing::Fake;
//!
//! let fake = Fake::start(&Etcd, ["--members", "2"]).unwrap();
//! fake.run().unwrap();
//! assert_eq!(fake.closing(), ["etcdctl --endpoints 127.0.0.1:32768,127.0.0.1:32769"]);
//! ```
//!
//! # 5. Is the whole healthy?
//!
//! The hook `check` says so, for `clusterdock wait CLUSTER`, which repeats it until it passes, for `clusterdock hook CLUSTER
//! check` and for tests of the topology. `hook` compiles what was edited and runs the hook on the cluster that is there, so
//! an edit shows its result within seconds; `wait` uses the library that the cluster was started with. The commands of a
//! hook are a program with its arguments, or text for a shell. In a test, a command gets the answers that the test gives,
//! and one without an answer fails.
//!
//! ```
//! use clusterdock_plugin_api::prelude::*;
//!
//! const MEMBERS: Group = Group::new("members").sized("etcd", 3).max(9);
//!
//! struct Etcd;
//!
//! # /*
//! #[topology(manifest = "../topology.toml")]
//! # */
//! impl Topology for Etcd {
//!     type Args = ();
//!     const GROUPS: &'static [Group] = &[MEMBERS];
//!
//!     // nodes and start as before
//!
//!     fn check(&self, cluster: &Cluster) -> Result<()> {
//!         let status = cluster.group(MEMBERS).execute(["etcdctl", "endpoint", "status"])?;
//!         let leader = status.iter().find(|member| member.text().contains("true, false"));
//!         leader.map(drop).context("no member leads")
//!     }
//! }
//!
//! use clusterdock_plugin_api::testing::Fake;
//!
//! let fake = Fake::start(&Etcd, ["--members", "3"]).unwrap();
//! let status = ["etcdctl", "endpoint", "status"];
//! fake.answer(status, "127.0.0.1:2379, 8e9e05c52164694d, 3.4.23, 20 kB, false, false, 2, 8, 8,");
//! assert_eq!(fake.check().unwrap_err().to_string(), "no member leads");
//! fake.answer_on("etcd-2", status, "127.0.0.1:2379, 8e9e05c52164694d, 3.4.23, 20 kB, true, false, 2, 8, 8,");
//! fake.check().unwrap();
//! ```
//!
//! Put together, this is the topology in `plugins/etcd` of clusterdock: 45 lines, with its image in
//! `topologies/topology_etcd`. Kill a member that leads, and `clusterdock resume` brings it back with its data: nothing of
//! the above has to run for that.
//!
//! # Where next
//!
//! * Several groups, one after the other, and a secret: PostgreSQL with streaming standbys, in `plugins/postgres`.
//! * What belongs into a command, and what into a hook: [service or hook?](crate::service_or_hook)
//! * Everything that a hook can do: [the table](crate#what-a-hook-can-do).
