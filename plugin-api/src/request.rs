//! What the user asked for: the names, the image, the nodes of each group and the topology's arguments, parsed.

use crate::{Error, Result};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;

/// What the user asked for.
///
/// ```
/// use clusterdock_plugin_api::{Request, Value};
///
/// # fn main() -> clusterdock_plugin_api::Result<()> {
/// // As the host makes it of `--brokers broker-1 --kafka-version 3.9`:
/// let mut request = Request { namespace: "clusterdock".into(), ..Request::default() };
/// request.groups.insert("brokers".into(), vec!["broker-1".into()]);
/// request.args.insert("kafka-version".into(), Value::Text("3.9".into()));
///
/// assert_eq!(request.group("brokers"), ["broker-1"]);
/// assert_eq!(request.text("kafka-version")?, "3.9");
/// assert_eq!(request.image_of("topology_kafka", "debian12"), "clusterdock/topology_kafka:debian12");
/// assert!(!request.flag("tls") && request.text("tls").is_err());
/// # Ok(())
/// # }
/// ```
///
/// The host has checked it against the [`Declaration`](crate::Declaration), so an argument
/// that was declared has a value of its kind, its default, or none.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(default)]
pub struct Request {
    /// The cluster's name.
    pub cluster: String,
    /// The network's name, which is also the nodes' domain: `HOSTNAME.NETWORK`.
    pub network: String,
    /// The image of nodes that do not name one, as `REGISTRY/NAMESPACE/REPOSITORY:TAG`.
    pub image: String,
    /// What the user chose by `--operating-system`, or the manifest's default.
    pub operating_system: String,
    /// The registry the user named, if any.
    pub registry: Option<String>,
    /// Where images are looked for: the user's `--namespace` or the manifest's.
    pub namespace: String,
    /// Whether host ports are to equal container ports (`--predictable`); the host sees to it.
    pub predictable: bool,
    /// Host names by group.
    pub groups: BTreeMap<String, Vec<String>>,
    /// Argument values by name; read them with the methods below.
    pub args: BTreeMap<String, Value>,
}

/// The value of an argument; [`Request`]'s methods read it. Tests of topologies make some.
///
/// ```
/// use clusterdock_plugin_api::{Request, Value};
/// use std::time::Duration;
///
/// let mut request = Request::default();
/// request.args.insert("grace".into(), Value::Milliseconds(90_000));
/// request.args.insert("heap".into(), Value::Bytes(512 << 20));
/// assert_eq!(request.duration("grace").unwrap(), Duration::from_secs(90));
/// assert_eq!(request.size("heap").unwrap(), 536_870_912);
/// ```
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Value {
    /// Of a flag.
    Flag(bool),
    /// Of a text.
    Text(String),
    /// Of an integer.
    Integer(i64),
    /// Of a list.
    List(Vec<String>),
    /// Of a map.
    Map(BTreeMap<String, Vec<String>>),
    /// Of a duration, in milliseconds.
    Milliseconds(u64),
    /// Of a size, in bytes.
    Bytes(u64),
}

impl Request {
    /// The host names of a group, in the user's order; empty for an optional group without nodes.
    pub fn group(&self, name: &str) -> &[String] {
        self.groups.get(name).map_or(&[], Vec::as_slice)
    }

    /// An image beside the cluster's own, `REGISTRY/NAMESPACE/REPOSITORY:TAG` with the user's registry and
    /// namespace: `request.image_of("topology_kdc", "debian12")`. Docker's own registry is left out, as in the names
    /// of images that the engine has.
    pub fn image_of(&self, repository: &str, tag: &str) -> String {
        let parts = [self.registry.as_deref().unwrap_or(""), &self.namespace, repository];
        let path: Vec<&str> = parts.iter().copied().filter(|part| !matches!(*part, "" | "docker.io")).collect();
        format!("{}:{tag}", path.join("/"))
    }

    /// Whether a flag was given.
    pub fn flag(&self, name: &str) -> bool {
        matches!(self.args.get(name), Some(Value::Flag(true)))
    }

    /// A text.
    ///
    /// # Errors
    /// Not given and without a default, or of another kind.
    pub fn text(&self, name: &str) -> Result<&str> {
        match self.value(name)? {
            Value::Text(text) => Ok(text),
            other => Err(mismatch(name, "text", other)),
        }
    }

    /// An integer.
    ///
    /// # Errors
    /// As [`text`](Request::text).
    pub fn integer(&self, name: &str) -> Result<i64> {
        match self.value(name)? {
            Value::Integer(number) => Ok(*number),
            other => Err(mismatch(name, "integer", other)),
        }
    }

    /// The values of a list; empty when it was not given.
    ///
    /// # Errors
    /// Declared as another kind.
    pub fn list(&self, name: &str) -> Result<&[String]> {
        match self.args.get(name) {
            None => Ok(&[]),
            Some(Value::List(list)) => Ok(list),
            Some(other) => Err(mismatch(name, "list", other)),
        }
    }

    /// A map of names to values; empty when it was not given.
    ///
    /// # Errors
    /// Declared as another kind.
    pub fn map(&self, name: &str) -> Result<BTreeMap<String, Vec<String>>> {
        match self.args.get(name) {
            None => Ok(BTreeMap::new()),
            Some(Value::Map(map)) => Ok(map.clone()),
            Some(other) => Err(mismatch(name, "map", other)),
        }
    }

    /// A time.
    ///
    /// # Errors
    /// As [`text`](Request::text).
    pub fn duration(&self, name: &str) -> Result<Duration> {
        match self.value(name)? {
            Value::Milliseconds(millis) => Ok(Duration::from_millis(*millis)),
            other => Err(mismatch(name, "duration", other)),
        }
    }

    /// An amount in bytes.
    ///
    /// # Errors
    /// As [`text`](Request::text).
    pub fn size(&self, name: &str) -> Result<u64> {
        match self.value(name)? {
            Value::Bytes(bytes) => Ok(*bytes),
            other => Err(mismatch(name, "size", other)),
        }
    }

    /// Whether an argument has a value, its default included.
    pub fn has(&self, name: &str) -> bool {
        self.args.contains_key(name)
    }

    fn value(&self, name: &str) -> Result<&Value> {
        self.args.get(name).ok_or_else(|| Error::new(format!("argument `--{name}` was not given and has no default")))
    }
}

fn mismatch(name: &str, wanted: &str, found: &Value) -> Error {
    let kind = match found {
        Value::Flag(_) => "flag",
        Value::Text(_) => "text",
        Value::Integer(_) => "integer",
        Value::List(_) => "list",
        Value::Map(_) => "map",
        Value::Milliseconds(_) => "duration",
        Value::Bytes(_) => "size",
    };
    Error::new(format!("argument `--{name}` is declared as {kind} and was read as {wanted}"))
}
