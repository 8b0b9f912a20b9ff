//! What a clusterdock topology is written against.

mod cluster;
mod declaration;
mod error;
mod exec;
#[doc(hidden)]
pub mod export;
mod guard;
mod logger;
#[doc(hidden)]
pub mod note;
pub mod ops;
mod probe;
mod request;
mod spec;
mod topology;
#[doc(hidden)]
pub mod wire;

pub use cluster::{Cluster, Host, Node, NodeGroup};
pub use declaration::{Arg, ArgKind, Declaration, Group};
pub use error::{Code, Context, Error, Result};
pub use exec::{Exec, Output};
pub use probe::Probe;
pub use request::{Request, Value};
pub use spec::{Device, HealthCheck, NodeSpec, Port, Protocol, Security, Settings, Ulimit, Volume, VolumeSource};
pub use topology::Topology;
