//! The nodes a topology asked for, checked before anything is looked at in the engine.

use super::settings;
use crate::error::{Error, Kind, Result};
use crate::names;
use clusterdock_plugin_api::NodeSpec;
use std::collections::BTreeSet;

/// Checks host names: there are some, each is valid, fits the kernel with its network, and is there once. Checks
/// settings too.
///
/// # Errors
/// [`Kind::Usage`] for the first that can never work.
pub fn check(specs: &[NodeSpec], network: &str) -> Result<()> {
    if specs.is_empty() {
        return Err(Error::new(Kind::Usage, "a cluster needs at least one node")
            .hint("name nodes with the topology's node groups; `start TOPOLOGY -h` lists them"));
    }
    let mut seen = BTreeSet::new();
    for spec in specs {
        names::check_hostname(&spec.hostname)?;
        names::fqdn(&spec.hostname, network)?;
        if !seen.insert(&spec.hostname) {
            return Err(Error::new(Kind::Usage, format!("host name `{}` is given twice", spec.hostname))
                .hint("every node of a cluster needs a name of its own"));
        }
        settings::check(spec)?;
    }
    Ok(())
}
