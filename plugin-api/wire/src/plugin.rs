//! The two ends of the boundary as Rust traits without ABI types: what a library implements, and what it calls.

use std::sync::Arc;

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::export::API_VERSION;
use crate::{json, Result};

/// What a library exports with [`export_plugin!`](crate::export_plugin). All texts are JSON; plugin-api implements it for
/// every topology.
pub trait Plugin: Send + Sync + 'static {
    /// A [`Declaration`](crate::Declaration).
    ///
    /// # Errors
    /// Why there is no declaration.
    fn declare(&self) -> Result<String>;

    /// A [`Request`](crate::Request) to a list of [`NodeSpec`](crate::NodeSpec).
    ///
    /// # Errors
    /// Why the request is refused.
    fn nodes(&self, request: &str) -> Result<String>;

    /// Performs a [`HookCall`](crate::HookCall) on a cluster whose calls go to `host`. The answer is `null` so far.
    ///
    /// # Errors
    /// The hook's; [`Code::Unsupported`](crate::Code::Unsupported) for a hook that the topology lacks.
    fn hook(&self, call: &str, host: Arc<dyn Host>) -> Result<String>;
}

/// The host as a plugin calls it.
pub trait Host: Send + Sync {
    /// Runs the operation `name` with JSON `input` and raw `payload`, and returns JSON and bytes.
    ///
    /// # Errors
    /// The host's error; [`Code::Unsupported`](crate::Code::Unsupported) for an unknown operation.
    fn call(&self, name: &str, input: &str, payload: &[u8]) -> Result<(String, Vec<u8>)>;
}

/// What the host states when it loads a plugin. Fields that the plugin does not know may be ignored.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Options {
    /// The version of plugin-api that the host has.
    pub api: String,
    /// The least important `log` records that the host wants: `off`, `error`, `warn`, `info`, `debug` or `trace`.
    /// Default: off.
    pub log_level: String,
}

impl Options {
    /// Reads a message of the host; `what` names it in errors.
    ///
    /// # Errors
    /// It is invalid, or uses something that this plugin does not know, with both versions.
    pub fn decode<T: DeserializeOwned>(&self, text: &str, what: &str) -> Result<T> {
        json::decode(text, what).map_err(|flaw| json::refused(flaw, &self.api, API_VERSION))
    }
}
