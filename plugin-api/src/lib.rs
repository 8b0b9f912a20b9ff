//! What a clusterdock topology is written against.
//!
//! # The idea
//!
//! A *topology* is a kind of cluster: which nodes it has, what arguments its users may give, and what is to be done
//! once the nodes run. It is a Rust crate, compiled to a shared library, and it says all of that through one trait,
//! [`Topology`]. It never talks to Docker. The host asks it three things:
//!
//! 1. [`declare`](Topology::declare): the node groups and arguments, from which the host makes a command line;
//! 2. [`nodes`](Topology::nodes): the nodes for what a user typed, as plain data, from which the host makes
//!    containers;
//! 3. [`start`](Topology::start): what to do when every node is ready, through a [`Cluster`] whose nodes run commands
//!    and take files. ([`build`](Topology::build) is the same for `clusterdock build`.)
//!
//! So a topology decides *what*; the host decides *how*, prints the plan, does things in parallel, and removes what
//! was begun when anything fails.
//!
//! # A topology, whole
//!
//! ```
//! use clusterdock_plugin_api::{Arg, Cluster, Declaration, Group, NodeSpec, Port, Probe, Request, Result, Topology};
//!
//! struct Web;
//!
//! impl Topology for Web {
//!     fn declare(&self) -> Declaration {
//!         Declaration::new()
//!             .group(Group::new("servers").default_nodes(["server-1", "server-2"]).help("Nodes that serve pages"))
//!             .start_arg(Arg::text("title").default_value("It works").help("Title of the page"))
//!     }
//!
//!     fn nodes(&self, request: &Request) -> Result<Vec<NodeSpec>> {
//!         let server = |name| NodeSpec::new(name, "servers").port(Port::tcp(8000));
//!         Ok(request.group("servers").iter().map(server).collect())
//!     }
//!
//!     fn start(&self, cluster: &Cluster, request: &Request) -> Result<()> {
//!         let servers = cluster.group("servers");
//!         servers.put_file("/srv/index.html", format!("<h1>{}</h1>", request.text("title")?))?;
//!         servers.execute("cd /srv && (python3 -m http.server 8000 > /dev/null 2>&1 &)")?;
//!         servers.wait_for(&Probe::http(8000, "/"), std::time::Duration::from_secs(30))?;
//!         cluster.closing(format!("The page is at http://{}/", servers.nodes()[0].address_of(8000)?))
//!     }
//! }
//! ```
//!
//! `http.server` is a module of Python's library, so the nodes need an image that has it, such as one of a Dockerfile. An
//! image that is assembled from `programs` has those and the libraries they are linked to, but no modules.
//!
//! # What a hook can do
//!
//! | for | call |
//! |---|---|
//! | commands | [`execute`](Node::execute) of text or an [`Exec`]: user, environment, folder, input, time, detached |
//! | files | [`put_file`](Node::put_file); [`put`](Node::put) of a [`File`] with owner and mode, or of what lies on the user's machine; [`get_file`](Node::get_file), [`get_bytes`](Node::get_bytes) |
//! | folders | [`put_folder`](Node::put_folder), [`get_folder`](Node::get_folder) |
//! | templates | [`render`]`(include_str!("x.conf"), [("host", node.fqdn())])` |
//! | changing what is there | [`edit_properties`](Node::edit_properties), [`edit_ini`](Node::edit_ini), [`edit_xml`](Node::edit_xml) for Hadoop's files, [`edit_text`](Node::edit_text) for others; comments stay |
//! | waiting | [`wait_for`](Node::wait_for) a [`Probe`]; [`wait_for_condition`](Cluster::wait_for_condition) for what only the topology can tell |
//! | telling the user | [`progress`](Cluster::progress), [`closing`](Cluster::closing), the `log` crate |
//! | images | [`commit`](Node::commit), in [`build`](Topology::build) |
//! | ends | [`stop`](Node::stop) |
//! | text | [`Version`], which has an order; [`join_url_parts`] |
//!
//! All of it is there for a [`Node`]; most for a [`NodeGroup`] and the whole [`Cluster`], where it is done on all nodes
//! at once. What differs from node to node goes into [`in_parallel`](Cluster::in_parallel). A value deep in an answer of
//! JSON needs nothing of ours: `serde_json::Value::pointer("/a/b")` gives it.
//!
//! ```
//! use clusterdock_plugin_api::{render, Cluster, File, Probe, Result};
//! use std::time::Duration;
//!
//! fn start(cluster: &Cluster) -> Result<()> {
//!     let master = cluster.first_of("masters")?;
//!     cluster.edit_xml("/etc/hadoop/core-site.xml", |file| {
//!         file.set("fs.defaultFS", format!("hdfs://{}:8020", master.fqdn()))
//!     })?;
//!     cluster.in_parallel(|node| {
//!         let agent = render("host = {{ host }}\n", [("host", node.fqdn())])?; // include_str!("agent.conf")
//!         node.put(File::new("/etc/agent.conf", agent).owner("hdfs").mode(0o600))
//!     })?;
//!     master.execute("start-master")?;
//!     master.wait_for(&Probe::port(8020), Duration::from_secs(60))?;
//!     cluster
//!         .wait_for_condition("every worker reports", || {
//!             Ok(master.execute("count-workers")?.text() == cluster.group("workers").nodes().len().to_string())
//!         })
//!         .wait()?;
//!     Ok(())
//! }
//! # use clusterdock_plugin_api::testing::FakeHost;
//! # let host = FakeHost::new().node("masters", "master").node("workers", "worker-1").answer("count-workers", "1");
//! # let xml = "/etc/hadoop/core-site.xml";
//! # let host = host.with_file("master", xml, "<configuration/>").with_file("worker-1", xml, "<configuration/>");
//! # start(&host.cluster()).unwrap();
//! ```
//!
//! # The crate
//!
//! The crate and the folder that users name can be one, anywhere on the machine:
//!
//! ```text
//! web/Cargo.toml
//! web/topology.toml     what it is called, and its images
//! web/src/lib.rs        the topology
//! web/files/            templates and scripts, if any: include_str!("../files/x.conf")
//! ```
//!
//! `src/lib.rs` has, beside the topology, one line that exports it with its manifest, by a path from this very file:
//!
//! ```ignore
//! clusterdock_plugin_api::export_topology!(Web, "../topology.toml");
//! ```
//!
//! `Cargo.toml`: the crate is a `cdylib` and nothing else, without which link-time optimisation leaves it alone. Until
//! plugin-api is on crates.io, it is taken from a checkout of clusterdock:
//!
//! ```toml
//! [package]
//! name = "web"
//! version = "0.1.0"
//! edition = "2021"
//!
//! [lib]
//! crate-type = ["cdylib"]
//!
//! [dependencies]
//! clusterdock-plugin-api = { path = "/path/to/clusterdock/plugin-api" }
//! ```
//!
//! `topology.toml`: `plugin` is the library's name, that of the crate with `_` for `-`; `source` is the crate's folder.
//!
//! ```toml
//! [topology]
//! name = "web"
//! version = "0.1.0"
//! description = "Servers of one page"
//! plugin = "web"
//! source = "."
//!
//! [images]
//! namespace = "clusterdock"
//! repository = "topology_web"
//! default = "python"                    # --operating-system
//!
//! [images.python]
//! context = "images/python"             # the folder of a Dockerfile
//!
//! [images.host]
//! programs = ["bash", "cat", "ls"]      # of this machine, as a shell knows them; `sh` and `sleep` come by themselves
//! ```
//!
//! One image is enough. `images/python/Dockerfile` can be as short as this; the command keeps the node running:
//!
//! ```text
//! FROM python:3
//! CMD ["sleep", "infinity"]
//! ```
//!
//! `clusterdock start ./web -h` compiles it and shows its arguments, `start --dry-run ./web` what it would make, and
//! `start --retain ./web` leaves the nodes of a hook that failed, to be looked at by `clusterdock ssh` and `logs`.
//!
//! Its tests stand in the crate itself, run by `cargo test`, and load nothing: call `Web.nodes(&request)` and compare
//! what it gives; for hooks, take a cluster in memory from [`testing`], which shows a whole test.
//!
//! # What an implementor can rely on
//!
//! **Process.** All of a topology's code runs in a process of its own, a child of the one that talks to the engine.
//! The constructor, `declare` and `nodes` must be quick: each has a deadline of some seconds. Hooks may last; the
//! user's `--timeout` ends them. `nodes` is called for `--dry-run` too, so it must not start anything. Standard input
//! is empty; what is printed, on either stream, by the topology or by what it starts, reaches the user line by line.
//! The `log` crate's records reach the host too. Environment and working directory are the user's.
//!
//! **Threads.** The host calls one method at a time, on the main thread. Hooks are plain blocking code. They may start
//! threads (or a runtime of their own), and a [`Cluster`] may be cloned into them and used from all at once. When the
//! hook returns, its cluster is closed: later calls, and those still waiting, fail with [`Code::Closed`].
//!
//! **Errors.** [`Error`] takes any other by `?`. What the host answered keeps its code and its messages on its way
//! through a hook. When the user interrupts, every call fails with [`Code::Cancelled`]; a hook should then return, and
//! is killed if it has not after two seconds. *Rationale:* a hook cannot be stopped from outside without harm, but
//! nearly all of what hooks do is calling the host.
//!
//! **Panics and crashes.** A panic in any method becomes an error with its message, file and line; one while the
//! topology is dropped is printed. A panic in a thread of the topology's own ends that thread, as ever. A crash, a
//! stack overflow and `process::exit` end the plugin's process and nothing else: the host says which hook of which
//! plugin died of what, and undoes what was begun. The profile must be `panic = "unwind"`; the export refuses anything else.
//!
//! # Versions
//!
//! Plugin and host may come from different compilers, different years and different minor versions of this crate. A
//! library is compiled against one version of it and loads into every host of the same major version, older or newer:
//! new fields have defaults, new operations are answered with [`Code::Unsupported`] by a host that does not know them.
//! Enums that may grow are `#[non_exhaustive]`. This crate needs Rust 1.63 and glibc; it stays with both.
//!
//! # What is verified, and what is not
//!
//! Before any of its code runs, the host checks that a library is whole, for this machine, for this major version and
//! not in need of a newer glibc, from a note that the export puts into the file; then, in the plugin's own process,
//! that the layouts of all types that cross the boundary agree. Errors and accidents are found this way. Malice is
//! not: a plugin runs with all the rights of the user who starts it, and the process of its own is no sandbox. Run
//! plugins of people you trust, as with any program.
//!
//! The boundary stands on `abi_stable`, two of whose dependencies are unmaintained (RUSTSEC-2024-0014,
//! RUSTSEC-2024-0436); neither has a known vulnerability.

#![warn(missing_docs)]

mod cluster;
mod condition;
mod config;
mod declaration;
mod error;
mod exec;
#[doc(hidden)]
pub mod export;
mod file;
mod guard;
mod logger;
mod node;
mod nodes;
#[doc(hidden)]
pub mod note;
pub mod ops;
mod probe;
mod request;
mod settings;
mod spec;
pub mod testing;
mod text;
mod topology;
mod version;
#[doc(hidden)]
pub mod wire;

pub use cluster::{Cluster, Host, NodeGroup};
pub use condition::Condition;
pub use config::{HadoopXml, Ini, Properties};
pub use declaration::{Arg, ArgKind, Declaration, Group};
pub use error::{Code, Context, Error, Result};
pub use exec::{Exec, Output};
pub use file::File;
pub use node::Node;
pub use probe::Probe;
pub use request::{Request, Value};
pub use settings::{Device, HealthCheck, Security, Settings, Ulimit, Volume, VolumeSource};
pub use spec::{NodeSpec, Port, Protocol};
pub use text::{join_url_parts, render};
pub use topology::Topology;
pub use version::Version;
