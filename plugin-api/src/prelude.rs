//! What a topology usually needs, with one import: `use clusterdock_plugin_api::prelude::*;`. Names of your own take
//! precedence.

pub use std::collections::BTreeMap;
pub use std::fmt::Display;
pub use std::time::Duration;

pub use crate::{
    render, serde_json, topology, Arg, Args, Arguments, Change, Choice, Cluster, Code, Context,
    Device, Edit, Error, Exec, File, Group, HealthCheck, Node, Nodes, Output, Plan, PlannedNode,
    Port, Probe, Result, Secret, Security, Size, Topology, Ulimit, Value, Values, Verb, Version,
    Volume, Wait,
};
