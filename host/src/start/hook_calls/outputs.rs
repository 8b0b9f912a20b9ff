//! Values that a hook leaves with the cluster.

use clusterdock_plugin_wire::ops;
use clusterdock_plugin_wire::{Code, Error as HookError, Result};
use serde_json::Value;

use super::HookCalls;
use crate::cluster::record;
use crate::plan::secrets;

/// The size limit of a cluster's outputs, so that its record has room for everything else.
const MOST_OUTPUT: usize = 32 << 10;

impl HookCalls<'_> {
    /// Stores a value with the cluster, where the user and later hooks find it.
    pub(super) fn keep_output(&self, output: ops::OutputValue) -> Result<()> {
        let ops::OutputValue { name, value } = output;
        let refused = |why: &str| {
            let message = format!("invalid output `{}`", name.escape_debug());
            Err(HookError::with_code(Code::Host, message).cause(why))
        };
        if !record::is_output_name(&name) {
            return refused("a name is at most 64 letters, digits, `-` and `_`, a letter first");
        }
        if self.has_secret(&name, &value) {
            return refused(
                "it contains a secret, or a word that equals one, and outputs are shown to every user",
            );
        }
        let mut outputs = self.outputs.lock().expect("no holder panics");
        outputs.insert(name.clone(), value);
        let sizes = outputs
            .iter()
            .map(|(name, value)| name.len() + value.to_string().len());
        let bytes: usize = sizes.sum();
        if bytes > MOST_OUTPUT {
            outputs.remove(&name);
            return refused("the outputs of a cluster can have 32 KiB together");
        }
        Ok(())
    }

    fn has_secret(&self, name: &str, value: &Value) -> bool {
        // Numbers too.
        let json = value.to_string();
        self.secrets.iter().any(|secret| {
            let texts = [name, &json];
            texts.iter().any(|text| secrets::is_in(text, secret))
                || secrets::find(value, secret).is_some()
        })
    }
}
