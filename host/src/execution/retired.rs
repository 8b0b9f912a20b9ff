//! Nodes that a hook has stopped or removed: they no longer have to run, and are not waited for.

use std::collections::{BTreeMap, BTreeSet};

use tokio::sync::watch;

/// The nodes that a hook has stopped or removed.
#[derive(Debug, Default)]
pub struct Retired {
    /// Whether each was removed, by FQDN.
    nodes: watch::Sender<BTreeMap<String, bool>>,
}

impl Retired {
    /// Notes that a node is about to be stopped, and whether it is about to be removed too.
    pub fn add(&self, fqdn: &str, is_removed: bool) {
        self.nodes.send_modify(|nodes| {
            *nodes.entry(fqdn.into()).or_default() |= is_removed;
        });
    }

    /// Whether a node was stopped or removed.
    pub fn contains(&self, fqdn: &str) -> bool {
        self.nodes.borrow().contains_key(fqdn)
    }

    /// The nodes that were removed.
    pub fn removed(&self) -> BTreeSet<String> {
        let nodes = self.nodes.borrow();
        let removed = nodes.iter().filter(|(_, is_removed)| **is_removed);
        removed.map(|(fqdn, _)| fqdn.clone()).collect()
    }

    /// Completes when a node is stopped or removed.
    pub async fn has(&self, fqdn: &str) {
        let mut nodes = self.nodes.subscribe();
        // The sender lives as long as `self`, so waiting cannot fail.
        nodes.wait_for(|nodes| nodes.contains_key(fqdn)).await.ok();
    }
}
