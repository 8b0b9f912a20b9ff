//! What crosses the boundary between clusterdock and its plugins. The host and plugin-api depend on it; authors of
//! topologies never do, and it promises nothing to them.
//!
//! | module | content |
//! |---|---|
//! | [`abi`] | the types whose layout is checked when a library is loaded: root module, one trait each way, error |
//! | [`export`] | a plugin as a library: its side of the boundary, guarded against panics |
//! | [`note`] | how a library describes itself before any of it runs |
//! | [`ops`] | the calls of a hook into the host |
//! | all others | what travels as JSON: plain data, one file per noun |

#![warn(missing_docs)]

pub mod abi;
mod check;
mod declaration;
mod error;
mod exec;
pub mod export;
mod guard;
mod hook;
pub mod host_name;
pub mod json;
pub mod note;
pub mod ops;
mod plugin;
mod probe;
mod request;
mod secret;
mod settings;
mod spec;
pub mod value;

pub use declaration::{Arg, ArgKind, Declaration, DefaultNodes, Group, Verb};
pub use error::{Code, Context, Error, Result};
pub use exec::{Chunk, Command, Exec, Output, Stream};
pub use guard::guard;
pub use hook::{Change, ClusterFacts, Hook, HookCall, NodeFacts, PublishedPort, VerbCall};
pub use plugin::{Host, Options, Plugin};
pub use probe::Probe;
pub use request::{PortNumber, Request, RequestedNode, Value};
pub use secret::{Secret, MASK};
pub use settings::{Device, HealthCheck, Security, Settings, Ulimit, Volume, VolumeSource};
pub use spec::{Contents, File, NodeSpec, Port, Protocol};
