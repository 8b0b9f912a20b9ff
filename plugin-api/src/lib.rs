//! The API for writing clusterdock topologies.
//!
//! # The idea
//!
//! A *topology* describes a kind of cluster: its groups of nodes, the arguments for its users, what the nodes run, and what
//! to do with the whole. It is a Rust crate, compiled to a shared library, that implements a single trait, [`Topology`]. It
//! never talks to Docker. The host
//!
//! 1. makes a command line of [`GROUPS`](Topology::GROUPS) and [`Args`](Topology::Args);
//! 2. calls [`nodes`](Topology::nodes), which fills in a [`Plan`], and creates the containers;
//! 3. calls the hook [`start`](Topology::start) when every node is ready, with a [`Cluster`] whose nodes run commands and
//!    receive files.
//!
//! So a topology decides *what* to do. The host decides *how*, prints the plan, works in parallel, and rolls back if
//! anything fails.
//!
//! The [tutorial] goes from an empty crate to a three-node system in five steps; this page is the reference.
//!
//! # A complete topology
//!
//! ```
//! use clusterdock_plugin_api::prelude::*;
//!
//! const SERVERS: Group = Group::new("servers").sized("server", 2).help("Nodes that serve the page");
//!
//! #[derive(Args)]
//! struct Arguments {
//!     /// Title of the page
//!     #[arg(default = "It works")]
//!     title: String,
//!     /// Port of the page
//!     #[arg(default = 8000, range = "1024..")]
//!     port: Port,
//! }
//!
//! struct Web;
//!
//! # /*
//! #[topology(manifest = "../topology.toml")]
//! # */
//! impl Topology for Web {
//!     type Args = Arguments;
//!     const GROUPS: &'static [Group] = &[SERVERS];
//!
//!     fn nodes(&self, plan: &Plan<Arguments>) -> Result<()> {
//!         let Arguments { title, port } = plan.args();
//!         for server in plan.group(SERVERS) {
//!             server
//!                 .file(File::new("/srv/index.html", format!("<h1>{title}, says {server}</h1>")))
//!                 .command(format!("exec python3 -m http.server --directory /srv {port}"))
//!                 .publish(*port)
//!                 .serves_when(Probe::http(*port, "/"));
//!         }
//!         Ok(())
//!     }
//!
//!     fn start(&self, cluster: &Cluster<Arguments>) -> Result<()> {
//!         let pages = cluster.group(SERVERS).addresses(cluster.args().port)?;
//!         cluster.closing(format!("The pages are at {}", pages.join(", ")))?;
//!         cluster.output("pages", pages)
//!     }
//! }
//! # let fake = clusterdock_plugin_api::testing::Fake::start(&Web, ["--servers", "1"]).unwrap();
//! # fake.run().unwrap();
//! # assert_eq!(fake.closing(), ["The pages are at 127.0.0.1:32768"]);
//! # assert_eq!(fake.node("server-1").file("/srv/index.html").unwrap().text(), "<h1>It works, says server-1.cluster</h1>");
//! ```
//!
//! Users start it with `clusterdock start ./web`, or `clusterdock start ./web --servers 5 --title Hello`. `http.server`
//! belongs to Python's standard library, so the nodes need an image that contains it, e.g. one built from a Dockerfile. An
//! image assembled from `programs` has those and their shared libraries, but no language modules.
//!
//! # Service or hook?
//!
//! The service is the node's [`command`](PlannedNode::command), which runs again whenever the node does. A hook is for what
//! needs the whole cluster. [The page on it](service_or_hook) says where each part of a topology belongs, and why.
//!
//! # What a hook can do
//!
//! | for | call |
//! |---|---|
//! | commands | [`execute`](Node::execute) with `["program", "argument"]`, with text for a shell, or with an [`Exec`]: user, environment, folder, input, timeout |
//! | files | [`write`](Node::write), [`read`](Node::read), [`read_to_string`](Node::read_to_string); [`put`](Node::put) with a [`File`] for owner and mode, templates, local files and folders; [`get_folder`](Node::get_folder) |
//! | editing files | [`edit`](Node::edit) with a kind of file: `String`, or `Properties`, `Ini`, `HadoopXml` of the crate `clusterdock-config-edit`; comments are kept |
//! | waiting | [`wait_until`](Cluster::wait_until) a condition; [`wait_for`](Node::wait_for) a [`Probe`] |
//! | results | [`output`](Cluster::output), [`progress`](Cluster::progress), [`closing`](Cluster::closing), the [`log`] crate |
//! | images | [`commit`](Node::commit), in [`build`](Topology::build) |
//! | nodes | [`stop`](Node::stop), [`remove`](Node::remove) |
//! | text | [`render`], [`Version`], which can be compared; [`join_url_parts`]; [`serde_json`] for JSON |
//!
//! All of it is available for a [`Node`], and most for the [`Nodes`] of a group or of the whole cluster, where it runs on
//! all of them in parallel. For work that differs between nodes, use [`in_parallel`](Nodes::in_parallel).
//!
//! # The crate
//!
//! `clusterdock topology new web` writes a crate that compiles and starts at once, with tests; it depends on the sources of
//! this crate that come with the program. The crate and the topology folder are the same, anywhere on the machine:
//!
//! ```text
//! web/Cargo.toml
//! web/topology.toml     name and images
//! web/src/lib.rs        the topology
//! web/files/            templates and scripts, if any: include_str!("../files/x.conf")
//! ```
//!
//! `#[topology(manifest = "../topology.toml")]` exports the topology with its manifest, whose path is relative to the file
//! that it stands in. `Cargo.toml`: the only crate type is `cdylib`, since another one would disable link-time
//! optimisation. Until plugin-api is on crates.io, a crate that is written by hand uses a checkout of clusterdock:
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
//! `topology.toml`: `plugin` is the name of the library, i.e. that of the crate with `_` for `-`; `source` is the folder
//! of the crate.
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
//! programs = ["bash", "cat", "ls"]      # command names of the local machine; `sh` and `sleep` are always included
//! ```
//!
//! One image is enough. `images/python/Dockerfile` can be as short as this:
//!
//! ```text
//! FROM python:3-slim
//! ```
//!
//! | command | what it does |
//! |---|---|
//! | `clusterdock start ./web -h` | compile the topology and show its arguments |
//! | `clusterdock start --dry-run ./web` | show the plan |
//! | `clusterdock start --retain -c lab ./web` | start, and keep the nodes if a hook fails, for `clusterdock ssh` and `logs` |
//! | `clusterdock hook lab start`, `hook lab check` | run a hook again, as it is now, on that cluster |
//! | `clusterdock topology test ./web` | unit tests, then start, check, restart, check and remove a throwaway cluster |
//! | `clusterdock topology check ./web` | say what is missing before the folder is given to others |
//!
//! Tests are part of the crate, run with `cargo test`, and load no library: [`testing`] has a cluster in memory and a
//! complete example.
//!
//! # What an implementor can rely on
//!
//! **Process.** All code of a topology runs in a separate process, a child of the one that talks to the engine. The
//! constructor, [`declare`](Arguments::declare), `verbs` and `nodes` must be quick: each has a deadline of 30 seconds.
//! Hooks may take long: they have the `--timeout` of the command that calls them, and the error then says which call the
//! hook was in. Standard input is empty; output of the topology and of processes that it starts, on both streams, reaches
//! the user line by line. Records of the [`log`] crate reach the host too. Environment and working directory are the
//! user's.
//!
//! **Threads.** The host calls one method at a time, on the main thread of that process; methods are plain blocking code.
//! Functions that an author passes in, or implements for the types of this crate ([`Edit`], [`Choice`], [`Arguments`]), run
//! on the thread that calls them. A hook may start threads (or its own async runtime), clone its [`Cluster`] and its nodes into them, and call from all of
//! them in parallel. When the hook returns, its cluster is closed: later and pending calls fail with [`Code::Closed`].
//! This holds for every hook and every verb alike.
//!
//! **Errors.** [`Error`] converts from any other error with `?`. An error of the host keeps its code and its messages
//! when a hook passes it on. If the user interrupts, every call fails with [`Code::Cancelled`]; a hook should then
//! return, and is killed after two seconds. *Rationale:* stopping a hook from outside is not safe, but hooks spend nearly
//! all of their time in calls to the host.
//!
//! **Panics and crashes.** A panic in any method becomes an error with its message, file and line; a panic while the
//! topology is dropped is printed. A panic in a thread of the topology ends that thread. A crash, a stack overflow or
//! `process::exit` only ends the plugin's process: the host reports which hook of which plugin died, and why, and rolls
//! back. The profile must be `panic = "unwind"`; the export refuses anything else.
//!
//! **Secrets.** The value of a [`Secret`] argument travels to the topology's process by a pipe, and is shown, logged and
//! recorded nowhere. Later hooks of the cluster do not have it.
//!
//! # Versions
//!
//! Plugin and host may be built by different compilers and with different minor versions of this crate. A library is
//! compiled against one version and loads into every host with the same major version, older or newer, as long as it uses
//! nothing that the host does not know. What it does not know is refused by name before anything is created (``plugin uses
//! `files` of a node, plugin-api 1.1; this clusterdock has 1.0: upgrade clusterdock``), and never dropped; a call of a hook
//! that the host does not know fails with [`Code::Unsupported`]. Types that may grow have private fields or are
//! `#[non_exhaustive]`. This crate requires Rust 1.85 and glibc; both will remain so for 1.x.
//!
//! # What is verified, and what is not
//!
//! Before any of its code runs, the host checks from a note in the file that a library is complete, built for this
//! machine and for this major version, and does not need a newer glibc; then, in the plugin's process, that the layouts
//! of all types that cross the boundary agree. This detects errors and accidents, but not malice: a plugin runs with all
//! the rights of the user who starts it, and its process is no sandbox. As with any program, only run plugins of people
//! you trust.
//!
//! The boundary is based on `abi_stable`, two of whose dependencies are unmaintained (RUSTSEC-2024-0014,
//! RUSTSEC-2024-0436); neither has a known vulnerability.

#![warn(missing_docs, missing_debug_implementations)]
#![warn(clippy::missing_errors_doc, clippy::missing_panics_doc)]

// What the macros write names this crate, here as elsewhere.
extern crate self as clusterdock_plugin_api;

mod arg;
mod arg_value;
mod calls;
mod change;
mod choice;
mod cluster;
mod command;
mod convert;
mod edit;
mod exec;
#[doc(hidden)]
pub mod export;
mod file;
mod group;
mod logger;
mod node;
mod nodes;
mod plan;
mod planned_node;
mod port;
pub mod prelude;
mod probe;
mod secret;
pub mod service_or_hook;
mod settings;
mod size;
pub mod testing;
mod text;
mod topology;
pub mod tutorial;
mod value;
mod verb;
mod version;
mod wait;

pub(crate) use clusterdock_plugin_wire as wire;

/// Stands on the block that implements [`Topology`]:
///
/// ```ignore
/// #[topology(manifest = "../topology.toml")]
/// impl Topology for Etcd {
///     // groups, arguments, nodes, hooks
/// }
/// ```
///
/// `manifest` is the path of topology.toml, relative to the file that this stands in. The library then describes itself:
/// its manifest and what it was built with are in an ELF note, so that a host can look at it without running any of it. The
/// declaration lists the hooks that the block has.
///
/// The topology is created once, when the library is loaded: the unit struct itself, or the value of `new`:
///
/// ```text
/// #[topology(manifest = "../topology.toml", new = Etcd::new())]
/// ```
///
/// A library exports one topology. Since 1.0.
pub use clusterdock_plugin_derive::topology;
/// Each field is an argument: its name with dashes is the flag, its doc comment the help, and its type the kind of its
/// values, see [`ArgValue`]. An argument without a default is required, unless its type is an `Option`, a `Vec`, a
/// `BTreeMap` or `bool`.
///
/// | `#[arg(..)]` | meaning |
/// |---|---|
/// | `default = 2379` | the value if the user gives none, as the user would type it |
/// | `range = "50ms..=50s"` | smallest and largest integer, port, duration or size; both ends are optional |
/// | `pattern = "[a-z]+"` | a regular expression for the whole text, or for each of a list |
/// | `metavar = "FILE"` | the placeholder in help |
/// | `name = "other"` | another name than that of the field |
/// | `build` | also an argument of `clusterdock build`, and of the manifest's Dockerfiles |
/// | `build_only` | an argument of `clusterdock build` alone |
///
/// ```
/// use clusterdock_plugin_api::prelude::*;
///
/// #[derive(Args)]
/// struct Arguments {
///     /// Port for clients
///     #[arg(default = 2379, range = "1024..")]
///     client_port: Port,
///     /// Time without a leader before an election
///     #[arg(default = "1s", range = "50ms..=50s")]
///     election_timeout: Duration,
///     /// Password of the administrator
///     password: Option<Secret>,
///     /// Users to create
///     #[arg(pattern = "[a-z]+")]
///     users: Vec<String>,
///     /// Version to install
///     #[arg(default = "3.5", build)]
///     etcd_version: String,
/// }
/// ```
///
/// What can be known when the topology is compiled, such as a flag with a default, does not compile. A default that is out
/// of range and the like is refused when the library is loaded, with the names of topology and argument (exit code 9); and
/// what a user types, before anything is created (exit code 2). Since 1.0.
pub use clusterdock_plugin_derive::Args;
pub use clusterdock_plugin_derive::Choice;
pub use clusterdock_plugin_wire::{Code, Context, Error, Result};
/// For messages to the user's log: `log::info!(..)` in a hook reaches the host. Since 1.0.
pub use log;
/// For JSON that commands print; no function of this crate has one of its types. Since 1.0.
pub use serde_json;

pub use arg::{Arg, Arguments, Values};
pub use arg_value::ArgValue;
pub use change::Change;
pub use choice::Choice;
pub use cluster::Cluster;
pub use command::Command;
pub use edit::Edit;
pub use exec::{Exec, Output};
pub use file::File;
pub use group::Group;
pub use node::Node;
pub use nodes::Nodes;
pub use plan::Plan;
pub use planned_node::PlannedNode;
pub use port::{Port, Protocol, PublishedPort};
pub use probe::Probe;
pub use secret::Secret;
pub use settings::{Device, HealthCheck, Security, Ulimit, Volume};
pub use size::Size;
pub use text::{join_url_parts, render};
pub use topology::Topology;
pub use value::Value;
pub use verb::Verb;
pub use version::Version;
pub use wait::Wait;
