//! Service or hook? Where each part of a topology belongs.
//!
//! **The service is the node's command; a hook is for what needs the whole cluster.**
//!
//! | what | where |
//! |---|---|
//! | a service: anything that has to run while the node runs | the node's [`command`](crate::PlannedNode::command) |
//! | its configuration: known before the start, names of all nodes included | a [`file`](crate::PlannedNode::file) of the node, or its [`environment`](crate::PlannedNode::environment) |
//! | set-up of one node: format, initialise, join unless done | in the command, before the service: `test -e /data/id \|\| init; exec serve` |
//! | order: one group needs another | [`after`](crate::Group::after), and [`ready_when`](crate::PlannedNode::ready_when) of the other |
//! | when it can be used | [`serves_when`](crate::PlannedNode::serves_when) |
//! | what needs the whole cluster, once: create a table, elect, report addresses | the hook [`start`](crate::Topology::start) |
//! | is the whole healthy? | the hook [`check`](crate::Topology::check) |
//! | what the whole needs before a stop, or after a resume: flush, hand over, rejoin | the hooks [`on_stop`](crate::Topology::on_stop) and [`on_resume`](crate::Topology::on_resume) |
//!
//! # Why
//!
//! A command runs again whenever its node does. A restart of a single node or by the engine and a reboot of the machine
//! happen without the topology, and `clusterdock resume` and `restart` await probes again whatever becomes of its library,
//! since they are data. A service that a hook starts is gone after the first restart. So a hook that starts a process in
//! the background is nearly always a command in the wrong place.
//!
//! # A service with its set-up
//!
//! The first start of a node formats its data; every later one finds it formatted. Text is for a shell, and begins its last
//! command with `exec`, so that the service receives signals:
//!
//! ```
//! use clusterdock_plugin_api::prelude::*;
//!
//! const SERVERS: Group = Group::new("servers").sized("server", 3);
//!
//! struct Store;
//!
//! impl Topology for Store {
//!     type Args = ();
//!     const GROUPS: &'static [Group] = &[SERVERS];
//!
//!     fn nodes(&self, plan: &Plan) -> Result<()> {
//!         let servers = plan.group(SERVERS);
//!         let peers = servers.join(",", |server| format!("{server}:7000"));
//!         for server in servers {
//!             server
//!                 .file(File::new("/etc/store.conf", format!("id = {}\npeers = {peers}\n", server.number())))
//!                 .command("test -e /data/id || store format; exec store serve --config /etc/store.conf")
//!                 .serves_when(Probe::port(7000));
//!         }
//!         Ok(())
//!     }
//! }
//! # let fake = clusterdock_plugin_api::testing::Fake::start(&Store, [""; 0]).unwrap();
//! # let file = fake.node("server-2").file("/etc/store.conf").unwrap();
//! # assert!(file.text().starts_with("id = 2\npeers = server-1.cluster:7000,server-2.cluster:7000,"));
//! ```
//!
//! # What only the whole can do
//!
//! A schema is created once, when all servers can be reached, and is in their data afterwards. The hook may run again, with
//! `clusterdock hook CLUSTER start`, so it says what should be there rather than what to add:
//!
//! ```
//! use clusterdock_plugin_api::prelude::*;
//!
//! const SERVERS: Group = Group::new("servers").sized("server", 3);
//!
//! fn start(cluster: &Cluster) -> Result<()> {
//!     let first = cluster.group(SERVERS).first()?;
//!     cluster.wait_until("every server in the ring", || {
//!         let ring = first.execute(["store", "ring"])?;
//!         Ok((ring.lines().count() == cluster.group(SERVERS).len()).then_some(()))
//!     })?;
//!     first.execute(["store", "query", "CREATE TABLE IF NOT EXISTS events (id INT)"])?;
//!     cluster.closing(format!("store query --server {first}"))
//! }
//! ```
//!
//! # Questions
//!
//! * *Does it have to run while the node runs?* Then it is the node's command. Several services in one node need an init:
//!   [`systemd`](crate::PlannedNode::systemd), or a script as the command.
//! * *Is it known before the start?* Then it is a file or the environment. Every name is known: host names, FQDNs, numbers
//!   and sizes of groups. Only addresses and host ports are not, and nodes reach each other by name.
//! * *Does the service wait for another group?* [`after`](crate::Group::after) delays its nodes, at a start, a resume and a restart.
//!   Within a group, services that need each other wait for each other, as they must after a failure.
//! * *Does it take effect for good?* What a hook changes in the nodes' data or files stays after a restart; processes,
//!   mounts and kernel settings do not.
//! * *Is it a secret?* A file of mode 600; hooks after the start do not know it any more, see
//!   [`Secret`](crate::Secret::expose).
