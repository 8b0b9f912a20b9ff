//! Values that a topology leaves with its cluster.

use std::collections::BTreeMap;

use crate::Result;

/// A text, number, flag, list or map that [`Cluster::output`](crate::Cluster::output) keeps. Texts, integers, flags,
/// `Vec` and `BTreeMap` convert into it.
///
/// ```
/// use clusterdock_plugin_api::{Cluster, Result, Value};
///
/// fn start(cluster: &Cluster) -> Result<()> {
///     cluster.output("leader", "node-1.cluster")?;
///     cluster.output("endpoints", vec!["127.0.0.1:2379", "127.0.0.1:2380"])?;
///     cluster.output("status", Value::from_json(r#"{"healthy": true}"#)?)
/// }
/// ```
///
/// Since 1.0.
#[derive(Debug, Clone, PartialEq)]
pub struct Value(pub(crate) serde_json::Value);

impl Value {
    /// The value of a JSON text.
    ///
    /// # Errors
    /// It is not JSON.
    pub fn from_json(text: &str) -> Result<Value> {
        Ok(Value(serde_json::from_str(text)?))
    }

    /// The value as JSON.
    pub fn to_json(&self) -> String {
        self.0.to_string()
    }
}

macro_rules! values {
    ($($type:ty)*) => {$(
        impl From<$type> for Value {
            fn from(value: $type) -> Value {
                Value(value.into())
            }
        }
    )*};
}

values!(&str String bool u8 u16 u32 u64 usize i8 i16 i32 i64 isize);

impl From<&String> for Value {
    fn from(text: &String) -> Value {
        Value(text.as_str().into())
    }
}

impl<V: Into<Value>> From<Vec<V>> for Value {
    fn from(values: Vec<V>) -> Value {
        Value(values.into_iter().map(|value| value.into().0).collect())
    }
}

impl<V: Into<Value>> From<BTreeMap<String, V>> for Value {
    fn from(values: BTreeMap<String, V>) -> Value {
        let entries = values
            .into_iter()
            .map(|(name, value)| (name, value.into().0));
        Value(serde_json::Value::Object(entries.collect()))
    }
}
